import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AmqpTimestamp, PROPERTIES, Writer, scanSections, writeComposite } from '../../src/amqp/index.ts';
import type { AmqpMap, AmqpValue, MessageProperties } from '../../src/amqp/index.ts';
import { Peer, bodyOf, messageOf } from './peer.ts';
import type { PeerLink } from './peer.ts';
import { World } from './world.ts';

const QUEUES = [{ name: 'q' }];
const BATCH = 0x80013700;
const KB = 1024;

interface Head {
  readonly properties?: Partial<MessageProperties>;
  readonly annotations?: Record<string, AmqpValue>;
  readonly application?: Record<string, AmqpValue>;
}

function message({ properties, annotations, application }: Head): Buffer {
  const writer = new Writer();
  if (annotations) {
    writer.writeDescriptor(0x72);
    writer.beginMap();
    for (const [key, value] of Object.entries(annotations)) {
      writer.writeSymbol(key);
      writer.writeValue(value);
    }
    writer.endMap();
  }
  if (properties) writeComposite(writer, PROPERTIES, properties);
  if (application) {
    writer.writeDescriptor(0x74);
    writer.writeMap(new Map(Object.entries(application)));
  }
  writer.writeDescriptor(0x75);
  writer.writeBinary(Buffer.from('x'));
  return writer.take();
}

function batchOf(...messages: Buffer[]): Buffer {
  const writer = new Writer();
  for (const bytes of messages) {
    writer.writeDescriptor(0x75);
    writer.writeBinary(bytes);
  }
  return writer.take();
}

function lastAnswer({ outcomes }: PeerLink): [string | undefined, string] {
  const state = outcomes.at(-1)?.state;
  return state?.kind === 'rejected' ? [state.error?.condition, state.error?.description ?? ''] : [state?.kind, ''];
}

const LONG = 'l'.repeat(129);
const LONGEST = 'l'.repeat(128);
const ARGUMENT = 'com.microsoft:argument-error';
const SIZE = 'amqp:link:message-size-exceeded';

const REFUSED: readonly (readonly [string, Head, string, RegExp])[] = [
  [
    'a MessageId of 129 characters',
    { properties: { messageId: LONG } },
    ARGUMENT,
    /^MessageId has 129 characters; the limit is 128/,
  ],
  ['a SessionId of 129 characters', { properties: { groupId: LONG } }, ARGUMENT, /^SessionId has 129/],
  [
    'a ReplyToSessionId of 129 characters',
    { properties: { replyToGroupId: LONG } },
    ARGUMENT,
    /^ReplyToSessionId has 129/,
  ],
  [
    'a PartitionKey of 129 characters',
    { annotations: { 'x-opt-partition-key': LONG } },
    ARGUMENT,
    /^PartitionKey has 129/,
  ],
  [
    'a ViaPartitionKey of 129 characters',
    { annotations: { 'x-opt-via-partition-key': LONG } },
    ARGUMENT,
    /^ViaPartitionKey has/,
  ],
  [
    'a property of 32 KB and a byte',
    { application: { fine: 1, big: 'x'.repeat(32 * KB + 1) } },
    SIZE,
    /'big' has 32769 bytes; the limit is 32768/,
  ],
  [
    'a property whose text has fewer characters than bytes',
    { application: { big: 'ü'.repeat(20 * KB) } },
    SIZE,
    /'big' has 40960 bytes/,
  ],
  [
    'a property of nested values over 32 KB',
    { application: { big: ['x'.repeat(20 * KB), 'y'.repeat(20 * KB)] } },
    SIZE,
    /'big' has/,
  ],
  [
    'properties of 64 KB in all',
    { application: { a: 'x'.repeat(30 * KB), b: 'x'.repeat(30 * KB), c: 'x'.repeat(5 * KB) } },
    SIZE,
    /have \d+ bytes; the limit is 65536/,
  ],
  ['annotations of 64 KB', { annotations: { own: 'x'.repeat(64 * KB) } }, SIZE, /limit is 65536/],
];

for (const [what, head, condition, text] of REFUSED) {
  test(`a message with ${what} is refused with ${condition}, alone, in a batch and scheduled, and the link goes on`, async (context) => {
    const world = await World.start(context, QUEUES);
    const peer = await Peer.authorized(world);
    const sender = await peer.sender('q');
    const fine = messageOf('fine');
    await peer.send(sender, message(head));
    const [said, description] = lastAnswer(sender);
    assert.equal(said, condition);
    assert.match(description, text);
    assert.match(
      description,
      / TrackingId:[0-9a-f-]{36}_G0, SystemTracker:retrain:Queue:q, Timestamp:\d{4}-\d\d-\d\dT/,
    );
    await peer.send(sender, batchOf(fine, message(head), fine), { format: BATCH });
    assert.equal(lastAnswer(sender)[0], condition);
    const time = new AmqpTimestamp(world.clock.wallMs() + 60_000);
    const bytes = message({ ...head, annotations: { ...head.annotations, 'x-opt-scheduled-enqueue-time': time } });
    const item: AmqpMap = new Map<string, AmqpValue>([
      ['message', bytes],
      ['message-id', 'm'],
    ]);
    const scheduled = await peer.manage('q', 'schedule-message', new Map([['messages', [item]]]));
    assert.equal(scheduled.condition, condition);
    await peer.send(sender, fine);
    assert.equal(lastAnswer(sender)[0], 'accepted');
    assert.deepEqual((await peer.grant(await peer.receiver('q'), 10)).map(bodyOf), ['fine']);
  });
}

test('ids and keys of 128 characters, properties of 32 KB and 64 KB in all are taken', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('q');
  const heads: Head[] = [
    {
      properties: { messageId: LONGEST, groupId: LONGEST, replyToGroupId: LONGEST },
      annotations: { 'x-opt-partition-key': LONGEST, 'x-opt-via-partition-key': LONGEST },
    },
    { application: { a: 'x'.repeat(32 * KB), b: Buffer.alloc(31 * KB) } },
  ];
  for (const head of heads) {
    await peer.send(sender, message(head));
    assert.equal(lastAnswer(sender)[0], 'accepted');
  }
});

test('a batch is taken as a whole or not at all, wherever its bad message stands', async (context) => {
  const world = await World.start(context, [{ name: 'q' }, { name: 's', requiresSession: true }]);
  const peer = await Peer.authorized(world);
  const fine = messageOf('fine', { groupId: 'g' });
  const bad: [string, Buffer, string][] = [
    ['q', Buffer.from('rubbish'), 'amqp:decode-error'],
    ['q', message({ properties: { messageId: LONG } }), ARGUMENT],
    ['s', messageOf('without session'), 'amqp:not-allowed'],
    ['q', Buffer.concat([fine, fine]), 'amqp:decode-error'],
  ];
  for (const [queue, bytes, condition] of bad) {
    const sender = await peer.sender(queue);
    for (const batch of [[bytes, fine, fine], [fine, bytes, fine], [fine, fine, bytes], [bytes]]) {
      await peer.send(sender, batchOf(...batch), { format: BATCH });
      assert.equal(lastAnswer(sender)[0], condition);
    }
    const number: AmqpMap = new Map<string, AmqpValue>([
      ['from-sequence-number', 0],
      ['message-count', 10],
    ]);
    assert.equal((await peer.manage(queue, 'peek-message', number)).status, 204);
  }
});

test('a batch without messages, or of something else than data, is refused', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('q');
  const value = new Writer();
  value.writeDescriptor(0x77);
  value.writeString('no batch');
  for (const payload of [Buffer.alloc(0), value.take()]) {
    await peer.send(sender, payload, { format: BATCH });
    assert.equal(lastAnswer(sender)[0], 'amqp:decode-error');
  }
});

test('a batch that is settled already is taken or dropped without an answer', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('q');
  const send = (...messages: Buffer[]) => peer.send(sender, batchOf(...messages), { format: BATCH, settled: true });
  await send(messageOf('a'), Buffer.from('rubbish'));
  await send(messageOf('b'), messageOf('c'));
  assert.deepEqual(sender.outcomes, []);
  assert.deepEqual((await peer.grant(await peer.receiver('q'), 10)).map(bodyOf), ['b', 'c']);
});

test('a batch inside a batch is one message, whose body is the inner batch', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const inner = batchOf(messageOf('a'), messageOf('b'));
  await peer.send(await peer.sender('q'), batchOf(inner), { format: BATCH });
  const [only, ...none] = await peer.grant(await peer.receiver('q'), 10);
  const { bodyStart, bodyEnd } = scanSections(only!.payload);
  assert.ok(only!.payload.subarray(bodyStart, bodyEnd).equals(inner));
  assert.deepEqual([only!.messageFormat, none.length], [0, 0]);
});
