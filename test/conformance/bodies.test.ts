import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ServiceBusReceivedMessage, ServiceBusSender } from '@azure/service-bus';
import { AT_A_TIME, Fixture, errorCodeOf, receive, receiveOne } from './fixture.ts';

const BODIES = [
  { bodyType: 'data', body: Buffer.from([0, 1, 2, 255]) },
  { bodyType: 'data', body: Buffer.alloc(0) },
  { bodyType: 'value', body: { a: 1, b: ['x', null] } },
  { bodyType: 'value', body: null },
  { bodyType: 'sequence', body: [1, 'two', [3]] },
  { bodyType: 'sequence', body: [[1], [2, 3], []] },
] as const;

/** An annotated message around each kind of body. */
function annotated(groupId?: string): Extract<Parameters<ServiceBusSender['sendMessages']>[0], unknown[]> {
  return BODIES.map(({ bodyType, body }) => ({
    bodyType,
    body,
    header: { durable: true, priority: 7, firstAcquirer: false, timeToLive: 3_600_000 },
    deliveryAnnotations: { hop: 'one' },
    messageAnnotations: { own: 'annotation' },
    properties: { subject: 'kept', userId: 'me', ...(groupId === undefined ? {} : { groupId }) },
    applicationProperties: { p: 'q' },
    footer: { sum: 'f' },
  }));
}

function checkAll(messages: readonly ServiceBusReceivedMessage[]): void {
  assert.equal(messages.length, BODIES.length);
  for (const [i, message] of messages.entries()) {
    const raw = message._rawAmqpMessage;
    assert.equal(raw.bodyType, BODIES[i]?.bodyType);
    assert.deepEqual(message.body, BODIES[i]?.body);
    assert.deepEqual(
      [raw.header?.durable, raw.header?.priority, raw.header?.firstAcquirer, raw.header?.timeToLive],
      [true, 7, false, 3_600_000],
    );
    assert.deepEqual(
      [raw.deliveryAnnotations?.['hop'], raw.messageAnnotations?.['own'], raw.properties?.subject, raw.footer?.['sum']],
      ['one', 'annotation', 'kept', 'f'],
    );
    assert.equal(raw.applicationProperties?.['p'], 'q');
  }
}

describe('bodies', { concurrency: AT_A_TIME }, () => {
  test('every kind of body arrives as it was sent in an array, and again when it is abandoned, deferred, dead-lettered, and after a restart', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    let client = fixture.client();
    await client.createSender('q').sendMessages(annotated());
    let receiver = client.createReceiver('q');
    let messages = await receive(receiver, BODIES.length);
    checkAll(messages);
    for (const message of messages) await receiver.abandonMessage(message);
    messages = await receive(receiver, BODIES.length);
    checkAll(messages);
    for (const message of messages) await receiver.deferMessage(message);
    checkAll(await receiver.peekMessages(10));
    await fixture.stopServer();
    await fixture.startServer();
    client = fixture.client();
    receiver = client.createReceiver('q');
    messages = await receiver.receiveDeferredMessages(messages.map(({ sequenceNumber }) => sequenceNumber!));
    checkAll(messages);
    for (const message of messages)
      await receiver.deadLetterMessage(message, { deadLetterReason: 'r', deadLetterErrorDescription: 'd' });
    await fixture.stopServer();
    await fixture.startServer();
    checkAll(await receive(fixture.client().createReceiver('q', { subQueueType: 'deadLetter' }), BODIES.length));
  });

  test('every kind of body arrives as it was scheduled, in a session', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 's', requiresSession: true }]);
    const client = fixture.client();
    const sender = client.createSender('s');
    const numbers = await sender.scheduleMessages(annotated('a'), new Date(fixture.clock.wallMs() + 8_000));
    assert.equal(numbers.length, BODIES.length);
    const receiver = await client.acceptSession('s', 'a');
    checkAll(await receiver.peekMessages(10));
    await fixture.clock.leap(8_100);
    const messages = await receive(receiver, BODIES.length);
    checkAll(messages);
    // Each has a number of its own, above those that could cancel it.
    const last = Math.max(...numbers.map((number) => number.toNumber()));
    assert.ok(messages.every(({ sequenceNumber }) => sequenceNumber!.toNumber() > last));
    assert.equal(await errorCodeOf(sender.cancelScheduledMessages(numbers[0]!)), 'MessageNotFound');
  });

  test('a message of 20 MiB goes through a queue that allows it, and the sizes of queues are told to their senders', async (context) => {
    const large = 64 * 1024 * 1024;
    const fixture = await Fixture.start(
      context,
      [
        { name: 'large', maxMessageSizeInKilobytes: 24 * 1024 },
        { name: 'largest', maxMessageSizeInKilobytes: 100 * 1024 },
      ],
      { segmentBytes: large, reserveBytes: large },
    );
    const client = fixture.client();
    const sender = client.createSender('large');
    assert.equal((await sender.createMessageBatch()).maxSizeInBytes, 24 * 1024 * 1024);
    assert.equal((await client.createSender('largest').createMessageBatch()).maxSizeInBytes, 100 * 1024 * 1024);
    const body = Buffer.alloc(20 * 1024 * 1024);
    for (let at = 0; at < body.length; at += 4096) body.writeUInt32BE(at, at);
    await sender.sendMessages({ body });
    assert.equal(
      await errorCodeOf(sender.sendMessages({ body: Buffer.alloc(24 * 1024 * 1024) })),
      'MessageSizeExceeded',
    );
    await sender.sendMessages({ body: 'small' });
    const receiver = client.createReceiver('large');
    const message = await receiveOne(receiver);
    assert.ok(body.equals(message.body as Buffer));
    await receiver.completeMessage(message);
    assert.equal((await receiveOne(receiver)).body, 'small');
  });

  test('a message scheduled for a time that is over is there at once', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    const sender = client.createSender('q');
    const [number] = await sender.scheduleMessages({ body: 'late' }, new Date(fixture.clock.wallMs() - 60_000));
    assert.equal(number?.toNumber(), 1);
    const message = await receiveOne(client.createReceiver('q'));
    assert.deepEqual([message.body, message.deliveryCount], ['late', 0]);
  });
});
