import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AmqpTimestamp,
  AmqpTyped,
  HEADER,
  PROPERTIES,
  Writer,
  readComposite,
  scanSections,
  writeComposite,
} from '../../src/amqp/index.ts';
import type { AmqpMap, AmqpValue } from '../../src/amqp/index.ts';
import { Peer, annotationsOf, messageOf } from './peer.ts';
import { World } from './world.ts';

const QUEUES = [{ name: 'q' }, { name: 's', requiresSession: true }];
const int = (value: number) => new AmqpTyped('int', value);
const long = (value: number) => new AmqpTyped('long', BigInt(value));

/** The encoded messages that a peek shows. */
async function peek(
  peer: Peer,
  queue: string,
  from: number,
  fields: Record<string, AmqpValue> = {},
): Promise<Buffer[]> {
  const body: AmqpMap = new Map(
    Object.entries({ 'from-sequence-number': long(from), 'message-count': int(100), ...fields }),
  );
  const reply = await peer.manage(queue, 'peek-message', body);
  if (reply.status === 204) {
    assert.equal(reply.condition, 'com.microsoft:message-not-found');
    return [];
  }
  assert.equal(reply.status, 200);
  return ((reply.body as AmqpMap).get('messages') as AmqpMap[]).map((item) => item.get('message') as Buffer);
}

function numberOf(message: Buffer): number {
  const value = annotationsOf(message).get('x-opt-sequence-number');
  return Number((value as AmqpTyped).value);
}

function stateOf(message: Buffer): AmqpValue | undefined {
  return (annotationsOf(message).get('x-opt-message-state') as AmqpTyped).value;
}

test('peek shows active, locked, deferred and scheduled messages with their state and without a lock, from a number on', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('q');
  for (const body of ['locked', 'deferred', 'active']) await peer.send(sender, messageOf(body));
  const annotations = new Map([['x-opt-scheduled-enqueue-time', new AmqpTimestamp(world.clock.wallMs() + 60_000)]]);
  await peer.send(sender, messageOf('scheduled', { annotations }));
  const receiver = await peer.receiver('q');
  const [, deferred] = await peer.grant(receiver, 2);
  await peer.dispose(receiver, deferred!, { kind: 'modified', undeliverableHere: true });
  const shown = await peek(peer, 'q', 0);
  assert.deepEqual(
    shown.map((message) => [numberOf(message), stateOf(message)]),
    [
      [1, 0],
      [2, 1],
      [3, 0],
      [4, 2],
    ],
  );
  for (const message of shown) assert.equal(annotationsOf(message).has('x-opt-locked-until'), false);
  const counts = shown.map(
    (message) => readComposite(HEADER, message, scanSections(message).headerStart).value.deliveryCount,
  );
  assert.deepEqual(counts, [0, 1, 0, 0]);
  assert.deepEqual((await peek(peer, 'q', 3)).map(numberOf), [3, 4]);
  assert.deepEqual((await peek(peer, 'q', -1)).map(numberOf), [1, 2, 3, 4]);
  assert.deepEqual(await peek(peer, 'q', 5), []);
  assert.deepEqual((await peek(peer, 'q', 2, { 'message-count': int(1) })).map(numberOf), [2]);
  assert.deepEqual(await peek(peer, 'q', 0, { 'message-count': int(0) }), []);
});

test('peek without bodies shows everything else, footer included', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const writer = new Writer();
  writeComposite(writer, PROPERTIES, { messageId: 'id', subject: 'kept' });
  const head = writer.take();
  const bodies = ['005375a003010203', '005375a00101005375a00102', '00537741', '005376c0020140'];
  const footer = Buffer.from('005378c10902a30373756da10166', 'hex');
  const sender = await peer.sender('q');
  for (const body of bodies) await peer.send(sender, Buffer.concat([head, Buffer.from(body, 'hex'), footer]));
  // Where rhea writes the footer.
  await peer.send(sender, Buffer.concat([head, footer, Buffer.from(bodies[0]!, 'hex')]));
  const shown = await peek(peer, 'q', 0, { 'omit-message-body': true });
  assert.equal(shown.length, 5);
  for (const message of shown) {
    const { body, propertiesStart } = scanSections(message);
    assert.equal(body, 'none');
    assert.ok(message.subarray(propertiesStart).equals(Buffer.concat([head, footer])));
  }
  for (const fields of [{ 'omit-message-body': false }, {}])
    for (const message of await peek(peer, 'q', 0, fields)) assert.notEqual(scanSections(message).body, 'none');
  const mistyped = await peer.manage(
    'q',
    'peek-message',
    new Map<string, AmqpValue>([
      ['from-sequence-number', long(0)],
      ['message-count', int(1)],
      ['omit-message-body', 'yes'],
    ]),
  );
  assert.equal(mistyped.condition, 'com.microsoft:argument-error');
});

test('peek in a session queue shows one session or all, whoever holds them', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('s');
  for (const groupId of ['a', '', 'a', 'b']) await peer.send(sender, messageOf('x', { groupId }));
  assert.deepEqual((await peek(peer, 's', 0)).map(numberOf), [1, 2, 3, 4]);
  assert.deepEqual((await peek(peer, 's', 0, { 'session-id': 'a' })).map(numberOf), [1, 3]);
  assert.deepEqual((await peek(peer, 's', 2, { 'session-id': 'a' })).map(numberOf), [3]);
  assert.deepEqual((await peek(peer, 's', 0, { 'session-id': '' })).map(numberOf), [2]);
  assert.deepEqual(await peek(peer, 's', 0, { 'session-id': 'none' }), []);
});

test('a message that has expired is shown no longer, except under a lock, and in the dead-letter queue for ever', async (context) => {
  const world = await World.start(context, [
    { name: 'q', deadLetteringOnMessageExpiration: true, defaultMessageTimeToLive: 'PT10S' },
  ]);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('q');
  for (const body of ['locked', 'mortal']) await peer.send(sender, messageOf(body));
  const receiver = await peer.receiver('q');
  const [held] = await peer.grant(receiver, 1);
  await world.pass(10_001);
  assert.deepEqual((await peek(peer, 'q', 0)).map(numberOf), [1]);
  assert.deepEqual((await peek(peer, 'q/$DeadLetterQueue', 0)).map(numberOf), [2]);
  await peer.dispose(receiver, held!, { kind: 'released' });
  assert.deepEqual(await peek(peer, 'q', 0), []);
  await world.pass(3_600_000);
  const later = await Peer.authorized(world);
  assert.deepEqual((await peek(later, 'q/$DeadLetterQueue', 0)).map(numberOf), [1, 2]);
});
