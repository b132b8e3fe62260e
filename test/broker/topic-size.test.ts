import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Topic } from '../../src/broker/index.ts';
import { parseRuleDescription, parseSubscriptionDescription, parseTopicDescription } from '../../src/topology/index.ts';
import { BrokerHarness, message, settle } from './broker-harness.ts';

const SIZE = 200 * 1024;

/** Topic `t` of 1 MB; `rules` by the names of its subscriptions. */
function topicWith(broker: BrokerHarness, rules: Record<string, readonly object[]>, forwardTo?: string): Topic {
  const { topics } = broker.namespace;
  const { topic } = topics.create(parseTopicDescription({ name: 't', maxSizeInMegabytes: 1 }));
  for (const [name, given] of Object.entries(rules))
    topics.subscribe(
      parseSubscriptionDescription({ topicName: 't', name, forwardTo, maxDeliveryCount: 1 }),
      given.map((rule, index) => parseRuleDescription({ name: `r${index}`, ...rule })),
    );
  return topic;
}

const ALL = { filterType: 'TrueFilter' };
const ACTED = { ...ALL, action: { sqlExpression: "SET x = 'y'" } };
const color = (value: string): object => ({
  filterType: 'CorrelationFilter',
  correlationFilter: { properties: { color: value } },
});

function send(topic: Topic, text: string): void {
  topic.queue.send([{ ...message(text), sizeBytes: SIZE }]);
}

test('the size of a topic is that of all its messages, whichever subscriptions hold them', () => {
  const broker = new BrokerHarness();
  const topic = topicWith(broker, { red: [color('red')], blue: [color('blue')] });
  for (const text of ['color=red', 'color=blue', 'color=red', 'color=blue', 'color=red']) send(topic, text);
  assert.equal(topic.heldBytes, 5 * SIZE);
  assert.throws(() => send(topic, 'color=blue'), { reason: 'quota-exceeded', message: /entity 't' \(1 MB\)/ });
  broker.receive(topic.subscription('red')?.queue.active as never, { mode: 'receive-and-delete' });
  send(topic, 'color=blue');
});

test('a message of a topic counts once until its last copy is gone, however that goes, and over a restart', () => {
  const broker = new BrokerHarness();
  let topic = topicWith(broker, { a: [ALL], b: [ALL, ACTED], c: [ACTED, ACTED, ACTED] });
  const queue = (name: string) => broker.namespace.topics.existingSubscription('t', name).subscription.queue;
  for (const text of ['one', 'two', 'three']) send(topic, text);
  assert.equal(topic.heldBytes, 3 * SIZE);
  broker.receive(queue('a').active, { mode: 'receive-and-delete', count: 3 });
  for (const delivery of broker.receive(queue('b').active, { count: 6 }))
    settle(queue('b').active, delivery, { kind: 'abandon' });
  assert.deepEqual([topic.heldBytes, queue('b').counts().deadLetter], [3 * SIZE, 6]);
  broker.restart();
  topic = broker.namespace.topics.existing('t');
  assert.equal(topic.heldBytes, 3 * SIZE);
  broker.namespace.topics.unsubscribe('t', 'b');
  assert.equal(topic.heldBytes, 3 * SIZE);
  broker.receive(queue('c').active, { mode: 'receive-and-delete', count: 7 });
  assert.equal(topic.heldBytes, SIZE);
  broker.receive(queue('c').active, { mode: 'receive-and-delete', count: 9 });
  assert.equal(topic.heldBytes, 0);
});

test('what is forwarded out of a topic is no more of it; what comes by two ways counts for each', () => {
  const broker = new BrokerHarness();
  const { topics } = broker.namespace;
  topics.create(parseTopicDescription({ name: 'u' }));
  const topic = topicWith(broker, { a: [ALL], b: [ALL] }, 'u');
  for (const name of ['x', 'y']) topics.subscribe(parseSubscriptionDescription({ topicName: 'u', name }));
  send(topic, 'one');
  broker.clock.advance(1);
  const other = topics.existing('u');
  assert.deepEqual([topic.heldBytes, other.heldBytes], [0, 2 * SIZE]);
  for (const name of ['x', 'y'])
    broker.receive(topics.existingSubscription('u', name).subscription.queue.active, {
      mode: 'receive-and-delete',
      count: 2,
    });
  assert.equal(other.heldBytes, 0);
});
