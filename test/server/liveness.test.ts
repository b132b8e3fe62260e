import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { AmqpTyped } from '../../src/amqp/index.ts';
import { frameBytes } from '../amqp/raw-peer.ts';
import { LIMITS, SETTINGS, SETTING_NAMES } from '../../src/server/index.ts';
import { fittingSettings, settingsOf } from '../../src/server/settings.ts';
import type { Settings } from '../../src/server/index.ts';
import { Peer, messageOf } from './peer.ts';
import type { PeerLink } from './peer.ts';
import { World } from './world.ts';

const QUEUES = [{ name: 'q' }, { name: 's', requiresSession: true }];
/** No link and no connection goes because nobody uses it. */
const NEVER_IDLE = { linkIdleMs: 0, connectionIdleMs: 0, firstLinkMs: 0 };
const SASL_HEADER = Buffer.from('AMQP\x03\x01\0\0', 'latin1');

test('a peer with a short idle time-out hears from us in time, whatever else happens', async (context) => {
  const world = await World.start(context, QUEUES, { settings: NEVER_IDLE });
  const peer = await Peer.connect(world, { role: 'client', mechanism: 'ANONYMOUS' }, 2_000);
  await peer.putToken();
  peer.keepAlive();
  const sender = await peer.sender('q');
  for (let second = 0; second < 60; second++) {
    const before = peer.receivedBytes;
    if (second % 7 === 0) await peer.send(sender, messageOf('x'));
    await world.pass(1_000);
    assert.ok(peer.receivedBytes > before, `in second ${second}`);
  }
  assert.ok(!peer.closed);
});

test('a silent peer is told and cut off after twice our idle time-out, which is a setting', async (context) => {
  const world = await World.start(context, QUEUES, { settings: { ...NEVER_IDLE, idleTimeoutMs: 30_000 } });
  const silent = await Peer.authorized(world);
  const speaking = await Peer.authorized(world);
  speaking.keepAlive();
  assert.equal(silent.connection.remoteOpen?.idleTimeOut, 30_000);
  await world.pass(59_999);
  assert.ok(!silent.closed);
  await world.pass(1);
  assert.equal(silent.closeError?.condition, 'amqp:connection:forced');
  assert.match(silent.closeError?.description ?? '', /silent for longer than the idle time-out TrackingId:/);
  assert.ok(silent.pipe.closed);
  await world.pass(600_000);
  assert.ok(!speaking.closed);
});

test('a peer that sends its handshake byte by byte is cut off when its time is over', async (context) => {
  const world = await World.start(context, QUEUES);
  const pipe = world.connect();
  pipe.open({ onData: () => undefined, onDrain: () => undefined, onClose: () => undefined });
  // A good header, then the head of a SASL frame that never ends.
  const bytes = Buffer.concat([SASL_HEADER, Buffer.from([0, 0, 2, 0, 2, 1, 0, 0]), Buffer.alloc(400)]);
  for (let second = 0; second < SETTINGS.authenticationMs.default / 1_000; second++) {
    assert.ok(!pipe.closed, `in second ${second}`);
    pipe.write([bytes.subarray(second, second + 1)]);
    await world.pass(1_000);
  }
  assert.ok(pipe.closed);
  assert.equal(world.server.connections, 0);
});

/** A peer that takes nothing any more, with more waiting for it than its transport holds. */
async function stalled(world: World): Promise<{ peer: Peer; toPeer: NonNullable<Peer['pipe']['other']> }> {
  const sending = await Peer.authorized(world);
  const sender = await sending.sender('q');
  for (let i = 0; i < 24; i++) await sending.send(sender, messageOf(Buffer.alloc(100_000)));
  const peer = await Peer.authorized(world);
  const toPeer = peer.pipe.other;
  assert.ok(toPeer);
  const receiver = await peer.receiver('q', { sndSettleMode: 1 });
  toPeer.stalled = true;
  // One write each.
  for (let credit = 1; credit <= 24; credit++) await peer.grant(receiver, credit);
  assert.ok(toPeer.pendingBytes > LIMITS.outputHighWaterBytes);
  return { peer, toPeer };
}

test('a peer that takes nothing of what waits for it is cut off after a minute, and the time that so much may take', async (context) => {
  const world = await World.start(context, QUEUES, { settings: NEVER_IDLE });
  const { toPeer } = await stalled(world);
  const allowedMs = SETTINGS.stalledPeerMs.default + toPeer.pendingBytes / LIMITS.slowestPeerBytesPerMs;
  await world.pass(allowedMs - 10);
  assert.ok(!toPeer.closed);
  await world.pass(20);
  assert.ok(toPeer.closed);
  assert.equal(world.server.connections, 1);
});

test('a peer that takes its output slowly is served on', async (context) => {
  const world = await World.start(context, QUEUES, { settings: NEVER_IDLE });
  const { peer, toPeer } = await stalled(world);
  const receivedBytes = peer.receivedBytes;
  peer.keepAlive();
  for (let minute = 0; minute < 9; minute++) {
    await world.pass(60_000);
    toPeer.flowOnce();
    await world.settle();
  }
  assert.ok(peer.receivedBytes > receivedBytes);
  assert.ok(toPeer.pendingBytes > 0);
  assert.ok(!toPeer.closed, 'although it was not read for longer than it may be silent');
  toPeer.flow();
  await world.pass(600_000);
  assert.ok(!peer.closed);
});

test('little that nobody takes costs the connection, too', async (context) => {
  const world = await World.start(context, QUEUES, { settings: NEVER_IDLE });
  const peer = await Peer.connect(world, { role: 'client', mechanism: 'ANONYMOUS' }, 60_000);
  await peer.putToken();
  const toPeer = peer.pipe.other;
  assert.ok(toPeer);
  toPeer.stalled = true;
  const speak = async () => {
    peer.pipe.write([frameBytes(0, Buffer.alloc(0))]);
    await world.pass(60_000);
  };
  await speak();
  assert.ok(toPeer.pendingBytes > 0 && !toPeer.closed, 'a sign of life waits for it');
  await speak();
  await speak();
  assert.ok(toPeer.closed);
});

test('at the end of the server every client is told, whatever its links do, and nothing that waits is granted', async (context) => {
  const world = await World.start(context, QUEUES);
  const peers: Peer[] = [];
  const connect = async () => {
    const peer = await Peer.authorized(world);
    peers.push(peer);
    return peer;
  };
  const busy = await connect();
  const sender = await busy.sender('s');
  await busy.send(sender, messageOf('x', { groupId: 'a' }));
  const holder = await session(busy, 'a');
  await busy.grant(holder, 1);
  await (await connect()).receiver('q');
  await (await connect()).sender('q/$management');
  await (await connect()).attach({ role: 'receiver', source: { address: 'q/$management' } });
  const waiting: PeerLink[] = [];
  for (const id of [null, 'a']) waiting.push(await session(await connect(), id));
  await connect();
  peers.push(await Peer.connect(world));
  await world.until(world.server.close());
  await world.pass(LIMITS.closeGraceMs);
  for (const [i, peer] of peers.entries()) {
    assert.equal(peer.closeError?.condition, 'amqp:connection:forced', `peer ${i}`);
    assert.match(peer.closeError?.description ?? '', /^The server shuts down\. .* TrackingId:/);
    assert.ok(peer.pipe.closed);
  }
  for (const link of waiting) assert.equal(link.attach?.source, undefined);
  assert.equal(world.clock.armed, 0, 'no timer is left');
});

function session(peer: Peer, sessionId: string | null): Promise<PeerLink> {
  const filter = new Map([['com.microsoft:session-filter', sessionId]]);
  const properties = new Map([['com.microsoft:timeout', new AmqpTyped('uint', 60_000)]]);
  return peer.receiver('s', { source: { address: 's', filter }, properties });
}

test('one connection too many is told so when it has opened, and one that goes makes room', async (context) => {
  const world = await World.start(context, QUEUES, { settings: { maxConnections: 2 } });
  const first = await Peer.authorized(world);
  const second = await Peer.authorized(world);
  const third = await Peer.connect(world);
  assert.equal(third.closeError?.condition, 'amqp:resource-limit-exceeded');
  assert.match(
    third.closeError?.description ?? '',
    /^Cannot take another connection: the 2 that are allowed are in use\. Close some, .*--max-connections\. TrackingId:/,
  );
  assert.ok(third.pipe.closed);
  assert.equal(world.server.connections, 2);
  assert.ok(!first.closed && !second.closed);
  second.connection.close();
  await world.settle();
  assert.equal((await (await Peer.authorized(world)).sender('q')).detach, undefined);
});

test('connections too many that say nothing hold little, and not for long', async (context) => {
  const world = await World.start(context, QUEUES, { settings: { maxConnections: 1 } });
  await Peer.authorized(world);
  const silent = Array.from({ length: LIMITS.refusedConnections + 10 }, () => {
    const pipe = world.connect();
    pipe.open({ onData: () => undefined, onDrain: () => undefined, onClose: () => undefined });
    return pipe;
  });
  await world.settle();
  assert.equal(silent.filter((pipe) => pipe.closed).length, 10);
  assert.equal(world.server.connections, 1);
  await world.pass(LIMITS.refusalMs);
  assert.ok(silent.every((pipe) => pipe.closed));
});

test('a setting that cannot be is refused with its name, its flag and its bounds', () => {
  assert.deepEqual(settingsOf({}), settingsOf());
  assert.equal(settingsOf({ linkIdleMs: 0 }).linkIdleMs, 0);
  const cases: [Partial<Settings>, RegExp][] = [
    [
      { linkIdleMs: 999 },
      /linkIdleMs \(--link-idle\) is 999 milliseconds: .* from 1000 to 86400000, or 0 for never; for the flag 1s to 86400s, or 0s$/,
    ],
    [
      { authenticationMs: 0 },
      /authenticationMs \(--token-wait\) is 0 milliseconds: .* from 1000 to 86400000; for the flag 1s to 86400s$/,
    ],
    [{ maxConnections: 1.5 }, /maxConnections \(--max-connections\) is 1\.5 connections/],
    [{ maxConnections: 100_001 }, /from 1 to 100000; for the flag 1 to 100000$/],
    [{ idleTimeoutMs: Number.NaN }, /idleTimeoutMs/],
  ];
  for (const [given, message] of cases)
    assert.throws(() => settingsOf(given), { code: 'CONFIGURATION_INVALID', message });
});

test('no more connections are taken than the process may open files, and who asks for more is told so', () => {
  const besides = LIMITS.refusedConnections + LIMITS.filesBesideConnections;
  assert.deepEqual(fittingSettings({ linkIdleMs: 0 }, undefined), { linkIdleMs: 0 });
  assert.deepEqual(fittingSettings({}, 5_000 + besides), {});
  assert.deepEqual(fittingSettings({ linkIdleMs: 0 }, 1_024), { linkIdleMs: 0, maxConnections: 1_024 - besides });
  const refused = (given: Partial<Settings>, files: number, message: RegExp) =>
    assert.throws(() => fittingSettings(given, files), { code: 'CONFIGURATION_INVALID', message });
  refused(
    { maxConnections: 1_000 },
    1_024,
    new RegExp(`^1000 connections .* the 1024 files .* 'ulimit -n ${1_000 + besides}'`),
  );
  refused({}, besides, /lower --max-connections/);
});

test('the page about the broker has every setting, with its default', async () => {
  const page = await readFile(join(import.meta.dirname, '..', '..', '..', 'docs', 'broker.md'), 'utf8');
  for (const name of SETTING_NAMES) {
    const { flag, default: normal, unit } = SETTINGS[name];
    const [, shown = ''] = new RegExp(`^\\| \`--${flag}\` \\(\`${name}\`\\) +\\| (\\S+)`, 'm').exec(page) ?? [];
    const value = Number(shown.replace(/[sm]$/, '')) * (UNIT_MS[shown.at(-1) ?? ''] ?? 1);
    assert.equal(value, normal, `--${flag}, in ${unit}`);
  }
});

const UNIT_MS: Record<string, number> = { s: 1_000, m: 60_000 };
