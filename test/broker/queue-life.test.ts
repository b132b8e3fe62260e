import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordKind } from '../../src/storage/index.ts';
import { changeQueueDescription, type QueueDescriptionChanges } from '../../src/topology/index.ts';
import { Accepting, BrokerHarness, message, refusedAs, settle } from './broker-harness.ts';

function update(h: BrokerHarness, name: string, changes: QueueDescriptionChanges): void {
  h.namespace.updateQueue(changeQueueDescription(h.queue(name).description, changes));
}

test('a changed description holds at once and after a restart, also when it is changed again', () => {
  const h = new BrokerHarness();
  h.create({ name: 'q' });
  update(h, 'q', { maxDeliveryCount: 3 });
  update(h, 'Q', { maxDeliveryCount: 1, deadLetteringOnMessageExpiration: true });
  for (let start = 0; start < 2; start++) {
    const q = h.queue('q');
    assert.equal(q.description.maxDeliveryCount, 1);
    q.send([message('a')]);
    settle(q.active, h.receive(q.active)[0], { kind: 'abandon' });
    assert.equal(q.counts().deadLetter, start + 1);
    h.restart();
  }
});

test('a changed description supersedes the change before it: one of them is left in the log', () => {
  const h = new BrokerHarness();
  h.create({ name: 'q' });
  for (const maxDeliveryCount of [3, 2]) update(h, 'q', { maxDeliveryCount });
  h.restart();
  update(h, 'q', { maxDeliveryCount: 1 });
  h.restart({ compacted: true });
  const changes = [...h.journal.records.values()].filter(({ kind }) => kind === RecordKind.change);
  assert.equal(changes.length, 1);
  assert.equal(h.queue('q').description.maxDeliveryCount, 1);
});

test('a shorter lock duration holds for locks given from then on; those given before last as promised', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q', lockDuration: 'PT1M' });
  q.send([message('a'), message('b')]);
  const [a] = h.receive(q.active);
  update(h, 'q', { lockDuration: 'PT5S' });
  const [b] = h.receive(q.active);
  h.clock.advance(5001);
  assert.throws(() => settle(q.active, b, { kind: 'complete' }), refusedAs('message-lock-lost'));
  h.clock.advance(54_000);
  settle(q.active, a, { kind: 'complete' });
  assert.deepEqual(h.texts(q.active), ['b']);
});

test('a changed time to live holds for messages sent from then on', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  q.send([message('old')]);
  update(h, 'q', { defaultMessageTimeToLive: 'PT1M' });
  q.send([message('new')]);
  h.clock.advance(60_001);
  assert.deepEqual(h.texts(q.active), ['old']);
});

test('a longer duplicate detection window holds for what is remembered already, a shorter one forgets it', () => {
  const h = new BrokerHarness();
  const q = h.create({
    name: 'q',
    requiresDuplicateDetection: true,
    duplicateDetectionHistoryTimeWindow: 'PT1M',
  });
  q.send([message('a', { messageId: 'a' })]);
  update(h, 'q', { duplicateDetectionHistoryTimeWindow: 'PT10M' });
  h.clock.advance(120_000);
  h.restart();
  h.queue('q').send([message('again', { messageId: 'a' })]);
  assert.equal(h.queue('q').counts().active, 1);
  update(h, 'q', { duplicateDetectionHistoryTimeWindow: 'PT1M' });
  h.queue('q').send([message('at last', { messageId: 'a' })]);
  assert.equal(h.queue('q').counts().active, 2);
});

test('a queue that nobody uses for autoDeleteOnIdle is deleted; use, receivers and scheduled messages keep it', () => {
  const h = new BrokerHarness();
  const minutes = 60_000;
  const q = h.create({ name: 'q', autoDeleteOnIdle: 'PT5M' });
  let deleted = false;
  q.listen({ onDeleted: () => (deleted = true) });
  h.clock.advance(4 * minutes);
  q.send([message('a')]);
  h.clock.advance(4 * minutes);
  q.active.peek({ fromSequenceNumber: 0, count: 1 });
  h.clock.advance(4 * minutes);
  const receiver = q.active.openReceiver({ mode: 'peek-lock', onDelivery: () => undefined });
  h.clock.advance(60 * minutes);
  receiver.close();
  h.clock.advance(4 * minutes);
  q.send([message('b', { scheduledEnqueueTimeMs: h.clock.wallMs() + 30 * minutes })]);
  h.clock.advance(30 * minutes + 4 * minutes);
  assert.equal(deleted, false);
  h.clock.advance(2 * minutes);
  assert.equal(deleted, true);
  assert.equal(h.namespace.queue('q'), undefined);
  h.restart();
  assert.equal(h.namespace.queue('q'), undefined);
});

test('a queue begins to be idle when its last scheduled message is cancelled', () => {
  const h = new BrokerHarness();
  const minutes = 60_000;
  const q = h.create({ name: 'q', autoDeleteOnIdle: 'PT5M' });
  const scheduledEnqueueTimeMs = h.clock.wallMs() + 60 * minutes;
  const { sequenceNumbers } = q.send([message('a', { scheduledEnqueueTimeMs })]);
  h.clock.advance(7 * minutes);
  q.cancelScheduled(sequenceNumbers);
  h.clock.advance(4 * minutes);
  assert.ok(h.namespace.queue('q'));
  h.clock.advance(1 * minutes);
  assert.equal(h.namespace.queue('q'), undefined);
});

test('a queue begins to be idle when a receiver waits for a session no more', () => {
  const h = new BrokerHarness();
  const minutes = 60_000;
  const q = h.create({ name: 'q', requiresSession: true, autoDeleteOnIdle: 'PT5M' });
  const waiting = new Accepting(q.active, { sessionId: undefined, holder: 'link', timeoutMs: 60 * minutes });
  h.clock.advance(9 * minutes);
  waiting.cancel();
  h.clock.advance(4 * minutes);
  assert.ok(h.namespace.queue('q'));
  h.clock.advance(1 * minutes);
  assert.equal(h.namespace.queue('q'), undefined);
});

test('an idle queue that cannot be deleted on a full disk goes later', () => {
  const h = new BrokerHarness();
  h.create({ name: 'q', autoDeleteOnIdle: 'PT5M' });
  h.journal.full = true;
  h.clock.advance(5 * 60_000);
  assert.ok(h.namespace.queue('q'));
  h.journal.full = false;
  h.clock.advance(60_000);
  assert.equal(h.namespace.queue('q'), undefined);
});

test('a batch delete takes the oldest messages that are neither locked nor scheduled, as many as asked for', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  q.send(['a', 'b', 'c', 'd'].map((text) => message(text)));
  q.send([message('later', { scheduledEnqueueTimeMs: h.clock.wallMs() + 3_600_000 })]);
  const [locked, deferred] = h.receive(q.active, { count: 2 });
  settle(q.active, deferred, { kind: 'defer' });
  h.clock.advance(10);
  const enqueuedBeforeMs = h.clock.wallMs();
  q.send([message('young')]);
  assert.equal(q.active.deleteMessages({ count: 2, enqueuedBeforeMs }).count, 2);
  assert.equal(q.active.deleteMessages({ count: 100, enqueuedBeforeMs }).count, 1);
  assert.equal(q.active.deleteMessages({ count: 100, enqueuedBeforeMs }).count, 0);
  settle(q.active, locked, { kind: 'abandon' });
  h.restart();
  assert.deepEqual(h.texts(h.queue('q').active), ['a', 'young']);
  assert.equal(h.queue('q').counts().scheduled, 1);
});

test('a batch delete sees past a scheduled message whose number was promised before others were sent', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  const transaction = h.namespace.beginTransaction();
  transaction.schedule(q, [message('later', { scheduledEnqueueTimeMs: h.clock.wallMs() + 60_000 })]);
  q.send([message('a')]);
  const enqueuedBeforeMs = h.clock.wallMs() + 1;
  h.clock.advance(10);
  transaction.commit();
  assert.equal(q.active.deleteMessages({ count: 9, enqueuedBeforeMs }).count, 1);
});

test('a batch delete can be limited to a session, and works on a dead-letter queue', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q', requiresSession: true });
  q.send([message('s', { sessionId: 's' }), message('t', { sessionId: 't' })]);
  const enqueuedBeforeMs = h.clock.wallMs() + 1;
  assert.equal(q.active.deleteMessages({ count: 9, enqueuedBeforeMs, sessionId: 's' }).count, 1);
  const { granted } = h.accept(q.active, 't');
  settle(q.active, h.receive(q.active, { session: granted })[0], { kind: 'dead-letter' });
  assert.equal(q.deadLetterQueue.deleteMessages({ count: 9, enqueuedBeforeMs }).count, 1);
  assert.equal(q.counts().total, 0);
});

test('a deferred message of a dead-letter queue is deferred after a restart, too', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  q.send([message('a')]);
  settle(q.active, h.receive(q.active)[0], { kind: 'dead-letter' });
  settle(q.deadLetterQueue, h.receive(q.deadLetterQueue)[0], { kind: 'defer' });
  h.restart();
  const dead = h.queue('q').deadLetterQueue;
  assert.deepEqual(h.texts(dead), []);
  const { deliveries } = dead.receiveBySequenceNumber({ sequenceNumbers: [1], mode: 'peek-lock' });
  assert.equal(deliveries.length, 1);
});

test('in a partitioned queue the partition stands in the upper bits of the number, and messages are found by the whole', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q', enablePartitioning: true });
  const texts = Array.from({ length: 20 }, (_, i) => `m${i}`);
  const { sequenceNumbers } = q.send(texts.map((text) => message(text)));
  q.send([message('k1', { partitionKey: 'k' }), message('k2', { partitionKey: 'k' })]);
  const partitions = sequenceNumbers.map((number) => Math.floor(number / 2 ** 48));
  assert.equal(new Set(partitions).size, 16);
  h.restart();
  const { active } = h.queue('q');
  const seen = active.peek({ fromSequenceNumber: 0, count: 100 }).messages;
  assert.deepEqual(
    seen.slice(0, 20).map(({ sequenceNumber, partitionId }) => [sequenceNumber, partitionId]),
    sequenceNumbers.map((number, i) => [number, partitions[i]]),
  );
  assert.equal(seen[20]?.partitionId, seen[21]?.partitionId);
  const from = (seen[9]?.sequenceNumber ?? 0) + 1;
  assert.equal(h.text(active.peek({ fromSequenceNumber: from, count: 1 }).messages[0] ?? { bodyId: 0 }), 'm10');
  settle(active, h.receive(active)[0], { kind: 'defer' });
  const wrong = { sequenceNumbers: [1 + 5 * 2 ** 48], mode: 'peek-lock' } as const;
  assert.throws(() => active.receiveBySequenceNumber(wrong), refusedAs('message-not-found'));
  const right = { sequenceNumbers: sequenceNumbers.slice(0, 1), mode: 'peek-lock' } as const;
  assert.equal(active.receiveBySequenceNumber(right).deliveries.length, 1);
});

test('in a partitioned queue duplicates are the same id under the same partition key, and a session is its own key', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q', enablePartitioning: true, requiresDuplicateDetection: true });
  const at = (partitionKey: string) => message('m', { messageId: 'id', partitionKey });
  q.send([at('k')]);
  q.send([at('k')]);
  q.send([at('l')]);
  assert.equal(q.counts().active, 2);
  const s = h.create({ name: 's', enablePartitioning: true, requiresSession: true });
  assert.throws(() => s.send([message('m', { sessionId: 's', partitionKey: 'k' })]), refusedAs('not-allowed'));
  s.send([message('m', { sessionId: 's', partitionKey: 's' })]);
});

test('in a partitioned queue equal ids of different sessions are no duplicates', () => {
  const h = new BrokerHarness();
  const q = h.create({
    name: 'q',
    enablePartitioning: true,
    requiresDuplicateDetection: true,
    requiresSession: true,
  });
  q.send(['a', 'b', 'a'].map((sessionId) => message('m', { messageId: 'id', sessionId })));
  q.send([message('m', { messageId: 'id', sessionId: 'b', partitionKey: 'b' })]);
  assert.equal(q.counts().active, 2);
});

test('sessions whose state was set after a time can be listed', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q', requiresSession: true });
  q.send([message('m', { sessionId: 'no state' })]);
  h.accept(q.active, 'early').granted.setState(Buffer.from('x'));
  h.clock.advance(1000);
  const updatedAfterMs = h.clock.wallMs();
  h.clock.advance(1000);
  h.accept(q.active, 'late').granted.setState(Buffer.from('x'));
  h.restart();
  assert.deepEqual(h.queue('q').active.sessionIds({ skip: 0, top: 9, updatedAfterMs }), ['late']);
});

test('whoever still holds a deleted queue reaches none of its messages, nor those of others that have their place now', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  const sessions = h.create({ name: 'sessions', requiresSession: true });
  const later = { scheduledEnqueueTimeMs: h.clock.wallMs() + 1000 };
  q.send([message('a'), message('b'), message('later', later)]);
  sessions.send([message('c', { sessionId: 's' })]);
  settle(q.active, h.receive(q.active)[0], { kind: 'dead-letter' });
  settle(q.active, h.receive(q.active)[0], { kind: 'defer' });
  const other = h.create({ name: 'other' });
  h.namespace.deleteQueue('q');
  h.namespace.deleteQueue('sessions');
  other.send(['1', '2', '3', '4'].map((text) => message(text, text === '4' ? later : {})));

  const notFound = refusedAs('entity-not-found');
  for (const subqueue of [q.active, q.deadLetterQueue, sessions.active]) {
    assert.throws(() => subqueue.peek({ fromSequenceNumber: 0, count: 10, sessionId: 's' }), notFound);
    assert.throws(() => subqueue.deleteMessages({ count: 10, enqueuedBeforeMs: Infinity, sessionId: 's' }), notFound);
    assert.throws(
      () => subqueue.receiveBySequenceNumber({ sequenceNumbers: [2], mode: 'receive-and-delete' }),
      notFound,
    );
    assert.throws(() => h.receive(subqueue), notFound);
  }
  assert.throws(() => q.cancelScheduled([3]), notFound);
  assert.throws(() => q.send([message('d')]), notFound);
  assert.deepEqual([q.counts().total, sessions.counts().total], [0, 0]);

  assert.equal(other.counts().scheduled, 1);
  h.restart();
  assert.deepEqual(h.texts(h.queue('other').active), ['1', '2', '3']);
  assert.equal(h.queue('other').counts().scheduled, 1);
});

test('of a deleted queue nothing stays in the log, nor the message ids that it remembered', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q', requiresDuplicateDetection: true, requiresSession: true });
  h.accept(q.active, 's').granted.setState(Buffer.from('state'));
  for (let i = 0; i < 10; i++) {
    q.send([message('m', { messageId: `id ${i}`, sessionId: 's' })]);
    h.clock.advance(60_000);
  }
  h.namespace.updateQueue(changeQueueDescription(q.description, { maxDeliveryCount: 3 }));
  h.namespace.deleteQueue('q');
  h.journal.compact();
  const left = [...h.journal.records.values()].filter(
    ({ kind }) => kind === RecordKind.entry || kind === RecordKind.change,
  );
  assert.deepEqual(left, []);
});

test('a queue is not idle while a receiver waits for one of its sessions', () => {
  const h = new BrokerHarness();
  const minutes = 60_000;
  const q = h.create({ name: 'q', requiresSession: true, autoDeleteOnIdle: 'PT5M' });
  const waiting = new Accepting(q.active, { sessionId: undefined, holder: 'link', timeoutMs: 12 * minutes });
  h.clock.advance(12 * minutes);
  assert.equal(waiting.refusal?.reason, 'timeout');
  h.clock.advance(4 * minutes);
  assert.ok(h.namespace.queue('q'));
  h.clock.advance(2 * minutes);
  assert.equal(h.namespace.queue('q'), undefined);
});

test('who waits for a session of a queue that is disabled meanwhile is told so at once', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q', requiresSession: true });
  const waiting = h.accept(q.active);
  const refused = (): string | undefined => waiting.refusal?.reason;
  update(h, 'q', { status: 'SendDisabled' });
  assert.equal(refused(), undefined);
  update(h, 'q', { status: 'ReceiveDisabled' });
  assert.equal(refused(), 'entity-disabled');
  update(h, 'q', { status: 'Active' });
  q.send([message('m', { sessionId: 's' })]);
  assert.equal(waiting.lock, undefined);
  assert.equal(h.accept(q.active).granted.sessionId, 's');
});
