import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DETACH, DISPOSITION, END, FLOW, type DeliveryState } from '../../src/amqp/composites.ts';
import {
  ACCEPTED,
  AmqpTyped,
  RECEIVER_SETTLE_MODE,
  RELEASED,
  type IncomingDelivery,
  type Link,
  type OutgoingDelivery,
} from '../../src/amqp/index.ts';
import { Pair } from './pair.ts';
import { fieldsOf, RawPeer } from './raw-peer.ts';

/** A peer that has sent `count` unsettled deliveries. */
function received(count: number): { peer: RawPeer; link: Link; deliveries: IncomingDelivery[] } {
  let link: Link | undefined;
  const deliveries: IncomingDelivery[] = [];
  const peer = new RawPeer(
    {},
    {
      onAttach: (remote) => {
        link = remote;
        remote.accept();
        remote.setCredit(count);
      },
      onTransfer: (_link, delivery) => deliveries.push(delivery),
    },
  ).begin();
  peer.attachSender();
  peer.frames();
  for (let id = 0; id < count; id += 1) peer.transfer(id);
  return { peer, link: link as Link, deliveries };
}

/** A peer that has been sent `count` unsettled deliveries. */
function sent(count: number, maxUnsettled = 1000): { peer: RawPeer; link: Link; deliveries: OutgoingDelivery[] } {
  let link: Link | undefined;
  const peer = new RawPeer(
    { maxUnsettled },
    {
      onAttach: (remote) => {
        link = remote;
        remote.accept();
      },
    },
  ).begin();
  peer.attachReceiver({ rcvSettleMode: RECEIVER_SETTLE_MODE.second });
  peer.send(0, FLOW, {
    incomingWindow: 1000,
    nextOutgoingId: 0,
    outgoingWindow: 1,
    handle: 0,
    deliveryCount: 0,
    linkCredit: 900,
  });
  const deliveries: OutgoingDelivery[] = [];
  for (let id = 0; id < count; id += 1) {
    deliveries.push((link as Link).send({ tag: Buffer.from([id]), payload: [Buffer.from('x')], settled: false }));
  }
  peer.frames();
  peer.events.length = 0;
  return { peer, link: link as Link, deliveries };
}

function ranges(peer: RawPeer): unknown[] {
  return peer.frames().map((frame) => {
    const { first, last, state, settled, role } = fieldsOf(DISPOSITION, frame);
    return [role ? 'receiver' : 'sender', first, last, state?.kind, settled];
  });
}

test('consecutive deliveries settled with an equal outcome in one turn leave as one disposition', () => {
  const { peer, link, deliveries } = received(10);
  for (const delivery of deliveries) link.settle(delivery, ACCEPTED);
  assert.deepEqual(ranges(peer), [['receiver', 0, 9, 'accepted', true]]);
  assert.equal(link.unsettled, 0);
});

test('another outcome, a gap, or another turn begins another disposition', () => {
  const { peer, link, deliveries } = received(8);
  const settle = (id: number, state: DeliveryState | undefined): void =>
    link.settle(deliveries[id] as IncomingDelivery, state);
  settle(0, ACCEPTED);
  settle(1, ACCEPTED);
  settle(2, RELEASED);
  settle(4, RELEASED);
  settle(5, { kind: 'modified', deliveryFailed: true });
  settle(6, { kind: 'modified', deliveryFailed: true });
  settle(7, undefined);
  assert.deepEqual(ranges(peer), [
    ['receiver', 0, 1, 'accepted', true],
    ['receiver', 2, 2, 'released', true],
    ['receiver', 4, 4, 'released', true],
    ['receiver', 5, 6, 'modified', true],
    ['receiver', 7, 7, undefined, true],
  ]);
  settle(3, ACCEPTED);
  assert.deepEqual(ranges(peer), [['receiver', 3, 3, 'accepted', true]]);
});

test('a delivery is settled once', () => {
  const { peer, link, deliveries } = received(1);
  link.settle(deliveries[0] as IncomingDelivery, ACCEPTED);
  link.settle(deliveries[0] as IncomingDelivery, RELEASED);
  assert.deepEqual(ranges(peer), [['receiver', 0, 0, 'accepted', true]]);
});

test('ranges go over the wrap of delivery ids', () => {
  const { peer, link, deliveries } = received(0);
  link.setCredit(4);
  for (const id of [0xffff_fffe, 0xffff_ffff, 0, 1]) peer.transfer(id, { deliveryTag: Buffer.from('t') });
  peer.frames();
  for (const delivery of deliveries) link.settle(delivery, ACCEPTED);
  assert.deepEqual(ranges(peer), [['receiver', 0xffff_fffe, 1, 'accepted', true]]);
});

test('outcomes leave before a detach, an end and a close that follow them', () => {
  for (const finish of ['detach', 'end', 'close'] as const) {
    const { peer, link, deliveries } = received(1);
    link.settle(deliveries[0] as IncomingDelivery, ACCEPTED);
    if (finish === 'detach') link.detach();
    else if (finish === 'end') link.session.end();
    else peer.connection.close();
    assert.deepEqual(peer.names(), ['disposition', finish]);
  }
});

test('a settled range of the receiver is reported delivery by delivery', () => {
  const { peer, link, deliveries } = sent(5);
  peer.send(0, DISPOSITION, { role: true, first: 1, last: 3, settled: true, state: ACCEPTED });
  assert.deepEqual(
    peer.events,
    [1, 2, 3].map((id) => `disposition r ${id} accepted settled=true`),
  );
  assert.equal(link.unsettled, 2);
  assert.deepEqual(
    deliveries.map(({ settled }) => settled),
    [false, true, true, true, false],
  );
  peer.send(0, DISPOSITION, { role: true, first: 1, settled: true, state: RELEASED });
  assert.equal(peer.events.length, 3, 'settled deliveries are not reported again');
});

test('receiver settle mode second: an unsettled outcome is answered by settling, in ranges', () => {
  const { peer, link, deliveries } = sent(4);
  peer.send(0, DISPOSITION, { role: true, first: 0, last: 3, settled: false, state: ACCEPTED });
  assert.equal(peer.events.at(-1), 'disposition r 3 accepted settled=false');
  assert.equal(link.unsettled, 4);
  for (const delivery of deliveries) link.settleOutgoing(delivery, delivery.state);
  assert.deepEqual(ranges(peer), [['sender', 0, 3, 'accepted', true]]);
  assert.equal(link.unsettled, 0);
});

test('every kind of outcome arrives with its fields, and leaves with them', () => {
  const states: DeliveryState[] = [
    ACCEPTED,
    RELEASED,
    { kind: 'rejected' },
    { kind: 'rejected', error: { condition: 'com.microsoft:dead-letter', info: new Map([['DeadLetterReason', 'r']]) } },
    {
      kind: 'modified',
      deliveryFailed: true,
      undeliverableHere: false,
      messageAnnotations: new Map([['k', new AmqpTyped('long', 5n)]]),
    },
    { kind: 'received', sectionNumber: 1, sectionOffset: 2n },
    { kind: 'declared', txnId: Buffer.from('t') },
    { kind: 'transactional', txnId: Buffer.from('t'), outcome: { kind: 'rejected' } },
  ];
  const { peer, link, deliveries } = sent(states.length);
  for (const [id, state] of states.entries()) peer.send(0, DISPOSITION, { role: true, first: id, state });
  assert.deepEqual(
    deliveries.map(({ state }) => state),
    states,
  );
  for (const delivery of deliveries) link.settleOutgoing(delivery, delivery.state);
  assert.deepEqual(
    peer.frames().map((frame) => fieldsOf(DISPOSITION, frame).state),
    states,
  );
});

test('a range much longer than what is unsettled costs no more than that, and settles all of it', () => {
  const { peer, link } = sent(5);
  peer.send(0, DISPOSITION, { role: true, first: 0, last: 0x7fff_ffff, settled: true, state: ACCEPTED });
  assert.equal(peer.events.length, 5);
  assert.equal(link.unsettled, 0);
});

test('ids that are not known are ignored, a range that goes backwards ends the session with invalid-field', () => {
  const { peer } = sent(1);
  peer.send(0, DISPOSITION, { role: true, first: 500, last: 501, settled: true });
  peer.send(0, DISPOSITION, { role: false, first: 0, settled: true });
  assert.deepEqual(peer.events, []);
  peer.send(0, DISPOSITION, { role: true, first: 5, last: 4, settled: true });
  assert.equal(peer.expectError(END).condition, 'amqp:invalid-field');
});

test('unsettled deliveries of a sender are bounded: no credit at the limit, onFlow when there is room again', () => {
  const { peer, link } = sent(3, 3);
  assert.equal(link.credit, 0);
  peer.send(0, DISPOSITION, { role: true, first: 0, settled: true, state: ACCEPTED });
  assert.deepEqual(peer.events, ['disposition r 0 accepted settled=true', 'flow r credit=1 drain=false']);
});

test('deliveries of a link that is gone are forgotten, those of other links are not', () => {
  const { peer, link } = sent(2);
  peer.send(0, DETACH, { handle: 0, closed: true });
  peer.frames();
  peer.events.length = 0;
  assert.equal(link.unsettled, 0);
  peer.send(0, DISPOSITION, { role: true, first: 0, last: 1, settled: true, state: ACCEPTED });
  assert.deepEqual(peer.events, []);
  link.settleOutgoing({ id: 0 } as OutgoingDelivery, ACCEPTED);
  assert.deepEqual(peer.frames(), []);
});

test('a client receiver in settle mode second states an outcome and hears of the settlement', () => {
  const got: IncomingDelivery[] = [];
  const pair = new Pair(
    {},
    {
      server: {
        onAttach: (link) => link.accept(),
        onFlow: (link) => {
          while (link.credit > 0) link.send({ tag: Buffer.from('t'), payload: [], settled: false });
        },
        onDisposition: (link, delivery, state, settled) => {
          if (!settled) link.settleOutgoing(delivery, state);
        },
      },
      client: { onTransfer: (_link, delivery) => got.push(delivery) },
    },
  ).run();
  const receiver = pair.client
    .openSession()
    .attach({ name: 'r', role: 'receiver', rcvSettleMode: RECEIVER_SETTLE_MODE.second });
  receiver.addCredit(3);
  pair.run();
  assert.equal(got.length, 3);
  for (const delivery of got) receiver.dispose(delivery, RELEASED);
  pair.run();
  assert.deepEqual(
    pair.clientEvents.slice(-3),
    [0, 1, 2].map((id) => `settled r ${id} released settled=true`),
  );
  assert.deepEqual(
    got.map(({ settled }) => settled),
    [true, true, true],
  );
  assert.equal(receiver.unsettled, 0);
});

test('a handler may send, settle and detach from within onDisposition of a range', () => {
  const seen: number[] = [];
  let link: Link | undefined;
  const peer = new RawPeer(
    {},
    {
      onAttach: (remote) => {
        link = remote;
        remote.accept();
      },
      onDisposition: (from, delivery) => {
        seen.push(delivery.id);
        if (seen.length < 4) from.send({ tag: Buffer.from('n'), payload: [], settled: false });
        else from.detach();
      },
    },
  ).begin();
  peer.attachReceiver();
  peer.send(0, FLOW, { incomingWindow: 1000, nextOutgoingId: 0, outgoingWindow: 1, handle: 0, linkCredit: 100 });
  for (let id = 0; id < 2; id += 1) link?.send({ tag: Buffer.from([id]), payload: [], settled: false });
  peer.send(0, DISPOSITION, { role: true, first: 0, last: 100, settled: true, state: ACCEPTED });
  assert.deepEqual(seen, [0, 1], 'deliveries that were sent meanwhile are not in the range');
  peer.send(0, DISPOSITION, { role: true, first: 2, last: 3, settled: true, state: ACCEPTED });
  assert.deepEqual(seen, [0, 1, 2, 3]);
  assert.equal(peer.names().at(-1), 'detach');
});
