import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AmqpTyped } from '../../src/amqp/index.ts';
import { LIMITS } from '../../src/server/index.ts';
import { Peer, bodyOf, messageOf } from './peer.ts';
import type { PeerLink } from './peer.ts';
import { World } from './world.ts';

const QUEUES = [{ name: 'q' }, { name: 's', requiresSession: true }];

function nextSession(peer: Peer): Promise<PeerLink> {
  const filter = new Map([['com.microsoft:session-filter', null]]);
  const properties = new Map([['com.microsoft:timeout', new AmqpTyped('uint', 60_000)]]);
  return peer.receiver('s', { source: { address: 's', filter }, properties });
}

for (const how of ['close', 'failure'] as const)
  test(`what the clients hold at the ${how === 'close' ? 'close' : 'failure'} of the server is handed to nobody else`, async (context) => {
    const world = await World.start(context, QUEUES);
    const first = await Peer.authorized(world);
    const second = await Peer.authorized(world);
    const sender = await first.sender('s');
    await first.send(sender, messageOf('x', { groupId: 'a' }));
    const holder = await nextSession(first);
    assert.deepEqual((await first.grant(holder, 1)).map(bodyOf), ['x']);
    const waiting = await nextSession(second);
    await second.grant(waiting, 1);
    if (how === 'close') await world.until(world.server.close());
    else {
      world.disk.failNth('sync', 1);
      world.disk.failNth('write', 1);
      await first.send(sender, messageOf('lost', { groupId: 'b' }));
    }
    await world.pass(LIMITS.closeGraceMs);
    assert.deepEqual(waiting.deliveries, []);
    assert.equal(waiting.attach?.source, undefined, 'the session was not granted');
    assert.equal(second.closeError?.condition, 'amqp:connection:forced');
    await world.until(world.server.close());
  });

test('a connection that cannot be closed does not keep the others, nor the report of the failure', async (context) => {
  const world = await World.start(context, QUEUES);
  const broken = await Peer.authorized(world);
  const sound = await Peer.authorized(world);
  const transport = broken.pipe.other;
  assert.ok(transport);
  transport.resume = () => {
    throw new Error('broken transport');
  };
  world.disk.failNth('sync', 1);
  world.disk.failNth('write', 1);
  await sound.send(await sound.sender('q'), messageOf('lost'));
  await world.pass(LIMITS.closeGraceMs);
  assert.equal(sound.closeError?.condition, 'amqp:connection:forced');
  assert.equal(world.failed?.code, 'DISK_FAILED');
  assert.equal(world.server.connections, 0);
  assert.deepEqual(world.faults.splice(0).map(String), ['Error: broken transport']);
  await world.until(world.server.close());
});
