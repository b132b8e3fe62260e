import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Queue } from '../../src/broker/index.ts';
import { parseRuleDescription, parseSubscriptionDescription, parseTopicDescription } from '../../src/topology/index.ts';
import { BrokerHarness, message, settle } from './broker-harness.ts';

/** What the memory holds for the overlay of the queue's first message, in bytes besides its own. */
function heldBesides({ active }: Queue): number {
  const [view] = active.peek({ fromSequenceNumber: 0, count: 1 }).messages;
  assert.ok(view?.overlay);
  return view.overlay.buffer.byteLength - view.overlay.length;
}

test('what is laid over a message by a settlement or an action keeps no more memory than its bytes, also after a restart', () => {
  const broker = new BrokerHarness();
  const q = broker.create({ name: 'q' });
  q.send([message('one')]);
  settle(q.active, broker.receive(q.active)[0], { kind: 'abandon', overlay: Buffer.from('{"a":"settled"}') });
  assert.equal(heldBesides(q), 0);

  const { topics } = broker.namespace;
  const { topic } = topics.create(parseTopicDescription({ name: 't' }));
  const action = { sqlExpression: "SET a = 'acted'" };
  const rules = [parseRuleDescription({ name: 'r', filterType: 'TrueFilter', action })];
  const { subscription } = topics.subscribe(parseSubscriptionDescription({ topicName: 't', name: 's' }), rules);
  topic.queue.send([message('one')]);
  assert.equal(heldBesides(subscription.queue), 0);

  broker.restart();
  assert.equal(heldBesides(broker.queue('q')), 0);
  assert.equal(heldBesides(broker.namespace.topics.existingSubscription('t', 's').subscription.queue), 0);
});
