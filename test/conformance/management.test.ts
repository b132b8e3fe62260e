import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AT_A_TIME, Fixture, errorCodeOf, receive, receiveOne, receivesNothing } from './fixture.ts';

describe('management', { concurrency: AT_A_TIME }, () => {
  test('peek shows active, locked, deferred and scheduled messages in order, and takes none', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    const sender = client.createSender('q');
    await sender.sendMessages([{ body: 'locked' }, { body: 'deferred' }, { body: 'active' }]);
    await sender.scheduleMessages({ body: 'scheduled' }, new Date(fixture.clock.wallMs() + 60_000));
    const receiver = client.createReceiver('q');
    const [, deferred] = await receive(receiver, 2);
    assert.ok(deferred);
    await receiver.deferMessage(deferred);
    const peeked = await receiver.peekMessages(10);
    assert.deepEqual(
      peeked.map((message) => [message.body as string, message.state]),
      [
        ['locked', 'active'],
        ['deferred', 'deferred'],
        ['active', 'active'],
        ['scheduled', 'scheduled'],
      ],
    );
    assert.deepEqual(await receiver.peekMessages(10), []);
    const again = await receiver.peekMessages(2, { fromSequenceNumber: peeked[1]!.sequenceNumber! });
    assert.deepEqual(
      again.map((message) => message.body as string),
      ['deferred', 'active'],
    );
  });

  test('peek in a session shows that session only', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 's', requiresSession: true }]);
    const client = fixture.client();
    await client.createSender('s').sendMessages([
      { body: 1, sessionId: 'a' },
      { body: 2, sessionId: 'b' },
      { body: 3, sessionId: 'a' },
    ]);
    const receiver = await client.acceptSession('s', 'a');
    assert.deepEqual(
      (await receiver.peekMessages(10)).map((message) => Number(message.body)),
      [1, 3],
    );
  });

  test('many and large messages are peeked over several answers', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    const sender = client.createSender('q');
    for (let i = 0; i < 12; i++) await sender.sendMessages({ body: Buffer.alloc(200_000, i) });
    const receiver = client.createReceiver('q');
    const seen: number[] = [];
    for (let more = await receiver.peekMessages(12); more.length > 0; more = await receiver.peekMessages(12))
      seen.push(...more.map((message) => (message.body as Buffer)[0] as number));
    assert.deepEqual(
      seen,
      Array.from({ length: 12 }, (_, i) => i),
    );
  });

  test('scheduled messages get numbers, come in their time with new ones, and can be cancelled until then', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    const sender = client.createSender('q');
    const time = new Date(fixture.clock.wallMs() + 8_000);
    const numbers = await sender.scheduleMessages([{ body: 'a' }, { body: 'b' }, { body: 'c' }], time);
    assert.deepEqual(
      numbers.map((number) => number.toNumber()),
      [1, 2, 3],
    );
    await sender.cancelScheduledMessages(numbers[1]!);
    const receiver = client.createReceiver('q');
    assert.ok(await receivesNothing(receiver));
    await fixture.clock.leap(8_100);
    const messages = await receive(receiver, 2);
    assert.deepEqual(
      messages.map((message) => [message.body as string, message.sequenceNumber?.toNumber(), message.state]),
      [
        ['a', 4, 'scheduled'],
        ['c', 5, 'scheduled'],
      ],
    );
    assert.equal(await errorCodeOf(sender.cancelScheduledMessages(numbers[0]!)), 'MessageNotFound');
  });

  test('an oversized message cannot be scheduled', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const sender = fixture.client().createSender('q');
    const action = sender.scheduleMessages({ body: Buffer.alloc(300_000) }, new Date(Date.now() + 60_000));
    assert.equal(await errorCodeOf(action), 'MessageSizeExceeded');
  });

  test('messages that are too many for one request are refused at once, and fewer can be scheduled', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const sender = fixture.client().createSender('q');
    const messages = Array.from({ length: 10 }, () => ({ body: Buffer.alloc(200_000) }));
    const time = new Date(fixture.clock.wallMs() + 60_000);
    assert.equal(await errorCodeOf(sender.scheduleMessages(messages, time)), 'MessageSizeExceeded');
    assert.equal((await sender.scheduleMessages(messages.slice(0, 3), time)).length, 3);
  });

  test('messages are peeked and received from the dead-letter queue', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    await client.createSender('q').sendMessages({ body: 'x' });
    const receiver = client.createReceiver('q');
    await receiver.deadLetterMessage(await receiveOne(receiver), {
      deadLetterReason: 'r',
      deadLetterErrorDescription: 'd',
    });
    const dead = client.createReceiver('q', { subQueueType: 'deadLetter' });
    const [peeked] = await dead.peekMessages(1);
    assert.equal(peeked?.deadLetterReason, 'r');
    const message = await receiveOne(dead);
    await dead.renewMessageLock(message);
    await dead.completeMessage(message);
    assert.deepEqual(await dead.peekMessages(1, { fromSequenceNumber: message.sequenceNumber! }), []);
  });
});
