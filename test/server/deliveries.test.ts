import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IncomingDelivery } from '../../src/amqp/index.ts';
import { AmqpTimestamp, AmqpTyped, HEADER, Writer, readComposite, scanSections } from '../../src/amqp/index.ts';
import { LIMITS } from '../../src/server/index.ts';
import { FakeDisk } from '../fake-disk.ts';
import { Peer, annotationsOf, bodyOf, messageOf } from './peer.ts';
import { World } from './world.ts';

const QUEUES = [{ name: 'q' }];
const BATCH = 0x80013700;

function batchOf(...messages: Buffer[]): Buffer {
  const writer = new Writer();
  for (const message of messages) {
    writer.writeDescriptor(0x75);
    writer.writeBinary(message);
  }
  return writer.take();
}

test('a delivered message has a header, and annotations with exactly the types that clients cast to', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('q');
  await peer.send(sender, messageOf('plain', { messageId: 'a' }));
  await peer.send(sender, messageOf('own', { messageId: 'b', annotations: new Map([['x-opt-partition-key', 'pk']]) }));
  const enqueued = new AmqpTimestamp(world.clock.wallMs());
  const deliveries = await peer.grant(await peer.receiver('q'), 2);
  for (const [i, delivery] of deliveries.entries()) {
    const { value: header } = readComposite(HEADER, delivery.payload, scanSections(delivery.payload).headerStart);
    assert.equal(header.deliveryCount, 0);
    const annotations = annotationsOf(delivery.payload);
    assert.deepEqual(annotations.get('x-opt-sequence-number'), new AmqpTyped('long', BigInt(i + 1)));
    assert.deepEqual(annotations.get('x-opt-enqueue-sequence-number'), new AmqpTyped('long', BigInt(i + 1)));
    assert.deepEqual(annotations.get('x-opt-enqueued-time'), enqueued);
    assert.deepEqual(annotations.get('x-opt-locked-until'), new AmqpTimestamp(world.clock.wallMs() + 60_000));
    assert.deepEqual(annotations.get('x-opt-message-state'), new AmqpTyped('int', 0));
    assert.equal(delivery.tag.length, 16);
    assert.equal(delivery.settled, false);
  }
  assert.equal(annotationsOf(deliveries[1]!.payload).get('x-opt-partition-key'), 'pk');
});

test('what is behind the annotations passes through byte for byte', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const sent = messageOf(Buffer.alloc(100_000, 'body'), { messageId: 'a', groupId: 'g' });
  await peer.send(await peer.sender('q'), sent);
  const [delivery] = await peer.grant(await peer.receiver('q'), 1);
  assert.ok(delivery);
  const { propertiesStart } = scanSections(delivery.payload);
  assert.ok(delivery.payload.subarray(propertiesStart).equals(sent));
});

test('delivery annotations that the Python client writes last are delivered behind the header', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const annotations = Buffer.from([0x00, 0x53, 0x71, 0xc1, 0x07, 0x02, 0xa3, 0x01, 0x61, 0xa1, 0x01, 0x62]);
  const sent = messageOf('x', { messageId: 'a' });
  await peer.send(await peer.sender('q'), Buffer.concat([sent, annotations]));
  const [delivery] = await peer.grant(await peer.receiver('q'), 1);
  assert.ok(delivery);
  const sections = scanSections(delivery.payload);
  assert.equal(sections.deliveryAnnotationsStart, sections.headerEnd);
  const at = (start: number, end: number) => delivery.payload.subarray(start, end);
  assert.deepEqual(at(sections.deliveryAnnotationsStart, sections.deliveryAnnotationsEnd), annotations);
  assert.deepEqual(at(sections.propertiesStart, delivery.payload.length), sent);
});

test('accepted leaves only when the message is on disk', async (context) => {
  const world = await World.start(context, QUEUES);
  await world.until(world.server.close());
  world.disk = new FakeDisk({ clock: world.clock, seed: 2, latencyMs: { min: 10, max: 10 } });
  const starting = world.startServer();
  for (let i = 0; i < 50; i++) await world.pass(10);
  await starting;
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('q');
  await world.pass(100);
  await peer.send(sender, messageOf('x'));
  assert.equal(sender.outcomes.length, 0);
  // Whoever receives waits as well: what a crash may undo is shown to nobody.
  const receiver = await peer.receiver('q');
  assert.deepEqual(await peer.grant(receiver, 1), []);
  await world.pass(9);
  assert.deepEqual([sender.outcomes.length, receiver.deliveries.length], [0, 0]);
  for (let i = 0; i < 10; i++) await world.pass(10);
  assert.equal(sender.outcomes[0]?.state?.kind, 'accepted');
  assert.deepEqual(receiver.deliveries.map(bodyOf), ['x']);
});

test('deliveries are settled with the outcome that the client gave, in ranges, and only once', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('q');
  for (const body of ['a', 'b', 'c', 'd', 'e', 'f']) await peer.send(sender, messageOf(body));
  const receiver = await peer.receiver('q');
  const [a, b, c, d, e, f] = await peer.grant(receiver, 6);
  assert.ok(a && b && c && d && e && f);
  receiver.link.dispose(a, { kind: 'accepted' });
  receiver.link.dispose(b, { kind: 'accepted' });
  await world.settle();
  assert.deepEqual(
    receiver.outcomes.map(({ state, settled }) => [state?.kind, settled]),
    [
      ['accepted', true],
      ['accepted', true],
    ],
  );
  assert.equal((await peer.dispose(receiver, c, { kind: 'modified', undeliverableHere: true }))?.kind, 'modified');
  const dead = await peer.dispose(receiver, d, {
    kind: 'rejected',
    error: { condition: 'com.microsoft:dead-letter', info: new Map([['DeadLetterReason', 'why']]) },
  });
  assert.deepEqual(dead?.kind === 'rejected' && dead.error, undefined);
  assert.equal((await peer.dispose(receiver, e, { kind: 'released' }))?.kind, 'released');
  // A client that settles by itself gets no answer.
  const answers = receiver.outcomes.length;
  receiver.link.settle(f, { kind: 'accepted' });
  await world.settle();
  assert.equal(receiver.outcomes.length, answers);
  const [again, ...none] = (await peer.grant(receiver, 5)).slice(6);
  assert.equal(bodyOf(again!), 'e');
  assert.equal(none.length, 0);
  const { value: header } = readComposite(HEADER, again!.payload, scanSections(again!.payload).headerStart);
  assert.equal(header.deliveryCount, 0);
  await world.pass(61_000);
  const late = await peer.dispose(receiver, again!, { kind: 'accepted' });
  assert.ok(late?.kind === 'rejected');
  assert.equal(late.error?.condition, 'com.microsoft:message-lock-lost');
});

test('a message that cannot be taken is rejected with a reason, and the link stays', async (context) => {
  const world = await World.start(context, [...QUEUES, { name: 's', requiresSession: true }]);
  const peer = await Peer.authorized(world);
  const conditionFor = async (queue: string, payload: Buffer, format = 0) => {
    const sender = await peer.sender(queue);
    await peer.send(sender, payload, { format });
    await peer.send(sender, messageOf('fine', { groupId: 'g' }));
    const [first, second] = sender.outcomes;
    assert.equal(second?.state?.kind, 'accepted');
    assert.equal(first?.settled, true);
    return first?.state?.kind === 'rejected' ? first.state.error?.condition : first?.state?.kind;
  };
  assert.equal(await conditionFor('s', messageOf('no session')), 'amqp:not-allowed');
  assert.equal(await conditionFor('q', Buffer.from('rubbish')), 'amqp:decode-error');
  assert.equal(await conditionFor('q', messageOf(Buffer.alloc(300_000))), 'amqp:link:message-size-exceeded');
  assert.equal(await conditionFor('q', messageOf('x', { messageId: 'i'.repeat(129) })), 'com.microsoft:argument-error');
  assert.equal(await conditionFor('q', batchOf(messageOf('x'), Buffer.from('rubbish')), BATCH), 'amqp:decode-error');
  assert.equal(await conditionFor('q', batchOf(messageOf('a'), messageOf('b')), BATCH), 'accepted');
  const bodies = (await peer.grant(await peer.receiver('q'), 100)).map(bodyOf);
  assert.deepEqual(
    bodies.filter((body) => body !== 'fine'),
    ['a', 'b'],
  );
});

test('pre-settled messages are taken without an answer, and give their credit back', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('q');
  for (let i = 0; i < 20; i++) await peer.send(sender, messageOf(`${i}`), { settled: true });
  assert.deepEqual(sender.outcomes, []);
  const deliveries = await peer.grant(await peer.receiver('q', { sndSettleMode: 1, rcvSettleMode: 0 }), 100);
  assert.equal(deliveries.length, 20);
  assert.ok(deliveries.every(({ settled }) => settled));
});

test('credit is renewed for as long as a sender sends', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('q');
  const rounds = 3;
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < LIMITS.senderCredit / 2; i++)
      sender.link.send({ tag: Buffer.from([round, i >> 8, i & 255]), payload: [messageOf('x')], settled: false });
    await world.settle();
  }
  assert.equal(sender.outcomes.length, (rounds * LIMITS.senderCredit) / 2);
  assert.ok(sender.link.credit > 0);
});

test('a drain is answered: what is ready comes first, then the credit is gone', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('q');
  const receiver = await peer.receiver('q');
  for (const body of ['a', 'b']) await peer.send(sender, messageOf(body));
  receiver.link.setCredit(10);
  receiver.link.drainCredit();
  await world.settle();
  assert.deepEqual(receiver.deliveries.map(bodyOf), ['a', 'b']);
  assert.equal(receiver.drained, 1);
  assert.equal(receiver.link.credit, 0);
  await peer.send(sender, messageOf('c'));
  assert.equal(receiver.deliveries.length, 2);
  assert.equal((await peer.grant(receiver, 1)).length, 3);
});

test('a receiver that gives much credit gets everything, through a window that is bounded', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('q');
  const count = 3_000;
  for (let i = 0; i < count; i++)
    sender.link.send({ tag: Buffer.from([i >> 8, i & 255]), payload: [messageOf(`${i}`)], settled: false });
  await world.settle();
  // All of it is durable and in memory: it leaves while it is handed out, and nothing else would ask for more.
  const receiver = await peer.receiver('q');
  for (let granted = 256; granted <= 1_024; granted += 256)
    assert.equal((await peer.grant(receiver, 256)).length, granted);
  await peer.grant(receiver, 100_000);
  assert.deepEqual(
    receiver.deliveries.map(bodyOf),
    Array.from({ length: count }, (_, i) => `${i}`),
  );
});

test('a peer that does not read is served no further than its buffers, and goes on where it stopped', async (context) => {
  const world = await World.start(context, QUEUES);
  const sending = await Peer.authorized(world);
  const sender = await sending.sender('q');
  const body = Buffer.alloc(100_000, 'x');
  const count = 100;
  for (let i = 0; i < count; i++) await sending.send(sender, messageOf(body));
  const peer = await Peer.authorized(world);
  const receiver = await peer.receiver('q');
  const serverEnd = peer.pipe.other!;
  serverEnd.stalled = true;
  await peer.grant(receiver, count);
  assert.equal(receiver.deliveries.length, 0);
  assert.ok(serverEnd.pendingBytes < 2 * (LIMITS.outputHighWaterBytes + LIMITS.deliveryWindowBytes));
  assert.ok(serverEnd.paused);
  // Others are not held up, and get what the stalled one has not taken.
  const other = await sending.receiver('q');
  assert.ok((await sending.grant(other, count)).length > 0);
  serverEnd.flow();
  await world.settle();
  assert.equal(receiver.deliveries.length + other.deliveries.length, count);
});

test('when the disk fails nothing more is promised: clients are sent away and the server says that it failed', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('q');
  assert.ok(world.server.healthy);
  world.disk.failNth('sync', 1);
  world.disk.failNth('write', 1);
  await peer.send(sender, messageOf('lost'));
  await world.pass(LIMITS.closeGraceMs);
  assert.deepEqual(sender.outcomes, []);
  assert.equal(peer.closeError?.condition, 'amqp:connection:forced');
  assert.equal(world.failed?.code, 'DISK_FAILED');
  assert.ok(!world.server.healthy);
  await world.until(world.server.close());
});

test('close tells clients, and what was sent before is acknowledged before', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('q');
  sender.link.send({ tag: Buffer.from('t'), payload: [messageOf('x')], settled: false });
  world.clock.advance(0);
  await world.until(world.server.close());
  await world.settle();
  assert.equal(sender.outcomes[0]?.state?.kind, 'accepted');
  assert.equal(peer.closeError?.condition, 'amqp:connection:forced');
});

test('a message says the time to live that the queue has made of it', async (context) => {
  const world = await World.start(context, [
    { name: 'q', defaultMessageTimeToLive: 'PT1M', deadLetteringOnMessageExpiration: true },
  ]);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('q');
  await peer.send(sender, messageOf('none of its own'));
  await peer.send(sender, messageOf('shorter', { ttl: 5_000 }));
  await peer.send(sender, messageOf('longer', { ttl: 3_600_000 }));
  const ttls = (deliveries: readonly IncomingDelivery[]) =>
    deliveries.map(({ payload }) => readComposite(HEADER, payload, 0).value.ttl);
  const receiver = await peer.receiver('q');
  assert.deepEqual(ttls(await peer.grant(receiver, 3)), [60_000, 5_000, 60_000]);
  await world.pass(61_000);
  const dead = await peer.receiver('q/$DeadLetterQueue');
  assert.deepEqual(
    ttls(await peer.grant(dead, 3)).sort((a = 0, b = 0) => a - b),
    [5_000, 60_000, 60_000],
  );
});
