import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Peer, messageOf } from './peer.ts';
import type { PeerLink } from './peer.ts';
import { World } from './world.ts';

/** More comes in a turn than the disk can prepare files for; it needs seven turns for a segment, which takes 1 MiB. */
const PEERS = 16;
const MESSAGES_A_TURN = 4;
const MESSAGE_BYTES = 9 * 1024;
const TURNS = 12;

/** Each sender sends once more, and the world goes on for a turn. */
async function sendInOneTurn(world: World, senders: readonly PeerLink[], settled: boolean): Promise<void> {
  for (const { link } of senders) {
    // Not `peer.send`, which lets the world go on.
    for (let count = 0; count < MESSAGES_A_TURN; count++)
      link.send({ tag: Buffer.from(String(count)), payload: [messageOf(Buffer.alloc(MESSAGE_BYTES))], settled });
  }
  world.clock.advance(0);
  await new Promise((resolve) => setImmediate(resolve));
}

test('senders that outrun the preparation of the next segment wait, and none is refused as if the disk were full', async (context) => {
  const world = await World.start(context, [{ name: 'q' }]);
  const senders: PeerLink[] = [];
  for (let count = 0; count < PEERS; count++) {
    const peer = await Peer.authorized(world);
    senders.push(await peer.sender('q'));
  }
  for (let turn = 0; turn < TURNS; turn++) await sendInOneTurn(world, senders, false);
  await world.settle();
  for (const sender of senders) {
    const refused = sender.outcomes.filter(({ state }) => state?.kind !== 'accepted');
    assert.deepEqual(refused, []);
    assert.equal(sender.outcomes.length, TURNS * MESSAGES_A_TURN);
  }
});

test('what a client said while it had to wait counts, though it goes before it is read', async (context) => {
  const world = await World.start(context, [{ name: 'q' }]);
  const peers: Peer[] = [];
  for (let count = 0; count < PEERS; count++) peers.push(await Peer.authorized(world));
  const senders = await Promise.all(peers.map((peer) => peer.sender('q')));
  let turns = 0;
  let waits: Peer | undefined;
  for (; !waits; turns++) {
    await sendInOneTurn(world, senders, true);
    waits = peers.find(({ pipe }) => pipe.other?.paused);
  }
  waits.pipe.end();
  await world.settle();
  const other = await Peer.authorized(world);
  const receiver = await other.receiver('q');
  const messages = PEERS * turns * MESSAGES_A_TURN;
  assert.equal((await other.grant(receiver, 2 * messages)).length, messages);
});
