import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ATTACH,
  BEGIN,
  CLOSE,
  DETACH,
  DISPOSITION,
  END,
  FLOW,
  OPEN,
  TRANSFER,
  type Composite,
} from '../../src/amqp/composites.ts';
import { AmqpTyped, Writer, type AmqpValue, type IncomingDelivery, type Link } from '../../src/amqp/index.ts';
import { Pair } from './pair.ts';
import { AMQP_HEADER, fieldsOf, frameBytes, RawPeer, type Frame } from './raw-peer.ts';

// What each performative gets when it comes twice, out of order, where nothing is, or with fields that are none. What only one
// state of one endpoint can meet is told in the tests of that endpoint.

const BEGUN = { nextOutgoingId: 0, incomingWindow: 100, outgoingWindow: 100 };
const FLOWN = { incomingWindow: 100, nextOutgoingId: 0, outgoingWindow: 100 };

/** Every performative of a session, with fields that are right in themselves. */
const IN_SESSION: readonly (readonly [string, (peer: RawPeer, channel: number) => void])[] = [
  ['attach', (peer, channel) => peer.send(channel, ATTACH, { name: 'l', handle: 0, role: true })],
  ['flow', (peer, channel) => peer.send(channel, FLOW, FLOWN)],
  [
    'transfer',
    (peer, channel) => peer.send(channel, TRANSFER, { handle: 0, deliveryId: 0, deliveryTag: Buffer.of(0) }),
  ],
  ['disposition', (peer, channel) => peer.send(channel, DISPOSITION, { role: true, first: 0, settled: true })],
  ['detach', (peer, channel) => peer.send(channel, DETACH, { handle: 0 })],
  ['end', (peer, channel) => peer.send(channel, END, {})],
];

/** A peer with a session, whose links are accepted with ample credit. */
function serving(deliveries: IncomingDelivery[] = []): RawPeer {
  return new RawPeer(
    {},
    {
      onAttach: (link: Link) => {
        link.accept();
        if (link.role === 'receiver') link.setCredit(1000);
      },
      onTransfer: (_link, delivery) => deliveries.push(delivery),
    },
  ).begin();
}

for (const [name, send] of IN_SESSION) {
  test(`${name} before open, on a channel without a session, or after its end gets close with illegal-state`, () => {
    const early = new RawPeer();
    early.bytes(AMQP_HEADER);
    send(early, 0);
    const stray = new RawPeer().begin();
    send(stray, 7);
    const late = new RawPeer().begin();
    late.send(0, END, {});
    assert.deepEqual(late.names(), ['end']);
    send(late, 0);
    for (const peer of [early, stray, late]) {
      const close = peer.frames().at(-1) as Frame;
      assert.equal(fieldsOf(CLOSE, close).error?.condition, 'amqp:illegal-state');
      assert.equal(peer.events.at(-1), 'close amqp:illegal-state');
    }
  });

  test(`${name} after the close of either side is thrown away`, () => {
    const closed = serving();
    closed.send(0, CLOSE, {});
    assert.deepEqual(closed.names(), ['close']);
    const closing = serving();
    closing.connection.close({ condition: 'amqp:connection:forced' });
    assert.deepEqual(closing.names(), ['close']);
    for (const peer of [closed, closing]) {
      const before = peer.events.length;
      send(peer, 0);
      send(peer, 9);
      assert.deepEqual(peer.frames(), []);
      assert.deepEqual(peer.events.slice(before), []);
    }
    closing.send(0, CLOSE, {});
    assert.equal(closing.connection.closed, true);
  });
}

test('open, begin, close, a header and garbage after close are thrown away, and close is answered once', () => {
  const peer = serving();
  peer.send(0, CLOSE, {});
  assert.deepEqual(peer.names(), ['close']);
  const before = peer.events.length;
  peer.send(0, CLOSE, {});
  peer.send(0, OPEN, { containerId: 'again' });
  peer.send(0, BEGIN, BEGUN);
  peer.bytes(AMQP_HEADER, Buffer.alloc(100, 0xff));
  assert.deepEqual(peer.frames(), []);
  assert.deepEqual(peer.events.slice(before), []);
});

test('close before begin, and before open, is answered', () => {
  const opened = new RawPeer().open();
  opened.send(0, CLOSE, {});
  assert.deepEqual(opened.names(), ['close']);
  const early = new RawPeer();
  early.bytes(AMQP_HEADER);
  early.send(0, CLOSE, {});
  assert.deepEqual(early.names(), ['open', 'close']);
});

const OF_LINKS: readonly (readonly [string, (peer: RawPeer) => void])[] = [
  ['a second detach', (peer) => peer.send(0, DETACH, { handle: 0 })],
  ['a flow', (peer) => peer.send(0, FLOW, { ...FLOWN, handle: 0, linkCredit: 1 })],
  ['a transfer', (peer) => peer.transfer(1)],
];

for (const [what, send] of OF_LINKS) {
  test(`${what} for a link that is detached gets end with unattached-handle`, () => {
    const peer = serving();
    peer.attachSender();
    peer.send(0, DETACH, { handle: 0, closed: true });
    peer.frames();
    send(peer);
    assert.equal(peer.expectError(END).condition, 'amqp:session:unattached-handle');
  });
}

test('a link that was refused keeps its handle until the peer detaches it', () => {
  const peer = new RawPeer({}, { onAttach: (link) => link.refuse({ condition: 'amqp:not-found' }) }).begin();
  peer.attachReceiver();
  assert.deepEqual(peer.names(), ['attach', 'detach']);
  peer.send(0, DETACH, { handle: 0, closed: true });
  peer.attachReceiver();
  assert.deepEqual(peer.names(), ['attach', 'detach']);
  peer.attachReceiver({ name: 'another' });
  assert.equal(peer.expectError(END).condition, 'amqp:session:handle-in-use');
});

/** A performative with these field values, whatever the table says of them. */
function raw(composite: Composite, fields: readonly AmqpValue[]): Buffer {
  const writer = new Writer();
  writer.writeDescriptor(composite.code);
  writer.writeList([...fields]);
  return frameBytes(0, writer.take());
}

const uint = (value: number) => new AmqpTyped('uint', value);
const int = (value: number) => new AmqpTyped('int', value);

const UNREADABLE: readonly (readonly [string, Buffer])[] = [
  ['an open whose container-id is a number', raw(OPEN, [uint(1)])],
  ['an open without container-id', raw(OPEN, [null, 'host'])],
  ['a begin with a negative window', raw(BEGIN, [null, uint(0), int(-1), uint(1)])],
  ['an attach without name', raw(ATTACH, [null, uint(0), true])],
  ['an attach whose role is a number', raw(ATTACH, ['l', uint(0), uint(1)])],
  ['an attach whose settle mode is text', raw(ATTACH, ['l', uint(0), true, 'settled'])],
  ['an attach whose source is a string', raw(ATTACH, ['l', uint(0), true, null, null, 'q'])],
  ['a flow without a window', raw(FLOW, [uint(0)])],
  ['a flow with negative credit', raw(FLOW, [uint(0), uint(1), uint(0), uint(1), uint(0), uint(0), int(-5)])],
  ['a transfer without handle', raw(TRANSFER, [null, uint(0), Buffer.of(0)])],
  ['a transfer whose tag is text', raw(TRANSFER, [uint(0), uint(0), 'tag'])],
  ['a disposition without role', raw(DISPOSITION, [null, uint(0)])],
  ['a disposition with a state of no kind', raw(DISPOSITION, [true, uint(0), null, true, 'accepted'])],
  ['a disposition whose first is a long', raw(DISPOSITION, [true, new AmqpTyped('long', 0n)])],
  ['a detach without handle', raw(DETACH, [])],
  ['a detach whose error has no condition', raw(DETACH, [uint(0), true, []])],
  ['an end whose error is text', raw(END, ['why'])],
  ['a close whose error is text', raw(CLOSE, ['why'])],
  ['more fields than there are', raw(END, [null, null])],
  // A list32 of 4 GB of fields in a frame of 20 bytes.
  ['a list that says it has more than the frame', frameBytes(0, Buffer.from('005317d0ffffffffffffffff', 'hex'))],
  ['a list with fewer bytes than it has fields', frameBytes(0, Buffer.from('005314c0030a4040', 'hex'))],
  ['a map where the list of fields should be', frameBytes(0, Buffer.from('005314c10100', 'hex'))],
  ['a performative without fields', frameBytes(0, Buffer.from('005314', 'hex'))],
];

for (const [what, bytes] of UNREADABLE) {
  test(`${what} gets close with decode-error`, () => {
    const peer = serving();
    peer.attachSender();
    peer.frames();
    peer.bytes(bytes);
    assert.equal(peer.expectError(CLOSE).condition, 'amqp:decode-error');
    assert.equal(peer.events.at(-1), 'close amqp:decode-error');
  });
}

test('a frame whose header says nonsense gets close with framing-error', () => {
  for (const header of ['00000007 02 00 0000', '00000008 01 00 0000', '00000008 ff 00 0000', 'ffffffff 02 00 0000']) {
    const peer = serving();
    peer.bytes(Buffer.from(header.replaceAll(' ', ''), 'hex'));
    assert.equal(peer.expectError(CLOSE).condition, 'amqp:connection:framing-error');
  }
});

test('transfer ids and delivery ids go over the wrap of 32 bits', () => {
  const deliveries: IncomingDelivery[] = [];
  const last = 0xffff_ffff;
  const peer = new RawPeer(
    { incomingWindow: 4 },
    {
      onAttach: (link) => {
        link.accept();
        link.setCredit(100);
      },
      onTransfer: (_link, delivery) => deliveries.push(delivery),
    },
  ).begin({}, { nextOutgoingId: last - 1 });
  peer.attachSender({ initialDeliveryCount: last - 1 });
  peer.frames();
  const ids = [last - 1, last, 0, 1];
  for (const deliveryId of ids)
    peer.send(0, TRANSFER, { handle: 0, deliveryId, deliveryTag: Buffer.of(deliveryId & 7) });
  assert.deepEqual(
    deliveries.map(({ id }) => id),
    ids,
  );
  // Our flow opens the window again, from the id that wrapped.
  const flow = peer.expect(FLOW);
  assert.deepEqual([flow.nextIncomingId, flow.incomingWindow], [2, 4]);
  for (const delivery of deliveries) delivery.link.settle(delivery, { kind: 'accepted' });
  const settled = peer.expect(DISPOSITION);
  assert.deepEqual([settled.first, settled.last, settled.settled], [last - 1, 1, true]);
});

test('an attach that would resume deliveries is answered without any: what was unsettled on another link stays there', () => {
  const deliveries: IncomingDelivery[] = [];
  const peer = serving(deliveries);
  const unsettled = new Map<AmqpValue, AmqpValue>([[Buffer.from('tag'), null]]);
  peer.attachSender({ unsettled, incompleteUnsettled: true });
  const [attach] = peer.frames() as [Frame];
  const answer = fieldsOf(ATTACH, attach);
  assert.deepEqual([answer.unsettled, answer.incompleteUnsettled], [undefined, false]);
  peer.transfer(0);
  assert.equal(deliveries.length, 1);
});

test('a delivery of which more was to come is dropped when its link or its session goes', () => {
  const deliveries: IncomingDelivery[] = [];
  const peer = serving(deliveries);
  for (const [i, leave] of [
    () => peer.send(0, DETACH, { handle: 0, closed: true }),
    () => peer.send(0, END, {}),
  ].entries()) {
    peer.attachSender();
    peer.transfer(i, { more: true });
    leave();
    peer.frames();
  }
  peer.send(0, BEGIN, BEGUN);
  peer.attachSender();
  peer.transfer(0);
  assert.deepEqual(
    deliveries.map(({ id, payload }) => [id, payload.toString()]),
    [[0, 'x']],
  );
});

test('a client that detaches a link before it is answered hears of the detach only', () => {
  const pair = new Pair({}, { server: { onAttach: (link) => link.accept() } }).run();
  const session = pair.client.openSession();
  pair.run();
  const before = pair.clientEvents.length;
  session.attach({ name: 'hasty', role: 'receiver', source: { address: 'q' } }).detach();
  pair.run();
  assert.deepEqual(pair.clientEvents.slice(before), ['detach hasty no error']);
  session.attach({ name: 'hasty', role: 'receiver', source: { address: 'q' } });
  pair.run();
  assert.equal(pair.clientEvents.at(-1), 'attach receiver hasty');
});
