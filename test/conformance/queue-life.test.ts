import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { describe, test } from 'node:test';
import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { AT_A_TIME, caughtUp, errorCodeOf, Fixture, receive, receiveOne } from './fixture.ts';

describe('the life of a queue', { concurrency: AT_A_TIME }, () => {
  test('a queue that is deleted under attached clients is not found; made again, its name is usable at once', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }, { name: 'other' }]);
    const { queues } = fixture.server.admin;
    const client = fixture.client();
    const sender = client.createSender('q');
    const receiver = client.createReceiver('q');
    await sender.sendMessages({ body: 'old' });
    const old = await receiveOne(receiver);
    await queues.delete('q');
    await caughtUp(client, 'other');
    assert.equal(await errorCodeOf(sender.sendMessages({ body: 'nowhere' })), 'MessagingEntityNotFound');
    assert.equal(await errorCodeOf(receiver.receiveMessages(1)), 'MessagingEntityNotFound');
    await queues.create({ name: 'q' });
    await sender.sendMessages({ body: 'new' });
    const fresh = client.createReceiver('q');
    const message = await receiveOne(fresh);
    assert.equal(message.body, 'new');
    assert.equal(message.sequenceNumber?.toNumber(), 1, 'another queue, which counts from the start');
    await assert.rejects(receiver.completeMessage(old));
    await fresh.completeMessage(message);
  });

  test('a subscriber hears that its queue was deleted, and goes on when there is one again', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    const codes: (string | undefined)[] = [];
    const bodies: unknown[] = [];
    const happened = new EventEmitter();
    const patience = { signal: AbortSignal.timeout(20_000) };
    const got = once(happened, 'message', patience);
    const told = once(happened, 'told', patience);
    const receiver = client.createReceiver('q');
    const subscription = receiver.subscribe({
      processMessage: async ({ body }: ServiceBusReceivedMessage) => {
        bodies.push(body);
        happened.emit('message');
      },
      processError: async ({ error }) => {
        codes.push((error as { code?: string }).code);
        happened.emit('told');
      },
    });
    await client.createSender('q').sendMessages({ body: 'first' });
    await got;
    await fixture.server.admin.queues.delete('q');
    await told;
    await subscription.close();
    assert.deepEqual(bodies, ['first']);
    assert.ok(codes.includes('MessagingEntityNotFound'), codes.join());
  });

  test('a disabled queue refuses what its status says as MessagingEntityDisabled, and works when it is active again', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const { queues } = fixture.server.admin;
    const client = fixture.client();
    const sender = client.createSender('q');
    await sender.sendMessages({ body: 'a' });
    await queues.update('q', { status: 'SendDisabled' });
    assert.equal(await errorCodeOf(sender.sendMessages({ body: 'b' })), 'MessagingEntityDisabled');
    const receiver = client.createReceiver('q');
    await receiver.completeMessage(await receiveOne(receiver));
    await queues.update('q', { status: 'ReceiveDisabled' });
    await sender.sendMessages({ body: 'c' });
    assert.equal(await errorCodeOf(client.createReceiver('q').receiveMessages(1)), 'MessagingEntityDisabled');
    await queues.update('q', { status: 'Active' });
    assert.equal((await receiveOne(client.createReceiver('q'))).body, 'c');
  });

  test('changed settings hold for clients that are attached: delivery count, lock duration, time to live', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q', lockDuration: 'PT5M' }]);
    const { queues } = fixture.server.admin;
    const client = fixture.client();
    const sender = client.createSender('q');
    const receiver = client.createReceiver('q');
    await sender.sendMessages([{ body: 'a' }, { body: 'b' }]);
    const a = await receiveOne(receiver);
    await queues.update('q', { maxDeliveryCount: 1, lockDuration: 'PT5S', defaultMessageTimeToLive: 'PT1M' });
    await receiver.abandonMessage(a);
    assert.equal(queues.get('q')?.counts.deadLetter, 1);
    const b = await receiveOne(receiver);
    const lockedForMs = (b.lockedUntilUtc?.getTime() ?? 0) - fixture.clock.wallMs();
    assert.ok(lockedForMs > 0 && lockedForMs <= 5_000, `${lockedForMs}`);
    await receiver.completeMessage(b);
    await sender.sendMessages({ body: 'short-lived' });
    await fixture.clock.leap(60_001);
    assert.equal(queues.get('q')?.counts.active, 0);
  });

  test('counts are exact right after what changes them', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const counts = () => {
      const { active, deadLetter, scheduled, total } = fixture.server.admin.queues.get('q')?.counts ?? {};
      return [active, deadLetter, scheduled, total];
    };
    const client = fixture.client();
    const sender = client.createSender('q');
    await sender.sendMessages(['1', '2', '3', '4'].map((body) => ({ body })));
    const [number] = await sender.scheduleMessages({ body: 'later' }, new Date(fixture.clock.wallMs() + 3_600_000));
    assert.deepEqual(counts(), [4, 0, 1, 5]);
    const receiver = client.createReceiver('q');
    const [one, two, three, four] = await receive(receiver, 4);
    assert.ok(one && two && three && four && number);
    await receiver.completeMessage(one);
    assert.deepEqual(counts(), [3, 0, 1, 4]);
    await receiver.deadLetterMessage(two);
    assert.deepEqual(counts(), [2, 1, 1, 4]);
    await receiver.deferMessage(three);
    await receiver.abandonMessage(four);
    assert.deepEqual(counts(), [2, 1, 1, 4]);
    await sender.cancelScheduledMessages(number);
    assert.deepEqual(counts(), [2, 1, 0, 3]);
  });

  test('a full queue refuses as QuotaExceeded until there is room again', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q', maxSizeInMegabytes: 1 }]);
    const client = fixture.client();
    const sender = client.createSender('q');
    const body = Buffer.alloc(250_000);
    for (let i = 0; i < 4; i++) await sender.sendMessages({ body });
    assert.equal(await errorCodeOf(sender.sendMessages({ body })), 'QuotaExceeded');
    const receiver = client.createReceiver('q');
    await receiver.completeMessage(await receiveOne(receiver));
    await sender.sendMessages({ body });
    assert.equal(fixture.server.admin.queues.get('q')?.counts.active, 4);
  });
});
