import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AmqpDescribed, AmqpTyped } from '../../src/amqp/index.ts';
import type { AmqpValue } from '../../src/amqp/index.ts';
import { ticksOf } from '../../src/server/ticks.ts';
import { Peer, annotationsOf, bodyOf, messageOf } from './peer.ts';
import type { PeerLink } from './peer.ts';
import { World } from './world.ts';

const QUEUES = [{ name: 'Q1' }, { name: 's', requiresSession: true, lockDuration: 'PT30S' }];
const FILTER = 'com.microsoft:session-filter';

function sessionReceiver(peer: Peer, value: AmqpValue, timeoutMs?: number): Promise<PeerLink> {
  return peer.receiver('s', {
    source: { address: 's', filter: new Map([[FILTER, value]]) },
    ...(timeoutMs === undefined
      ? {}
      : { properties: new Map([['com.microsoft:timeout', new AmqpTyped('uint', timeoutMs)]]) }),
  });
}

test('every spelling of an address finds the queue, and is echoed as it came', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  for (const address of ['q1', '/q1', 'sb://localhost:5672/q1', 'amqps://ns.example/Q1', 'Q%31']) {
    const sender = await peer.sender(address);
    assert.equal(sender.attach?.target?.address, address);
    assert.equal(sender.attach?.maxMessageSize, 262_144n);
    assert.ok(sender.link.credit >= 1_000);
    const receiver = await peer.receiver(`${address}/$deadletterqueue`);
    assert.equal(receiver.attach?.source?.address, `${address}/$deadletterqueue`);
    assert.equal(receiver.attach?.sndSettleMode, 0);
    assert.equal(receiver.attach?.rcvSettleMode, 1);
  }
});

test('what cannot be attached is refused with the condition and the text that clients look for', async (context) => {
  const world = await World.start(context, [
    ...QUEUES,
    { name: 'off', status: 'Disabled' },
    { name: 'full', status: 'SendDisabled' },
  ]);
  const peer = await Peer.authorized(world);
  const refusals: [PeerLink, string, RegExp][] = [
    [
      await peer.sender('none'),
      'amqp:not-found',
      /^The messaging entity 'sb:\/\/localhost\/none' could not be found\. /,
    ],
    [await peer.receiver('q1/none'), 'amqp:not-found', /'sb:\/\/localhost\/q1\/none'/],
    [await peer.sender('q1/$DeadLetterQueue'), 'amqp:not-allowed', /only the broker/],
    [await peer.attach({ role: 'sender', target: {} }), 'amqp:not-implemented', /must have an address/],
    [await peer.receiver('s'), 'amqp:not-allowed', /requires sessions/],
    [
      await peer.receiver('q1', { source: { address: 'q1', filter: new Map([[FILTER, 'a']]) } }),
      'amqp:not-allowed',
      /does not require sessions/,
    ],
    [await sessionReceiver(peer, new AmqpTyped('uint', 1)), 'com.microsoft:argument-error', /session-filter/],
    [await peer.receiver('off'), 'com.microsoft:entity-disabled', /disabled for receiving/],
    [await peer.sender('off'), 'com.microsoft:entity-disabled', /disabled for sending/],
    [await peer.sender('full'), 'com.microsoft:entity-disabled', /disabled for sending/],
  ];
  for (const [link, condition, text] of refusals) {
    assert.equal(link.condition, condition);
    assert.match(link.detach?.error?.description ?? '', text);
    assert.equal(link.detach?.closed, true);
    const terminus = link.link.role === 'sender' ? link.attach?.target : link.attach?.source;
    assert.equal(terminus, undefined);
  }
});

test('a session filter is echoed with the granted id in the shape in which it came', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('s');
  for (const groupId of ['', 'a', 'b']) await peer.send(sender, messageOf(`in ${groupId}`, { groupId }));
  const descriptor = new AmqpTyped('ulong', 0x137000000cn);
  const described = (value: AmqpValue) => new AmqpDescribed(descriptor, value);
  const cases: [AmqpValue, AmqpValue][] = [
    ['', ''],
    [null, 'a'],
    [described(null), described('b')],
    [described('c'), described('c')],
  ];
  for (const [asked, granted] of cases) {
    const link = await sessionReceiver(peer, asked);
    assert.deepEqual(link.attach?.source?.filter?.get(FILTER), granted);
    assert.deepEqual(
      link.attach?.properties?.get('com.microsoft:locked-until-utc'),
      new AmqpTyped('long', ticksOf(world.clock.wallMs() + 30_000)),
    );
  }
});

test('who asks for the next session waits as long as it said, and no longer', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const patient = await sessionReceiver(peer, null, 5_000);
  const leaving = await Peer.authorized(world);
  await sessionReceiver(leaving, null, 60_000);
  leaving.pipe.destroy();
  await world.pass(4_999);
  assert.equal(patient.attach, undefined);
  await world.pass(1);
  assert.equal(patient.condition, 'com.microsoft:timeout');
  const lucky = await sessionReceiver(peer, null, 60_000);
  await peer.send(await peer.sender('s'), messageOf('x', { groupId: 'new' }));
  assert.equal(lucky.attach?.source?.filter?.get(FILTER), 'new');
});

test('a session goes with its link or its connection, and its messages return as they were', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('s');
  for (const body of ['1', '2']) await peer.send(sender, messageOf(body, { groupId: 'a' }));
  const first = await sessionReceiver(peer, 'a');
  assert.deepEqual((await peer.grant(first, 10)).map(bodyOf), ['1', '2']);
  assert.equal((await sessionReceiver(peer, 'a')).condition, 'com.microsoft:session-cannot-be-locked');
  first.link.detach();
  await world.settle();
  const other = await Peer.authorized(world);
  const second = await sessionReceiver(other, 'a');
  assert.deepEqual((await other.grant(second, 1)).map(bodyOf), ['1']);
  other.pipe.destroy();
  await world.settle();
  const third = await sessionReceiver(peer, 'a');
  const again = await peer.grant(third, 10);
  assert.deepEqual(again.map(bodyOf), ['1', '2']);
});

test('a lost session lock refuses what was under way, and then detaches the link', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  await peer.send(await peer.sender('s'), messageOf('x', { groupId: 'a' }));
  const link = await sessionReceiver(peer, 'a');
  const [delivery] = await peer.grant(link, 1);
  assert.ok(delivery);
  await world.pass(30_100);
  // Credit that comes now finds a session that gives nothing more.
  await peer.grant(link, 10);
  const answer = await peer.dispose(link, delivery, { kind: 'accepted' });
  assert.ok(answer?.kind === 'rejected');
  assert.equal(answer.error?.condition, 'com.microsoft:session-lock-lost');
  assert.equal(link.detach, undefined);
  await world.pass(250);
  assert.equal(link.condition, 'com.microsoft:session-lock-lost');
  const next = await sessionReceiver(peer, 'a');
  const [again] = await peer.grant(next, 1);
  assert.ok(again);
  assert.ok(annotationsOf(again.payload).has('x-opt-locked-until'));
});

test('only as many connections are taken as the limit says, and a connection that goes makes room', async (context) => {
  const world = await World.start(context, QUEUES);
  const peers = Array.from({ length: 5 }, () => world.connect());
  assert.equal(world.server.connections, 5);
  for (const pipe of peers) pipe.destroy();
  await world.settle();
  assert.equal(world.server.connections, 0);
});

/** No link and no connection goes because nobody uses it. */
const NEVER_IDLE = { settings: { linkIdleMs: 0, connectionIdleMs: 0, firstLinkMs: 0 } };

test('a peer that falls silent is given up, and what it held is free', async (context) => {
  const world = await World.start(context, QUEUES, NEVER_IDLE);
  const peer = await Peer.authorized(world, { lifetimeMs: 3_600_000 });
  assert.ok((await sessionReceiver(peer, 'a')).attach?.source);
  // We ask for a sign of life every 240 s, and wait for twice as long (AMQP 2.4.5).
  for (let minute = 0; minute < 7; minute++) await world.pass(60_000);
  assert.equal(world.server.connections, 1);
  for (let minute = 0; minute < 2; minute++) await world.pass(60_000);
  assert.equal(world.server.connections, 0);
  assert.ok(peer.closed);
  const next = await Peer.authorized(world);
  assert.ok((await sessionReceiver(next, 'a')).attach?.source);
});

test('a peer that asks for signs of life gets them', async (context) => {
  const world = await World.start(context, QUEUES, NEVER_IDLE);
  const peer = await Peer.authorized(world);
  const before = peer.receivedBytes;
  // The peer has asked for an hour; half of it is when we speak at the latest.
  for (let minute = 0; minute < 31; minute++) {
    await world.pass(60_000);
    peer.connection.tick(world.clock.monotonicMs());
  }
  assert.ok(peer.receivedBytes > before);
  assert.ok(!peer.closed);
});
