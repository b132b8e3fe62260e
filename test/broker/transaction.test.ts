import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BrokerRefusal, MessageLock } from '../../src/broker/index.ts';
import type { QueueDescriptionInput } from '../../src/topology/index.ts';
import { BrokerHarness, message, refusedAs, settle } from './broker-harness.ts';

function lockOf(delivery: { lock: MessageLock | undefined } | undefined): MessageLock {
  if (!delivery?.lock) throw new Error('nothing is locked');
  return delivery.lock;
}

/** A queue with one message, which is locked, and a transaction that has nothing in it. */
function begun(description: Partial<QueueDescriptionInput> = {}) {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q', ...description });
  q.send([message('1')]);
  const [one] = h.receive(q.active);
  return { h, q, one, lock: lockOf(one), transaction: h.namespace.beginTransaction() };
}

test('sends and settlements of a transaction happen at the commit, as one batch', () => {
  const h = new BrokerHarness();
  const a = h.create({ name: 'a' });
  const b = h.create({ name: 'b' });
  a.send([message('1'), message('2'), message('3')]);
  const [one, two, three] = h.receive(a.active, { count: 3 });
  const transaction = h.namespace.beginTransaction();
  transaction.send(b, [message('x')]);
  transaction.settle(a.active, lockOf(one), { kind: 'complete' });
  transaction.settle(a.active, lockOf(two), { kind: 'dead-letter', reason: 'r' });
  transaction.settle(a.active, lockOf(three), { kind: 'abandon' });
  transaction.send(b, [message('y')]);
  assert.equal(b.counts().total, 0);
  assert.equal(a.counts().active, 3);
  const before = h.journal.appended;
  transaction.commit();
  assert.equal(h.journal.appended, before + 1);
  for (let start = 0; start < 2; start++) {
    assert.deepEqual(h.texts(h.queue('b').active), ['x', 'y']);
    assert.deepEqual(h.texts(h.queue('a').active), ['3']);
    assert.deepEqual(h.texts(h.queue('a').deadLetterQueue), ['2']);
    h.restart();
  }
});

test('after a roll-back nothing has happened, and the locks are held as before', () => {
  const { q, one, lock, transaction } = begun();
  transaction.settle(q.active, lock, { kind: 'complete' });
  transaction.send(q, [message('x')]);
  transaction.rollBack();
  assert.equal(q.counts().active, 1);
  settle(q.active, one, { kind: 'complete' });
  assert.equal(q.counts().total, 0);
  assert.throws(() => transaction.commit(), refusedAs('transaction-rolled-back'));
});

test('a message that a transaction settles cannot be settled otherwise before its end', () => {
  const { h, q, one, lock, transaction } = begun();
  transaction.settle(q.active, lock, { kind: 'complete' });
  assert.throws(() => settle(q.active, one, { kind: 'abandon' }), refusedAs('not-allowed'));
  assert.throws(() => transaction.settle(q.active, lock, { kind: 'complete' }), refusedAs('not-allowed'));
  assert.throws(
    () => h.namespace.beginTransaction().settle(q.active, lock, { kind: 'complete' }),
    refusedAs('not-allowed'),
  );
});

test('a lock that is lost before the commit rolls everything back', () => {
  const { h, q, lock, transaction } = begun({ lockDuration: 'PT5S' });
  transaction.send(q, [message('x')]);
  transaction.settle(q.active, lock, { kind: 'complete' });
  h.clock.advance(5001);
  assert.throws(() => transaction.commit(), refusedAs('transaction-rolled-back'));
  assert.deepEqual(h.texts(q.active), ['1']);
});

test('a full disk rolls everything back', () => {
  const { h, q, one, lock, transaction } = begun();
  transaction.send(q, [message('x')]);
  transaction.settle(q.active, lock, { kind: 'complete' });
  h.journal.full = true;
  assert.throws(() => transaction.commit(), refusedAs('transaction-rolled-back'));
  h.journal.full = false;
  settle(q.active, one, { kind: 'complete' });
  assert.equal(q.counts().total, 0);
});

test('a transaction sends 100 messages at most', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  const transaction = h.namespace.beginTransaction();
  transaction.send(
    q,
    Array.from({ length: 100 }, () => message('m')),
  );
  assert.throws(() => transaction.send(q, [message('m')]), refusedAs('quota-exceeded'));
  transaction.commit();
  assert.equal(q.counts().active, 100);
});

test('what a queue does not take is refused at once, also for all that a transaction sends together', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q', maxSizeInMegabytes: 1, maxMessageSizeInKilobytes: 1024 });
  const transaction = h.namespace.beginTransaction();
  const large = message('x'.repeat(700_000));
  transaction.send(q, [large]);
  assert.throws(() => transaction.send(q, [large]), refusedAs('quota-exceeded'));
  assert.throws(() => transaction.send(q, [message('x'.repeat(1_100_000))]), refusedAs('message-size-exceeded'));
});

test('scheduled messages have the numbers that were told when they were added, whatever was sent in between', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  const transaction = h.namespace.beginTransaction();
  const at = h.clock.wallMs() + 60_000;
  const numbers = transaction.schedule(q, [
    message('s1', { scheduledEnqueueTimeMs: at }),
    message('s2', { scheduledEnqueueTimeMs: at }),
  ]);
  q.send([message('other')]);
  transaction.commit();
  h.restart();
  const seen = h.queue('q').active.peek({ fromSequenceNumber: 0, count: 9 }).messages;
  assert.deepEqual(
    seen.map((view) => [h.text(view), view.sequenceNumber]),
    [
      ['s1', numbers[0]],
      ['s2', numbers[1]],
      ['other', 3],
    ],
  );
  h.queue('q').cancelScheduled([numbers[0] as number]);
  h.clock.advance(60_001);
  assert.deepEqual(h.texts(h.queue('q').active), ['other', 's2']);
});

test('duplicates are found at the commit, also within the transaction', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q', requiresDuplicateDetection: true });
  const transaction = h.namespace.beginTransaction();
  transaction.send(q, [message('a', { messageId: 'a' })]);
  transaction.send(q, [message('a again', { messageId: 'a' }), message('b', { messageId: 'b' })]);
  q.send([message('b first', { messageId: 'b' })]);
  transaction.commit();
  assert.deepEqual(h.texts(q.active), ['b first', 'a']);
});

test('a queue that is deleted meanwhile rolls the transaction back', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  const other = h.create({ name: 'other' });
  const transaction = h.namespace.beginTransaction();
  transaction.send(q, [message('x')]);
  transaction.send(other, [message('y')]);
  h.namespace.deleteQueue('q');
  assert.throws(() => transaction.commit(), refusedAs('transaction-rolled-back'));
  assert.equal(other.counts().total, 0);
});

test('an operation that was refused unheard makes the commit fail', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  const transaction = h.namespace.beginTransaction();
  transaction.send(q, [message('x')]);
  try {
    transaction.send(q, [message('m'.repeat(300_000))]);
  } catch (error) {
    transaction.doom(error as BrokerRefusal);
  }
  assert.throws(() => transaction.commit(), refusedAs('transaction-rolled-back'));
  assert.equal(q.counts().total, 0);
});

test('a transaction that is not committed in two minutes is rolled back, and says so', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q', lockDuration: 'PT5M' });
  q.send([message('1')]);
  const [one] = h.receive(q.active);
  const transaction = h.namespace.beginTransaction();
  transaction.settle(q.active, lockOf(one), { kind: 'complete' });
  h.clock.advance(120_001);
  assert.throws(() => transaction.send(q, [message('x')]), refusedAs('transaction-timed-out'));
  assert.throws(() => transaction.commit(), refusedAs('transaction-timed-out'));
  settle(q.active, one, { kind: 'complete' });
});

test('what transactions hold in memory is bounded, each by what the log takes as one, all by a limit of their own', () => {
  const h = new BrokerHarness();
  h.journal.maxBatchBytes = 200 * 1024 * 1024;
  const q = h.create({ name: 'q', maxMessageSizeInKilobytes: 102_400 });
  const transactions = [h.namespace.beginTransaction(), h.namespace.beginTransaction()] as const;
  const large = message('x'.repeat(90 * 1024 * 1024));
  transactions[0].send(q, [large]);
  transactions[0].send(q, [large]);
  assert.throws(() => transactions[0].send(q, [large]), refusedAs('quota-exceeded'));
  assert.throws(() => transactions[1].send(q, [large]), refusedAs('server-busy'));
  transactions[0].rollBack();
  transactions[1].send(q, [large]);
  transactions[1].rollBack();
});
