import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  changeSubscriptionDescription,
  changeTopicDescription,
  FOREVER,
  parseRuleDescription,
  parseSubscriptionDescription,
  parseTopicDescription,
} from '../../src/topology/index.ts';

test('a topic has the defaults of the service', () => {
  assert.deepEqual(parseTopicDescription({ name: 'events' }), {
    name: 'events',
    requiresDuplicateDetection: false,
    duplicateDetectionHistoryTimeWindow: 'PT10M',
    maxSizeInMegabytes: 1024,
    maxMessageSizeInKilobytes: 256,
    enablePartitioning: false,
    enableExpress: false,
    supportOrdering: true,
    defaultMessageTimeToLive: FOREVER,
    status: 'Active',
    autoDeleteOnIdle: FOREVER,
    enableBatchedOperations: true,
  });
});

test('a subscription has the defaults of the service', () => {
  assert.deepEqual(parseSubscriptionDescription({ topicName: 'events', name: 'chat' }), {
    topicName: 'events',
    name: 'chat',
    lockDuration: 'PT1M',
    maxDeliveryCount: 10,
    requiresSession: false,
    deadLetteringOnMessageExpiration: false,
    deadLetteringOnFilterEvaluationExceptions: true,
    defaultMessageTimeToLive: FOREVER,
    status: 'Active',
    autoDeleteOnIdle: FOREVER,
    enableBatchedOperations: true,
  });
});

test('what is decided when an entity is made cannot be changed', () => {
  const topic = parseTopicDescription({ name: 'events' });
  assert.throws(
    () => changeTopicDescription(topic, { enablePartitioning: true }),
    /enablePartitioning is false and cannot/,
  );
  const subscription = parseSubscriptionDescription({ topicName: 'events', name: 'chat', userMetadata: 'mine' });
  assert.throws(
    () => changeSubscriptionDescription(subscription, { requiresSession: true }),
    /subscription 'chat': requiresSession is false and cannot be changed to true; delete the subscription/,
  );
  assert.equal(changeSubscriptionDescription(subscription, { userMetadata: undefined }).userMetadata, undefined);
});

const REFUSED: readonly [string, () => unknown, RegExp][] = [
  [
    'a subscription of 51 characters',
    () => subscription({ name: 'x'.repeat(51) }),
    /name: must have at most 50 characters/,
  ],
  ['a subscription with a slash', () => subscription({ name: 'a/b' }), /name: must be letters, digits/],
  [
    'a topic in the place of a subscription',
    () => parseTopicDescription({ name: 'a/subscriptions/b' }),
    /\/Subscriptions\//,
  ],
  [
    'a topic in the place of the list of subscriptions',
    () => parseTopicDescription({ name: 'a/Subscriptions' }),
    /\/Subscriptions\//,
  ],
  [
    'a subscription that forwards to its topic',
    () => subscription({ forwardTo: 'EVENTS' }),
    /cannot forward to itself/,
  ],
  [
    'sessions that are forwarded',
    () => subscription({ forwardTo: 'q', requiresSession: true }),
    /leave out one of the two/,
  ],
  [
    'metadata of 1,025 characters',
    () => subscription({ userMetadata: 'x'.repeat(1025) }),
    /userMetadata: must have at most 1024/,
  ],
  [
    'a correlation filter without properties',
    () => rule({ filterType: 'CorrelationFilter', correlationFilter: {} }),
    /at least one property/,
  ],
  [
    'an expression of 1,025 characters',
    () => rule({ filterType: 'SqlFilter', sqlFilter: { sqlExpression: 'x'.repeat(1025) } }),
    /at most 1024 characters/,
  ],
  ['an unknown filter', () => rule({ filterType: 'RegexFilter' }), /filterType/],
];

function subscription(properties: object): unknown {
  return parseSubscriptionDescription({ topicName: 'events', name: 'chat', ...properties });
}

function rule(properties: object): unknown {
  return parseRuleDescription({ name: 'r', ...properties });
}

for (const [what, parse, message] of REFUSED) {
  test(`refused: ${what}`, () => {
    assert.throws(parse, (error: Error) => message.test(error.message));
  });
}

test('a rule keeps typed values', () => {
  const description = {
    name: 'r',
    filterType: 'CorrelationFilter',
    correlationFilter: { label: 'x', properties: { n: { type: 'long', value: '5' }, b: true, s: 't', i: 3 } },
    action: { sqlExpression: "SET a = 'b'" },
  };
  assert.deepEqual(parseRuleDescription(description), description);
});

test('a property that JavaScript would pass over is refused', () => {
  const properties = JSON.parse('{ "__proto__": "x", "a": "y" }') as object;
  assert.throws(
    () => parseRuleDescription({ name: 'r', filterType: 'CorrelationFilter', correlationFilter: { properties } }),
    /'__proto__' cannot be the name of a property/,
  );
});
