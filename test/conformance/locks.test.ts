import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AT_A_TIME, Fixture, errorCodeOf, receive, receiveOne, receivesNothing } from './fixture.ts';

describe('locks and counts', { concurrency: AT_A_TIME }, () => {
  for (const [lockDuration, ms, partMs] of [
    ['PT5S', 5_000, 1_000],
    ['PT5M', 300_000, 280_000],
  ] as const) {
    test(`a lock of ${lockDuration} lasts exactly that, and is renewed for as long`, async (context) => {
      const fixture = await Fixture.start(context, [{ name: 'q', lockDuration }]);
      const client = fixture.client();
      await client.createSender('q').sendMessages({ body: 1 });
      const receiver = client.createReceiver('q', { maxAutoLockRenewalDurationInMs: 0 });
      const before = fixture.clock.wallMs();
      const message = await receiveOne(receiver);
      const until = message.lockedUntilUtc!.getTime();
      assert.ok(until >= before + ms && until <= fixture.clock.wallMs() + ms);
      await fixture.clock.leap(partMs);
      const from = fixture.clock.wallMs();
      const renewed = (await receiver.renewMessageLock(message)).getTime();
      assert.ok(Math.floor(from) + ms <= renewed && renewed <= fixture.clock.wallMs() + ms);
      await fixture.clock.leap(partMs);
      assert.ok(await receivesNothing(receiver));
      await fixture.clock.leap(ms - partMs);
      const again = await receiveOne(receiver);
      assert.deepEqual([again.deliveryCount, again.lockToken === message.lockToken], [1, false]);
      assert.equal(await errorCodeOf(receiver.completeMessage(message)), 'MessageLockLost');
    });
  }

  test('without a setting a message is delivered ten times, then dead-lettered with the reason and text of the service', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    await client.createSender('q').sendMessages({ body: 'poison', applicationProperties: { kept: 1 } });
    const receiver = client.createReceiver('q');
    for (let count = 0; count < 10; count++) {
      const message = await receiveOne(receiver);
      assert.equal(message.deliveryCount, count);
      await receiver.abandonMessage(message, { last: count });
    }
    assert.ok(await receivesNothing(receiver));
    const dead = await receiveOne(client.createReceiver('q', { subQueueType: 'deadLetter' }));
    assert.deepEqual(dead.applicationProperties, {
      kept: 1,
      last: 9,
      DeadLetterReason: 'MaxDeliveryCountExceeded',
      DeadLetterErrorDescription: 'Message could not be consumed after 10 delivery attempts.',
    });
    assert.deepEqual(
      [dead.deadLetterReason, dead.deadLetterErrorDescription, dead.deliveryCount],
      ['MaxDeliveryCountExceeded', 'Message could not be consumed after 10 delivery attempts.', 10],
    );
  });

  test('a deferred message is abandoned, deferred again, dead-lettered and completed over $management', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    await client.createSender('q').sendMessages([{ body: 'a' }, { body: 'b' }]);
    const receiver = client.createReceiver('q');
    const messages = await receive(receiver, 2);
    for (const message of messages) await receiver.deferMessage(message);
    const numbers = messages.map((message) => message.sequenceNumber!);
    const fetch = () => receiver.receiveDeferredMessages(numbers);
    let [a, b] = await fetch();
    assert.deepEqual([a?.body, b?.body, a?.state, a?.deliveryCount], ['a', 'b', 'deferred', 1]);
    // Abandoned, it is deferred still.
    await receiver.abandonMessage(a!, { abandoned: true });
    await receiver.deferMessage(b!, { deferred: 'again' });
    assert.ok(await receivesNothing(receiver));
    [a, b] = await fetch();
    assert.deepEqual([a?.deliveryCount, a?.applicationProperties], [2, { abandoned: true }]);
    assert.deepEqual([b?.deliveryCount, b?.applicationProperties], [2, { deferred: 'again' }]);
    await receiver.completeMessage(a!);
    await receiver.deadLetterMessage(b!, { deadLetterReason: 'r', deadLetterErrorDescription: 'd', more: 1 });
    assert.equal(await errorCodeOf(fetch()), 'MessageNotFound');
    const dead = await receiveOne(client.createReceiver('q', { subQueueType: 'deadLetter' }));
    assert.deepEqual(dead.applicationProperties, {
      deferred: 'again',
      more: 1,
      DeadLetterReason: 'r',
      DeadLetterErrorDescription: 'd',
    });
  });

  test('a subscriber in receive-and-delete mode, and an iterator, get every message once and in order', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }, { name: 'p' }]);
    const client = fixture.client();
    const bodies = Array.from({ length: 50 }, (_, i) => i);
    for (const queue of ['q', 'p']) await client.createSender(queue).sendMessages(bodies.map((body) => ({ body })));
    const got: number[] = [];
    await new Promise<void>((resolve, reject) => {
      client.createReceiver('q', { receiveMode: 'receiveAndDelete' }).subscribe({
        processMessage: (message) => {
          got.push(Number(message.body));
          if (got.length === bodies.length) resolve();
          return Promise.resolve();
        },
        processError: ({ error }) => Promise.resolve(reject(error)),
      });
    });
    assert.deepEqual(got, bodies);
    const iterated: number[] = [];
    const receiver = client.createReceiver('p');
    for await (const message of receiver.getMessageIterator()) {
      iterated.push(Number(message.body));
      await receiver.completeMessage(message);
      if (iterated.length === bodies.length) break;
    }
    assert.deepEqual(iterated, bodies);
    assert.deepEqual(await client.createReceiver('p').peekMessages(1), []);
  });

  test('a session keeps its order while its messages are abandoned, deferred and scheduled', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 's', requiresSession: true }]);
    const client = fixture.client();
    const sender = client.createSender('s');
    await sender.sendMessages([1, 2, 3].map((body) => ({ body, sessionId: 'a' })));
    const time = new Date(fixture.clock.wallMs() + 8_000);
    await sender.scheduleMessages({ body: 'scheduled', sessionId: 'a' }, time);
    const receiver = await client.acceptSession('s', 'a', { maxAutoLockRenewalDurationInMs: 0 });
    const [one, two] = await receive(receiver, 2);
    await receiver.deferMessage(two!);
    await receiver.abandonMessage(one!);
    const rest = await receive(receiver, 2);
    assert.deepEqual(
      rest.map(({ body, deliveryCount }) => [body as number, deliveryCount]),
      [
        [1, 1],
        [3, 0],
      ],
    );
    await fixture.clock.leap(8_100);
    const scheduled = await receiveOne(receiver);
    assert.deepEqual([scheduled.body, scheduled.sessionId, scheduled.state], ['scheduled', 'a', 'scheduled']);
    assert.deepEqual(
      (await receiver.peekMessages(9)).map(({ body }) => body as number),
      [1, 2, 3, 'scheduled'],
    );
    const [deferred] = await receiver.receiveDeferredMessages(two!.sequenceNumber!);
    for (const message of [...rest, scheduled, deferred!]) await receiver.completeMessage(message);
    assert.deepEqual(await receiver.peekMessages(9, { fromSequenceNumber: one!.sequenceNumber! }), []);
  });

  test('the time to live of the queue is a ceiling for that of its messages', async (context) => {
    const fixture = await Fixture.start(context, [
      { name: 'q', defaultMessageTimeToLive: 'PT10S', deadLetteringOnMessageExpiration: true },
    ]);
    const client = fixture.client();
    await client.createSender('q').sendMessages([{ body: 'long', timeToLive: 3_600_000 }, { body: 'none' }]);
    const receiver = client.createReceiver('q');
    const [held] = await receive(receiver, 1);
    await fixture.clock.leap(10_100);
    // The one that is locked lives until its lock ends.
    assert.ok(await receivesNothing(receiver));
    await receiver.abandonMessage(held!);
    const dead = await receive(client.createReceiver('q', { subQueueType: 'deadLetter' }), 2);
    assert.deepEqual(
      dead.map(({ body, deadLetterReason }) => [body as string, deadLetterReason]),
      [
        ['long', 'TTLExpiredException'],
        ['none', 'TTLExpiredException'],
      ],
    );
  });
});
