import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { HEADER, readComposite, scanSections } from '../../src/amqp/index.ts';
import type { IncomingDelivery } from '../../src/amqp/index.ts';
import { FakeDisk } from '../fake-disk.ts';
import { Peer, bodyOf, messageOf } from './peer.ts';
import type { PeerLink } from './peer.ts';
import { World } from './world.ts';

const QUEUES = [{ name: 'q' }];

/** A world whose disk takes 10 ms for everything. */
async function slowWorld(context: TestContext): Promise<World> {
  const world = await World.start(context, QUEUES);
  await world.until(world.server.close());
  world.disk = new FakeDisk({ clock: world.clock, seed: 2, latencyMs: { min: 10, max: 10 } });
  const starting = world.startServer();
  await spend(world, 500);
  await starting;
  return world;
}

async function spend(world: World, ms: number): Promise<void> {
  for (let spent = 0; spent < ms; spent += 10) await world.pass(10);
}

function countOf({ payload }: IncomingDelivery): number | undefined {
  return readComposite(HEADER, payload, scanSections(payload).headerStart).value.deliveryCount;
}

async function sendAll(peer: Peer, count: number): Promise<PeerLink> {
  const sender = await peer.sender('q');
  for (let i = 0; i < count; i++) await peer.send(sender, messageOf(`${i}`));
  return sender;
}

test('receivers on different connections take turns, whatever credit each has given', async (context) => {
  const world = await World.start(context, QUEUES);
  const peers = [await Peer.authorized(world), await Peer.authorized(world), await Peer.authorized(world)];
  const receivers = [];
  for (const [i, peer] of peers.entries()) {
    const receiver = await peer.receiver('q');
    await peer.grant(receiver, [1_000, 20, 2][i] as number);
    receivers.push(receiver);
  }
  await sendAll(await Peer.authorized(world), 30);
  // Two to the one with two; the rest in turn to the others.
  assert.deepEqual(
    receivers.map(({ deliveries }) => deliveries.length),
    [14, 14, 2],
  );
});

test('credit that is taken back takes no message; what others have given is used', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const first = await peer.receiver('q');
  const second = await peer.receiver('q');
  await peer.grant(first, 10);
  await peer.grant(second, 1);
  await peer.grant(first, 0);
  await sendAll(peer, 3);
  assert.deepEqual([first.deliveries.length, second.deliveries.map(bodyOf)], [0, ['0']]);
  assert.deepEqual((await peer.grant(first, 10)).map(bodyOf), ['1', '2']);
});

test('a drain is answered when nothing is there, again when it is repeated, and without credit', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const receiver = await peer.receiver('q');
  const drain = async (credit: number) => {
    receiver.link.setCredit(credit);
    receiver.link.drainCredit();
    await world.settle();
    return [receiver.drained, receiver.link.credit, receiver.deliveries.length];
  };
  assert.deepEqual(await drain(10), [1, 0, 0]);
  assert.deepEqual(await drain(10), [2, 0, 0]);
  assert.deepEqual(await drain(0), [3, 0, 0]);
  assert.deepEqual(await drain(0), [4, 0, 0]);
  await sendAll(peer, 3);
  assert.deepEqual(await drain(2), [5, 0, 2]);
  assert.deepEqual(await drain(2), [6, 0, 3]);
  // The link serves on.
  await sendAll(peer, 1);
  assert.equal((await peer.grant(receiver, 1)).length, 4);
});

test('a drain while messages wait for the disk is answered behind them', async (context) => {
  const world = await slowWorld(context);
  const peer = await Peer.authorized(world);
  const receiver = await peer.receiver('q');
  await sendAll(peer, 3);
  receiver.link.setCredit(10);
  receiver.link.drainCredit();
  await world.settle();
  assert.deepEqual([receiver.drained, receiver.deliveries.length], [0, 0]);
  await spend(world, 100);
  assert.deepEqual([receiver.drained, receiver.link.credit], [1, 0]);
  assert.deepEqual(receiver.deliveries.map(bodyOf), ['0', '1', '2']);
});

test('an empty queue answers a drain of receive-and-delete, of a dead-letter queue and of a reply link', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const links = [
    await peer.receiver('q', { sndSettleMode: 1, rcvSettleMode: 0 }),
    await peer.receiver('q/$DeadLetterQueue'),
    await peer.receiver('q/$management', { rcvSettleMode: 0 }),
    await peer.receiver('$cbs', { rcvSettleMode: 0 }),
  ];
  for (const { link } of links) {
    link.setCredit(5);
    link.drainCredit();
  }
  await world.settle();
  assert.deepEqual(
    links.map(({ drained, link }) => [drained, link.credit]),
    links.map(() => [1, 0]),
  );
});

test('what had not left when a receiver vanished is there for others at once, what had left when its lock is over', async (context) => {
  const world = await World.start(context, [{ name: 'q', lockDuration: 'PT30S' }]);
  const peer = await Peer.authorized(world);
  await sendAll(peer, 3);
  const vanishing = await Peer.authorized(world);
  const held = await vanishing.receiver('q');
  await vanishing.grant(held, 1);
  vanishing.pipe.other!.stalled = true;
  held.link.setCredit(5);
  await world.settle();
  vanishing.pipe.destroy();
  await world.settle();
  assert.deepEqual(held.deliveries.map(bodyOf), ['0']);
  const receiver = await peer.receiver('q');
  await peer.grant(receiver, 10);
  const left = receiver.deliveries.length;
  await world.pass(30_001);
  const got = receiver.deliveries.map((delivery) => [bodyOf(delivery), countOf(delivery)]);
  assert.deepEqual(got, [
    ['0', 1],
    ['1', 1],
    ['2', 1],
  ]);
  assert.equal(left, 0);
});

test('messages under way to the disk when their receiver vanishes go to the next one as they were', async (context) => {
  const world = await slowWorld(context);
  const peer = await Peer.authorized(world);
  const vanishing = await Peer.authorized(world);
  const receiver = await vanishing.receiver('q');
  await vanishing.grant(receiver, 10);
  await sendAll(peer, 3);
  vanishing.pipe.destroy();
  await world.settle();
  const next = await peer.receiver('q');
  await peer.grant(next, 10);
  await spend(world, 200);
  assert.deepEqual(receiver.deliveries, []);
  assert.deepEqual(
    next.deliveries.map((delivery) => [bodyOf(delivery), countOf(delivery)]),
    [
      ['0', 0],
      ['1', 0],
      ['2', 0],
    ],
  );
});

test('every delivery of a message has a token of its own', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  await sendAll(peer, 1);
  const receiver = await peer.receiver('q');
  const tags = new Set<string>();
  for (let count = 0; count < 5; count++) {
    const delivery = (await peer.grant(receiver, 1))[count]!;
    tags.add(delivery.tag.toString('hex'));
    const outcome =
      count % 2 ? ({ kind: 'released' } as const) : ({ kind: 'modified', undeliverableHere: false } as const);
    await peer.dispose(receiver, delivery, outcome);
  }
  assert.equal(tags.size, 5);
});
