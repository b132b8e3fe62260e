import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import {
  AmqpArray,
  AmqpTimestamp,
  AmqpTyped,
  AmqpUuid,
  HEADER,
  readComposite,
  scanSections,
} from '../../src/amqp/index.ts';
import type { AmqpMap, AmqpValue, AttachOptions, IncomingDelivery } from '../../src/amqp/index.ts';
import { swapGuidOrder } from '../../src/server/lock-token.ts';
import { Peer, annotationsOf, bodyOf, messageOf } from './peer.ts';
import type { PeerLink, Reply } from './peer.ts';
import { World } from './world.ts';

const FILTER = 'com.microsoft:session-filter';
const QUEUES = [{ name: 's', requiresSession: true, lockDuration: 'PT30S' }];
const int = (value: number) => new AmqpTyped('int', value);

function accept(peer: Peer, sessionId: string | null, options: Partial<AttachOptions> = {}): Promise<PeerLink> {
  return peer.receiver('s', { source: { address: 's', filter: new Map([[FILTER, sessionId]]) }, ...options });
}

function acceptWithin(peer: Peer, timeout: AmqpValue): Promise<PeerLink> {
  return accept(peer, null, { properties: new Map([['com.microsoft:timeout', timeout]]) });
}

function grantedTo({ attach }: PeerLink): AmqpValue | undefined {
  return attach?.source?.filter?.get(FILTER);
}

/** A request about session `id`, on behalf of this link. */
function ask(
  peer: Peer,
  link: PeerLink,
  operation: string,
  id: string,
  fields: Record<string, AmqpValue> = {},
): Promise<Reply> {
  const body: AmqpMap = new Map(Object.entries({ 'session-id': id, ...fields }));
  return peer.manage('s', operation, body, [['associated-link-name', link.link.name]]);
}

function countOf({ payload }: IncomingDelivery): number | undefined {
  return readComposite(HEADER, payload, scanSections(payload).headerStart).value.deliveryCount;
}

async function open(context: TestContext, messages: readonly [string, string][] = []): Promise<[World, Peer]> {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('s');
  for (const [groupId, body] of messages) await peer.send(sender, messageOf(body, { groupId }));
  return [world, peer];
}

const TIMEOUTS: readonly (readonly [string, AmqpValue, number])[] = [
  ['uint 5000', new AmqpTyped('uint', 5_000), 5_000],
  ['int 5000, as Java writes it', int(5_000), 5_000],
  ['long 5000', new AmqpTyped('long', 5_000n), 5_000],
  ['ulong 5000', new AmqpTyped('ulong', 5_000n), 5_000],
  ['something that is no number', 'soon', 60_000],
  ['more than an hour and five minutes', new AmqpTyped('ulong', 2n ** 62n), 65 * 60_000],
];

for (const [what, timeout, ms] of TIMEOUTS) {
  test(`a time-out of ${what} for the next session is ${ms} ms, to the millisecond`, async (context) => {
    const [world, peer] = await open(context);
    const link = await acceptWithin(peer, timeout);
    for (let left = ms - 1; left > 0; left -= 60_000) {
      await world.pass(Math.min(left, 60_000));
      // Both sides keep the connection alive.
      await peer.putToken({ lifetimeMs: 86_400_000 });
    }
    assert.equal(link.detach, undefined);
    await world.pass(1);
    assert.equal(link.condition, 'com.microsoft:timeout');
    assert.equal(link.attach?.source, undefined);
  });
}

test('a time-out of 0 is refused at once when no session is free, and takes one that is', async (context) => {
  const [, peer] = await open(context, [['a', '1']]);
  assert.equal(grantedTo(await acceptWithin(peer, new AmqpTyped('uint', 0))), 'a');
  assert.equal((await acceptWithin(peer, new AmqpTyped('uint', 0))).condition, 'com.microsoft:timeout');
});

test('a session cannot be asked for by an id that no message can have', async (context) => {
  const [world, peer] = await open(context);
  const longest = 'i'.repeat(128);
  assert.equal(grantedTo(await accept(peer, longest)), longest);
  const refused = await accept(peer, `${longest}i`);
  assert.equal(refused.condition, 'com.microsoft:argument-error');
  assert.match(refused.detach?.error?.description ?? '', /^SessionId has 129 characters; the limit is 128\. /);
  assert.equal(world.server.connections, 1);
});

test('those who wait for the next session are served in the order in which they came', async (context) => {
  const [, peer] = await open(context);
  const waiting = [await accept(peer, null), await accept(peer, null), await accept(peer, null)];
  waiting[1]!.link.detach();
  const sender = await peer.sender('s');
  for (const groupId of ['x', 'y']) await peer.send(sender, messageOf('m', { groupId }));
  assert.deepEqual(waiting.map(grantedTo), ['x', undefined, 'y']);
});

test('a session that is named is granted at once, with or without messages, or refused at once', async (context) => {
  const [world, peer] = await open(context);
  const link = await accept(peer, 'empty');
  assert.equal(grantedTo(link), 'empty');
  const refused = await accept(await Peer.authorized(world), 'empty');
  assert.equal(refused.condition, 'com.microsoft:session-cannot-be-locked');
  assert.match(refused.detach?.error?.description ?? '', /'empty' cannot be accepted.*TrackingId:/);
  // One that is only held does not count as free, nor one whose messages are all set aside.
  await peer.send(await peer.sender('s'), messageOf('later', { groupId: 'empty' }));
  const [delivery] = await peer.grant(link, 1);
  await peer.dispose(link, delivery!, { kind: 'modified', undeliverableHere: true });
  link.link.detach();
  await world.settle();
  const next = await acceptWithin(peer, new AmqpTyped('uint', 1_000));
  await world.pass(1_000);
  assert.equal(next.condition, 'com.microsoft:timeout');
});

test('a session gives its messages in order, also when they come back', async (context) => {
  const [world, peer] = await open(context, [
    ['a', '1'],
    ['a', '2'],
    ['a', '3'],
  ]);
  const link = await accept(peer, 'a');
  const [first, second] = await peer.grant(link, 2);
  await peer.dispose(link, second!, { kind: 'modified', undeliverableHere: false });
  await peer.dispose(link, first!, { kind: 'released' });
  const again = (await peer.grant(link, 3)).slice(2);
  assert.deepEqual(
    again.map((delivery) => [bodyOf(delivery), countOf(delivery)]),
    [
      ['1', 0],
      ['2', 1],
      ['3', 0],
    ],
  );
  await world.pass(30_001);
  const next = await accept(peer, 'a');
  assert.deepEqual(
    (await peer.grant(next, 3)).map((delivery) => [bodyOf(delivery), countOf(delivery)]),
    [
      ['1', 1],
      ['2', 2],
      ['3', 1],
    ],
  );
});

test('a session lock lasts its time from the grant or the last renewal, and its messages with it', async (context) => {
  const [world, peer] = await open(context, [
    ['a', '1'],
    ['a', '2'],
  ]);
  const link = await accept(peer, 'a');
  const until = (delivery: IncomingDelivery) => annotationsOf(delivery.payload).get('x-opt-locked-until');
  const [first] = await peer.grant(link, 1);
  assert.deepEqual(until(first!), new AmqpTimestamp(world.clock.wallMs() + 30_000));
  await world.pass(20_000);
  // A renewal of the message's own lock is none.
  const tokens = new AmqpArray('uuid', [new AmqpUuid(swapGuidOrder(first!.tag))]);
  const message = await ask(peer, link, 'renew-lock', 'a', { 'lock-tokens': tokens });
  assert.deepEqual([message.status, message.condition], [400, 'amqp:not-allowed']);
  const renewed = await ask(peer, link, 'renew-session-lock', 'a');
  const expiration = new AmqpTimestamp(world.clock.wallMs() + 30_000);
  assert.deepEqual((renewed.body as AmqpMap).get('expiration'), expiration);
  await world.pass(15_000);
  const [, second] = await peer.grant(link, 1);
  assert.deepEqual(until(second!), expiration);
  assert.equal((await peer.dispose(link, first!, { kind: 'accepted' }))?.kind, 'accepted');
  await world.pass(15_001);
  const lost = await ask(peer, link, 'renew-session-lock', 'a');
  assert.deepEqual([lost.status, lost.condition], [410, 'com.microsoft:session-lock-lost']);
  assert.match(lost.application.get('statusDescription') as string, /TrackingId:.*SystemTracker:.*Timestamp:/);
});

test('session state is what was set last, of any bytes up to the size of a message; null clears it, and so do no bytes', async (context) => {
  const [world, peer] = await open(context);
  const link = await accept(peer, '');
  const trySet = (state: AmqpValue) => ask(peer, link, 'set-session-state', '', { 'session-state': state });
  const set = async (state: AmqpValue) => (await trySet(state)).condition;
  const get = async () => ((await ask(peer, link, 'get-session-state', '')).body as AmqpMap).get('session-state');
  assert.equal(await get(), null);
  const large = Buffer.alloc(100 * 1024, 7);
  for (const state of [Buffer.from([0, 255]), large]) {
    assert.equal(await set(state), undefined);
    assert.deepEqual(await get(), state);
    assert.equal(await set(Buffer.alloc(0)), undefined);
    assert.equal(await get(), null);
  }
  await set(large);
  const refused = await trySet(Buffer.alloc(256 * 1024 + 1));
  assert.deepEqual([refused.status, refused.condition], [403, 'amqp:link:message-size-exceeded']);
  assert.match(refused.application.get('statusDescription') as string, /has 262145 bytes; the limit is 262144/);
  assert.equal(await set('text'), 'com.microsoft:argument-error');
  assert.deepEqual(await get(), large);
  assert.equal(await set(null), undefined);
  assert.equal(await get(), null);
  await world.pass(30_001);
  assert.equal(await set(Buffer.from('late')), 'com.microsoft:session-lock-lost');
});

test('sessions are listed page by page, also those that only have a state; those whose state was set since a time, too', async (context) => {
  const [world, peer] = await open(context, [
    ['a', '1'],
    ['b', '2'],
    ['c', '3'],
  ]);
  const holder = await accept(peer, 'state only');
  await ask(peer, holder, 'set-session-state', 'state only', { 'session-state': Buffer.from('x') });
  const list = async (fields: Record<string, AmqpValue>) => {
    const reply = await peer.manage('s', 'get-message-sessions', new Map(Object.entries(fields)));
    if (reply.status === 204) return [reply.status];
    const ids = (reply.body as AmqpMap).get('sessions-ids');
    assert.ok(ids instanceof AmqpArray);
    return [reply.status, ids.items, (reply.body as AmqpMap).get('skip')];
  };
  assert.deepEqual(await list({ skip: int(0), top: int(2) }), [200, ['a', 'b'], int(2)]);
  assert.deepEqual(await list({ skip: int(2), top: int(100) }), [200, ['c', 'state only'], int(4)]);
  assert.deepEqual(await list({ skip: int(4), top: int(100) }), [204]);
  const endOfTime = new AmqpTimestamp(253_402_300_800_000);
  assert.deepEqual(await list({ skip: int(0), top: int(9), 'last-updated-time': endOfTime }), [
    200,
    ['a', 'b', 'c', 'state only'],
    int(4),
  ]);
  const since = (ms: number) => list({ skip: int(0), top: int(9), 'last-updated-time': new AmqpTimestamp(ms) });
  const now = world.clock.wallMs();
  assert.deepEqual(await since(now - 1000), [200, ['state only'], int(1)]);
  assert.deepEqual(await since(now), [204]);
  await world.pass(10_000);
  const renewed = await accept(peer, 'b');
  await ask(peer, renewed, 'set-session-state', 'b', { 'session-state': Buffer.from('y') });
  assert.deepEqual(await since(now), [200, ['b'], int(1)]);
  assert.deepEqual(await since(now - 1000), [200, ['b', 'state only'], int(2)]);
  assert.deepEqual(await list({ skip: int(0), top: int(0) }), [204]);
  const mistyped = await peer.manage('s', 'get-message-sessions', new Map([['last-updated-time', 'now']]));
  assert.equal(mistyped.condition, 'com.microsoft:argument-error');
});

test('deferred messages of a session are fetched by its holder only', async (context) => {
  const [world, peer] = await open(context, [
    ['', 'of the empty id'],
    ['b', 'of another'],
  ]);
  const link = await accept(peer, '');
  const [delivery] = await peer.grant(link, 1);
  assert.equal(bodyOf(delivery!), 'of the empty id');
  await peer.dispose(link, delivery!, { kind: 'modified', undeliverableHere: true });
  const fetch = (id: string, number: bigint) =>
    ask(peer, link, 'receive-by-sequence-number', id, {
      'sequence-numbers': new AmqpArray('long', [number]),
      'receiver-settle-mode': new AmqpTyped('uint', 1),
    });
  assert.equal((await fetch('b', 1n)).condition, 'com.microsoft:message-not-found');
  assert.equal((await fetch('', 2n)).condition, 'com.microsoft:message-not-found');
  assert.equal((await fetch('', 1n)).status, 200);
  await world.pass(30_001);
  assert.equal((await fetch('', 1n)).condition, 'com.microsoft:session-lock-lost');
});

test('the dead-letter queue of a session queue has no sessions, and names those of its messages', async (context) => {
  const [, peer] = await open(context, [['a', '1']]);
  const link = await accept(peer, 'a');
  const [delivery] = await peer.grant(link, 1);
  await peer.dispose(link, delivery!, { kind: 'rejected' });
  const source = { address: 's/$DeadLetterQueue', filter: new Map([[FILTER, 'a']]) };
  assert.equal((await peer.receiver('s/$DeadLetterQueue', { source })).condition, 'amqp:not-allowed');
  const [dead] = await peer.grant(await peer.receiver('s/$DeadLetterQueue'), 1);
  assert.equal(bodyOf(dead!), '1');
});
