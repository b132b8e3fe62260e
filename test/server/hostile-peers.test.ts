import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ATTACH, BEGIN, DISPOSITION, FLOW, OPEN, TRANSFER } from '../../src/amqp/composites.ts';
import { AmqpTyped } from '../../src/amqp/index.ts';
import { LIMITS } from '../../src/server/index.ts';
import { encodeComposite, frameBytes } from '../amqp/raw-peer.ts';
import { Peer, bodyOf, messageOf, requestOf } from './peer.ts';
import { World } from './world.ts';

// What a client with a valid token gets that breaks the protocol: its connection ends with a reason, what it held is as after any
// other loss of a connection, and nobody else notices.

const QUEUES = [{ name: 'q' }, { name: 's', requiresSession: true }];
const FLOWN = { incomingWindow: 1, nextOutgoingId: 0, outgoingWindow: 1 };

const VIOLATIONS: readonly (readonly [string, Buffer, string])[] = [
  ['bytes at random', Buffer.alloc(64, 0xa5), 'amqp:connection:framing-error'],
  ['a frame of 4 GB', Buffer.from('ffffffff02000000', 'hex'), 'amqp:connection:framing-error'],
  ['a SASL frame after open', frameBytes(0, Buffer.from([0]), 1), 'amqp:connection:framing-error'],
  ['a second open', frameBytes(0, encodeComposite(OPEN, { containerId: 'again' })), 'amqp:illegal-state'],
  [
    'a second begin on its channel',
    frameBytes(0, encodeComposite(BEGIN, { nextOutgoingId: 0, incomingWindow: 1, outgoingWindow: 1 })),
    'amqp:illegal-state',
  ],
  ['a flow on a channel without a session', frameBytes(9, encodeComposite(FLOW, FLOWN)), 'amqp:illegal-state'],
  [
    'a handle over the limit',
    frameBytes(0, encodeComposite(ATTACH, { name: 'far', handle: 1_000_000, role: true, source: { address: 'q' } })),
    'amqp:connection:framing-error',
  ],
  ['a performative that is none', frameBytes(0, Buffer.from('00539945', 'hex')), 'amqp:not-implemented'],
  ['a performative that is cut off', frameBytes(0, Buffer.from('005314c0ff', 'hex')), 'amqp:decode-error'],
  [
    'an outcome of no kind',
    frameBytes(
      0,
      Buffer.concat([
        encodeComposite(DISPOSITION, { role: true, first: 0 }).subarray(0, 3),
        Buffer.from('c00a054143404100539945', 'hex'),
      ]),
    ),
    'amqp:decode-error',
  ],
];

for (const [what, bytes, condition] of VIOLATIONS) {
  test(`${what} ends the connection with ${condition}, frees its session, keeps its locks, and nobody else notices`, async (context) => {
    const world = await World.start(context, QUEUES);
    const other = await Peer.authorized(world);
    const sender = await other.sender('q');
    for (const body of ['held', 'free']) await other.send(sender, messageOf(body));
    const hostile = await Peer.authorized(world);
    await hostile.grant(await hostile.receiver('q'), 1);
    const source = { address: 's', filter: new Map([['com.microsoft:session-filter', 'a']]) };
    await hostile.receiver('s', { source });
    const connections = world.server.connections;
    hostile.pipe.write([bytes]);
    await world.settle();
    await world.pass(1_000);
    assert.equal(hostile.closeError?.condition, condition);
    assert.equal(world.server.connections, connections - 1);
    assert.deepEqual((await other.grant(await other.receiver('q'), 5)).map(bodyOf), ['free']);
    assert.ok((await other.receiver('s', { source })).attach?.source);
    await other.send(sender, messageOf('on and on'));
    assert.equal(sender.outcomes.at(-1)?.state?.kind, 'accepted');
    assert.equal(other.closed, false);
  });
}

test('what speaks no AMQP is told the header that is spoken here, and cut off', async (context) => {
  const world = await World.start(context, QUEUES);
  for (const greeting of [
    'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'AMQP\x00\x00\x09\x01',
    'AMQP\x02\x01\x00\x00',
  ]) {
    const pipe = world.connect();
    let answer = Buffer.alloc(0);
    let closed = false;
    pipe.open({
      onData: (chunk) => (answer = Buffer.concat([answer, chunk])),
      onDrain: () => undefined,
      onClose: () => (closed = true),
    });
    pipe.write([Buffer.from(greeting, 'latin1')]);
    await world.pass(1_000);
    assert.deepEqual([answer.toString('latin1'), closed], ['AMQP\x03\x01\x00\x00', true]);
  }
  assert.equal(world.server.connections, 0);
});

test('who asks and takes no answers has its reply link detached when too many wait', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const replies = await peer.receiver('q/$management', { rcvSettleMode: 0 });
  const requests = await peer.sender('q/$management');
  const handle = requests.link.localHandle;
  const request = (id: number): Buffer => {
    const transfer = { handle, deliveryId: 1_000 + id, deliveryTag: Buffer.of(id & 255, id >> 8), settled: true };
    return frameBytes(0, Buffer.concat([encodeComposite(TRANSFER, transfer), messageOf('x')]));
  };
  const send = async (from: number, to: number) => {
    peer.pipe.write(Array.from({ length: to - from }, (_, i) => request(from + i)));
    await world.settle();
  };
  await send(0, LIMITS.repliesWaiting);
  assert.deepEqual([replies.detach], [undefined]);
  await send(LIMITS.repliesWaiting, LIMITS.repliesWaiting + 1);
  assert.equal(replies.condition, 'amqp:resource-limit-exceeded');
  assert.match(replies.detach?.error?.description ?? '', /^1000 replies wait for credit on this link\. Give credit/);
  assert.deepEqual([requests.detach, peer.closed], [undefined, false]);
  assert.equal((await peer.manage('q', 'no-such-operation', new Map())).status, 501);
});

test('replies that wait for credit hold a bounded number of bytes, over all links of a connection', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('q');
  for (let i = 0; i < 8; i++) await peer.send(sender, messageOf(Buffer.alloc(100_000)));
  const requests = await peer.sender('q/$management');
  const peek = new Map([['operation', 'com.microsoft:peek-message']]);
  const body = new Map([
    ['from-sequence-number', new AmqpTyped('long', 0n)],
    ['message-count', new AmqpTyped('int', 8)],
  ]);
  const replies = await Promise.all(
    ['one', 'two'].map((replyTo) =>
      peer.attach({ role: 'receiver', source: { address: 'q/$management' }, target: { address: replyTo } }),
    ),
  );
  const fitting = Math.floor(LIMITS.replyBytesWaiting / 801_000);
  for (let i = 0; i <= fitting; i++) {
    assert.deepEqual(
      replies.map(({ condition }) => condition),
      [undefined, undefined],
    );
    const replyTo = i % 2 === 0 ? 'one' : 'two';
    await peer.send(requests, requestOf({ application: peek, body, messageId: i, replyTo }));
  }
  const refused = replies.filter(({ condition }) => condition === 'amqp:resource-limit-exceeded');
  assert.equal(refused.length, 1);
  assert.match(refused[0]?.detach?.error?.description ?? '', /^Replies of \d+ bytes wait for credit on the links of/);
  const other = replies.find(({ condition }) => condition === undefined);
  assert.ok(other);
  await peer.grant(other, fitting);
  assert.equal(other.deliveries.length, Math.ceil(fitting / 2), 'what waited on the other link is there');
  const reply = await peer.manage('q', 'peek-message', body);
  assert.equal(reply.status, 200, 'and there is room again');
});

test('a message of which the last frame never comes is nowhere', async (context) => {
  const world = await World.start(context, QUEUES);
  const leaving = await Peer.authorized(world);
  const sender = await leaving.sender('q');
  const first = encodeComposite(TRANSFER, {
    handle: sender.link.localHandle,
    deliveryId: 0,
    deliveryTag: Buffer.of(1),
    more: true,
  });
  leaving.pipe.write([frameBytes(0, Buffer.concat([first, messageOf('half')]))]);
  await world.settle();
  leaving.pipe.destroy();
  await world.settle();
  const peer = await Peer.authorized(world);
  const body = new Map([
    ['from-sequence-number', new AmqpTyped('long', 0n)],
    ['message-count', new AmqpTyped('int', 9)],
  ]);
  assert.equal((await peer.manage('q', 'peek-message', body)).status, 204);
});
