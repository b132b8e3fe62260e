import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AmqpTyped, Writer, lookup, scanSections, decode } from '../../src/amqp/index.ts';
import type { AmqpDescribed, AmqpMap } from '../../src/amqp/index.ts';
import { Namespace } from '../../src/broker/index.ts';
import { Log } from '../../src/storage/index.ts';
import { Peer, bodyOf, messageOf } from './peer.ts';
import { storedMessages } from '../../src/server/stored-messages.ts';
import { World } from './world.ts';

const QUEUES = [{ name: 'q' }];
const SECTIONS = { 'delivery-annotations': 0x71, 'message-annotations': 0x72, 'application-properties': 0x74 };

/** A message whose section has the right size, but in its map a string that goes beyond the map's end. */
function malformed(section: number): Buffer {
  const brokenMap = Buffer.from([0x00, 0x53, section, 0xc1, 0x05, 0x02, 0xa1, 0x01, 0x61, 0xa1]);
  const properties = Buffer.from([0x00, 0x53, 0x73, 0xc0, 0x04, 0x01, 0xa1, 0x01, 0x69]);
  const parts = section < 0x73 ? [brokenMap, properties] : [properties, brokenMap];
  return Buffer.concat([...parts, messageOf('x')]);
}

/** Properties whose subject is a boolean. */
function malformedProperties(): Buffer {
  const properties = Buffer.from([0x00, 0x53, 0x73, 0xc0, 0x07, 0x04, 0xa1, 0x01, 0x69, 0x40, 0x40, 0x41]);
  return Buffer.concat([properties, messageOf('x')]);
}

function batchOf(...messages: Buffer[]): Buffer {
  const writer = new Writer();
  for (const message of messages) {
    writer.writeDescriptor(0x75);
    writer.writeBinary(message);
  }
  return writer.take();
}

for (const [name, payload] of [
  ...Object.entries(SECTIONS).map(([name, code]) => [name, malformed(code)] as const),
  ['properties', malformedProperties()] as const,
])
  test(`a message whose ${name} cannot be decoded is rejected, alone or in a batch, and nothing else suffers`, async (context) => {
    const world = await World.start(context, QUEUES);
    const peer = await Peer.authorized(world);
    const sender = await peer.sender('q');
    await peer.send(sender, payload);
    await peer.send(sender, batchOf(messageOf('good'), payload), { format: 0x80013700 });
    await peer.send(sender, messageOf('after'));
    const said = sender.outcomes.map(({ state }) =>
      state?.kind === 'rejected' ? state.error?.condition : state?.kind,
    );
    assert.deepEqual(said, ['amqp:decode-error', 'amqp:decode-error', 'accepted']);
    assert.deepEqual((await peer.grant(await peer.receiver('q'), 5)).map(bodyOf), ['after']);
  });

/** Writes what no intake would let in into the log of a world that does not run. */
async function smuggle(world: World, ...messages: Buffer[]): Promise<void> {
  const { clock, disk } = world;
  const namespace = new Namespace({
    reader: storedMessages,
    clock,
    random: { bytes: (length) => Buffer.alloc(length, 9), fraction: () => 0.5 },
  });
  const log = await world.until(
    Log.open({
      disk,
      clock,
      folder: 'data/log',
      segmentBytes: 1024 * 1024,
      reserveBytes: 256 * 1024,
      onRecord: (record, live) => namespace.replay(record, live),
      onDurable: () => undefined,
      onFailed: (error) => assert.fail(error),
      snapshot: () => namespace.snapshot(),
    }),
  );
  namespace.start(log);
  const queue = namespace.queue('q');
  assert.ok(queue);
  queue.send(messages.map((bytes) => ({ bytes, sizeBytes: bytes.length })));
  await world.settle();
  namespace.stop();
  await world.until(log.close());
}

test('a stored message that cannot be encoded is dead-lettered with a reason, and those behind it come', async (context) => {
  const world = await World.start(context, QUEUES);
  await world.until(world.server.close());
  await smuggle(world, messageOf('before'), malformed(0x72), messageOf('after'));
  await world.startServer();
  const peer = await Peer.authorized(world);
  const receiver = await peer.receiver('q');
  assert.deepEqual((await peer.grant(receiver, 5)).map(bodyOf), ['before', 'after']);
  assert.equal(world.faults.splice(0).length, 1);
  // In the dead-letter queue it can be looked at as little; it harms nobody there either.
  const dead = await peer.receiver('q/$deadletterqueue');
  assert.deepEqual(await peer.grant(dead, 5), []);
  assert.equal(world.faults.splice(0).length, 1);
  assert.equal(peer.closed, false);
});

test('a peek leaves out a stored message that cannot be encoded', async (context) => {
  const world = await World.start(context, QUEUES);
  await world.until(world.server.close());
  await smuggle(world, malformed(0x72), messageOf('after'));
  await world.startServer();
  const peer = await Peer.authorized(world);
  const body: AmqpMap = new Map([
    ['from-sequence-number', new AmqpTyped('long', 0n)],
    ['message-count', new AmqpTyped('int', 10)],
  ]);
  const reply = await peer.manage('q', 'peek-message', body);
  assert.equal(reply.status, 200);
  const messages = lookup(reply.body as AmqpMap, 'messages') as AmqpMap[];
  const payloads = messages.map((item) => lookup(item, 'message') as Buffer);
  const texts = payloads.map((payload) => {
    const { value } = decode(payload, scanSections(payload).bodyStart, 'typed');
    return ((value as AmqpDescribed).value as Buffer).toString();
  });
  assert.deepEqual(texts, ['after']);
  assert.equal(world.faults.splice(0).length, 1);
});
