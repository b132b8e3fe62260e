import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AmqpTimestamp, AmqpTyped, lookup } from '../../src/amqp/index.ts';
import type { AmqpMap, AmqpValue } from '../../src/amqp/index.ts';
import { annotationsOf, bodyOf, messageOf, Peer } from './peer.ts';
import { KEY, World } from './world.ts';

test('a queue is made, changed and deleted while clients are at work, and each change is durable', async (context) => {
  const world = await World.start(context, []);
  const peer = await Peer.authorized(world);
  assert.equal((await peer.sender('q')).condition, 'amqp:not-found');
  await world.until(world.server.admin.queues.create({ name: 'q', maxDeliveryCount: 3 }));
  const sender = await peer.sender('q');
  await peer.send(sender, messageOf('m'));
  await world.until(world.server.admin.queues.update('q', { maxDeliveryCount: 1 }));
  assert.equal(sender.detach, undefined, 'a change that does not concern the link leaves it');
  await world.restartAfterPowerCut();
  assert.equal(world.server.admin.queues.get('q')?.description.maxDeliveryCount, 1);
  assert.equal(world.server.admin.queues.get('q')?.counts.active, 1);
  await world.until(world.server.admin.queues.delete('q'));
  await world.restartAfterPowerCut();
  assert.deepEqual(world.server.admin.queues.names, []);
});

test('links of a deleted queue are detached with amqp:not-found, and its name is free at once', async (context) => {
  const world = await World.start(context, [{ name: 'q' }, { name: 's', requiresSession: true }]);
  const peer = await Peer.authorized(world);
  const links = [
    await peer.sender('q'),
    await peer.receiver('q'),
    await peer.receiver('q/$DeadLetterQueue'),
    await peer.sender('q/$management'),
    await peer.receiver('q/$management'),
    await peer.sender('q/$DeadLetterQueue/$management'),
  ];
  const filter = new Map([['com.microsoft:session-filter', null]]);
  const waiting = await peer.receiver('s', { source: { address: 's', filter } });
  await world.until(world.server.admin.queues.delete('q'));
  await world.until(world.server.admin.queues.delete('s'));
  await world.settle();
  for (const link of [...links, waiting]) assert.equal(link.condition, 'amqp:not-found');
  await world.until(world.server.admin.queues.create({ name: 'q' }));
  const sender = await peer.sender('q');
  await peer.send(sender, messageOf('m'));
  assert.equal(world.server.admin.queues.get('q')?.counts.active, 1);
});

test('what the program asks for is refused with the reason when it cannot be', async (context) => {
  const world = await World.start(context, [{ name: 'q' }]);
  const { queues } = world.server.admin;
  await assert.rejects(queues.create({ name: 'q' }), { reason: 'entity-exists' });
  await assert.rejects(
    queues.create({ name: 'p', forwardTo: 'nowhere' }),
    /'nowhere' \(forwardTo of 'p'\) does not exist/,
  );
  await assert.rejects(queues.update('nowhere', {}), { code: 'ENTITY_NOT_FOUND' });
  await assert.rejects(queues.delete('nowhere'), { code: 'ENTITY_NOT_FOUND' });
  await assert.rejects(queues.update('q', { requiresSession: true }), /requiresSession is false and cannot be changed/);
  assert.deepEqual(queues.names, ['q']);
});

test('a status or a forwarding that does not allow a link any more detaches it, with the condition', async (context) => {
  const world = await World.start(context, [{ name: 'q' }, { name: 'to' }]);
  const peer = await Peer.authorized(world);
  const open = async () => ({ sender: await peer.sender('q'), receiver: await peer.receiver('q') });
  const cases = [
    [{ status: 'Disabled' }, 'com.microsoft:entity-disabled', 'com.microsoft:entity-disabled'],
    [{ status: 'SendDisabled' }, 'com.microsoft:entity-disabled', undefined],
    [{ status: 'ReceiveDisabled' }, undefined, 'com.microsoft:entity-disabled'],
    [{ forwardTo: 'to' }, undefined, 'amqp:not-allowed'],
  ] as const;
  for (const [change, ofSender, ofReceiver] of cases) {
    const { sender, receiver } = await open();
    await world.until(world.server.admin.queues.update('q', change));
    await world.settle();
    assert.equal(sender.condition, ofSender);
    assert.equal(receiver.condition, ofReceiver);
    const refused = await open();
    assert.equal(refused.sender.condition, ofSender);
    assert.equal(refused.receiver.condition, ofReceiver);
    await world.until(world.server.admin.queues.update('q', { status: 'Active', forwardTo: undefined }));
  }
});

test('a receiver that waits for a session is refused when the queue is disabled', async (context) => {
  const world = await World.start(context, [{ name: 's', requiresSession: true }]);
  const peer = await Peer.authorized(world);
  const filter = new Map([['com.microsoft:session-filter', null]]);
  const waiting = await peer.receiver('s', { source: { address: 's', filter } });
  assert.equal(waiting.attach, undefined);
  await world.until(world.server.admin.queues.update('s', { status: 'Disabled' }));
  await world.settle();
  assert.equal(waiting.condition, 'com.microsoft:entity-disabled');
});

test('a queue that nobody uses is deleted, and its links with it', async (context) => {
  const world = await World.start(context, [{ name: 'q', autoDeleteOnIdle: 'PT5M' }], {
    settings: { linkIdleMs: 3_600_000 },
  });
  const peer = await Peer.authorized(world, { lifetimeMs: 86_400_000 });
  peer.keepAlive();
  const sender = await peer.sender('q');
  await world.pass(299_000);
  await peer.send(sender, messageOf('m'));
  await world.pass(299_000);
  assert.equal(sender.detach, undefined);
  await world.pass(2_000);
  assert.equal(sender.condition, 'amqp:not-found');
});

test('a queue that is made again has none of the access rules of the one before', async (context) => {
  const rule = { name: 'mine', queue: 'q', primaryKey: 'key-of-the-queue-rule', rights: ['Send'] as const };
  const world = await World.start(context, [{ name: 'q' }], { rules: [rule] });
  const token = { audience: 'sb://localhost/q', rule: 'mine', key: 'key-of-the-queue-rule' };
  const peer = await Peer.authorized(world, token);
  assert.equal((await peer.sender('q')).detach, undefined);
  await world.until(world.server.admin.queues.delete('q'));
  await world.until(world.server.admin.queues.create({ name: 'q' }));
  assert.equal((await peer.sender('q')).condition, 'amqp:unauthorized-access');
  assert.equal((await peer.putToken(token)).status, 401);
  assert.equal((await peer.putToken({ key: KEY })).status, 202);
});

test('a forwarded message says where it was first, a forwarded dead letter also why and whence', async (context) => {
  const world = await World.start(context, [
    { name: 'from', forwardTo: 'to' },
    { name: 'dying', forwardDeadLetteredMessagesTo: 'to' },
    { name: 'to' },
  ]);
  const peer = await Peer.authorized(world);
  await peer.send(await peer.sender('to'), messageOf('0'));
  await peer.send(await peer.sender('from'), messageOf('1'));
  await peer.send(await peer.sender('dying'), messageOf('2'));
  const receiver = await peer.receiver('dying');
  const [dead] = await peer.grant(receiver, 1);
  assert.ok(dead);
  const info = new Map<string, AmqpValue>([
    ['DeadLetterReason', 'r'],
    ['DeadLetterErrorDescription', 'd'],
  ]);
  await peer.dispose(receiver, dead, { kind: 'rejected', error: { condition: 'com.microsoft:dead-letter', info } });
  const arrived = await peer.grant(await peer.receiver('to'), 10);
  assert.deepEqual(arrived.map(bodyOf), ['0', '1', '2']);
  const seen = arrived.map(({ payload }) => annotationsOf(payload));
  const long = (value: bigint): AmqpTyped => new AmqpTyped('long', value);
  assert.deepEqual(
    seen.map((annotations) => [
      annotations.get('x-opt-sequence-number'),
      annotations.get('x-opt-enqueue-sequence-number'),
    ]),
    [
      [long(1n), long(1n)],
      [long(2n), long(1n)],
      [long(3n), long(1n)],
    ],
  );
  assert.deepEqual(
    seen.map((annotations) => annotations.get('x-opt-deadletter-source')),
    [undefined, undefined, 'dying'],
  );
});

test('the transfer dead-letter queue has an address and a management node of its own', async (context) => {
  const world = await World.start(context, [
    { name: 'from', forwardTo: 'to' },
    { name: 'to', status: 'SendDisabled' },
  ]);
  const peer = await Peer.authorized(world);
  await peer.send(await peer.sender('from'), messageOf('m'));
  const address = 'from/$Transfer/$DeadLetterQueue';
  const [message] = await peer.grant(await peer.receiver(address), 1);
  assert.ok(message);
  assert.equal(bodyOf(message), 'm');
  const peeked = await peer.manage(
    address,
    'peek-message',
    new Map([
      ['from-sequence-number', new AmqpTyped('long', 0n)],
      ['message-count', new AmqpTyped('int', 5)],
    ]),
  );
  assert.equal(peeked.status, 200);
  assert.equal((await peer.sender(address)).condition, 'amqp:not-allowed');
});

test('batch-delete-messages says how many are gone, and 204 when there were none', async (context) => {
  const world = await World.start(context, [{ name: 'q' }]);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('q');
  for (const text of ['a', 'b', 'c']) await peer.send(sender, messageOf(text));
  const remove = async (count: number, beforeMs: number) => {
    const body = new Map<string, AmqpValue>([
      ['message-count', new AmqpTyped('int', count)],
      ['enqueued-time-utc', new AmqpTimestamp(beforeMs)],
    ]) as AmqpMap;
    const { status, condition, body: answer } = await peer.manage('q', 'batch-delete-messages', body);
    return { status, condition, count: answer instanceof Map ? lookup(answer as AmqpMap, 'message-count') : undefined };
  };
  const now = world.clock.wallMs() + 1;
  assert.deepEqual(await remove(2, now), { status: 200, condition: undefined, count: new AmqpTyped('int', 2) });
  assert.equal((await remove(2, 0)).status, 204);
  assert.deepEqual(await remove(2, now), { status: 200, condition: undefined, count: new AmqpTyped('int', 1) });
  const none = await remove(2, now);
  assert.deepEqual([none.status, none.condition], [204, 'com.microsoft:message-not-found']);
});

test('a partitioned queue tells the partition, as a short and in the upper bits of the sequence number', async (context) => {
  const world = await World.start(context, [{ name: 'q', enablePartitioning: true }]);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('q');
  const annotations = new Map<string, AmqpValue>([['x-opt-partition-key', 'k']]);
  await peer.send(sender, messageOf('m', { annotations }));
  const [message] = await peer.grant(await peer.receiver('q'), 1);
  assert.ok(message);
  const seen = annotationsOf(message.payload);
  const partition = seen.get('x-opt-partition-id') as AmqpTyped;
  assert.equal(partition.type, 'short');
  const number = seen.get('x-opt-sequence-number') as AmqpTyped;
  assert.equal(number.type, 'long');
  assert.equal(BigInt(number.value) >> 48n, BigInt(partition.value));
  assert.equal(BigInt(number.value) & 0xffffffffffffn, 1n);
  assert.equal(seen.get('x-opt-partition-key'), 'k');
});

test('what the program asks for is refused once the broker closes, and does not wait for ever when its disk fails', async (context) => {
  const world = await World.start(context, [{ name: 'q' }]);
  const closing = world.server.close();
  await assert.rejects(world.server.admin.queues.create({ name: 'late' }), { code: 'INTERRUPTED' });
  await assert.rejects(world.server.admin.queues.update('q', {}), { code: 'INTERRUPTED' });
  await assert.rejects(world.server.admin.queues.delete('q'), { code: 'INTERRUPTED' });
  await world.until(closing);
  await world.startServer();
  assert.deepEqual(world.server.admin.queues.names, ['q']);

  world.disk.failNth('write', 1);
  await assert.rejects(world.until(world.server.admin.queues.create({ name: 'unsaved' })), { code: 'DISK_FAILED' });
  await assert.rejects(world.server.admin.queues.delete('q'), { code: 'DISK_FAILED' });
  await world.settle();
});
