import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Subscription } from '../../src/broker/index.ts';
import { Accepting, BrokerHarness, message } from './broker-harness.ts';
import { again, label, rule, subscribe, topicOf } from './topic-entities.ts';

test('every subscription gets a copy, and the log has the bytes once', () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker);
  const [a, b] = [subscribe(broker, 'a'), subscribe(broker, 'b')];
  topic.queue.send([message('one'), message('two')]);
  const bodies = [...broker.journal.records.values()].filter(({ bytes }) => String(bytes) === 'one');
  assert.equal(bodies.length, 1);
  const [first] = broker.receive(a.queue.active);
  const [other] = broker.receive(b.queue.active, { count: 2 });
  assert.equal(first?.bodyId, other?.bodyId);
  assert.deepEqual([first?.sequenceNumber, first?.enqueuedSequenceNumber], [1, 1]);
  assert.equal(topic.queue.counts().active, 0);
});

test('a message that no rule lets in is accepted and written nowhere', () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker);
  const none = subscribe(broker, 'none', {}, []);
  const written = broker.journal.records.size;
  assert.deepEqual(topic.queue.send([message('lost')]).sequenceNumbers, [1]);
  assert.equal(broker.journal.records.size, written);
  assert.equal(none.queue.counts().total, 0);
  assert.deepEqual(topic.queue.send([message('lost, too')]).sequenceNumbers, [2]);
});

test('rules without action give one copy together', () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker);
  const rules = [label('x'), { ...label('x'), name: 'again' }, { name: 'all', filterType: 'TrueFilter' }];
  const a = subscribe(broker, 'a', {}, rules);
  topic.queue.send([message('label=x'), message('label=y')]);
  assert.deepEqual(broker.texts(a.queue.active), ['label=x', 'label=y']);
});

test('copies are there after a restart, with the numbers, the bytes and the rules that they had', () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker);
  subscribe(broker, 'a', { maxDeliveryCount: 3 }, [label('x')]);
  subscribe(broker, 'b');
  topic.queue.send([message('label=y')]);
  topic.queue.send([message('label=x')]);
  for (const compacted of [false, true]) {
    broker.restart({ compacted });
    const a = again(broker, 'a');
    assert.equal(a.description.maxDeliveryCount, 3);
    assert.deepEqual(
      [...a.rules.values()].map(({ description }) => description),
      [rule(label('x'))],
    );
    const [view] = a.queue.active.peek({ fromSequenceNumber: 1, count: 10 }).messages;
    assert.deepEqual([view?.sequenceNumber, view?.enqueuedSequenceNumber], [1, 2]);
    assert.deepEqual(broker.texts(again(broker, 'b').queue.active), ['label=y', 'label=x']);
  }
  assert.deepEqual(broker.namespace.topics.existing('T').queue.send([message('label=x')]).sequenceNumbers, [3]);
  assert.deepEqual(broker.texts(again(broker, 'a').queue.active), ['label=x', 'label=x']);
});

test('the bytes stay until the last copy is completed', () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker);
  const [a, b] = [subscribe(broker, 'a'), subscribe(broker, 'b')];
  topic.queue.send([message('one')]);
  const [copy] = broker.receive(a.queue.active);
  assert.ok(copy?.lock);
  a.queue.active.settle(copy.lock, { kind: 'complete' });
  broker.restart({ compacted: true });
  assert.deepEqual(broker.texts(again(broker, b.name).queue.active), ['one']);
  assert.equal(again(broker, a.name).queue.counts().total, 0);
});

test('a scheduled message waits in the topic and goes to the subscriptions that there are when it is due', () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker);
  const before = subscribe(broker, 'before');
  const dueMs = broker.clock.wallMs() + 60_000;
  const { sequenceNumbers } = topic.queue.send([{ ...message('later'), scheduledEnqueueTimeMs: dueMs }]);
  assert.deepEqual(topic.queue.counts(), { ...topic.queue.counts(), scheduled: 1, active: 0 });
  broker.namespace.topics.unsubscribe('t', before.name);
  subscribe(broker, 'after');
  broker.restart({ compacted: true });
  broker.clock.advance(60_000);
  const [copy] = broker.receive(again(broker, 'after').queue.active);
  assert.ok(copy);
  assert.equal(broker.text(copy), 'later');
  assert.equal(copy.state, 'scheduled');
  assert.notEqual(copy.enqueuedSequenceNumber, sequenceNumbers[0]);
  assert.equal(broker.namespace.topics.existing('t').queue.counts().total, 0);
});

test('a scheduled message of a topic can be cancelled', () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker);
  const a = subscribe(broker, 'a');
  const dueMs = broker.clock.wallMs() + 60_000;
  topic.queue.cancelScheduled(topic.queue.send([{ ...message('no'), scheduledEnqueueTimeMs: dueMs }]).sequenceNumbers);
  broker.clock.advance(60_000);
  assert.equal(a.queue.counts().total, 0);
});

test('duplicates are found before the subscriptions', () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker, { requiresDuplicateDetection: true });
  const a = subscribe(broker, 'a', {}, [label('x')]);
  topic.queue.send([{ ...message('label=y'), messageId: 'sm' }]);
  broker.restart();
  const { topics } = broker.namespace;
  topics.existing('t').queue.send([{ ...message('label=x'), messageId: 'sm' }, message('label=x')]);
  assert.equal(again(broker, a.name).queue.counts().active, 1);
});

test('what a session subscription cannot take for want of a session id goes to its dead-letter queue', () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker);
  const a = subscribe(broker, 'a', { requiresSession: true });
  topic.queue.send([message('none'), { ...message('some'), sessionId: 's' }]);
  broker.restart();
  const { queue } = again(broker, a.name);
  const [dead] = broker.receive(queue.deadLetterQueue);
  assert.equal(dead?.deadLetter?.reason, 'Session id is null.');
  assert.deepEqual([queue.counts().active, queue.counts().deadLetter], [1, 1]);
  assert.deepEqual(queue.active.sessionIds({ skip: 0, top: 10 }), ['s']);
});

test('the shorter of the times to live of topic, subscription and message holds', () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker, { defaultMessageTimeToLive: 'PT30S' });
  const [a, b] = [subscribe(broker, 'a', { defaultMessageTimeToLive: 'PT10S' }), subscribe(broker, 'b')];
  topic.queue.send([{ ...message('one'), timeToLiveMs: 20_000 }, message('two')]);
  const shown = ({ queue }: Subscription): unknown[] =>
    queue.active.peek({ fromSequenceNumber: 1, count: 9 }).messages.map(({ timeToLiveMs }) => timeToLiveMs);
  assert.deepEqual(shown(a), [10_000, 10_000]);
  assert.deepEqual(shown(b), [20_000, 30_000]);
});

test("the time to live that an action sets is its copy's, up to the topic's; other actions leave it as it is", () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker, { defaultMessageTimeToLive: 'PT1H' });
  const action = (sqlExpression: string, value: string): object => ({
    name: 'r',
    filterType: 'TrueFilter',
    action: { sqlExpression, parameters: { '@t': { type: 'duration', value } } },
  });
  const longer = subscribe(broker, 'longer', {}, [action('SET sys.TimeToLive = @t', 'PT2M')]);
  const tooLong = subscribe(broker, 'too-long', {}, [action('SET sys.TimeToLive = @t', 'P1D')]);
  const other = subscribe(broker, 'other', {}, [action("SET color = 'red'", 'PT1S')]);
  topic.queue.send([{ ...message('one'), timeToLiveMs: 60_000 }]);
  const timesToLive = [longer, tooLong, other].map(({ queue }) => broker.receive(queue.active)[0]?.timeToLiveMs);
  assert.deepEqual(timesToLive, [120_000, 3_600_000, 60_000]);
});

test('a queue forwards to a topic, a subscription to a queue; each is a hop', () => {
  const broker = new BrokerHarness();
  topicOf(broker);
  broker.create({ name: 'in', forwardTo: 't' });
  broker.create({ name: 'out' });
  subscribe(broker, 'a', { forwardTo: 'out' });
  const kept = subscribe(broker, 'kept');
  broker.queue('in').send([message('one')]);
  broker.clock.advance(0);
  assert.deepEqual(broker.texts(broker.queue('out').active), ['one']);
  assert.deepEqual(broker.texts(kept.queue.active), ['one']);
  assert.equal(broker.queue('in').counts().total, 0);
});

test('a topic goes with its subscriptions, their messages and rules; nothing of it is in the log after compaction', () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker);
  const told: string[] = [];
  subscribe(broker, 'a').queue.listen({ onDeleted: () => told.push('a') });
  topic.queue.listen({ onDeleted: () => told.push('t') });
  topic.queue.send([message('one'), { ...message('later'), scheduledEnqueueTimeMs: broker.clock.wallMs() + 1000 }]);
  broker.namespace.topics.delete('T');
  assert.deepEqual(told, ['a', 't']);
  // Access rules are those of the topic: to look for each subscription's would take long with many of both.
  assert.deepEqual(broker.deleted, ['t']);
  assert.equal(broker.namespace.resolve('t'), undefined);
  assert.throws(() => topic.queue.send([message('no')]), { reason: 'entity-not-found' });
  broker.restart({ compacted: true });
  const left = [...broker.journal.records.values()].filter(({ kind }) => kind === 2 || kind === 3);
  assert.deepEqual(left, []);
  assert.equal(broker.namespace.topics.size, 0);
  topicOf(broker);
});

test('numbers of a topic are not given again when the subscription is gone that had the copies', () => {
  for (const compacted of [false, true]) {
    const broker = new BrokerHarness();
    const topic = topicOf(broker);
    broker.create({ name: 'out' });
    subscribe(broker, 'a', { forwardTo: 'out' });
    topic.queue.send([message('one'), message('two')]);
    broker.clock.advance(0);
    broker.namespace.topics.unsubscribe('t', 'a');
    broker.restart({ compacted });
    subscribe(broker, 'b', { forwardTo: 'out' });
    broker.namespace.topics.existing('t').queue.send([message('three')]);
    broker.clock.advance(0);
    const { messages } = broker.queue('out').active.peek({ fromSequenceNumber: 1, count: 9 });
    assert.deepEqual(
      messages.map(({ enqueuedSequenceNumber }) => enqueuedSequenceNumber),
      [1, 2, 3],
    );
  }
});

test('whoever still holds a deleted subscription changes none of its rules', () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker);
  const entities = ['a', 'b'].map((name) => ({ topic, subscription: subscribe(broker, name) }));
  const { topics } = broker.namespace;
  topics.unsubscribe('t', 'a');
  topics.delete('t');
  const written = broker.journal.records.size;
  for (const entity of entities) {
    assert.throws(() => topics.putRule(entity, rule(label('x'))), { reason: 'entity-not-found' });
    assert.throws(() => topics.removeRule(entity, '$Default'), { reason: 'entity-not-found' });
  }
  assert.equal(broker.journal.records.size, written);
});

test('names are those of queues and topics together', () => {
  const broker = new BrokerHarness();
  topicOf(broker);
  broker.create({ name: 'q' });
  assert.throws(() => broker.create({ name: 'T' }), { reason: 'entity-exists' });
  assert.throws(() => topicOf(broker, { name: 'Q' }), { reason: 'entity-exists' });
  subscribe(broker, 'a');
  assert.throws(() => subscribe(broker, 'A'), { reason: 'entity-exists' });
  assert.throws(() => subscribe(broker, 'b', { topicName: 'q' }), { reason: 'entity-not-found' });
});

test('a subscription is called by the name of its topic, in whatever case that was given', () => {
  const broker = new BrokerHarness();
  topicOf(broker);
  const subscription = subscribe(broker, 'a', { topicName: 'T' });
  assert.equal(subscription.description.topicName, 't');
  assert.equal(subscription.queue.name, 't/Subscriptions/a');
  broker.restart();
  assert.equal(again(broker, 'a').queue.name, 't/Subscriptions/a');
});

test('an address names a topic, a subscription or a dead-letter queue, in any case', () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker);
  const a = subscribe(broker, 'a');
  const { namespace } = broker;
  assert.equal(namespace.resolve('T')?.queue, topic.queue);
  assert.equal(namespace.resolve('t/subscriptions/A')?.subqueue, a.queue.active);
  assert.equal(namespace.resolve('t/Subscriptions/a/$DeadLetterQueue')?.subqueue, a.queue.deadLetterQueue);
  assert.equal(namespace.resolve('t/$DeadLetterQueue'), undefined);
  assert.equal(namespace.resolve('t/Subscriptions/b'), undefined);
  assert.throws(() => topic.queue.active.openReceiver({ mode: 'peek-lock', onDelivery: () => undefined }), {
    reason: 'not-allowed',
  });
});

test('rules come and go for what is sent from then on, and stay over a restart', () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker);
  const a = subscribe(broker, 'a');
  const entity = { topic, subscription: a };
  const { topics } = broker.namespace;
  topics.putRule(entity, rule(label('x')));
  topics.removeRule(entity, '$default');
  topic.queue.send([message('label=x'), message('label=y')]);
  assert.deepEqual(broker.texts(a.queue.active), ['label=x']);
  assert.throws(() => topics.putRule(entity, rule(label('X'))), { reason: 'entity-exists' });
  assert.throws(() => topics.removeRule(entity, 'none'), { reason: 'entity-not-found' });
  assert.throws(() => topics.putRule(entity, rule(label('y')), { replace: true }), { reason: 'entity-not-found' });
  topics.putRule(entity, rule({ ...label('y'), name: 'x' }), { replace: true });
  broker.restart({ compacted: true });
  topics.existing('t');
  broker.namespace.topics.existing('t').queue.send([message('label=y')]);
  assert.deepEqual([...again(broker, 'a').rules.keys()], ['x']);
  assert.deepEqual(broker.texts(again(broker, 'a').queue.active), ['label=x', 'label=y']);
});

test('a subscription is not made with two rules of one name, of which one would hide the other', () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker);
  assert.throws(() => subscribe(broker, 'a', {}, [label('x'), { ...label('y'), name: 'X' }]), {
    reason: 'entity-exists',
    message: "The messaging entity 't/Subscriptions/a/Rules/X' already exists.",
  });
  assert.equal(topic.subscriptions.size, 0);
});

test('a changed description holds at once and after a restart; its record replaces the one before', () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker);
  const a = subscribe(broker, 'a');
  const { topics } = broker.namespace;
  for (const maxDeliveryCount of [3, 2, 1]) topics.updateSubscription({ ...a.description, maxDeliveryCount });
  for (const status of ['Disabled', 'SendDisabled'] as const) topics.update({ ...topic.description, status });
  assert.throws(() => topic.queue.send([message('no')]), { reason: 'entity-disabled' });
  const live = [...broker.journal.records.values()].filter(
    (record) => record.kind === 3 && broker.journal.isLive(record),
  );
  assert.equal(live.length, 2);
  broker.restart({ compacted: true });
  assert.equal(again(broker, 'a').description.maxDeliveryCount, 1);
  assert.equal(broker.namespace.topics.existing('t').description.status, 'SendDisabled');
});

test('idle entities go: a subscription although messages come, a topic when nobody sends', () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker, { autoDeleteOnIdle: 'PT20M' });
  subscribe(broker, 'a', { autoDeleteOnIdle: 'PT5M' });
  subscribe(broker, 'b');
  for (let i = 0; i < 4; i++) {
    broker.clock.advance(100_000);
    topic.queue.send([message('one')]);
  }
  assert.deepEqual([...topic.subscriptions.keys()], ['b']);
  broker.clock.advance(1_200_000);
  assert.equal(broker.namespace.topics.size, 0);
});

test('a subscription begins to be idle when a copy came for the receiver that waited for a session', () => {
  const broker = new BrokerHarness();
  const minutes = 60_000;
  const topic = topicOf(broker);
  const a = subscribe(broker, 'a', { requiresSession: true, autoDeleteOnIdle: 'PT5M' });
  const waiting = new Accepting(a.queue.active, { sessionId: undefined, holder: 'link', timeoutMs: 60 * minutes });
  broker.clock.advance(9 * minutes);
  topic.queue.send([{ ...message('one'), sessionId: 's' }]);
  assert.equal(waiting.granted.sessionId, 's');
  broker.clock.advance(4 * minutes);
  assert.equal(topic.subscriptions.size, 1);
  broker.clock.advance(1 * minutes);
  assert.equal(topic.subscriptions.size, 0);
});

test('a full disk refuses what would be made, and nothing has changed', () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker);
  const a = subscribe(broker, 'a');
  broker.journal.full = true;
  assert.throws(() => subscribe(broker, 'b'));
  assert.throws(() => broker.namespace.topics.putRule({ topic, subscription: a }, rule(label('x'))), {
    reason: 'quota-exceeded',
  });
  assert.throws(() => topic.queue.send([message('one')]), { reason: 'quota-exceeded' });
  broker.journal.full = false;
  topic.queue.send([message('two')]);
  assert.deepEqual([...topic.subscriptions.keys()], ['a']);
  assert.deepEqual([...a.rules.keys()], ['$default']);
  assert.deepEqual(broker.texts(a.queue.active), ['two']);
});

test('a scheduled message that the subscriptions cannot take for now waits in the topic', () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker);
  const a = subscribe(broker, 'a');
  topic.queue.send([{ ...message('later'), scheduledEnqueueTimeMs: broker.clock.wallMs() + 1000 }]);
  broker.clock.advance(999);
  broker.journal.full = true;
  broker.clock.advance(5000);
  assert.equal(a.queue.counts().total, 0);
  broker.journal.full = false;
  broker.clock.advance(5000);
  assert.deepEqual(broker.texts(a.queue.active), ['later']);
  assert.equal(topic.queue.counts().total, 0);
});

test('an action that cannot be carried out dead-letters the message, unless the subscription does not want that', () => {
  const broker = new BrokerHarness();
  const topic = topicOf(broker);
  const action = { sqlExpression: 'SET sum = 9223372036854775807 + 1' };
  const rules = [{ name: 'add', filterType: 'TrueFilter', action }];
  const a = subscribe(broker, 'a', {}, rules);
  const b = subscribe(broker, 'b', { deadLetteringOnFilterEvaluationExceptions: false }, rules);
  const c = subscribe(broker, 'c', {}, [...rules, { name: 'all', filterType: 'TrueFilter' }]);
  topic.queue.send([message('one'), message('two')]);
  const infos = broker.receive(a.queue.deadLetterQueue, { count: 9 }).map(({ deadLetter }) => deadLetter);
  const description = "Rule 'add': '+' at character 31 gives 9223372036854775808, which does not fit in 64 bits";
  const info = { reason: 'FilterException', description };
  assert.deepEqual(infos, [info, info]);
  assert.equal(b.queue.counts().deadLetter, 0);
  assert.deepEqual([c.queue.counts().active, c.queue.counts().deadLetter], [2, 0]);
});
