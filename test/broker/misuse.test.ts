import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { MessageLock } from '../../src/broker/index.ts';
import { RetrainError } from '../../src/errors.ts';
import { BrokerHarness, message, refusedAs, settle } from './broker-harness.ts';

// What clients can ask that makes no sense, and what a full disk must not bring about.

test('a deferred message that is asked for twice in one call is handed out once, and nobody else pays for it', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  q.send([message('a')]);
  settle(q.active, h.receive(q.active)[0], { kind: 'defer' });
  const { deliveries } = q.active.receiveBySequenceNumber({ sequenceNumbers: [1, 1], mode: 'peek-lock' });
  assert.equal(deliveries.length, 1);
  settle(q.active, deliveries[0], { kind: 'complete' });
  q.send([message('innocent')]);
  assert.throws(() => settle(q.active, deliveries[0], { kind: 'complete' }), refusedAs('message-lock-lost'));
  h.restart();
  assert.deepEqual(h.texts(h.queue('q').active), ['innocent']);
});

test('a scheduled message that is cancelled twice in one call is gone once, and the messages after it are whole', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  q.send([message('later', { scheduledEnqueueTimeMs: h.clock.wallMs() + 1000 })]);
  q.cancelScheduled([1, 1]);
  q.send([message('a'), message('b'), message('c')]);
  assert.deepEqual(h.texts(q.active), ['a', 'b', 'c']);
  const { active, scheduled, total, sizeBytes } = q.counts();
  assert.deepEqual({ active, scheduled, total, sizeBytes }, { active: 3, scheduled: 0, total: 3, sizeBytes: 3 });
});

test('a message that falls due while the disk is full stays scheduled, and once completed it never comes back', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  q.send([message('a', { scheduledEnqueueTimeMs: h.clock.wallMs() + 1000 })]);
  h.journal.full = true;
  h.clock.advance(5000);
  assert.equal(q.counts().scheduled, 1);
  h.journal.full = false;
  h.clock.advance(1000);
  const [a] = h.receive(q.active);
  assert.equal(a?.sequenceNumber, 2);
  settle(q.active, a, { kind: 'complete' });
  h.restart();
  assert.equal(h.queue('q').counts().total, 0);
});

test('on a full disk a settlement is refused and can be tried again; nothing has changed', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  q.send([message('a')]);
  const [a] = h.receive(q.active);
  h.journal.full = true;
  for (const kind of ['complete', 'abandon', 'defer', 'dead-letter'] as const) {
    assert.throws(() => settle(q.active, a, { kind }), refusedAs('quota-exceeded'));
  }
  assert.throws(() => q.send([message('b')]), refusedAs('quota-exceeded'));
  h.journal.full = false;
  settle(q.active, a, { kind: 'complete' });
  assert.equal(q.counts().total, 0);
});

test('on a full disk a queue is not deleted, and all of it is as it was', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  let told = 0;
  q.listen({ onDeleted: () => told++ });
  q.send([message('a')]);
  h.journal.full = true;
  assert.throws(() => h.namespace.deleteQueue('q'), { code: 'DISK_FULL' });
  assert.equal(told, 0);
  h.journal.full = false;
  assert.deepEqual(h.texts(h.queue('q').active), ['a']);
});

test('on a full disk a receive-and-delete receiver gets nothing, and all of it later, in order', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  q.send([message('a'), message('b')]);
  h.journal.full = true;
  assert.deepEqual(h.texts(q.active, { mode: 'receive-and-delete' }), []);
  h.journal.full = false;
  assert.deepEqual(h.texts(q.active, { mode: 'receive-and-delete' }), ['a', 'b']);
});

test('deferred messages are deleted all or none', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  q.send([message('a'), message('b')]);
  for (const delivery of h.receive(q.active, { count: 2 })) settle(q.active, delivery, { kind: 'defer' });
  const fetch = () => q.active.receiveBySequenceNumber({ sequenceNumbers: [1, 2], mode: 'receive-and-delete' });
  h.journal.full = true;
  assert.throws(fetch, refusedAs('quota-exceeded'));
  h.journal.full = false;
  assert.deepEqual(
    fetch().deliveries.map((delivery) => h.text(delivery)),
    ['a', 'b'],
  );
});

test('a deferred message that has expired is not handed out', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q', deadLetteringOnMessageExpiration: true });
  q.send([message('a', { timeToLiveMs: 1000 })]);
  settle(q.active, h.receive(q.active)[0], { kind: 'defer' });
  h.clock.advance(2000);
  const fetch = () => q.active.receiveBySequenceNumber({ sequenceNumbers: [1], mode: 'peek-lock' });
  assert.throws(fetch, refusedAs('message-not-found'));
  assert.equal(h.receive(q.deadLetterQueue)[0]?.deadLetter?.reason, 'TTLExpiredException');
});

test('a stopped broker hands out nothing, also when messages are given back', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  q.send([message('a')]);
  const [a] = h.receive(q.active);
  const got: string[] = [];
  q.active.openReceiver({ mode: 'receive-and-delete', onDelivery: (d) => got.push(h.text(d)) }).setCredit(1);
  h.namespace.stop();
  settle(q.active, a, { kind: 'release' });
  assert.deepEqual(got, []);
});

test('a session of a deleted queue is lost to its holder at once', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q', requiresSession: true });
  const holder = h.accept(q.active, 's');
  const { granted } = holder;
  h.namespace.deleteQueue('q');
  assert.equal(holder.lost?.reason, 'entity-not-found');
  assert.throws(() => granted.renew(), refusedAs('session-lock-lost'));
  assert.throws(
    () => q.active.openReceiver({ mode: 'peek-lock', session: granted, onDelivery: () => undefined }),
    refusedAs('entity-not-found'),
  );
});

test('a lock of a deleted queue is lost and harms nobody who has its place in memory now', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  q.send([message('a')]);
  const [a] = h.receive(q.active);
  h.namespace.deleteQueue('q');
  h.create({ name: 'r' }).send([message('innocent')]);
  for (const kind of ['complete', 'release'] as const) {
    assert.throws(() => settle(q.active, a, { kind }), refusedAs('message-lock-lost'));
  }
  assert.deepEqual(h.texts(h.queue('r').active), ['innocent']);
});

test('what a settlement attaches is limited', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  q.send([message('a')]);
  const [a] = h.receive(q.active);
  assert.throws(
    () => settle(q.active, a, { kind: 'abandon', overlay: Buffer.alloc(65_537) }),
    refusedAs('message-size-exceeded'),
  );
  assert.throws(
    () => settle(q.active, a, { kind: 'dead-letter', reason: 'r'.repeat(4097) }),
    refusedAs('argument-invalid'),
  );
  settle(q.active, a, { kind: 'abandon', overlay: Buffer.alloc(65_536) });
});

test('times beyond what the log can tell: a time to live is for ever, a schedule is refused', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q', defaultMessageTimeToLive: 'P10000000D' });
  q.send([message('a')]);
  assert.throws(() => q.send([message('b', { scheduledEnqueueTimeMs: 2 ** 48 })]), refusedAs('argument-invalid'));
  assert.throws(() => q.send([message('b', { scheduledEnqueueTimeMs: Number.NaN })]), refusedAs('argument-invalid'));
  h.restart();
  assert.deepEqual(h.texts(h.queue('q').active), ['a']);
});

test('parts of the duplicate history that are over leave the disk also when the send that found them is refused', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q', requiresDuplicateDetection: true, duplicateDetectionHistoryTimeWindow: 'PT20S' });
  const live = (): number => [...h.journal.records.values()].filter((record) => h.journal.isLive(record)).length;
  q.send([message('a', { messageId: '1' })]);
  h.clock.advance(60_000);
  h.journal.full = true;
  assert.throws(() => q.send([message('b', { messageId: '2' })]), refusedAs('quota-exceeded'));
  h.journal.full = false;
  const before = live();
  q.send([message('b', { messageId: '2' })]);
  // The part and its one id are gone; a new part with one id, a body, an entry and the record that killed are there.
  assert.equal(live(), before - 2 + 5);
});

test('messages that are gone leave nothing behind, however long they could have lived', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  for (let i = 0; i < 5000; i++) {
    q.send([message('a', { timeToLiveMs: 86_400_000 })]);
    h.receive(q.active, { mode: 'receive-and-delete' });
  }
  assert.ok(q.deadlinesHeld <= 1024, `${q.deadlinesHeld} deadlines are kept for no message`);
});

test('a receiver that closes on an idle queue is forgotten', async () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  const openAndClose = (): WeakRef<object> => {
    const onDelivery = (): void => undefined;
    const receiver = q.active.openReceiver({ mode: 'peek-lock', onDelivery });
    receiver.setCredit(1);
    receiver.close();
    return new WeakRef(onDelivery);
  };
  const closed = Array.from({ length: 20 }, openAndClose);
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  await new Promise((resolve) => setImmediate(resolve));
  gc();
  assert.ok(closed.filter((ref) => ref.deref()).length <= 1, 'closed receivers are still reachable');
});

test('what the broker does by itself goes on without a log that has failed, so that the rest can be brought to its end', () => {
  for (const code of ['DISK_FAILED', 'DATA_CORRUPT', 'INTERRUPTED'] as const) {
    const h = new BrokerHarness();
    const q = h.create({ name: 'q', lockDuration: 'PT5S' });
    q.send([message('a'), message('mortal', { timeToLiveMs: 1000 })]);
    h.receive(q.active);
    h.journal.append = () => {
      throw new RetrainError(code, 'gone');
    };
    assert.throws(() => q.send([message('b')]), { code });
    h.clock.advance(60_000);
    h.namespace.stop();
  }
});

test('several messages are settled together or not at all, also in a transaction', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  q.send(['a', 'b', 'c'].map((text) => message(text)));
  const locks = h.receive(q.active, { count: 3 }).map(({ lock }) => lock as MessageLock);
  const [a, b, c] = locks as [MessageLock, MessageLock, MessageLock];
  const completed = (...these: MessageLock[]) =>
    these.map((lock) => ({ lock, outcome: { kind: 'complete' } as const }));
  const transaction = h.namespace.beginTransaction();
  transaction.settle(q.active, b, { kind: 'complete' });
  assert.throws(() => q.active.settleAll(completed(a, b)), refusedAs('not-allowed'));
  const other = h.namespace.beginTransaction();
  assert.throws(() => other.settleAll(q.active, completed(a, b)), refusedAs('not-allowed'));
  other.commit();
  h.journal.full = true;
  assert.throws(() => q.active.settleAll(completed(a, c)), refusedAs('quota-exceeded'));
  h.journal.full = false;
  assert.equal(q.counts().total, 3);
  q.active.settleAll(completed(a, c));
  transaction.rollBack();
  assert.equal(q.counts().total, 1);
  h.restart();
  assert.deepEqual(h.texts(h.queue('q').active), ['b']);
});
