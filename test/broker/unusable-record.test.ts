import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  changeTopicDescription,
  parseRuleDescription,
  parseSubscriptionDescription,
  parseTopicDescription,
} from '../../src/topology/index.ts';
import { BrokerHarness } from './broker-harness.ts';

// What a log says may have been right for the release that wrote it.

/** A namespace with one of everything, whose records are `written` with another text in place of `text`. */
function brokerWith(text: string, written: string): BrokerHarness {
  const broker = new BrokerHarness();
  const { topics } = broker.namespace;
  broker.create({ name: 'q', userMetadata: 'of the queue' });
  const { topic } = topics.create(parseTopicDescription({ name: 't', userMetadata: 'of the topic' }));
  topics.update(changeTopicDescription(topic.description, { userMetadata: 'changed' }));
  const rules = [{ name: 'r', filterType: 'SqlFilter', sqlFilter: { sqlExpression: 'color IS NULL' } }];
  topics.subscribe(
    parseSubscriptionDescription({ topicName: 't', name: 's', maxDeliveryCount: 7 }),
    rules.map(parseRuleDescription),
  );
  for (const [id, record] of broker.journal.records) {
    const bytes = record.bytes as Buffer;
    if (bytes.includes(text)) {
      const changed = bytes.toString('latin1').replace(text, written);
      broker.journal.records.set(id, { ...record, bytes: Buffer.from(changed, 'latin1') });
    }
  }
  return broker;
}

for (const [what, text, written, message] of [
  [
    'an expression',
    'color IS NULL',
    'color IS SOFT',
    /^record 5 of the log, rule 'r' of t\/Subscriptions\/s, .*: SQL filter, at character 10: found 'SOFT', expected .*; use the release that wrote it$/,
  ],
  ['the type of a filter', '"SqlFilter"', '"JmsFilter"', /^record 5 of the log, a rule, .*: rule 'r': filterType: /],
  ['a number', '"maxDeliveryCount":7', '"maxDeliveryCount":0', /^record 4 of the log, a subscription, .*'s': maxDel/],
  ['a property', '"userMetadata":"of the queue"', '"shape":"round"', /^record 1 of the log, a queue, .*queue 'q': /],
  ["a topic's property", '"userMetadata":"of the topic"', '"shape":"round"', /^record 2 of the log, a topic, .*'t': /],
  ['a change', '"userMetadata":"changed"', '"shape":"round"', /^record 3 of the log, a change of a topic, .*'t': /],
] as const)
  test(`a start with ${what} that this release does not take says which record it is, and of what`, () => {
    const broker = brokerWith(text, written);
    assert.throws(() => broker.restart(), { code: 'DATA_VERSION', message });
  });
