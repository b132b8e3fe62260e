import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BrokerHarness, message } from './broker-harness.ts';
import { label, rule, subscribe, topicOf } from './topic-entities.ts';

test('a topic has up to 2,000 subscriptions, and 2,000 SQL filters in all of them together', () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker);
  const sql = (name: string): object => ({ name, filterType: 'SqlFilter', sqlFilter: { sqlExpression: 'a = 1' } });
  for (let i = 0; i < 1999; i++) subscribe(broker, `s${i}`, {}, [sql('r')]);
  const entity = { topic, subscription: subscribe(broker, 'last', {}, []) };
  assert.throws(() => subscribe(broker, 'more', {}, []), { reason: 'quota-exceeded' });
  const { topics } = broker.namespace;
  topics.putRule(entity, rule(sql('one')));
  assert.throws(() => topics.putRule(entity, rule(sql('two'))), { reason: 'quota-exceeded' });
  topics.putRule(entity, rule(label('x')));
  topics.removeRule(entity, 'one');
  topics.putRule(entity, rule(sql('two')));
  topics.unsubscribe('t', 's0');
  topics.putRule(entity, rule(sql('three')));
});

test('a batch that would become more than 100,000 copies is refused as a whole', () => {
  const broker = new BrokerHarness();
  const action = { sqlExpression: "SET seen = 'yes'" };
  const rules = Array.from({ length: 21 }, (_, i) => ({ name: `r${i}`, filterType: 'TrueFilter', action }));
  const topic = topicOf(broker);
  const a = subscribe(broker, 'a', {}, rules);
  const messages = Array.from({ length: 5000 }, () => message('one'));
  assert.throws(() => topic.queue.send(messages), { reason: 'quota-exceeded' });
  assert.equal(a.queue.counts().total, 0);
  assert.deepEqual(topic.queue.send([message('two')]).sequenceNumbers, [1]);
  assert.equal(a.queue.counts().total, 21);
});

test('a rule takes the place of another also where no more of its kind may be added', () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker);
  const sql = (name: string): object => ({ name, filterType: 'SqlFilter', sqlFilter: { sqlExpression: 'a = 1' } });
  const rules = Array.from({ length: 2000 }, (_, i) => sql(`r${i}`));
  const entity = { topic, subscription: subscribe(broker, 'a', {}, rules) };
  broker.namespace.topics.putRule(entity, rule(sql('r0')), { replace: true });
  broker.namespace.topics.putRule(entity, rule({ ...label('x'), name: 'r1' }), { replace: true });
  assert.deepEqual([topic.sqlFilters, topic.otherFilters], [1999, 1]);
});

test('with the size of a topic changes what the states of its sessions may have', () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker, { maxMessageSizeInKilobytes: 256 });
  const a = subscribe(broker, 'a', { requiresSession: true });
  const { granted } = broker.accept(a.queue.active, 's');
  const state = Buffer.alloc(300 * 1024);
  assert.throws(() => granted.setState(state), { reason: 'message-size-exceeded' });
  broker.namespace.topics.update({ ...topic.description, maxMessageSizeInKilobytes: 512 });
  granted.setState(state);
});

test('what a topic holds itself, and what any of its subscriptions holds, counts for its size', () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker, { maxSizeInMegabytes: 1 });
  const [a] = [subscribe(broker, 'a'), subscribe(broker, 'b')];
  const large = { ...message('one'), sizeBytes: 256 * 1024 };
  for (let i = 0; i < 3; i++) topic.queue.send([large]);
  topic.queue.send([{ ...large, scheduledEnqueueTimeMs: broker.clock.wallMs() + 1000 }]);
  assert.throws(() => topic.queue.send([message('two')]), { reason: 'quota-exceeded' });
  assert.equal(broker.receive(a.queue.active, { count: 3, mode: 'receive-and-delete' }).length, 3);
  assert.throws(() => topic.queue.send([message('two')]), { reason: 'quota-exceeded' });
  broker.namespace.topics.unsubscribe('t', 'b');
  topic.queue.send([message('two')]);
});

test('a scheduled message whose copies the log cannot take as one gives way to those behind it, and is tried again', () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker);
  const action = { sqlExpression: `SET x = '${'y'.repeat(900)}'` };
  const { queue } = subscribe(broker, 'a', {}, [label('x', { action }), label('y')]);
  const at = broker.clock.wallMs();
  topic.queue.send([{ ...message('label=x'), scheduledEnqueueTimeMs: at + 1000 }]);
  topic.queue.send([{ ...message('label=y'), scheduledEnqueueTimeMs: at + 2000 }]);
  const { maxBatchBytes } = broker.journal;
  broker.journal.maxBatchBytes = 500;
  broker.clock.advance(3000);
  assert.deepEqual(broker.texts(queue.active), ['label=y']);
  assert.match(String(broker.faults[0]), /a batch of \d+ bytes/);
  assert.equal(topic.queue.counts().active, 1);
  broker.journal.maxBatchBytes = maxBatchBytes;
  broker.clock.advance(300_000);
  assert.ok(broker.texts(queue.active).includes('label=x'));
  assert.deepEqual([topic.queue.counts().active, broker.faults.length], [0, 1]);
});

test('a message that comes to a topic again is seen there as the actions of its rules have made it', () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker);
  broker.create({ name: 'q', forwardTo: 't' });
  const paint = { sqlExpression: "SET label = 'y'" };
  subscribe(broker, 'a', { forwardTo: 'q' }, [label('x', { action: paint })]);
  const b = subscribe(broker, 'b', {}, [label('y')]);
  topic.queue.send([message('label=x')]);
  broker.clock.advance(0);
  assert.deepEqual(broker.texts(b.queue.active), ['label=x']);
});

test('a topic is used by who makes or deletes a subscription, a subscription by who changes its rules', () => {
  const broker = new BrokerHarness();
  const minutes = 60_000;
  const topic = topicOf(broker, { autoDeleteOnIdle: 'PT6M' });
  const { topics } = broker.namespace;
  broker.clock.advance(5 * minutes);
  const entity = { topic, subscription: subscribe(broker, 'a', { autoDeleteOnIdle: 'PT5M' }) };
  for (const change of [
    () => (topic.queue.send([message('one')]), topics.putRule(entity, rule(label('x')))),
    () => (topic.queue.send([message('one')]), topics.removeRule(entity, 'x')),
    () => topics.unsubscribe('t', 'a'),
  ]) {
    broker.clock.advance(4 * minutes);
    assert.equal(topic.subscriptions.size, 1);
    change();
  }
  broker.clock.advance(5 * minutes);
  assert.equal(topics.size, 1);
  broker.clock.advance(1 * minutes);
  assert.equal(topics.size, 0);
});
