import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ATTACH, BEGIN, CLOSE, END, FLOW, OPEN } from '../../src/amqp/composites.ts';
import { AmqpDecodeError, AmqpTyped, Writer } from '../../src/amqp/index.ts';
import { LIMITS } from '../../src/amqp/limits.ts';
import { Pair } from './pair.ts';
import { AMQP_HEADER, fieldsOf, frameBytes, RawPeer, type Frame } from './raw-peer.ts';

test('open is answered with every field up to its properties, which are never null', () => {
  const peer = new RawPeer();
  peer.bytes(AMQP_HEADER);
  peer.send(0, OPEN, { containerId: 'peer', hostname: 'host', idleTimeOut: 60_000 });
  const open = peer.expect(OPEN);
  assert.equal(open.containerId, 'engine');
  assert.equal(open.maxFrameSize, 65_536);
  assert.equal(open.idleTimeOut, 120_000);
  assert.deepEqual(open.properties, new Map());
  assert.deepEqual(peer.events, ['open peer']);
});

test('our options show in our open', () => {
  const peer = new RawPeer({
    channelMax: 7,
    maxFrameSizeBytes: 4096,
    idleTimeoutMs: 0,
    properties: new Map([['product', 'x']]),
    offeredCapabilities: ['a', 'b'],
    desiredCapabilities: ['c'],
  });
  peer.bytes(AMQP_HEADER);
  peer.send(0, OPEN, { containerId: 'peer' });
  const open = peer.expect(OPEN);
  assert.equal(open.channelMax, 7);
  assert.equal(open.maxFrameSize, 4096);
  assert.equal(open.idleTimeOut, undefined);
  assert.deepEqual(open.properties, new Map([['product', 'x']]));
  assert.deepEqual(open.offeredCapabilities, ['a', 'b']);
  assert.deepEqual(open.desiredCapabilities, ['c']);
});

test('what the peer says in open reaches the handler in full', () => {
  const peer = new RawPeer().open({
    hostname: 'h',
    maxFrameSize: 1024,
    channelMax: 3,
    idleTimeOut: 5000,
    outgoingLocales: ['en-US'],
    incomingLocales: ['en-US', 'de'],
    offeredCapabilities: ['o'],
    desiredCapabilities: ['d'],
    properties: new Map([['n', new AmqpTyped('uint', 5)]]),
  });
  assert.deepEqual(peer.connection.remoteOpen, {
    containerId: 'peer',
    hostname: 'h',
    maxFrameSize: 1024,
    channelMax: 3,
    idleTimeOut: 5000,
    outgoingLocales: ['en-US'],
    incomingLocales: ['en-US', 'de'],
    offeredCapabilities: ['o'],
    desiredCapabilities: ['d'],
    properties: new Map([['n', new AmqpTyped('uint', 5)]]),
  });
});

test('the peer closes: it gets close, and onClose is the last call', () => {
  const peer = new RawPeer().begin();
  peer.send(0, CLOSE, { error: { condition: 'amqp:connection:forced', description: 'bye' } });
  assert.equal(peer.expect(CLOSE).error, undefined);
  assert.equal(peer.events.at(-1), 'close amqp:connection:forced');
  peer.send(0, CLOSE, {});
  assert.deepEqual(peer.frames(), []);
  assert.equal(peer.events.filter((event) => event.startsWith('close')).length, 1);
});

test('we close: only the answer is still taken', () => {
  const peer = new RawPeer().begin();
  peer.connection.close({ condition: 'amqp:connection:forced' });
  assert.equal(peer.expectError(CLOSE).condition, 'amqp:connection:forced');
  const before = peer.events.length;
  peer.attachReceiver();
  peer.send(9, END, {});
  assert.equal(peer.events.length, before);
  assert.equal(peer.connection.closed, false);
  peer.send(0, CLOSE, {});
  assert.deepEqual(peer.events.slice(before), ['close no error']);
  assert.equal(peer.connection.closed, true);
});

test('an owner that does not want the peer closes in onOpen: the peer gets open, then close with the error', () => {
  const peer: RawPeer = new RawPeer({}, { onOpen: () => peer.connection.close({ condition: 'amqp:not-found' }) });
  peer.bytes(AMQP_HEADER);
  peer.send(0, OPEN, { containerId: 'peer' });
  assert.deepEqual(peer.names(), ['open', 'close']);
});

test('the transport is gone: onClose once, and the sessions are gone with it', () => {
  const peer = new RawPeer().begin();
  peer.connection.disconnected();
  peer.connection.disconnected();
  assert.equal(peer.events.filter((event) => event === 'close amqp:connection:forced').length, 1);
  peer.send(0, BEGIN, { nextOutgoingId: 0, incomingWindow: 1, outgoingWindow: 1 });
  assert.deepEqual(peer.frames(), []);
  assert.equal(peer.connection.tick(1e9), undefined);
});

const VIOLATIONS: readonly (readonly [string, (peer: RawPeer) => void, string])[] = [
  ['a second open', (peer) => peer.send(0, OPEN, { containerId: 'again' }), 'amqp:illegal-state'],
  [
    'a frame on a channel without a session',
    (peer) => peer.send(5, FLOW, { incomingWindow: 1, nextOutgoingId: 0, outgoingWindow: 1 }),
    'amqp:illegal-state',
  ],
  [
    'a begin on a channel that has a session',
    (peer) => peer.send(0, BEGIN, { nextOutgoingId: 0, incomingWindow: 1, outgoingWindow: 1 }),
    'amqp:illegal-state',
  ],
  [
    'a begin that answers a session which was never begun',
    (peer) => peer.send(1, BEGIN, { remoteChannel: 4, nextOutgoingId: 0, incomingWindow: 1, outgoingWindow: 1 }),
    'amqp:illegal-state',
  ],
  ['a channel over channel-max', (peer) => peer.send(8192, END, {}), 'amqp:connection:framing-error'],
  ['a handle over handle-max', (peer) => peer.attachReceiver({ handle: 4096 }), 'amqp:connection:framing-error'],
  [
    'a frame over max-frame-size',
    (peer) => peer.bytes(frameBytes(0, Buffer.alloc(65_536))),
    'amqp:connection:framing-error',
  ],
  [
    'a frame of an unknown type',
    (peer) => peer.bytes(frameBytes(0, Buffer.from([0]), 9)),
    'amqp:connection:framing-error',
  ],
  [
    'a SASL frame after SASL',
    (peer) => peer.bytes(frameBytes(0, Buffer.from([0]), 1)),
    'amqp:connection:framing-error',
  ],
  ['a body that is no performative', (peer) => peer.bytes(frameBytes(0, Buffer.from([0x40]))), 'amqp:decode-error'],
  [
    'an unknown performative',
    (peer) => peer.bytes(frameBytes(0, Buffer.from([0x00, 0x53, 0x19, 0x45]))),
    'amqp:not-implemented',
  ],
  [
    'a performative without its mandatory fields',
    (peer) => peer.bytes(frameBytes(0, Buffer.from([0x00, 0x53, 0x12, 0x45]))),
    'amqp:decode-error',
  ],
  [
    'an attach with values of wrong types',
    (peer) => peer.bytes(frameBytes(0, attachWithSymbolName())),
    'amqp:decode-error',
  ],
];

function attachWithSymbolName(): Buffer {
  const writer = new Writer();
  writer.writeDescriptor(ATTACH.code);
  writer.beginList();
  writer.writeSymbol('name');
  writer.writeUint(0);
  writer.writeBoolean(true);
  writer.endList();
  return writer.take();
}

for (const [what, violate, condition] of VIOLATIONS) {
  test(`${what} gets close with ${condition}`, () => {
    const peer = new RawPeer().begin();
    violate(peer);
    assert.equal(peer.expectError(CLOSE).condition, condition);
    assert.equal(peer.events.at(-1), `close ${condition}`);
    assert.equal(peer.connection.closed, true);
  });
}

test('a violation before open gets open and close, so that the error is heard', () => {
  const peer = new RawPeer();
  peer.bytes(AMQP_HEADER);
  peer.send(0, BEGIN, { nextOutgoingId: 0, incomingWindow: 1, outgoingWindow: 1 });
  const frames = peer.frames();
  assert.deepEqual(
    frames.map(({ name }) => name),
    ['open', 'close'],
  );
  assert.equal(fieldsOf(CLOSE, frames[1] as Frame).error?.condition, 'amqp:illegal-state');
});

test('a max-frame-size under 512 bytes is refused', () => {
  const peer = new RawPeer();
  peer.bytes(AMQP_HEADER);
  peer.send(0, OPEN, { containerId: 'peer', maxFrameSize: 511 });
  assert.deepEqual(peer.names(), ['open', 'close']);
  assert.deepEqual(peer.events, ['close amqp:invalid-field']);
});

test('a performative that does not fit the frames of the peer closes with frame-size-too-small', () => {
  const peer = new RawPeer(
    {},
    { onAttach: (link) => link.accept({ properties: new Map([['long', 'x'.repeat(600)]]) }) },
  );
  peer.begin({ maxFrameSize: 512 });
  peer.attachReceiver();
  assert.equal(peer.expectError(CLOSE).condition, 'amqp:frame-size-too-small');
});

test('a close whose error does not fit a frame carries the condition alone', () => {
  const peer = new RawPeer().begin({ maxFrameSize: 512 });
  peer.connection.close({ condition: 'amqp:internal-error', description: 'x'.repeat(1000) });
  assert.deepEqual(peer.expectError(CLOSE), { condition: 'amqp:internal-error' });
});

test('a decode error out of a handler is a fault of the owner, not of the peer', () => {
  const peer = new RawPeer(
    {},
    {
      onAttach: () => {
        throw new AmqpDecodeError('met by the owner');
      },
    },
  ).begin();
  peer.attachSender();
  assert.equal(peer.expectError(CLOSE).condition, 'amqp:internal-error');
  assert.match(peer.events.at(-2) ?? '', /^fault .*met by the owner/);
});

test('a handler that throws ends the connection with internal-error and is told so', () => {
  const peer = new RawPeer(
    {},
    {
      onAttach: () => {
        throw new Error('broken handler');
      },
    },
  ).begin();
  peer.attachReceiver();
  assert.equal(peer.expectError(CLOSE).condition, 'amqp:internal-error');
  assert.deepEqual(peer.events.slice(-2), ['fault Error: broken handler', 'close amqp:internal-error']);
});

test('a handler whose onClose throws too does not break the engine', () => {
  const fail = (): never => {
    throw new Error('broken');
  };
  const peer = new RawPeer({}, { onAttach: fail, onClose: fail, onFault: fail }).begin();
  peer.attachReceiver();
  assert.equal(peer.connection.closed, true);
});

test('onOutput is called once until the output is taken', () => {
  let calls = 0;
  const peer = new RawPeer({}, { onOutput: () => (calls += 1), onAttach: (link) => link.accept() }).begin();
  calls = 0;
  for (let handle = 0; handle < 5; handle += 1) peer.attachReceiver({ handle, name: `l${handle}` });
  assert.equal(calls, 1);
  assert.equal(peer.frames().length, 5);
  peer.attachReceiver({ handle: 5, name: 'l5' });
  assert.equal(calls, 2);
});

test('output that is not taken turns writable off, and onWritable comes when it is taken', () => {
  let writable = 0;
  const peer = new RawPeer({ highWaterBytes: 2000 }, { onWritable: () => (writable += 1) }).begin();
  const echo = { incomingWindow: 1, nextOutgoingId: 0, outgoingWindow: 1, echo: true };
  for (let count = 0; count < 100; count += 1) peer.send(0, FLOW, echo);
  assert.equal(peer.connection.writable, false);
  assert.ok(peer.connection.pendingOutputBytes >= 2000);
  peer.frames();
  assert.equal(peer.connection.writable, true);
  assert.equal(peer.connection.pendingOutputBytes, 0);
  assert.equal(writable, 1);
});

test('a peer that makes us answer but takes nothing is closed with resource-limit-exceeded, and the output is dropped', () => {
  const peer = new RawPeer({ maxPendingOutputBytes: 10_000 }).begin();
  const echo = { incomingWindow: 1, nextOutgoingId: 0, outgoingWindow: 1, echo: true };
  for (let count = 0; count < 1000; count += 1) peer.send(0, FLOW, echo);
  assert.equal(peer.events.at(-1), 'close amqp:resource-limit-exceeded');
  assert.ok(peer.connection.pendingOutputBytes < 500);
  assert.equal(peer.expectError(CLOSE).condition, 'amqp:resource-limit-exceeded');
});

test('sessions beyond the channels that we accept get close with framing-error', () => {
  const peer = new RawPeer({ channelMax: 2 }).open();
  for (let channel = 0; channel <= 2; channel += 1) {
    peer.send(channel, BEGIN, { nextOutgoingId: 0, incomingWindow: 1, outgoingWindow: 1 });
    assert.equal(peer.expect(BEGIN).remoteChannel, channel);
  }
  peer.send(3, BEGIN, { nextOutgoingId: 0, incomingWindow: 1, outgoingWindow: 1 });
  assert.equal(peer.expectError(CLOSE).condition, 'amqp:connection:framing-error');
});

test('a peer that begins more sessions than its own channel-max lets us answer gets resource-limit-exceeded', () => {
  const peer = new RawPeer().open({ channelMax: 0 });
  peer.send(0, BEGIN, { nextOutgoingId: 0, incomingWindow: 1, outgoingWindow: 1 });
  peer.frames();
  peer.send(1, BEGIN, { nextOutgoingId: 0, incomingWindow: 1, outgoingWindow: 1 });
  assert.equal(peer.expectError(CLOSE).condition, 'amqp:resource-limit-exceeded');
});

test('a client cannot begin a session before open or beyond channel-max', () => {
  const early = new Pair();
  assert.throws(() => early.client.openSession(), /not open/);
  const pair = new Pair({ server: { channelMax: 1 } }).run();
  pair.client.openSession();
  const second = pair.client.openSession();
  assert.throws(() => pair.client.openSession(), /channel-max 1 allows no further session/);
  pair.run();
  second.end();
  pair.run();
  pair.client.openSession();
  pair.run();
  assert.deepEqual(pair.serverEvents, ['open client', 'begin 0', 'begin 1', 'end no error', 'begin 1']);
});

// --- time ---------------------------------------------------------------------------------------------------------------

test("an empty frame goes out when half of the peer's idle time-out has passed without output", () => {
  const peer = new RawPeer({ idleTimeoutMs: 0 }).open({ idleTimeOut: 1000 });
  assert.equal(peer.connection.tick(0), 500);
  assert.deepEqual(peer.names(), []);
  assert.equal(peer.connection.tick(499), 500);
  assert.deepEqual(peer.names(), []);
  peer.connection.tick(500);
  assert.deepEqual(peer.names(), ['empty']);
  assert.equal(peer.connection.tick(600), 1000);
  assert.deepEqual(peer.names(), []);
});

test('other output puts the empty frame off', () => {
  const peer = new RawPeer({ idleTimeoutMs: 0 }).open({ idleTimeOut: 1000 });
  peer.nowMs = 400;
  peer.send(0, BEGIN, { nextOutgoingId: 0, incomingWindow: 1, outgoingWindow: 1 });
  peer.frames();
  assert.equal(peer.connection.tick(500), 900);
  assert.deepEqual(peer.names(), []);
});

test('a peer without idle time-out gets no empty frames, and without ours needs no tick', () => {
  const peer = new RawPeer({ idleTimeoutMs: 0 }).open({ idleTimeOut: 0 });
  assert.equal(peer.connection.tick(1e9), undefined);
  assert.deepEqual(peer.names(), []);
});

test('a peer that is silent for twice our idle time-out is closed', () => {
  const peer = new RawPeer({ idleTimeoutMs: 1000 }).open();
  peer.nowMs = 1500;
  peer.bytes(frameBytes(0, Buffer.alloc(0)));
  assert.equal(peer.connection.tick(3499), 3500);
  assert.equal(peer.connection.closed, false);
  assert.equal(peer.connection.tick(3500), undefined);
  assert.equal(peer.expectError(CLOSE).condition, 'amqp:connection:forced');
  assert.equal(peer.events.at(-1), 'close amqp:connection:forced');
});

test('an idle time-out of the peer that would be a storm of heartbeats is refused', () => {
  const peer = new RawPeer();
  peer.bytes(AMQP_HEADER);
  peer.send(0, OPEN, { containerId: 'peer', idleTimeOut: LIMITS.minIdleTimeoutMs - 1 });
  assert.deepEqual(peer.events, ['close amqp:invalid-field']);
});

test('a peer that never opens is cut off, however many bytes it drips', () => {
  const peer = new RawPeer();
  peer.nowMs = LIMITS.handshakeMs - 1;
  peer.bytes(AMQP_HEADER.subarray(0, 4));
  assert.equal(peer.connection.tick(LIMITS.handshakeMs - 1), LIMITS.handshakeMs);
  assert.equal(peer.connection.tick(LIMITS.handshakeMs), undefined);
  assert.deepEqual(peer.events, ['close amqp:connection:forced']);
});

test('a peer that does not answer our close is given up', () => {
  const peer = new RawPeer().open();
  peer.connection.tick(1000);
  peer.connection.close();
  assert.equal(peer.connection.tick(1000), 1000 + LIMITS.closeMs);
  assert.equal(peer.connection.tick(1000 + LIMITS.closeMs), undefined);
  assert.deepEqual(peer.events.slice(-1), ['close amqp:connection:forced']);
});
