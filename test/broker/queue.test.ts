import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Delivery } from '../../src/broker/index.ts';
import { BrokerHarness, message, refusedAs, settle } from './broker-harness.ts';

test('messages come in the order in which they were sent, with rising sequence numbers', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  assert.deepEqual(q.send([message('a'), message('b')]).sequenceNumbers, [1, 2]);
  q.send([message('c')]);
  assert.deepEqual(h.texts(q.active), ['a', 'b', 'c']);
});

test('a completed message is gone, also after a restart', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  q.send([message('a'), message('b')]);
  settle(q.active, h.receive(q.active)[0], { kind: 'complete' });
  h.restart();
  assert.deepEqual(h.texts(h.queue('q').active), ['b']);
});

test('an abandoned message comes back before later ones with a higher delivery count', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  q.send([message('a'), message('b')]);
  settle(q.active, h.receive(q.active)[0], { kind: 'abandon' });
  const [again] = h.receive(q.active);
  assert.equal(again && h.text(again), 'a');
  assert.equal(again?.deliveryCount, 1);
});

test('a released message comes back with the delivery count it had', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  q.send([message('a')]);
  settle(q.active, h.receive(q.active)[0], { kind: 'release' });
  assert.equal(h.receive(q.active)[0]?.deliveryCount, 0);
});

test('a lock ends after its duration, whether or not its receiver is still there; settling then is refused', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q', lockDuration: 'PT30S' });
  q.send([message('a')]);
  const [first] = h.receive(q.active);
  h.clock.advance(29_999);
  assert.deepEqual(h.receive(q.active), []);
  h.clock.advance(1);
  assert.throws(() => settle(q.active, first, { kind: 'complete' }), refusedAs('message-lock-lost'));
  assert.equal(h.receive(q.active)[0]?.deliveryCount, 1);
});

test('a renewed lock lasts its duration from the renewal on', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q', lockDuration: 'PT30S' });
  q.send([message('a'), message('b')]);
  const [a, b] = h.receive(q.active, { count: 2 });
  h.clock.advance(20_000);
  assert.equal(q.active.renewLock(a?.lock as never).lockedUntilMs, h.clock.wallMs() + 30_000);
  h.clock.advance(20_000);
  settle(q.active, a, { kind: 'complete' });
  assert.throws(() => settle(q.active, b, { kind: 'complete' }), refusedAs('message-lock-lost'));
});

test('a step of the wall clock does not end a lock', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  q.send([message('a')]);
  const [a] = h.receive(q.active);
  h.clock.step(3_600_000);
  h.clock.advance(1000);
  settle(q.active, a, { kind: 'complete' });
});

test('after maxDeliveryCount failed deliveries a message stands in the dead-letter queue with the reason', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q', maxDeliveryCount: 3 });
  q.send([message('a')]);
  for (let i = 0; i < 3; i++) settle(q.active, h.receive(q.active)[0], { kind: 'abandon' });
  assert.deepEqual(h.texts(q.active), []);
  h.restart();
  const dead = h.receive(h.queue('q').deadLetterQueue)[0] as Delivery;
  assert.equal(dead.deadLetter?.reason, 'MaxDeliveryCountExceeded');
  assert.equal(dead.deliveryCount, 3);
});

test('the last failed delivery dead-letters with what it attached to the message', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q', maxDeliveryCount: 1 });
  q.send([message('a')]);
  settle(q.active, h.receive(q.active)[0], { kind: 'abandon', overlay: Buffer.from('why') });
  assert.equal(h.receive(q.deadLetterQueue)[0]?.overlay?.toString(), 'why');
});

test('dead-lettering keeps sequence number, reason, description and overlay', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  q.send([message('x'), message('a')]);
  const [, a] = h.receive(q.active, { count: 2 });
  settle(q.active, a, { kind: 'dead-letter', reason: 'Bad', description: 'very', overlay: Buffer.from('o') });
  h.restart();
  const { deadLetterQueue } = h.queue('q');
  const [dead] = h.receive(deadLetterQueue);
  assert.equal(dead?.sequenceNumber, 2);
  assert.deepEqual(dead?.deadLetter, { reason: 'Bad', description: 'very' });
  assert.equal(dead?.overlay?.toString(), 'o');
  assert.throws(() => settle(deadLetterQueue, dead, { kind: 'dead-letter' }), refusedAs('not-allowed'));
  settle(deadLetterQueue, dead, { kind: 'complete' });
  assert.equal(h.queue('q').counts().deadLetter, 0);
});

test('dead-lettered messages come in the order of their sequence numbers, whichever was dead-lettered first and after a restart', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q', lockDuration: 'PT5M' });
  q.send([message('a'), message('b'), message('c')]);
  const [a, b, c] = h.receive(q.active, { count: 3 });
  for (const delivery of [b, a, c]) settle(q.active, delivery, { kind: 'dead-letter' });
  const [first, second] = h.receive(q.deadLetterQueue, { count: 2 });
  assert.deepEqual(
    [first, second].map((delivery) => delivery && h.text(delivery)),
    ['a', 'b'],
  );
  h.restart();
  assert.deepEqual(h.texts(h.queue('q').deadLetterQueue), ['a', 'b', 'c']);
});

test('a message that is deferred in the dead-letter queue is deferred there after a restart, too', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  q.send([message('a')]);
  settle(q.active, h.receive(q.active)[0], { kind: 'dead-letter' });
  settle(q.deadLetterQueue, h.receive(q.deadLetterQueue)[0], { kind: 'defer' });
  h.restart();
  const { deadLetterQueue } = h.queue('q');
  assert.deepEqual(h.texts(deadLetterQueue), []);
  const { deliveries } = deadLetterQueue.receiveBySequenceNumber({ sequenceNumbers: [1], mode: 'peek-lock' });
  assert.equal(deliveries[0] && h.text(deliveries[0]), 'a');
});

test('receive-and-delete removes the message at once', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  q.send([message('a')]);
  const [a] = h.receive(q.active, { mode: 'receive-and-delete' });
  assert.equal(a?.lock, undefined);
  h.restart();
  assert.equal(h.queue('q').counts().total, 0);
});

test('competing receivers are served in turn', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  const got: string[][] = [[], [], []];
  for (const mine of got) {
    q.active.openReceiver({ mode: 'peek-lock', onDelivery: (d) => mine.push(h.text(d)) }).setCredit(10);
  }
  q.send(['a', 'b', 'c', 'd', 'e', 'f'].map((text) => message(text)));
  assert.deepEqual(got, [
    ['a', 'd'],
    ['b', 'e'],
    ['c', 'f'],
  ]);
});

test('a closed receiver gets nothing more', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  const got: string[] = [];
  const receiver = q.active.openReceiver({ mode: 'peek-lock', onDelivery: (d) => got.push(h.text(d)) });
  receiver.setCredit(5);
  receiver.close();
  q.send([message('a')]);
  assert.deepEqual(got, []);
});

test('a deferred message is only found by its sequence number, with one more delivery', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  q.send([message('a')]);
  settle(q.active, h.receive(q.active)[0], { kind: 'defer' });
  assert.deepEqual(h.texts(q.active), []);
  h.restart();
  const { active } = h.queue('q');
  assert.throws(
    () => active.receiveBySequenceNumber({ sequenceNumbers: [1, 2], mode: 'peek-lock' }),
    refusedAs('message-not-found'),
  );
  const [a] = active.receiveBySequenceNumber({ sequenceNumbers: [1], mode: 'peek-lock' }).deliveries;
  assert.equal(a?.deliveryCount, 1);
  settle(active, a, { kind: 'abandon' });
  assert.deepEqual(h.texts(active), [], 'abandoned, it is deferred again');
  const [again] = active.receiveBySequenceNumber({ sequenceNumbers: [1], mode: 'receive-and-delete' }).deliveries;
  assert.equal(again?.deliveryCount, 2);
  assert.equal(h.queue('q').counts().total, 0);
});

test('a scheduled message becomes active at its time with a new sequence number and enqueued time', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  const at = h.clock.wallMs() + 60_000;
  assert.deepEqual(q.send([message('later', { scheduledEnqueueTimeMs: at })]).sequenceNumbers, [1]);
  q.send([message('now')]);
  assert.equal(q.counts().scheduled, 1);
  h.restart();
  const { active } = h.queue('q');
  assert.deepEqual(h.texts(active, { mode: 'receive-and-delete' }), ['now']);
  h.clock.advance(60_000);
  const [later] = h.receive(active);
  assert.equal(later?.sequenceNumber, 3);
  assert.equal(later?.enqueuedTimeMs, at);
  assert.equal(later?.state, 'scheduled');
});

test('messages scheduled for the same time become active in the order in which they were sent', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  const at = h.clock.wallMs() + 1000;
  const texts = Array.from({ length: 20 }, (_, i) => `m${i}`);
  for (const text of texts) q.send([message(text, { scheduledEnqueueTimeMs: at })]);
  h.clock.advance(1000);
  assert.deepEqual(h.texts(q.active), texts);
});

test('a scheduled message becomes active when the wall clock is set past its time', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  q.send([message('later', { scheduledEnqueueTimeMs: h.clock.wallMs() + 86_400_000 })]);
  h.clock.step(86_400_000);
  h.clock.advance(1000);
  assert.deepEqual(h.texts(q.active), ['later']);
});

test('a scheduled message can be cancelled once', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  q.send([message('later', { scheduledEnqueueTimeMs: h.clock.wallMs() + 1000 })]);
  q.cancelScheduled([1]);
  assert.throws(() => q.cancelScheduled([1]), refusedAs('message-not-found'));
  h.clock.advance(2000);
  assert.equal(q.counts().total, 0);
});

test('the time to live of a scheduled message begins when it becomes active', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  q.send([message('a', { scheduledEnqueueTimeMs: h.clock.wallMs() + 10_000, timeToLiveMs: 5000 })]);
  h.restart();
  h.clock.advance(14_000);
  assert.equal(h.queue('q').counts().active, 1);
  h.clock.advance(2000);
  assert.equal(h.queue('q').counts().total, 0);
});

test('a message expires after its time to live, the queue default being a ceiling', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q', defaultMessageTimeToLive: 'PT10S' });
  q.send([message('short', { timeToLiveMs: 1000 }), message('long', { timeToLiveMs: 60_000 }), message('default')]);
  h.clock.advance(1000);
  assert.equal(q.counts().active, 2);
  h.clock.advance(9000);
  assert.equal(q.counts().total, 0);
  h.restart();
  assert.equal(h.queue('q').counts().total, 0);
});

test('an expired message is dead-lettered where the queue says so, and a locked one expires only when its lock ends', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q', deadLetteringOnMessageExpiration: true });
  q.send([message('a', { timeToLiveMs: 1000 }), message('b', { timeToLiveMs: 1000 })]);
  const [a, b] = h.receive(q.active, { count: 2 });
  h.clock.advance(2000);
  settle(q.active, a, { kind: 'complete' });
  settle(q.active, b, { kind: 'abandon' });
  assert.equal(q.counts().active, 0);
  assert.equal(h.receive(q.deadLetterQueue)[0]?.deadLetter?.reason, 'TTLExpiredException');
});

test('peek shows active, locked, deferred and scheduled messages in order, and changes nothing', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  q.send([message('1'), message('2'), message('3'), message('4', { scheduledEnqueueTimeMs: h.clock.wallMs() + 1000 })]);
  const [, two] = h.receive(q.active, { count: 2 });
  settle(q.active, two, { kind: 'defer' });
  const seen = q.active.peek({ fromSequenceNumber: 1, count: 10 }).messages;
  assert.deepEqual(
    seen.map((view) => [h.text(view), view.state]),
    [
      ['1', 'active'],
      ['2', 'deferred'],
      ['3', 'active'],
      ['4', 'scheduled'],
    ],
  );
  assert.deepEqual(
    q.active.peek({ fromSequenceNumber: 3, count: 1 }).messages.map((view) => view.sequenceNumber),
    [3],
  );
});

test('a message id seen within the window is accepted and dropped, across a restart, and taken again after the window', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q', requiresDuplicateDetection: true, duplicateDetectionHistoryTimeWindow: 'PT1M' });
  q.send([message('a', { messageId: '1' }), message('b', { messageId: '1' }), message('c')]);
  settle(q.active, h.receive(q.active)[0], { kind: 'complete' });
  h.clock.advance(59_999);
  h.restart();
  const again = h.queue('q');
  assert.deepEqual(
    again.send([message('d', { messageId: '1' }), message('e', { messageId: '2' })]).sequenceNumbers,
    [0, 3],
  );
  h.clock.advance(1);
  again.send([message('f', { messageId: '1' })]);
  assert.deepEqual(h.texts(again.active), ['c', 'e', 'f']);
});

test('sequence numbers and enqueued times do not go back, whatever is deleted and however the clock steps', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  q.send([message('a')]);
  const before = h.receive(q.active, { mode: 'receive-and-delete' })[0] as Delivery;
  h.restart({ compacted: true });
  h.clock.step(-3_600_000);
  h.queue('q').send([message('b')]);
  const [after] = h.receive(h.queue('q').active);
  assert.equal(after?.sequenceNumber, 2);
  assert.ok((after?.enqueuedTimeMs ?? 0) >= before.enqueuedTimeMs);
});

test('a send is all or nothing and names the limit it breaks', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q', maxMessageSizeInKilobytes: 1, maxSizeInMegabytes: 1 });
  assert.throws(() => q.send([message('ok'), message('x'.repeat(1025))]), refusedAs('message-size-exceeded'));
  assert.throws(() => q.send([message('a', { messageId: 'm'.repeat(130) })]), refusedAs('argument-invalid'));
  assert.equal(q.counts().total, 0);
  for (let i = 0; i < 1024; i++) q.send([message('x'.repeat(1024))]);
  assert.throws(() => q.send([message('x')]), refusedAs('quota-exceeded'));
});

test('a disabled queue refuses what its status says', () => {
  const h = new BrokerHarness();
  const send = h.create({ name: 's', status: 'SendDisabled' });
  const receive = h.create({ name: 'r', status: 'ReceiveDisabled' });
  assert.throws(() => send.send([message('a')]), refusedAs('entity-disabled'));
  assert.deepEqual(h.texts(send.active), []);
  receive.send([message('a')]);
  assert.throws(() => h.receive(receive.active), refusedAs('entity-disabled'));
});

test('a deleted queue is gone with its messages, and its name can be used at once', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'Q' });
  let told = 0;
  q.listen({ onDeleted: () => told++ });
  q.send([message('a')]);
  assert.throws(() => h.create({ name: 'q' }), refusedAs('entity-exists'));
  h.namespace.deleteQueue('q');
  assert.equal(told, 1);
  h.create({ name: 'q' }).send([message('b')]);
  h.restart();
  assert.deepEqual(h.texts(h.queue('q').active), ['b']);
  assert.throws(() => h.namespace.deleteQueue('nope'), refusedAs('entity-not-found'));
});

test('addresses name a queue or its dead-letter queue in any case', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'a/B' });
  assert.equal(h.namespace.resolve('A/b')?.subqueue, q.active);
  assert.equal(h.namespace.resolve('a/B/$DEADletterqueue')?.subqueue, q.deadLetterQueue);
  assert.equal(h.namespace.resolve('a'), undefined);
});

test('a message is scheduled by the wall clock, also after that was set back', () => {
  const h = new BrokerHarness();
  const q = h.create({ name: 'q' });
  h.clock.step(3_600_000);
  q.send([message('ahead of its time')]);
  h.clock.step(-3_600_000);
  q.send([message('later', { scheduledEnqueueTimeMs: h.clock.wallMs() + 60_000 })]);
  assert.equal(q.counts().scheduled, 1);
  h.restart();
  h.clock.advance(59_999);
  assert.equal(h.queue('q').counts().scheduled, 1);
  h.clock.advance(2000);
  assert.deepEqual(h.texts(h.queue('q').active), ['ahead of its time', 'later']);
});
