import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ATTACH, DETACH, FLOW, type Encodable } from '../../src/amqp/composites.ts';
import { AmqpDescribed, AmqpTyped, type Link } from '../../src/amqp/index.ts';
import { Pair } from './pair.ts';
import { fieldsOf, RawPeer, type Frame } from './raw-peer.ts';

const FLOW_BASE = { nextIncomingId: 0, incomingWindow: 1000, nextOutgoingId: 0, outgoingWindow: 1 };

/** A peer with one attached link, and that link. */
function attached(
  role: 'sender' | 'receiver',
  own: Partial<Encodable<typeof ATTACH>> = {},
  accept: Parameters<Link['accept']>[0] = {},
): { peer: RawPeer; link: Link } {
  let link: Link | undefined;
  const peer = new RawPeer(
    {},
    {
      onAttach: (remote) => {
        link = remote;
        remote.accept(accept);
      },
    },
  ).begin();
  if (role === 'sender') peer.attachReceiver(own);
  else peer.attachSender(own);
  assert.deepEqual(peer.names(), ['attach']);
  return { peer, link: link as Link };
}

test('an attach is answered with name, modes, source and target as they came, and properties that are not null', () => {
  const filter = new Map([
    ['com.microsoft:session-filter', new AmqpDescribed(new AmqpTyped('ulong', 0x137000000cn), 'id')],
  ]);
  const source = {
    address: 'q',
    durable: 1,
    timeout: 5,
    filter,
    outcomes: ['amqp:accepted:list'],
    capabilities: ['queue'],
  };
  const peer = new RawPeer({}, { onAttach: (link) => link.accept() }).begin();
  peer.attachReceiver({
    name: 'n',
    handle: 7,
    sndSettleMode: 0,
    rcvSettleMode: 1,
    source,
    target: { address: 'client' },
  });
  const attach = peer.expect(ATTACH);
  assert.equal(attach.name, 'n');
  assert.equal(attach.handle, 0);
  assert.equal(attach.role, false);
  assert.equal(attach.sndSettleMode, 0);
  assert.equal(attach.rcvSettleMode, 1);
  assert.deepEqual(attach.source, source);
  assert.deepEqual(attach.target, { address: 'client' });
  assert.equal(attach.initialDeliveryCount, 0);
  assert.deepEqual(attach.properties, new Map());
});

test('a target that coordinates transactions is echoed as one', () => {
  const peer = new RawPeer({}, { onAttach: (link) => link.accept() }).begin();
  peer.attachSender({ target: { coordinator: true, capabilities: ['amqp:local-transactions'] } });
  assert.deepEqual(peer.expect(ATTACH).target, { coordinator: true, capabilities: ['amqp:local-transactions'] });
});

test('what accept is given replaces the echo', () => {
  const { peer, link } = attached('receiver', {}, { maxMessageSize: 1000 });
  assert.equal(link.maxMessageSize, 1000);
  assert.equal(link.attached, true);
  peer.send(0, DETACH, { handle: 0, closed: true });
  const again = new RawPeer(
    {},
    {
      onAttach: (remote) =>
        remote.accept({
          source: { address: 'granted' },
          sndSettleMode: 1,
          initialDeliveryCount: 9,
          properties: new Map([['com.microsoft:locked-until-utc', new AmqpTyped('long', 5n)]]),
        }),
    },
  ).begin();
  again.attachReceiver();
  const attach = again.expect(ATTACH);
  assert.equal(attach.source?.address, 'granted');
  assert.equal(attach.sndSettleMode, 1);
  assert.equal(attach.initialDeliveryCount, 9);
  assert.deepEqual(attach.properties?.get('com.microsoft:locked-until-utc'), new AmqpTyped('long', 5n));
});

for (const role of ['sender', 'receiver'] as const) {
  test(`a link as ${role} is refused with an attach without our terminus and a detach with the error`, () => {
    const peer = new RawPeer(
      {},
      { onAttach: (link) => link.refuse({ condition: 'amqp:not-found', description: 'no' }) },
    ).begin();
    if (role === 'sender') peer.attachReceiver();
    else peer.attachSender();
    const [attachFrame, detachFrame] = peer.frames();
    const attach = fieldsOf(ATTACH, attachFrame as Frame);
    assert.equal(role === 'sender' ? attach.source : attach.target, undefined);
    assert.notEqual(role === 'sender' ? attach.target : attach.source, undefined);
    const detach = fieldsOf(DETACH, detachFrame as Frame);
    assert.equal(detach.closed, true);
    assert.equal(detach.error?.condition, 'amqp:not-found');
    const before = peer.events.length;
    peer.send(0, FLOW, { ...FLOW_BASE, handle: 0, linkCredit: 1, echo: true });
    peer.send(0, DETACH, { handle: 0, closed: true });
    assert.deepEqual(peer.frames(), []);
    assert.equal(peer.events.length, before);
    peer.attachReceiver({ name: 'other', handle: 0 });
    assert.deepEqual(peer.names(), ['attach', 'detach']);
  });
}

test('accept may come later; a flow that came before shows in the credit and is not reported', () => {
  let link: Link | undefined;
  const peer = new RawPeer({}, { onAttach: (remote) => (link = remote) }).begin();
  peer.attachReceiver();
  peer.send(0, FLOW, { ...FLOW_BASE, handle: 0, linkCredit: 5 });
  assert.equal(link?.credit, 0);
  assert.deepEqual(peer.frames(), []);
  link?.accept({ initialDeliveryCount: 100 });
  assert.equal(link?.credit, 5);
  assert.equal(
    peer.events.some((event) => event.startsWith('flow')),
    false,
  );
  peer.send(0, FLOW, { ...FLOW_BASE, handle: 0, linkCredit: 7 });
  assert.equal(link?.credit, 7, 'without a delivery-count the peer means our initial one');
});

test('the peer detaches before we have answered its attach: it gets attach and detach', () => {
  let link: Link | undefined;
  const peer = new RawPeer({}, { onAttach: (remote) => (link = remote) }).begin();
  peer.attachReceiver();
  peer.send(0, DETACH, { handle: 0, closed: true });
  assert.deepEqual(peer.names(), ['attach', 'detach']);
  assert.equal(peer.events.at(-1), 'detach r no error');
  link?.accept();
  link?.refuse({ condition: 'amqp:not-found' });
  link?.detach();
  assert.deepEqual(peer.frames(), []);
});

for (const closed of [true, false]) {
  test(`the peer detaches with closed=${closed}: it gets the same, and the handles are free`, () => {
    const { peer, link } = attached('receiver');
    peer.send(0, DETACH, { handle: 0, closed, error: { condition: 'amqp:internal-error' } });
    assert.equal(peer.expect(DETACH).closed, closed);
    assert.equal(peer.events.at(-1), 'detach s amqp:internal-error');
    assert.equal(link.attached, false);
    peer.attachSender();
    assert.equal(peer.expect(ATTACH).handle, 0);
  });
}

test('we detach: what the peer sends is thrown away until its detach, which is reported', () => {
  const { peer, link } = attached('receiver');
  link.setCredit(10);
  peer.frames();
  link.detach({ condition: 'amqp:resource-deleted' });
  assert.equal(peer.expectError(DETACH).condition, 'amqp:resource-deleted');
  const before = peer.events.length;
  peer.transfer(0);
  link.setCredit(20);
  link.detach();
  assert.deepEqual(peer.frames(), []);
  peer.send(0, DETACH, { handle: 0, closed: true });
  assert.deepEqual(peer.frames(), []);
  assert.deepEqual(peer.events.slice(before), ['detach s no error']);
});

test('an attach under the name of an attached link of the same direction steals it', () => {
  const { peer } = attached('receiver');
  peer.attachSender({ handle: 1 });
  const frames = peer.frames();
  assert.equal(fieldsOf(DETACH, frames[0] as Frame).error?.condition, 'amqp:link:stolen');
  assert.equal(fieldsOf(ATTACH, frames[1] as Frame).handle, 1);
  assert.ok(
    peer.events.indexOf('detach s amqp:link:stolen') >= 0,
    'the owner is told before the peer answers, if it ever does',
  );
  const told = peer.events.length;
  peer.send(0, DETACH, { handle: 0, closed: true });
  assert.equal(peer.events.length, told, 'and only once');
});

test('links of opposite directions may share a name', () => {
  const { peer } = attached('receiver', { name: 'cbs' });
  peer.attachReceiver({ name: 'cbs', handle: 1 });
  assert.deepEqual(peer.names(), ['attach']);
});

// --- credit, drain, echo ----------------------------------------------------------------------------------------------------

test('credit counts from the delivery-count of the receiver, over the wrap of 32 bits', () => {
  const { peer, link } = attached('sender', {}, { initialDeliveryCount: 0xffff_ffff });
  peer.send(0, FLOW, { ...FLOW_BASE, handle: 0, deliveryCount: 0xffff_ffff, linkCredit: 3 });
  assert.equal(link.credit, 3);
  link.send({ tag: Buffer.from('a'), payload: [], settled: true });
  link.send({ tag: Buffer.from('b'), payload: [], settled: true });
  assert.equal(link.credit, 1);
  peer.send(0, FLOW, { ...FLOW_BASE, handle: 0, deliveryCount: 0, linkCredit: 3 });
  assert.equal(link.credit, 2, 'the receiver has not seen the second yet');
  peer.send(0, FLOW, { ...FLOW_BASE, handle: 0, deliveryCount: 1, linkCredit: 0 });
  assert.equal(link.credit, 0);
});

test('credit of 4294967295 is much credit, not a negative one', () => {
  const { peer, link } = attached('sender');
  peer.send(0, FLOW, { ...FLOW_BASE, handle: 0, deliveryCount: 0, linkCredit: 0xffff_ffff });
  assert.ok(link.credit > 0);
});

test('sending without credit, on a receiver or with a long tag is refused', () => {
  const { peer, link } = attached('sender');
  const message = { tag: Buffer.from('a'), payload: [], settled: true };
  assert.throws(() => link.send(message), /no credit/);
  peer.send(0, FLOW, { ...FLOW_BASE, handle: 0, linkCredit: 1 });
  assert.throws(() => link.send({ ...message, tag: Buffer.alloc(33) }), /over the limit of 32/);
  assert.throws(() => link.setCredit(1), /is a sender, not a receiver/);
  assert.throws(() => attached('receiver').link.send(message), /is a receiver, not a sender/);
});

test('a flow with echo is answered with the state of the link', () => {
  const { peer, link } = attached('sender');
  peer.send(0, FLOW, { ...FLOW_BASE, handle: 0, linkCredit: 5 });
  link.send({ tag: Buffer.from('a'), payload: [], settled: true });
  peer.frames();
  peer.send(0, FLOW, { ...FLOW_BASE, handle: 0, deliveryCount: 1, linkCredit: 9, echo: true });
  const flow = peer.expect(FLOW);
  assert.deepEqual([flow.handle, flow.deliveryCount, flow.linkCredit, flow.available, flow.drain], [0, 1, 9, 0, false]);
});

test('drained gives the credit back: delivery-count advanced by the rest, credit 0, drain true', () => {
  const { peer, link } = attached('sender');
  peer.send(0, FLOW, { ...FLOW_BASE, handle: 0, deliveryCount: 0, linkCredit: 5, drain: true });
  assert.equal(peer.events.at(-1), 'flow r credit=5 drain=true');
  link.send({ tag: Buffer.from('a'), payload: [], settled: true });
  link.drained();
  const frames = peer.frames();
  assert.equal(frames[0]?.name, 'transfer');
  const flow = fieldsOf(FLOW, frames[1] as Frame);
  assert.deepEqual([flow.deliveryCount, flow.linkCredit, flow.drain], [5, 0, true]);
  assert.equal(link.credit, 0);
  link.drained();
  assert.deepEqual(peer.frames(), [], 'only once for each drain');
});

test('a drain without credit left is answered too', () => {
  const { peer, link } = attached('sender');
  peer.send(0, FLOW, { ...FLOW_BASE, handle: 0, deliveryCount: 0, linkCredit: 0, drain: true });
  link.drained();
  const flow = peer.expect(FLOW);
  assert.deepEqual([flow.deliveryCount, flow.linkCredit, flow.drain], [0, 0, true]);
});

test('a drain that the receiver takes back is forgotten: the next one is not answered in its stead', () => {
  const { peer, link } = attached('sender');
  const send = (): void => void link.send({ tag: Buffer.from('a'), payload: [Buffer.from('m')], settled: true });
  peer.send(0, FLOW, { ...FLOW_BASE, incomingWindow: 0, handle: 0, deliveryCount: 0, linkCredit: 5, drain: true });
  send();
  link.drained();
  peer.send(0, FLOW, { ...FLOW_BASE, incomingWindow: 1, handle: 0, deliveryCount: 0, linkCredit: 5, drain: false });
  send();
  peer.frames();
  peer.send(0, FLOW, { ...FLOW_BASE, nextIncomingId: 1, incomingWindow: 0, handle: 0, linkCredit: 5, drain: true });
  peer.send(0, FLOW, { ...FLOW_BASE, nextIncomingId: 1, incomingWindow: 9, handle: 0, linkCredit: 5, drain: true });
  assert.deepEqual(peer.names(), ['transfer'], 'the owner has not said that it has nothing more');
  assert.ok(link.drain);
});

test('a drain is answered only when what waits for the window has left', () => {
  const { peer, link } = attached('sender');
  peer.send(0, FLOW, { ...FLOW_BASE, incomingWindow: 0, handle: 0, deliveryCount: 0, linkCredit: 5, drain: true });
  link.send({ tag: Buffer.from('a'), payload: [Buffer.from('m')], settled: true });
  link.drained();
  assert.deepEqual(peer.frames(), []);
  peer.send(0, FLOW, { ...FLOW_BASE });
  const frames = peer.frames();
  assert.deepEqual(
    frames.map(({ name }) => name),
    ['transfer', 'flow'],
  );
  assert.equal(fieldsOf(FLOW, frames[1] as Frame).deliveryCount, 5);
});

test('a drain is answered although a delivery waits that has no credit any more; it leaves when there is credit again', () => {
  const { peer, link } = attached('sender');
  peer.send(0, FLOW, { ...FLOW_BASE, incomingWindow: 0, handle: 0, deliveryCount: 0, linkCredit: 2 });
  for (const tag of ['a', 'b']) link.send({ tag: Buffer.from(tag), payload: [Buffer.from(tag)], settled: true });
  peer.send(0, FLOW, { ...FLOW_BASE, incomingWindow: 0, handle: 0, deliveryCount: 0, linkCredit: 1, drain: true });
  link.drained();
  assert.deepEqual(peer.names(), [], 'the first has credit, and waits for the window');
  peer.send(0, FLOW, { ...FLOW_BASE });
  const frames = peer.frames();
  assert.deepEqual(
    frames.map(({ name }) => name),
    ['transfer', 'flow'],
  );
  const flow = fieldsOf(FLOW, frames[1] as Frame);
  assert.deepEqual([flow.deliveryCount, flow.linkCredit, flow.available, flow.drain], [1, 0, 1, true]);
  peer.send(0, FLOW, { ...FLOW_BASE, nextIncomingId: 1, handle: 0, deliveryCount: 1, linkCredit: 0, drain: true });
  link.drained();
  assert.deepEqual(peer.names(), ['flow']);
  peer.send(0, FLOW, { ...FLOW_BASE, nextIncomingId: 1, handle: 0, deliveryCount: 1, linkCredit: 1 });
  assert.deepEqual(peer.names(), ['transfer']);
});

test('a receiver that takes its credit back keeps what waits from leaving', () => {
  const { peer, link } = attached('sender');
  peer.send(0, FLOW, { ...FLOW_BASE, incomingWindow: 0, handle: 0, deliveryCount: 0, linkCredit: 2 });
  for (const tag of ['a', 'b']) link.send({ tag: Buffer.from(tag), payload: [Buffer.from(tag)], settled: true });
  peer.send(0, FLOW, { ...FLOW_BASE, handle: 0, deliveryCount: 0, linkCredit: 1, echo: true });
  const frames = peer.frames();
  assert.deepEqual(
    frames.map(({ name }) => name),
    ['transfer', 'flow'],
  );
  const flow = fieldsOf(FLOW, frames[1] as Frame);
  assert.deepEqual([flow.deliveryCount, flow.linkCredit, flow.available], [1, 0, 1]);
  peer.send(0, FLOW, { ...FLOW_BASE, nextIncomingId: 1, handle: 0, deliveryCount: 1, linkCredit: 1 });
  assert.deepEqual(peer.names(), ['transfer']);
});

test('flows of one turn leave as one flow for each link', () => {
  const { peer, link } = attached('receiver');
  for (let count = 0; count < 10; count += 1) link.addCredit(1);
  const flow = peer.expect(FLOW);
  assert.deepEqual([flow.handle, flow.deliveryCount, flow.linkCredit], [0, 0, 10]);
});

test('a sender may use credit that we have taken back since, but no more than was ever granted', () => {
  const { peer, link } = attached('receiver');
  link.setCredit(3);
  peer.frames();
  link.setCredit(0);
  peer.frames();
  for (let id = 0; id < 3; id += 1) peer.transfer(id, { settled: true });
  assert.equal(peer.events.filter((event) => event.startsWith('transfer')).length, 3);
  assert.deepEqual(peer.names(), []);
  peer.transfer(3, { settled: true });
  assert.equal(peer.expectError(DETACH).condition, 'amqp:link:transfer-limit-exceeded');
});

test('a receiver drains: the sender sends what it has, gives back the rest, and onDrained follows', () => {
  let sender: Link | undefined;
  const pair = new Pair(
    {},
    {
      server: {
        onAttach: (link) => {
          link.accept();
          sender = link;
        },
        onFlow: (link) => {
          if (!link.drain) return;
          link.send({ tag: Buffer.from('t'), payload: [Buffer.from('last')], settled: true });
          link.drained();
        },
      },
    },
  ).run();
  const receiver = pair.client.openSession().attach({ name: 'r', role: 'receiver', source: { address: 'q' } });
  receiver.addCredit(10);
  pair.run();
  assert.equal(sender?.credit, 10);
  receiver.drainCredit();
  pair.run();
  assert.deepEqual(pair.clientEvents.slice(-2), ['transfer r 0 4 bytes', 'drained r']);
  assert.equal(receiver.credit, 0);
  assert.equal(receiver.drain, false);
  assert.equal(sender?.credit, 0);
  receiver.addCredit(2);
  pair.run();
  assert.equal(sender?.credit, 2);
});

test('credit that was granted before the sender answered counts from its initial delivery-count', () => {
  let sender: Link | undefined;
  const pair = new Pair(
    {},
    {
      server: {
        onAttach: (link) => {
          sender = link;
        },
      },
    },
  ).run();
  const receiver = pair.client.openSession().attach({ name: 'r', role: 'receiver' });
  receiver.addCredit(3);
  pair.run();
  sender?.accept({ initialDeliveryCount: 50 });
  pair.run();
  assert.equal(sender?.credit, 3);
  assert.equal(receiver.credit, 3);
  sender?.send({ tag: Buffer.from('t'), payload: [], settled: true });
  pair.run();
  assert.equal(receiver.credit, 2);
});

test('a client hears of a refusal by an attach without terminus and a detach with the error', () => {
  let target: unknown = 'none yet';
  const pair = new Pair(
    {},
    {
      client: { onAttach: (_link, attach) => (target = attach.target) },
      server: { onAttach: (link) => link.refuse({ condition: 'amqp:unauthorized-access' }) },
    },
  ).run();
  const session = pair.client.openSession();
  session.attach({ name: 's', role: 'sender', target: { address: 'q' }, context: 'mine' });
  assert.throws(() => session.attach({ name: 's', role: 'sender' }), /exists: choose another name/);
  pair.run();
  assert.equal(target, undefined);
  assert.equal(pair.clientEvents.at(-1), 'detach s amqp:unauthorized-access');
  session.attach({ name: 's', role: 'sender' });
});
