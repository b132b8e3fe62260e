import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ATTACH, BEGIN, DETACH, END, FLOW } from '../../src/amqp/composites.ts';
import type { Link, Session } from '../../src/amqp/index.ts';
import { Pair } from './pair.ts';
import { fieldsOf, RawPeer, type Frame } from './raw-peer.ts';

const ENDED = { nextOutgoingId: 0, incomingWindow: 10, outgoingWindow: 10 };

test('begin is answered with all fields, the channel of the peer and properties that are not null', () => {
  const peer = new RawPeer({ incomingWindow: 77, handleMax: 9 }).open();
  peer.send(5, BEGIN, { ...ENDED, nextOutgoingId: 42 });
  const begin = peer.expect(BEGIN);
  assert.equal(begin.remoteChannel, 5);
  assert.equal(begin.incomingWindow, 77);
  assert.equal(begin.handleMax, 9);
  assert.deepEqual(begin.properties, new Map());
});

test('the peer ends: it gets end, the links are gone, and the channel can be used again', () => {
  const peer = new RawPeer({}, { onAttach: (link) => link.accept() }).begin();
  peer.attachReceiver();
  peer.frames();
  peer.send(0, END, { error: { condition: 'amqp:internal-error' } });
  assert.equal(peer.expect(END).error, undefined);
  assert.equal(peer.events.at(-1), 'end amqp:internal-error');
  peer.send(0, BEGIN, ENDED);
  assert.equal(peer.expect(BEGIN).remoteChannel, 0);
  peer.attachReceiver();
  assert.equal(peer.expect(ATTACH).name, 'r');
});

test('we end: what the peer sends is thrown away until its end comes', () => {
  let session: Session | undefined;
  const peer = new RawPeer({}, { onBegin: (begun) => (session = begun) }).begin();
  session?.end({ condition: 'amqp:resource-deleted' });
  assert.equal(peer.expectError(END).condition, 'amqp:resource-deleted');
  const before = peer.events.length;
  peer.attachReceiver();
  peer.send(0, FLOW, { incomingWindow: 1, nextOutgoingId: 0, outgoingWindow: 1, handle: 77, echo: true });
  assert.deepEqual(peer.frames(), []);
  assert.equal(peer.events.length, before);
  peer.send(0, END, {});
  assert.deepEqual(peer.frames(), []);
  assert.deepEqual(peer.events.slice(before), ['end no error']);
});

const VIOLATIONS: readonly (readonly [string, (peer: RawPeer) => void, string])[] = [
  [
    'an attach on a handle that is attached',
    (peer) => {
      peer.attachReceiver({ handle: 3, name: 'a' });
      peer.frames();
      peer.attachReceiver({ handle: 3, name: 'b' });
    },
    'amqp:session:handle-in-use',
  ],
  [
    'a flow for a handle that is not attached',
    (peer) => peer.send(0, FLOW, { incomingWindow: 1, nextOutgoingId: 0, outgoingWindow: 1, handle: 3 }),
    'amqp:session:unattached-handle',
  ],
  ['a transfer on a handle that is not attached', (peer) => peer.transfer(0), 'amqp:session:unattached-handle'],
  [
    'a detach of a handle that is not attached',
    (peer) => peer.send(0, DETACH, { handle: 1 }),
    'amqp:session:unattached-handle',
  ],
  [
    'a transfer on a link whose receiver the peer is',
    (peer) => {
      peer.attachReceiver();
      peer.frames();
      peer.transfer(0);
    },
    'amqp:not-allowed',
  ],
  [
    'more transfers than the incoming window allows',
    (peer) => {
      peer.attachSender();
      peer.frames();
      for (let id = 0; id <= 10; id += 1) peer.transfer(id);
    },
    'amqp:session:window-violation',
  ],
];

for (const [what, violate, condition] of VIOLATIONS) {
  test(`${what} gets end with ${condition}, and the connection goes on`, () => {
    const peer = new RawPeer(
      { incomingWindow: 10 },
      {
        onAttach: (link) => {
          link.accept();
          if (link.role === 'receiver') link.setCredit(100);
        },
      },
    ).begin();
    violate(peer);
    const frames = peer.frames();
    assert.equal(fieldsOf(END, frames.at(-1) as Frame).error?.condition, condition);
    assert.equal(peer.events.at(-1), `end ${condition}`);
    peer.send(0, END, {});
    assert.deepEqual(peer.frames(), []);
    peer.send(0, BEGIN, ENDED);
    assert.deepEqual(peer.names(), ['begin']);
  });
}

test('links beyond the limit of the connection get end with resource-limit-exceeded', () => {
  const peer = new RawPeer({ maxLinks: 2 }, { onAttach: (link) => link.accept() }).begin();
  for (let handle = 0; handle < 2; handle += 1) peer.attachReceiver({ handle, name: `l${handle}` });
  assert.deepEqual(peer.names(), ['attach', 'attach']);
  peer.attachReceiver({ handle: 2, name: 'l2' });
  assert.equal(peer.expectError(END).condition, 'amqp:resource-limit-exceeded');
});

test('a peer whose handle-max leaves us no handle for the answer gets end with resource-limit-exceeded', () => {
  const peer = new RawPeer({}, { onAttach: (link) => link.accept() }).begin({}, { handleMax: 0 });
  peer.attachReceiver({ handle: 0, name: 'a' });
  assert.deepEqual(peer.names(), ['attach']);
  peer.attachReceiver({ handle: 1, name: 'b' });
  assert.equal(peer.expectError(END).condition, 'amqp:resource-limit-exceeded');
});

test('the incoming window is opened again by a flow before it is used up', () => {
  const peer = new RawPeer(
    { incomingWindow: 10 },
    {
      onAttach: (link) => {
        link.accept();
        link.setCredit(100);
      },
    },
  ).begin({}, { nextOutgoingId: 0xffff_fffe });
  peer.attachSender();
  peer.frames();
  for (let id = 0; id < 5; id += 1) peer.transfer(id, { settled: true });
  assert.deepEqual(peer.names(), []);
  peer.transfer(5, { settled: true });
  const flow = peer.expect(FLOW);
  assert.equal(flow.incomingWindow, 10);
  assert.equal(flow.nextIncomingId, 4, 'ids wrap from 4294967295 to 0');
  assert.equal(flow.handle, undefined);
});

test('a flow with echo for the session alone is answered with the state of the session', () => {
  const peer = new RawPeer({ incomingWindow: 50 }).begin({}, { nextOutgoingId: 7 });
  peer.send(0, FLOW, { nextIncomingId: 0, incomingWindow: 1, nextOutgoingId: 7, outgoingWindow: 1, echo: true });
  const flow = peer.expect(FLOW);
  assert.deepEqual(flow, {
    nextIncomingId: 7,
    incomingWindow: 50,
    nextOutgoingId: 0,
    outgoingWindow: 0xffff_ffff,
    drain: false,
    echo: false,
  });
});

test('deliveries wait for the window of the peer and leave, in order, when it opens', () => {
  let link: Link | undefined;
  const peer = new RawPeer(
    {},
    {
      onAttach: (attached) => {
        attached.accept();
        link = attached;
      },
    },
  ).begin({}, { incomingWindow: 2 });
  peer.attachReceiver();
  peer.send(0, FLOW, {
    incomingWindow: 2,
    nextOutgoingId: 0,
    outgoingWindow: 1,
    handle: 0,
    deliveryCount: 0,
    linkCredit: 10,
  });
  peer.frames();
  const ids: number[] = [];
  for (let index = 0; index < 5; index += 1) {
    ids.push((link as Link).send({ tag: Buffer.from([index]), payload: [Buffer.from([index])], settled: false }).id);
  }
  assert.deepEqual(ids, [0, 1, -1, -1, -1]);
  assert.deepEqual(peer.names(), ['transfer', 'transfer']);
  assert.equal(link?.session.remoteIncomingWindow, 0);
  assert.equal(link?.credit, 5);
  peer.send(0, FLOW, { nextIncomingId: 1, incomingWindow: 2, nextOutgoingId: 0, outgoingWindow: 1 });
  assert.deepEqual(peer.names(), ['transfer'], 'one of the two is still under way');
  peer.send(0, FLOW, { nextIncomingId: 3, incomingWindow: 100, nextOutgoingId: 0, outgoingWindow: 1 });
  const frames = peer.frames();
  assert.deepEqual(
    frames.map(({ body }) => body.at(-1)),
    [3, 4],
  );
  assert.equal(peer.events.at(-1), 'flow r credit=5 drain=false');
});

test('links share the window fairly: a link with much to send does not keep the other waiting', () => {
  const links: Link[] = [];
  const peer = new RawPeer(
    {},
    {
      onAttach: (link) => {
        link.accept();
        links.push(link);
      },
    },
  ).begin({}, { incomingWindow: 0 });
  for (const handle of [0, 1]) {
    peer.attachReceiver({ handle, name: `l${handle}` });
    peer.send(0, FLOW, {
      incomingWindow: 0,
      nextOutgoingId: 0,
      outgoingWindow: 1,
      handle,
      deliveryCount: 0,
      linkCredit: 100,
    });
  }
  peer.frames();
  for (let index = 0; index < 50; index += 1)
    links[0]?.send({ tag: Buffer.from([index]), payload: [Buffer.from('a')], settled: true });
  links[1]?.send({ tag: Buffer.from([1]), payload: [Buffer.from('b')], settled: true });
  peer.send(0, FLOW, { nextIncomingId: 0, incomingWindow: 3, nextOutgoingId: 0, outgoingWindow: 1 });
  const letters = peer.frames().map(({ body }) => body.subarray(-1).toString());
  assert.deepEqual(letters, ['a', 'b', 'a']);
});

test('what may wait for the window is bounded: at the limit the link shows no credit', () => {
  let link: Link | undefined;
  const peer = new RawPeer(
    {},
    {
      onAttach: (attached) => {
        attached.accept();
        link = attached;
      },
    },
  ).begin({}, { incomingWindow: 0 });
  peer.attachReceiver();
  peer.send(0, FLOW, {
    incomingWindow: 0,
    nextOutgoingId: 0,
    outgoingWindow: 1,
    handle: 0,
    deliveryCount: 0,
    linkCredit: 0xffff_ffff,
  });
  let sent = 0;
  for (; (link as Link).credit > 0; sent += 1) link?.send({ tag: Buffer.from('t'), payload: [], settled: true });
  assert.equal(sent, 1024);
  peer.frames();
  peer.send(0, FLOW, { nextIncomingId: 0, incomingWindow: 5000, nextOutgoingId: 0, outgoingWindow: 1 });
  assert.equal(peer.frames().length, 1024);
  assert.equal(peer.events.at(-1), 'flow r credit=1024 drain=false');
});

test('both sides may begin sessions', () => {
  const pair = new Pair().run();
  pair.server.openSession();
  pair.client.openSession();
  pair.run();
  assert.deepEqual(pair.clientEvents.toSorted(), ['begin 0', 'begin 1', 'open server']);
  assert.deepEqual(pair.serverEvents.toSorted(), ['begin 0', 'begin 1', 'open client']);
});

test('a session that we ended is reported once the peer has answered', () => {
  const pair = new Pair().run();
  const session = pair.client.openSession();
  pair.run();
  session.end();
  assert.equal(session.open, false);
  assert.equal(pair.clientEvents.includes('end no error'), false);
  pair.run();
  assert.equal(pair.clientEvents.at(-1), 'end no error');
  assert.equal(pair.serverEvents.at(-1), 'end no error');
  session.end();
  assert.throws(() => session.attach({ name: 'l', role: 'sender' }), /the session has ended/);
});

test('frames may follow our begin before the peer has answered it', () => {
  const pair = new Pair({}, { server: { onAttach: (link) => link.accept() } }).run();
  const session = pair.client.openSession();
  session.attach({ name: 'l', role: 'sender', target: { address: 'q' } });
  pair.run();
  assert.deepEqual(pair.serverEvents, ['open client', 'begin 0', 'attach receiver l']);
  assert.deepEqual(pair.clientEvents, ['open server', 'begin 0', 'attach sender l']);
});
