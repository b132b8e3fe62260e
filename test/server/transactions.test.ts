import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ACCEPTED,
  AmqpArray,
  AmqpDescribed,
  AmqpTimestamp,
  AmqpTyped,
  AmqpUuid,
  Writer,
} from '../../src/amqp/index.ts';
import type { AmqpMap, AmqpValue, DeliveryState } from '../../src/amqp/index.ts';
import { swapGuidOrder } from '../../src/server/lock-token.ts';
import { bodyOf, messageOf, Peer } from './peer.ts';
import type { PeerLink } from './peer.ts';
import { World } from './world.ts';

const ulong = (code: bigint): AmqpTyped => new AmqpTyped('ulong', code);

/** An amqp-value section with a declare or a discharge. */
function requestOf(value: AmqpDescribed): Buffer {
  const writer = new Writer();
  writer.writeDescriptor(0x77);
  writer.writeValue(value);
  return writer.take();
}

const DECLARE = requestOf(new AmqpDescribed(ulong(0x31n), [null]));

function discharge(txnId: Buffer, fail?: boolean): Buffer {
  return requestOf(new AmqpDescribed(ulong(0x32n), fail === undefined ? [txnId] : [txnId, fail]));
}

/** The last answer that the link got. */
function answer(link: PeerLink): DeliveryState | undefined {
  return link.outcomes.at(-1)?.state;
}

function conditionOf(state: DeliveryState | undefined): string | undefined {
  return state?.kind === 'rejected' ? state.error?.condition : undefined;
}

function coordinator(peer: Peer): Promise<PeerLink> {
  return peer.attach({ role: 'sender', target: { coordinator: true, capabilities: ['amqp:local-transactions'] } });
}

async function declare(peer: Peer, control: PeerLink): Promise<Buffer> {
  await peer.send(control, DECLARE);
  const declared = answer(control);
  assert.equal(declared?.kind, 'declared');
  assert.equal(control.outcomes.at(-1)?.settled, true);
  return (declared as { txnId: Buffer }).txnId;
}

const inside = (txnId: Buffer, outcome?: DeliveryState): DeliveryState => ({ kind: 'transactional', txnId, outcome });

test('a transaction is declared, gathers sends and settlements over two queues, and is discharged as a whole', async (context) => {
  const world = await World.start(context, [{ name: 'a' }, { name: 'b' }]);
  const peer = await Peer.authorized(world);
  const control = await coordinator(peer);
  assert.equal(control.attach?.target?.coordinator, true);
  const sender = await peer.sender('b');
  const toA = await peer.sender('a');
  await peer.send(toA, messageOf('work'));
  const receiver = await peer.receiver('a');
  const [work] = await peer.grant(receiver, 10);
  const txnId = await declare(peer, control);

  await peer.send(sender, messageOf('result'), { state: inside(txnId) });
  assert.deepEqual(answer(sender), inside(txnId, ACCEPTED));
  assert.ok(work);
  const echo = await peer.dispose(receiver, work, inside(txnId, ACCEPTED));
  assert.deepEqual(echo, inside(txnId, ACCEPTED));
  assert.equal(receiver.outcomes.at(-1)?.settled, true);
  assert.equal(world.server.admin.queues.get('a')?.counts.active, 1);
  assert.equal(world.server.admin.queues.get('b')?.counts.active, 0);

  await peer.send(control, discharge(txnId));
  assert.equal(answer(control)?.kind, 'accepted');
  assert.equal(world.server.admin.queues.get('a')?.counts.active, 0);
  const results = await peer.receiver('b');
  assert.deepEqual((await peer.grant(results, 10)).map(bodyOf), ['result']);
});

test('a commit is acknowledged when it is on disk, and survives the loss of the process', async (context) => {
  const world = await World.start(context, [{ name: 'a' }, { name: 'b' }]);
  const peer = await Peer.authorized(world);
  const control = await coordinator(peer);
  const [a, b] = [await peer.sender('a'), await peer.sender('b')];
  const txnId = await declare(peer, control);
  await peer.send(a, messageOf('1'), { state: inside(txnId) });
  await peer.send(b, messageOf('2'), { state: inside(txnId) });
  await peer.send(control, discharge(txnId));
  assert.equal(answer(control)?.kind, 'accepted');
  await world.restartAfterPowerCut();
  assert.equal(world.server.admin.queues.get('a')?.counts.active, 1);
  assert.equal(world.server.admin.queues.get('b')?.counts.active, 1);
});

test('a discharge that fails rolls back: nothing was sent, and the messages are still locked by their receiver', async (context) => {
  const world = await World.start(context, [{ name: 'q' }]);
  const peer = await Peer.authorized(world);
  const control = await coordinator(peer);
  const sender = await peer.sender('q');
  await peer.send(sender, messageOf('work'));
  const receiver = await peer.receiver('q');
  const [work] = await peer.grant(receiver, 1);
  assert.ok(work);
  const txnId = await declare(peer, control);
  await peer.dispose(receiver, work, inside(txnId, ACCEPTED));
  await peer.send(sender, messageOf('result'), { state: inside(txnId) });
  await peer.send(control, discharge(txnId, true));
  assert.equal(answer(control)?.kind, 'accepted');
  assert.equal(world.server.admin.queues.get('q')?.counts.active, 1);
  const body = new Map<string, AmqpValue>([
    ['disposition-status', 'completed'],
    ['lock-tokens', new AmqpArray('uuid', [new AmqpUuid(swapGuidOrder(work.tag))])],
  ]) as AmqpMap;
  assert.equal((await peer.manage('q', 'update-disposition', body)).status, 200);
  assert.equal(world.server.admin.queues.get('q')?.counts.total, 0);
});

test('transactions go with the link that controls them, and with its connection', async (context) => {
  const world = await World.start(context, [{ name: 'q', lockDuration: 'PT5M' }]);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('q');
  for (const how of ['link', 'connection'] as const) {
    const other = await Peer.authorized(world);
    const control = await coordinator(other);
    const txnId = await declare(other, control);
    const link = await other.sender('q');
    await other.send(link, messageOf('never'), { state: inside(txnId) });
    if (how === 'link') control.link.detach();
    else other.pipe.destroy();
    await world.settle();
    assert.equal(world.server.admin.queues.get('q')?.counts.active, 0);
  }
  await peer.send(sender, messageOf('x'));
  assert.equal(world.server.admin.queues.get('q')?.counts.active, 1);
});

test('an id that is unknown, ended, of another connection, or that took too long is refused with its condition', async (context) => {
  const world = await World.start(context, [{ name: 'q' }]);
  const peer = await Peer.authorized(world);
  const other = await Peer.authorized(world);
  const [control, otherControl] = [await coordinator(peer), await coordinator(other)];
  const sender = await peer.sender('q');
  const foreign = await declare(other, otherControl);
  const ended = await declare(peer, control);
  await peer.send(control, discharge(ended));
  for (const txnId of [Buffer.from('unknown'), foreign, ended]) {
    await peer.send(sender, messageOf('m'), { state: inside(txnId) });
    assert.equal(conditionOf(answer(sender)), 'amqp:transaction:unknown-id');
    await peer.send(control, discharge(txnId));
    assert.equal(conditionOf(answer(control)), 'amqp:transaction:unknown-id');
  }
  const slow = await declare(peer, control);
  await world.pass(120_001);
  await peer.send(sender, messageOf('m'), { state: inside(slow) });
  assert.equal(conditionOf(answer(sender)), 'amqp:transaction:timeout');
  await peer.send(control, discharge(slow));
  assert.equal(conditionOf(answer(control)), 'amqp:transaction:timeout');
  assert.equal(world.server.admin.queues.get('q')?.counts.total, 0);
});

test('a lock that is lost, or a message that was refused, rolls back with amqp:transaction:rollback', async (context) => {
  const world = await World.start(context, [{ name: 'q', lockDuration: 'PT5S' }]);
  const peer = await Peer.authorized(world);
  const control = await coordinator(peer);
  const sender = await peer.sender('q');
  await peer.send(sender, messageOf('work'));
  const receiver = await peer.receiver('q');
  const [work] = await peer.grant(receiver, 1);
  assert.ok(work);
  const lost = await declare(peer, control);
  await peer.dispose(receiver, work, inside(lost, ACCEPTED));
  await world.pass(5_001);
  await peer.send(control, discharge(lost));
  assert.equal(conditionOf(answer(control)), 'amqp:transaction:rollback');

  // Whether the client asks for an answer or not: the Java client does not look at it.
  for (const settled of [true, false]) {
    const refused = await declare(peer, control);
    await peer.send(sender, messageOf('fine'), { state: inside(refused) });
    await peer.send(sender, messageOf('m', { messageId: 'x'.repeat(200) }), { settled, state: inside(refused) });
    await peer.send(control, discharge(refused));
    assert.equal(conditionOf(answer(control)), 'amqp:transaction:rollback');
  }
  assert.equal(world.server.admin.queues.get('q')?.counts.active, 1);
});

test('scheduling and settling over $management take part in a transaction', async (context) => {
  const world = await World.start(context, [{ name: 'q' }]);
  const peer = await Peer.authorized(world);
  const control = await coordinator(peer);
  const txnId = await declare(peer, control);
  const at = new AmqpTimestamp(world.clock.wallMs() + 60_000);
  const annotations = new Map([['x-opt-scheduled-enqueue-time', at]]);
  const message = new Map<string, AmqpValue>([['message', messageOf('later', { annotations })]]);
  const body = new Map<string, AmqpValue>([['messages', [message]]]) as AmqpMap;
  const reply = await peer.manage('q', 'schedule-message', body, [], { state: inside(txnId) });
  assert.equal(reply.status, 200);
  assert.equal(world.server.admin.queues.get('q')?.counts.scheduled, 0);
  await peer.send(control, discharge(txnId));
  assert.equal(world.server.admin.queues.get('q')?.counts.scheduled, 1);
  // A reply, not a rejected request: of that no client hears.
  const late = await peer.manage('q', 'schedule-message', body, [], { state: inside(txnId) });
  assert.deepEqual([late.status, late.condition], [404, 'amqp:transaction:unknown-id']);
});

test('a sender by way of one queue to another needs the right to send to both', async (context) => {
  const world = await World.start(context, [{ name: 'via' }, { name: 'to' }]);
  const properties = new Map([['com.microsoft:transfer-destination-address', 'to']]);
  const peer = await Peer.authorized(world);
  const sender = await peer.attach({ role: 'sender', target: { address: 'via' }, properties });
  await peer.send(sender, messageOf('m'));
  assert.equal(world.server.admin.queues.get('to')?.counts.active, 1);
  assert.equal(world.server.admin.queues.get('via')?.counts.total, 0);
  const limited = await Peer.authorized(world, { audience: 'sb://localhost/via' });
  const refused = await limited.attach({ role: 'sender', target: { address: 'via' }, properties });
  assert.equal(refused.condition, 'amqp:unauthorized-access');
});

test('a sender by way of one queue to another goes when its token for either expires', async (context) => {
  const world = await World.start(context, [{ name: 'via' }, { name: 'to' }]);
  const properties = new Map([['com.microsoft:transfer-destination-address', 'to']]);
  for (const [viaMs, toMs] of [
    [60_000, 3_600_000],
    [3_600_000, 60_000],
  ] as const) {
    const peer = await Peer.authorized(world, { audience: 'sb://localhost/via', lifetimeMs: viaMs });
    await peer.putToken({ audience: 'sb://localhost/to', lifetimeMs: toMs });
    const sender = await peer.attach({ role: 'sender', target: { address: 'via' }, properties });
    assert.equal(sender.condition, undefined);
    await world.pass(61_000);
    assert.equal(sender.condition, 'amqp:unauthorized-access');
  }
});

test('what is no request to the coordinator is refused, and so are too many transactions', async (context) => {
  const world = await World.start(context, [{ name: 'q' }]);
  const peer = await Peer.authorized(world);
  const control = await coordinator(peer);
  for (const payload of [messageOf('x'), requestOf(new AmqpDescribed(ulong(0x32n), [])), Buffer.alloc(5000)]) {
    await peer.send(control, payload);
    assert.equal(conditionOf(answer(control)), 'amqp:decode-error');
  }
  await declare(peer, control);
  for (let i = 1; i < 100; i++) await peer.send(control, DECLARE);
  assert.equal(answer(control)?.kind, 'declared');
  await peer.send(control, DECLARE);
  assert.equal(conditionOf(answer(control)), 'amqp:resource-limit-exceeded');
});

test('a transaction may begin before the first token, as the Java client does, and gives no right', async (context) => {
  const world = await World.start(context, [{ name: 'q' }]);
  const peer = await Peer.connect(world);
  const control = await coordinator(peer);
  const txnId = await declare(peer, control);
  assert.equal((await peer.sender('q')).condition, 'amqp:unauthorized-access');
  await peer.putToken();
  const sender = await peer.sender('q');
  await peer.send(sender, messageOf('x'), { state: inside(txnId) });
  await peer.send(control, discharge(txnId));
  assert.equal(answer(control)?.kind, 'accepted');
  const [delivery] = await peer.grant(await peer.receiver('q'), 1);
  assert.equal(bodyOf(delivery!), 'x');
});
