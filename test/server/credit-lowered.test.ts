import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { FakeDisk } from '../fake-disk.ts';
import { Peer, bodyOf, messageOf } from './peer.ts';
import type { PeerLink } from './peer.ts';
import { World } from './world.ts';

const QUEUES = [{ name: 'q' }, { name: 's', requiresSession: true }];
const DISK_LATENCY_MS = 10;

interface Scene {
  readonly world: World;
  readonly peer: Peer;
  readonly sender: PeerLink;
  readonly receiver: PeerLink;
}

/**
 * A receiver with credit for all, and two messages taken for it: the first is on disk only after its client has taken the
 * credit back, the second is still on its way to disk then.
 */
async function lowered(context: TestContext, queue: 'q' | 's'): Promise<Scene> {
  const world = await World.start(context, QUEUES);
  await world.until(world.server.close());
  const latencyMs = { min: DISK_LATENCY_MS, max: DISK_LATENCY_MS };
  world.disk = new FakeDisk({ clock: world.clock, seed: 2, latencyMs });
  const starting = world.startServer();
  for (let i = 0; i < 50; i++) await world.pass(DISK_LATENCY_MS);
  await starting;
  const peer = await Peer.authorized(world);
  const sender = await peer.sender(queue);
  const filter = new Map([['com.microsoft:session-filter', 'a']]);
  const receiver = await peer.receiver(queue, queue === 's' ? { source: { address: 's', filter } } : {});
  for (let i = 0; i < 10; i++) await world.pass(DISK_LATENCY_MS);
  await peer.grant(receiver, 5);
  await peer.send(sender, messageOf('1', { groupId: 'a' }));
  await world.pass(DISK_LATENCY_MS / 2);
  await peer.send(sender, messageOf('2', { groupId: 'a' }));
  assert.equal(sender.outcomes.length, 0);
  await peer.grant(receiver, 0);
  for (let ms = 0; sender.outcomes.length === 0 && ms < 100; ms++) await world.pass(1);
  assert.equal(sender.outcomes.length, 1, 'the first is on disk, the second is not');
  assert.deepEqual(receiver.deliveries, []);
  return { world, peer, sender, receiver };
}

for (const queue of ['q', 's'] as const) {
  test(`a client that lowers its credit and raises it again gets the messages of ${queue === 's' ? 'a session' : 'a queue'} in order`, async (context) => {
    const { world, peer, receiver } = await lowered(context, queue);
    await peer.grant(receiver, 5);
    for (let i = 0; i < 20; i++) await world.pass(DISK_LATENCY_MS);
    assert.deepEqual(receiver.deliveries.map(bodyOf), ['1', '2']);
    assert.equal(receiver.link.credit, 3);
  });

  test(`a drain without credit is answered while messages of ${queue === 's' ? 'a session wait' : 'a queue are on the way'}, and nothing is lost`, async (context) => {
    const { world, peer, receiver } = await lowered(context, queue);
    receiver.link.drainCredit();
    await world.settle();
    assert.equal(receiver.drained, 1);
    for (let i = 0; i < 10; i++) await world.pass(DISK_LATENCY_MS);
    assert.deepEqual(receiver.deliveries, []);
    await peer.grant(receiver, 5);
    for (let i = 0; i < 10; i++) await world.pass(DISK_LATENCY_MS);
    assert.deepEqual(receiver.deliveries.map(bodyOf), ['1', '2']);
  });
}

test('what waits for credit in a session goes to the next holder when the link closes', async (context) => {
  const { world, peer, receiver } = await lowered(context, 's');
  receiver.link.detach();
  for (let i = 0; i < 10; i++) await world.pass(DISK_LATENCY_MS);
  const filter = new Map([['com.microsoft:session-filter', 'a']]);
  const next = await peer.receiver('s', { source: { address: 's', filter } });
  for (let i = 0; i < 10; i++) await world.pass(DISK_LATENCY_MS);
  await peer.grant(next, 5);
  for (let i = 0; i < 10; i++) await world.pass(DISK_LATENCY_MS);
  assert.deepEqual(next.deliveries.map(bodyOf), ['1', '2']);
});

test('a queue message that finds no credit goes to another receiver, and so does all behind it', async (context) => {
  const { world, peer, receiver } = await lowered(context, 'q');
  const other = await peer.receiver('q');
  await peer.grant(other, 5);
  for (let i = 0; i < 20; i++) await world.pass(DISK_LATENCY_MS);
  assert.deepEqual(receiver.deliveries, []);
  assert.deepEqual(other.deliveries.map(bodyOf), ['1', '2']);
});
