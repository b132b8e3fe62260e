import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CLOSE, DETACH, FLOW, TRANSFER, type Encodable } from '../../src/amqp/composites.ts';
import type { ConnectionOptions, IncomingDelivery, Link } from '../../src/amqp/index.ts';
import { Pair } from './pair.ts';
import { fieldsOf, payloadOf, RawPeer, type Frame } from './raw-peer.ts';

interface Receiving {
  readonly peer: RawPeer;
  readonly link: Link;
  readonly deliveries: IncomingDelivery[];
}

/** A peer that may send on handle 0. */
function receiving(options: Partial<ConnectionOptions> = {}, maxMessageSize = 0, credit = 100): Receiving {
  let link: Link | undefined;
  const deliveries: IncomingDelivery[] = [];
  const peer = new RawPeer(options, {
    onAttach: (remote) => {
      link ??= remote;
      remote.accept({ maxMessageSize });
      remote.setCredit(credit);
    },
    onTransfer: (_link, delivery) => deliveries.push(delivery),
  }).begin();
  peer.attachSender();
  peer.frames();
  return { peer, link: link as Link, deliveries };
}

const MIDDLE = { handle: 0, more: true };

test('a delivery in one frame arrives with id, tag, format, state and its payload as a view', () => {
  const { peer, link, deliveries } = receiving();
  const state = { kind: 'transactional', txnId: Buffer.from('t') } as const;
  peer.transfer(7, { deliveryTag: Buffer.from('tag'), messageFormat: 0x80013700, state }, Buffer.from('payload'));
  const [delivery] = deliveries;
  assert.ok(delivery);
  assert.equal(delivery.id, 7);
  assert.deepEqual(delivery.tag, Buffer.from('tag'));
  assert.equal(delivery.messageFormat, 0x80013700);
  assert.equal(delivery.settled, false);
  assert.deepEqual(delivery.state, state);
  assert.deepEqual(delivery.payload, Buffer.from('payload'));
  assert.equal(delivery.link, link);
  assert.equal(link.unsettled, 1);
  assert.equal(link.credit, 99);
});

test('a settled delivery is not kept', () => {
  const { peer, link, deliveries } = receiving();
  peer.transfer(0, { settled: true });
  assert.equal(deliveries[0]?.settled, true);
  assert.equal(link.unsettled, 0);
  link.settle(deliveries[0], { kind: 'accepted' });
  assert.deepEqual(peer.frames(), []);
});

test('a delivery in several frames is put together; later frames may leave out what the first said', () => {
  const { peer, deliveries } = receiving();
  peer.transfer(0, { more: true }, Buffer.from('one '));
  peer.send(0, TRANSFER, MIDDLE, Buffer.from('two '));
  peer.send(0, TRANSFER, { handle: 0, deliveryId: 0, more: true }, Buffer.alloc(0));
  assert.equal(deliveries.length, 0);
  peer.send(0, TRANSFER, { handle: 0, settled: true }, Buffer.from('three'));
  assert.equal(deliveries[0]?.payload.toString(), 'one two three');
  assert.equal(deliveries[0]?.settled, true, 'settled on any frame settles the delivery');
});

test('deliveries on different links may be in parts at the same time', () => {
  const { peer, deliveries } = receiving();
  peer.attachSender({ name: 's2', handle: 1 });
  peer.transfer(0, { more: true }, Buffer.from('a'));
  peer.transfer(1, { handle: 1, more: true }, Buffer.from('x'));
  peer.send(0, TRANSFER, { handle: 0 }, Buffer.from('b'));
  peer.send(0, TRANSFER, { handle: 1 }, Buffer.from('y'));
  assert.deepEqual(
    deliveries.map(({ payload }) => payload.toString()),
    ['ab', 'xy'],
  );
});

test('an aborted delivery is dropped, in one frame or several, and uses its credit', () => {
  const { peer, link, deliveries } = receiving();
  peer.transfer(0, { more: true });
  peer.send(0, TRANSFER, { handle: 0, aborted: true });
  peer.transfer(1, { aborted: true });
  peer.transfer(2, {}, Buffer.from('good'));
  assert.deepEqual(
    deliveries.map(({ id }) => id),
    [2],
  );
  assert.equal(link.credit, 97);
  assert.equal(link.unsettled, 1);
});

for (const frames of [1, 3]) {
  test(`a message over max-message-size in ${frames} frame(s) arrives as oversize without its bytes`, () => {
    const { peer, deliveries, link } = receiving({}, 1000);
    for (let frame = 1; frame < frames; frame += 1) peer.transfer(0, { more: true }, Buffer.alloc(500));
    peer.transfer(0, {}, Buffer.alloc(frames === 1 ? 1001 : 1));
    assert.equal(deliveries[0]?.oversize, true);
    assert.equal(deliveries[0]?.payload.length, 0);
    assert.equal(link.unsettled, 1, 'it can be rejected');
    peer.transfer(1, {}, Buffer.alloc(1000));
    assert.equal(deliveries[1]?.oversize, false);
    assert.equal(deliveries[1]?.payload.length, 1000);
  });
}

test('the maximum of the connection holds where the link names none', () => {
  const { peer, deliveries } = receiving({ maxMessageSizeBytes: 10 });
  peer.transfer(0, {}, Buffer.alloc(11));
  assert.equal(deliveries[0]?.oversize, true);
});

const VIOLATIONS: readonly (readonly [string, (peer: RawPeer) => void, string])[] = [
  [
    'a transfer without credit',
    (peer) => [0, 1, 2].forEach((id) => peer.transfer(id)),
    'amqp:link:transfer-limit-exceeded',
  ],
  [
    'a first transfer without a delivery-id',
    (peer) => peer.send(0, TRANSFER, { handle: 0, deliveryTag: Buffer.from('t') }),
    'amqp:invalid-field',
  ],
  [
    'a first transfer without a delivery-tag',
    (peer) => peer.send(0, TRANSFER, { handle: 0, deliveryId: 0 }),
    'amqp:invalid-field',
  ],
  ['a delivery-tag of 33 bytes', (peer) => peer.transfer(0, { deliveryTag: Buffer.alloc(33) }), 'amqp:invalid-field'],
  ['a delivery-id that is in use', (peer) => [4, 4].forEach((id) => peer.transfer(id)), 'amqp:illegal-state'],
  [
    'a delivery that begins inside another one',
    (peer) => {
      peer.transfer(0, { more: true });
      peer.transfer(1);
    },
    'amqp:illegal-state',
  ],
  ['a resumed delivery', (peer) => peer.transfer(0, { resume: true }), 'amqp:not-implemented'],
];

for (const [what, violate, condition] of VIOLATIONS) {
  test(`${what} gets detach with ${condition}, and the session goes on`, () => {
    const { peer } = receiving({}, 0, 2);
    violate(peer);
    assert.equal(peer.expectError(DETACH).condition, condition);
    peer.send(0, DETACH, { handle: 0, closed: true });
    assert.equal(peer.events.at(-1), 'detach s no error');
    peer.attachSender();
    assert.deepEqual(peer.names(), ['attach', 'flow']);
  });
}

test('unsettled deliveries of a link are bounded', () => {
  const { peer } = receiving({ maxUnsettled: 3 });
  for (let id = 0; id < 4; id += 1) peer.transfer(id);
  assert.equal(peer.expectError(DETACH).condition, 'amqp:resource-limit-exceeded');
});

test('memory of half-received messages is bounded for the whole connection', () => {
  const { peer } = receiving({ maxPartialBytes: 200_000 });
  for (let handle = 1; handle < 5; handle += 1) {
    peer.attachSender({ name: `s${handle}`, handle });
    peer.frames();
    peer.transfer(handle, { handle, more: true });
    if (peer.connection.closed) break;
  }
  assert.equal(peer.expectError(CLOSE).condition, 'amqp:resource-limit-exceeded');
});

test('memory of half-received messages is given back by completion, abort, detach and end', () => {
  const { peer } = receiving({ maxPartialBytes: 140_000 });
  const rest: readonly Partial<Encodable<typeof TRANSFER>>[] = [{}, { aborted: true }];
  for (let id = 0; id < 10; id += 1) {
    peer.transfer(id, { more: true, settled: true });
    peer.send(0, TRANSFER, { handle: 0, ...rest[id % 2] });
  }
  for (let id = 10; id < 15; id += 1) {
    peer.transfer(id, { more: true });
    peer.send(0, DETACH, { handle: 0, closed: true });
    peer.attachSender();
  }
  assert.equal(peer.connection.closed, false);
});

/** A peer that receives on handle 0, with a frame size. */
function sending(maxFrameSize: number, incomingWindow = 1000): { peer: RawPeer; link: Link } {
  let link: Link | undefined;
  const peer = new RawPeer(
    {},
    {
      onAttach: (remote) => {
        link = remote;
        remote.accept();
      },
    },
  ).begin({ maxFrameSize }, { incomingWindow });
  peer.attachReceiver();
  peer.send(0, FLOW, {
    incomingWindow,
    nextOutgoingId: 0,
    outgoingWindow: 1,
    handle: 0,
    deliveryCount: 0,
    linkCredit: 100,
  });
  peer.frames();
  return { peer, link: link as Link };
}

test('a message that fits leaves in one frame with all eleven fields', () => {
  const { peer, link } = sending(512);
  const delivery = link.send({
    tag: Buffer.from('tag'),
    payload: [Buffer.from('a'), Buffer.from('b')],
    messageFormat: 5,
    settled: false,
  });
  const [frame] = peer.frames();
  assert.deepEqual(fieldsOf(TRANSFER, frame as Frame), {
    handle: 0,
    deliveryId: 0,
    deliveryTag: Buffer.from('tag'),
    messageFormat: 5,
    settled: false,
    more: false,
    resume: false,
    aborted: false,
    batchable: false,
  });
  assert.equal(payloadOf(TRANSFER, frame as Frame).toString(), 'ab');
  assert.equal(frame?.body[4], frame && frame.body.length - 5 - 2, 'the list ends where the payload begins');
  assert.equal(frame?.body[5], 11);
  assert.equal(delivery.id, 0);
  assert.equal(link.unsettled, 1);
});

test('a message of any size, in any pieces, leaves in frames that the peer takes, and is whole when put together', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(512, 513, 1000, 65_536),
      fc.array(fc.integer({ min: 0, max: 9000 }), { maxLength: 6 }),
      fc.boolean(),
      fc.boolean(),
      (maxFrameSize, lengths, settled, stateful) => {
        const { peer, link } = sending(maxFrameSize);
        const payload = lengths.map((length, index) => Buffer.alloc(length, index + 1));
        const state = stateful ? ({ kind: 'transactional', txnId: Buffer.alloc(32) } as const) : undefined;
        link.send({ tag: Buffer.alloc(32), payload, settled, ...(state ? { state } : {}) });
        const frames = peer.frames();
        const parts = frames.map((frame) => {
          assert.ok(frame.body.length + 8 <= maxFrameSize, `${frame.body.length + 8} bytes`);
          return payloadOf(TRANSFER, frame);
        });
        assert.deepEqual(Buffer.concat(parts), Buffer.concat(payload));
        const fields = frames.map((frame) => fieldsOf(TRANSFER, frame));
        assert.deepEqual(
          fields.map(({ more }) => more),
          frames.map((_, index) => index < frames.length - 1),
        );
        // The Python client takes every frame with a delivery-id for the first of its delivery.
        assert.deepEqual(
          fields.map(({ deliveryId }) => deliveryId),
          frames.map((_, index) => (index === 0 ? 0 : undefined)),
        );
        assert.deepEqual(fields[0]?.state, state);
      },
    ),
    { numRuns: 200 },
  );
});

test('a message of several frames stops at the window and goes on when it opens, before any later message of its link', () => {
  const { peer, link } = sending(512, 2);
  link.send({ tag: Buffer.from('1'), payload: [Buffer.alloc(1500, 1)], settled: true });
  link.send({ tag: Buffer.from('2'), payload: [Buffer.alloc(1, 2)], settled: true });
  assert.equal(peer.frames().length, 2);
  peer.send(0, FLOW, {
    nextIncomingId: 2,
    incomingWindow: 2,
    nextOutgoingId: 0,
    outgoingWindow: 1,
    handle: 0,
    deliveryCount: 0,
    linkCredit: 100,
    echo: true,
  });
  const frames = peer.frames();
  assert.deepEqual(
    frames.map(({ name }) => name),
    ['transfer', 'transfer', 'flow'],
  );
  assert.equal(
    fieldsOf(FLOW, frames[2] as Frame).deliveryCount,
    1,
    'a message that has begun counts, one that waits does not',
  );
  peer.send(0, FLOW, { nextIncomingId: 4, incomingWindow: 2, nextOutgoingId: 0, outgoingWindow: 1 });
  const [last] = peer.frames();
  assert.equal(payloadOf(TRANSFER, last as Frame)[0], 2);
});

test('a state that leaves no room for payload closes the connection with frame-size-too-small', () => {
  const { peer, link } = sending(512);
  const txnId = Buffer.alloc(600);
  link.send({
    tag: Buffer.from('1'),
    payload: [Buffer.alloc(1)],
    settled: true,
    state: { kind: 'transactional', txnId },
  });
  assert.equal(fieldsOf(CLOSE, peer.frames().at(-1) as Frame).error?.condition, 'amqp:frame-size-too-small');
});

test('large payloads are passed through as they are, small ones are written together', () => {
  const { peer, link } = sending(65_536);
  const large = Buffer.alloc(50_000, 1);
  const small = Buffer.alloc(100, 2);
  for (let index = 0; index < 10; index += 1) link.send({ tag: Buffer.from([index]), payload: [small], settled: true });
  assert.equal(peer.connection.takeOutput().length, 1);
  link.send({ tag: Buffer.from('l'), payload: [large], settled: true });
  const pieces = peer.connection.takeOutput();
  assert.equal(pieces.length, 2);
  assert.equal(pieces[1], large);
});

test('bytes arrive unchanged from engine to engine in both directions, whatever the sizes and frames', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 8 }),
      fc.constantFrom(512, 4096, 65_536),
      fc.integer({ min: 1, max: 20 }),
      fc.boolean(),
      (lengths, maxFrameSizeBytes, incomingWindow, fromClient) => {
        const received: Buffer[] = [];
        const messages = lengths.map((length, index) => Buffer.alloc(length, index));
        let next = 0;
        const send = (link: Link): void => {
          while (next < messages.length && link.credit > 0) {
            link.send({ tag: Buffer.from([next]), payload: [messages[next] as Buffer], settled: next % 2 === 0 });
            next += 1;
          }
        };
        const own = {
          onAttach: (link: Link): void => {
            link.accept();
            if (link.role === 'receiver') link.setCredit(2);
          },
          onFlow: send,
          onTransfer: (link: Link, delivery: IncomingDelivery): void => {
            received.push(Buffer.from(delivery.payload));
            link.settle(delivery, { kind: 'accepted' });
            link.setCredit(2);
          },
        };
        const options = { maxFrameSizeBytes, incomingWindow };
        const pair = new Pair({ client: options, server: options }, { client: own, server: own }).run();
        pair.client.openSession().attach({ name: 'l', role: fromClient ? 'sender' : 'receiver' });
        pair.run();
        assert.deepEqual(received, messages);
        assert.deepEqual(
          [...pair.clientEvents, ...pair.serverEvents].filter((event) => /^(fault|close|end|detach)/.test(event)),
          [],
        );
      },
    ),
    { numRuns: 100 },
  );
});
