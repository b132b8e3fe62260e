import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AmqpTimestamp,
  AmqpTyped,
  HEADER,
  PROPERTIES,
  Writer,
  lookup,
  readComposite,
  scanSections,
  writeComposite,
} from '../../src/amqp/index.ts';
import type { AmqpMap, AmqpValue, IncomingDelivery } from '../../src/amqp/index.ts';
import { readAnnotations } from '../../src/server/annotations.ts';
import { Peer, annotationsOf } from './peer.ts';
import { World } from './world.ts';

const BATCH = 0x80013700;

/** The body sections that AMQP allows (3.2), each as bytes of its own making, so that nothing but a copy reproduces them. */
const BODIES: Record<string, Buffer> = {
  'one data section': hex('005375 a003010203'),
  'an empty data section': hex('005375 a000'),
  'several data sections': hex('005375 a00101  005375 b00000000102  005375 a00103'),
  'one sequence section': hex('005376 c0050254015402'),
  // A list32 where a list8 would do, an int of four bytes where one would do, and an empty list.
  'several sequence sections': hex('005376 d000000009000000017100000005  005376 c0020140  005376 45'),
  'a value in a wide encoding': hex('005377 d10000000c00000002a101617100000007'),
  'a null value': hex('005377 40'),
  'a described value': hex('005377 00a303666f6fa10162'),
};

const DELIVERY_ANNOTATIONS = hex('005371 d10000000e00000002 a303686f70 a1036f6e65');
const APPLICATION_PROPERTIES = hex('005374 d10000000d00000002 a10170 b1000000017a');
const FOOTER = hex('005378 d10000000c00000002 a30373756d a10166');

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

/** A message with everything around this body; delivery annotations and footer in encodings that we do not write. */
function messageWith(body: Buffer, annotations: Record<string, AmqpValue> = {}): Buffer {
  const writer = new Writer();
  writeComposite(writer, HEADER, {
    durable: true,
    priority: 9,
    ttl: 3_600_000,
    firstAcquirer: true,
    deliveryCount: 77,
  });
  writer.writeRaw(DELIVERY_ANNOTATIONS);
  writer.writeDescriptor(0x72);
  writer.beginMap();
  for (const [key, value] of Object.entries({ own: new AmqpTyped('ushort', 5), ...SPOOFED, ...annotations })) {
    writer.writeSymbol(key);
    writer.writeValue(value);
  }
  writer.endMap();
  writeComposite(writer, PROPERTIES, { messageId: 'id', groupId: 'g', userId: Buffer.from('u') });
  writer.writeRaw(APPLICATION_PROPERTIES);
  writer.writeRaw(body);
  writer.writeRaw(FOOTER);
  return writer.take();
}

/** What a sender cannot say of its message. */
const SPOOFED: Record<string, AmqpValue> = {
  'x-opt-sequence-number': new AmqpTyped('long', 999n),
  'x-opt-enqueue-sequence-number': new AmqpTyped('long', 999n),
  'x-opt-enqueued-time': new AmqpTimestamp(1),
  'x-opt-locked-until': new AmqpTimestamp(1),
  'x-opt-message-state': new AmqpTyped('int', 7),
};

/** What is left of the message must be what was sent; `redone`: its application properties were written anew. */
function check(payload: Buffer, sent: Buffer, { redone = false } = {}): void {
  const got = scanSections(payload);
  const was = scanSections(sent);
  assert.ok(payload.subarray(got.bodyStart).equals(sent.subarray(was.bodyStart)), payload.toString('hex'));
  assert.deepEqual(
    payload.subarray(got.propertiesStart, got.propertiesEnd),
    sent.subarray(was.propertiesStart, was.propertiesEnd),
  );
  const properties = payload.subarray(got.applicationPropertiesStart, got.applicationPropertiesEnd);
  if (redone) assert.equal(lookup(readAnnotations(payload, got.applicationPropertiesStart), 'p'), 'z');
  else assert.deepEqual(properties, APPLICATION_PROPERTIES);
  const { value: header } = readComposite(HEADER, payload, got.headerStart);
  assert.deepEqual([header.durable, header.priority, header.ttl, header.firstAcquirer], [true, 9, 3_600_000, true]);
  assert.notEqual(header.deliveryCount, 77);
  const annotations = annotationsOf(payload);
  assert.deepEqual(annotations.get('own'), new AmqpTyped('ushort', 5));
  for (const [name, value] of Object.entries(SPOOFED)) assert.notDeepEqual(annotations.get(name), value, name);
}

for (const [name, body] of Object.entries(BODIES)) {
  test(`${name} and all around it arrive byte for byte: sent alone, in a batch, scheduled, deferred, dead-lettered, over a restart`, async (context) => {
    const world = await World.start(context, [{ name: 'q' }]);
    let peer = await Peer.authorized(world);
    const sent = messageWith(body);
    const time = new AmqpTimestamp(world.clock.wallMs() + 60_000);
    const later = messageWith(body, { 'x-opt-scheduled-enqueue-time': time });
    const sender = await peer.sender('q');
    await peer.send(sender, sent);
    const writer = new Writer();
    for (const bytes of [sent, sent, later]) {
      writer.writeDescriptor(0x75);
      writer.writeBinary(bytes);
    }
    await peer.send(sender, writer.take(), { format: BATCH });
    let receiver = await peer.receiver('q');
    const [completed, deferred, dead] = (await peer.grant(receiver, 10)) as [
      IncomingDelivery,
      IncomingDelivery,
      IncomingDelivery,
    ];
    for (const delivery of [completed, deferred, dead]) {
      check(delivery.payload, sent);
      const { deliveryAnnotationsStart: start, deliveryAnnotationsEnd: end } = scanSections(delivery.payload);
      assert.deepEqual(delivery.payload.subarray(start, end), DELIVERY_ANNOTATIONS);
    }
    await peer.dispose(receiver, completed, { kind: 'accepted' });
    await peer.dispose(receiver, deferred, { kind: 'modified', undeliverableHere: true });
    const info = new Map<string, AmqpValue>([['DeadLetterReason', 'why']]);
    await peer.dispose(receiver, dead, { kind: 'rejected', error: { condition: 'com.microsoft:dead-letter', info } });
    await world.until(world.server.close());
    await world.startServer();
    await world.pass(60_001);
    peer = await Peer.authorized(world);
    receiver = await peer.receiver('q');
    const [scheduled] = await peer.grant(receiver, 10);
    check(scheduled!.payload, later);
    assert.deepEqual(annotationsOf(scheduled!.payload).get('x-opt-scheduled-enqueue-time'), time);
    const [found] = await peer.grant(await peer.receiver('q/$DeadLetterQueue'), 1);
    check(found!.payload, sent, { redone: true });
    const request: AmqpMap = new Map<string, AmqpValue>([
      ['sequence-numbers', [new AmqpTyped('long', 2n)]],
      ['receiver-settle-mode', new AmqpTyped('uint', 1)],
    ]);
    const fetched = await peer.manage('q', 'receive-by-sequence-number', request);
    const [item] = (fetched.body as AmqpMap).get('messages') as AmqpMap[];
    check(item!.get('message') as Buffer, sent);
  });
}

test('a lock token in the delivery annotations of a sender reaches nobody; what stands beside it does', async (context) => {
  const world = await World.start(context, [{ name: 'q' }]);
  const peer = await Peer.authorized(world);
  const writer = new Writer();
  writer.writeDescriptor(0x71);
  writer.beginMap();
  writer.writeSymbol('x-opt-lock-token');
  writer.writeUuid(Buffer.alloc(16, 1));
  writer.writeSymbol('hop');
  writer.writeString('one');
  writer.endMap();
  writer.writeDescriptor(0x75);
  writer.writeBinary(Buffer.from('x'));
  await peer.send(await peer.sender('q'), writer.take());
  const [delivery] = await peer.grant(await peer.receiver('q'), 1);
  const annotations = readAnnotations(delivery!.payload, scanSections(delivery!.payload).deliveryAnnotationsStart);
  assert.deepEqual([...annotations.values()], ['one']);
});
