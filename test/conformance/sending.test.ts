import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AT_A_TIME, Fixture, errorCodeOf, receive, receiveOne, receivesNothing } from './fixture.ts';

describe('sending', { concurrency: AT_A_TIME }, () => {
  test('a message arrives with every field that the sender set, and with what the broker adds', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    const before = Date.now();
    await client.createSender('q').sendMessages({
      body: { model: 'births', n: [1, 2, 3] },
      messageId: 'id-1',
      correlationId: 'correlation',
      subject: 'retrain',
      to: 'somewhere',
      replyTo: 'back',
      contentType: 'application/json',
      sessionId: 'session-is-kept',
      replyToSessionId: 'reply-session',
      timeToLive: 3_600_000,
      partitionKey: 'session-is-kept',
      applicationProperties: { text: 'x', whole: 7, half: 0.5, yes: true, when: new Date(1_700_000_000_000) },
    });
    const message = await receiveOne(client.createReceiver('q'));
    assert.deepEqual(message.body, { model: 'births', n: [1, 2, 3] });
    assert.equal(message.messageId, 'id-1');
    assert.equal(message.correlationId, 'correlation');
    assert.equal(message.subject, 'retrain');
    assert.equal(message.to, 'somewhere');
    assert.equal(message.replyTo, 'back');
    assert.equal(message.contentType, 'application/json');
    assert.equal(message.sessionId, 'session-is-kept');
    assert.equal(message.replyToSessionId, 'reply-session');
    assert.equal(message.timeToLive, 3_600_000);
    assert.equal(message.partitionKey, 'session-is-kept');
    assert.deepEqual(message.applicationProperties, {
      text: 'x',
      whole: 7,
      half: 0.5,
      yes: true,
      // The client sends a Date as timestamp, and gives a timestamp back as number.
      when: 1_700_000_000_000,
    });
    assert.equal(message.deliveryCount, 0);
    assert.equal(message.state, 'active');
    assert.equal(message.sequenceNumber?.toNumber(), 1);
    assert.equal(message.enqueuedSequenceNumber, 1);
    assert.match(message.lockToken ?? '', /^[0-9a-f-]{36}$/);
    assert.ok(Math.abs((message.enqueuedTimeUtc?.getTime() ?? 0) - before) < 5_000);
    assert.ok((message.lockedUntilUtc?.getTime() ?? 0) > Date.now() + 50_000);
  });

  test('every kind of body arrives in its own section, with header, annotations and footer', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    const sender = client.createSender('q');
    const receiver = client.createReceiver('q');
    const bodies = [
      { bodyType: 'data', body: Buffer.from([0, 1, 2, 255]) },
      { bodyType: 'value', body: { a: 1, b: ['x', null] } },
      { bodyType: 'value', body: 'text' },
      { bodyType: 'sequence', body: [1, 'two', [3]] },
      { bodyType: 'sequence', body: [[1], [2, 3]] },
    ] as const;
    for (const { bodyType, body } of bodies) {
      await sender.sendMessages({
        bodyType,
        body,
        header: { durable: true, priority: 7, firstAcquirer: false, deliveryCount: 20, timeToLive: 40_000 },
        deliveryAnnotations: { hop: 'one' },
        messageAnnotations: { own: 'annotation', 'x-opt-sequence-number': 99 },
        applicationProperties: { p: 'q' },
        footer: { sum: 'f' },
      });
      const message = await receiveOne(receiver);
      const raw = message._rawAmqpMessage;
      assert.equal(raw.bodyType, bodyType);
      assert.deepEqual(message.body, body);
      assert.equal(raw.header?.durable, true);
      assert.equal(raw.header?.priority, 7);
      assert.equal(raw.header?.firstAcquirer, false);
      assert.equal(raw.header?.deliveryCount, 0);
      assert.equal(raw.header?.timeToLive, 40_000);
      assert.equal(raw.deliveryAnnotations?.['hop'], 'one');
      assert.equal(raw.messageAnnotations?.['own'], 'annotation');
      assert.notEqual(message.sequenceNumber?.toNumber(), 99);
      assert.equal(raw.footer?.['sum'], 'f');
      assert.equal(raw.applicationProperties?.['p'], 'q');
      await receiver.completeMessage(message);
    }
  });

  test('a message without an id gets one', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    await client.createSender('q').sendMessages([{ body: 'a' }, { body: 'b', subject: 's', sessionId: 'i' }]);
    const receiver = client.createReceiver('q');
    const [a, b] = await receive(receiver, 2);
    assert.match(String(a?.messageId), /^[0-9a-f]{32}$/);
    assert.match(String(b?.messageId), /^[0-9a-f]{32}$/);
    assert.notEqual(a?.messageId, b?.messageId);
    assert.deepEqual([b?.subject, b?.sessionId, b?.body as string], ['s', 'i', 'b']);
    await receiver.abandonMessage(a!);
    assert.equal((await receiveOne(receiver)).messageId, a?.messageId);
  });

  test('an array of messages and a batch are taken as a whole and arrive in order', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    const sender = client.createSender('q');
    const batch = await sender.createMessageBatch();
    assert.equal(batch.maxSizeInBytes, 256 * 1024);
    for (let i = 0; i < 10; i++) assert.ok(batch.tryAddMessage({ body: `batch ${i}`, messageId: `b${i}` }));
    await sender.sendMessages(batch);
    await sender.sendMessages(
      Array.from({ length: 10 }, (_, i) => ({ body: `array ${i}`, applicationProperties: { i } })),
    );
    await sender.sendMessages([{ body: 'alone' }]);
    const messages = await receive(client.createReceiver('q'), 21);
    assert.deepEqual(
      messages.map((message) => String(message.body)),
      [
        ...Array.from({ length: 10 }, (_, i) => `batch ${i}`),
        ...Array.from({ length: 10 }, (_, i) => `array ${i}`),
        'alone',
      ],
    );
    assert.equal(messages[3]?.messageId, 'b3');
    assert.deepEqual(messages[12]?.applicationProperties, { i: 2 });
  });

  test('a message of many frames arrives whole, both ways', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    const body = Buffer.alloc(250_000, 'retrain!');
    await client.createSender('q').sendMessages({ body });
    const message = await receiveOne(client.createReceiver('q'));
    assert.ok(body.equals(message.body as Buffer));
  });

  test('a message over the size of the queue is refused as MessageSizeExceeded, and the link goes on', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    const sender = client.createSender('q');
    assert.equal(await errorCodeOf(sender.sendMessages({ body: Buffer.alloc(300_000) })), 'MessageSizeExceeded');
    await sender.sendMessages({ body: 'small' });
    assert.equal((await receiveOne(client.createReceiver('q'))).body, 'small');
  });

  test('a queue may allow larger messages', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q', maxMessageSizeInKilobytes: 2048 }]);
    const client = fixture.client();
    const sender = client.createSender('q');
    const body = Buffer.alloc(1_500_000, 'x');
    await sender.sendMessages({ body });
    assert.equal(((await receiveOne(client.createReceiver('q'))).body as Buffer).length, body.length);
  });

  test('a batch with one message that is not allowed is refused as a whole', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 's', requiresSession: true }]);
    const client = fixture.client();
    const sender = client.createSender('s');
    assert.equal(await errorCodeOf(sender.sendMessages([{ body: 1, sessionId: 'a' }, { body: 2 }])), 'GeneralError');
    const receiver = await client.acceptSession('s', 'a');
    assert.ok(await receivesNothing(receiver));
  });

  test('a duplicate within the window is accepted and dropped', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'd', requiresDuplicateDetection: true }]);
    const client = fixture.client();
    const sender = client.createSender('d');
    await sender.sendMessages({ body: 'first', messageId: 'same' });
    await sender.sendMessages({ body: 'second', messageId: 'same' });
    await sender.sendMessages([
      { body: 'third', messageId: 'same' },
      { body: 'fourth', messageId: 'other' },
    ]);
    const receiver = client.createReceiver('d');
    const messages = await receive(receiver, 3, { maxWaitTimeInMs: 300 });
    assert.deepEqual(
      messages.map((message) => String(message.body)),
      ['first', 'fourth'],
    );
    for (const message of messages) await receiver.completeMessage(message);
    await fixture.clock.leap(11 * 60_000);
    await fixture.client().createSender('d').sendMessages({ body: 'later', messageId: 'same' });
    assert.equal((await receiveOne(fixture.client().createReceiver('d'))).body, 'later');
  });

  test('a message whose time to live is over is not delivered; with dead-lettering it is found with its reason', async (context) => {
    const fixture = await Fixture.start(context, [
      { name: 'drops' },
      { name: 'keeps', deadLetteringOnMessageExpiration: true },
    ]);
    const client = fixture.client();
    for (const queue of ['drops', 'keeps'])
      await client.createSender(queue).sendMessages({ body: 'x', timeToLive: 2_000 });
    await fixture.clock.leap(2_500);
    assert.ok(await receivesNothing(client.createReceiver('drops')));
    assert.ok(await receivesNothing(client.createReceiver('drops', { subQueueType: 'deadLetter' })));
    assert.ok(await receivesNothing(client.createReceiver('keeps')));
    const dead = await receiveOne(client.createReceiver('keeps', { subQueueType: 'deadLetter' }));
    assert.equal(dead.deadLetterReason, 'TTLExpiredException');
  });

  test('a message sent with a time to be enqueued waits for it', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    const receiver = client.createReceiver('q');
    await client.createSender('q').sendMessages({
      body: 'later',
      scheduledEnqueueTimeUtc: new Date(fixture.clock.wallMs() + 8_000),
    });
    assert.ok(await receivesNothing(receiver));
    await fixture.clock.leap(8_100);
    const message = await receiveOne(receiver);
    assert.equal(message.body, 'later');
    assert.equal(message.state, 'scheduled');
  });
});

test('sending never fails for want of credit, however many messages are under way', async (context) => {
  const fixture = await Fixture.start(context, [{ name: 'q' }]);
  const client = fixture.client();
  const sender = client.createSender('q');
  await Promise.all(Array.from({ length: 2_000 }, (_, i) => sender.sendMessages({ body: i })));
  const receiver = client.createReceiver('q', { receiveMode: 'receiveAndDelete' });
  const messages = await receive(receiver, 2_000);
  assert.deepEqual(
    messages.map((message) => Number(message.body)),
    Array.from({ length: 2_000 }, (_, i) => i),
  );
});
