import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BrokerHarness, message, refusedAs, settle } from './broker-harness.ts';

function sessions(lockDuration = 'PT30S') {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q', requiresSession: true, lockDuration, maxDeliveryCount: 2 });
  return { h, q, active: q.active };
}

test('a message without a session id is refused, and so is a receiver without a session; the dead-letter queue is plain', () => {
  const { h, q, active } = sessions();
  assert.throws(() => q.send([message('a')]), refusedAs('not-allowed'));
  assert.throws(() => h.receive(active), refusedAs('not-allowed'));
  assert.deepEqual(h.receive(q.deadLetterQueue), []);
  const plain = h.create({ name: 'plain' });
  assert.throws(() => h.accept(plain.active, 's'), refusedAs('not-allowed'));
});

test('a session is held by one receiver at a time', () => {
  const { h, active } = sessions();
  const first = h.accept(active, 's');
  assert.equal(h.accept(active, 's').refusal?.reason, 'session-cannot-be-locked');
  first.granted.release();
  assert.ok(h.accept(active, 's').lock);
});

test('the holder gets the messages of its session only, in order, also those that come later', () => {
  const { h, q, active } = sessions();
  q.send([message('a1', { sessionId: 'a' }), message('b1', { sessionId: 'b' }), message('a2', { sessionId: 'a' })]);
  const { granted } = h.accept(active, 'a');
  const got: string[] = [];
  active.openReceiver({ mode: 'peek-lock', session: granted, onDelivery: (d) => got.push(h.text(d)) }).setCredit(10);
  q.send([message('a3', { sessionId: 'a' }), message('b2', { sessionId: 'b' })]);
  assert.deepEqual(got, ['a1', 'a2', 'a3']);
});

test('next available gives sessions in the order in which they got work, and waits when there is none', () => {
  const { h, q, active } = sessions();
  q.send([message('b', { sessionId: 'b' }), message('a', { sessionId: 'a' })]);
  assert.equal(h.accept(active).lock?.sessionId, 'b');
  assert.equal(h.accept(active).lock?.sessionId, 'a');
  const third = h.accept(active);
  const cancelled = h.accept(active);
  const fifth = h.accept(active);
  cancelled.cancel();
  q.send([message('c', { sessionId: '' }), message('d', { sessionId: 'd' })]);
  assert.equal(third.lock?.sessionId, '');
  assert.equal(cancelled.lock, undefined);
  assert.equal(fifth.lock?.sessionId, 'd');
});

test('waiting for a session ends with a refusal after the time-out', () => {
  const { h, active } = sessions();
  const waiting = h.accept(active);
  h.clock.advance(60_000);
  assert.equal(waiting.refusal?.reason, 'timeout');
});

test('a session whose messages are all deferred, scheduled or locked is not offered', () => {
  const { h, q, active } = sessions();
  q.send([
    message('a', { sessionId: 's' }),
    message('b', { sessionId: 's', scheduledEnqueueTimeMs: h.clock.wallMs() + 5000 }),
  ]);
  const { granted } = h.accept(active);
  settle(active, h.receive(active, { session: granted })[0], { kind: 'defer' });
  granted.setState(Buffer.from('x'));
  granted.release();
  const next = h.accept(active);
  assert.throws(() => next.granted);
  h.clock.advance(5000);
  assert.equal(next.granted.sessionId, 's');
});

test('a released session returns its locked messages in order with the delivery counts they had', () => {
  const { h, q, active } = sessions();
  q.send(['1', '2', '3'].map((text) => message(text, { sessionId: 's' })));
  const first = h.accept(active, 's').granted;
  const [one] = h.receive(active, { session: first, count: 2 });
  first.release();
  assert.throws(() => settle(active, one, { kind: 'complete' }), refusedAs('session-lock-lost'));
  const second = h.accept(active).granted;
  const again = h.receive(active, { session: second, count: 3 });
  assert.deepEqual(
    again.map((d) => [h.text(d), d.deliveryCount]),
    [
      ['1', 0],
      ['2', 0],
      ['3', 0],
    ],
  );
});

test('an expired session lock is told to its holder, and counts as a failed delivery of what was locked', () => {
  const { h, q, active } = sessions();
  q.send([message('1', { sessionId: 's' }), message('2', { sessionId: 's' })]);
  const first = h.accept(active, 's');
  h.receive(active, { session: first.granted });
  const next = h.accept(active);
  h.clock.advance(30_000);
  assert.equal(first.lost?.reason, 'session-lock-lost');
  assert.throws(() => first.granted.renew(), refusedAs('session-lock-lost'));
  assert.throws(() => first.granted.setState(undefined), refusedAs('session-lock-lost'));
  const again = h.receive(active, { session: next.granted, count: 2 });
  assert.deepEqual(
    again.map((d) => [h.text(d), d.deliveryCount]),
    [
      ['1', 1],
      ['2', 0],
    ],
  );
  h.clock.advance(30_000);
  assert.equal(h.receive(q.deadLetterQueue)[0]?.deadLetter?.reason, 'MaxDeliveryCountExceeded');
});

test('a renewed session lock lasts its duration from the renewal on, and its messages with it', () => {
  const { h, q, active } = sessions();
  q.send([message('1', { sessionId: 's' })]);
  const { granted } = h.accept(active, 's');
  const [one] = h.receive(active, { session: granted });
  for (let i = 0; i < 5; i++) {
    h.clock.advance(20_000);
    assert.equal(granted.renew().lockedUntilMs, h.clock.wallMs() + 30_000);
  }
  settle(active, one, { kind: 'complete' });
  assert.equal(q.counts().total, 0);
});

test('session state is kept across holders and restarts until it is cleared', () => {
  const { h, active } = sessions();
  const first = h.accept(active, 's').granted;
  assert.equal(first.state().bytes, undefined);
  first.setState(Buffer.from('one'));
  first.setState(Buffer.from('two'));
  h.restart();
  const second = h.accept(h.queue('q').active, 's').granted;
  assert.equal(second.state().bytes?.toString(), 'two');
  second.setState(undefined);
  h.restart();
  assert.equal(h.accept(h.queue('q').active, 's').granted.state().bytes, undefined);
});

test('sessions with messages or state are listed, others are forgotten', () => {
  const { h, q, active } = sessions();
  q.send([message('1', { sessionId: 'a' }), message('2', { sessionId: 'b' })]);
  h.accept(active, 'c').granted.release();
  const b = h.accept(active, 'b').granted;
  settle(active, h.receive(active, { session: b })[0], { kind: 'complete' });
  b.release();
  assert.deepEqual(active.sessionIds({ skip: 0, top: 10 }), ['a']);
});

test('after a restart no session is locked and order within the session is as before', () => {
  const { h, q, active } = sessions();
  q.send(['1', '2', '3'].map((text) => message(text, { sessionId: 's' })));
  const { granted } = h.accept(active, 's');
  settle(active, h.receive(active, { session: granted })[0], { kind: 'abandon' });
  h.restart();
  const again = h.queue('q').active;
  const lock = h.accept(again).granted;
  assert.deepEqual(
    h.receive(again, { session: lock, count: 9 }).map((d) => [h.text(d), d.deliveryCount]),
    [
      ['1', 1],
      ['2', 0],
      ['3', 0],
    ],
  );
});

test('peek can be limited to a session', () => {
  const { h, q, active } = sessions();
  q.send([message('a1', { sessionId: 'a' }), message('b1', { sessionId: 'b' }), message('a2', { sessionId: 'a' })]);
  h.receive(active, { session: h.accept(active, 'a').granted });
  const peeked = active.peek({ fromSequenceNumber: 1, count: 9, sessionId: 'a' }).messages;
  assert.deepEqual(
    peeked.map((view) => h.text(view)),
    ['a1', 'a2'],
  );
});

test('a deferred message of a session is fetched under the lock of the session', () => {
  const { h, q, active } = sessions();
  q.send([message('1', { sessionId: 's' })]);
  const first = h.accept(active, 's').granted;
  settle(active, h.receive(active, { session: first })[0], { kind: 'defer' });
  first.release();
  const fetch = () => active.receiveBySequenceNumber({ sequenceNumbers: [1], mode: 'peek-lock', sessionId: 's' });
  assert.throws(fetch, refusedAs('session-lock-lost'));
  h.accept(active, 's');
  settle(active, fetch().deliveries[0], { kind: 'complete' });
  assert.equal(q.counts().total, 0);
});
