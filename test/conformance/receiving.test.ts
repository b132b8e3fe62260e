import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { AT_A_TIME, Fixture, errorCodeOf, receive, receiveOne, receivesNothing } from './fixture.ts';

describe('receiving', { concurrency: AT_A_TIME }, () => {
  test('a completed message is gone, an uncompleted one comes back when its lock has expired, with its count raised', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q', lockDuration: 'PT1M' }]);
    const client = fixture.client();
    await client.createSender('q').sendMessages([{ body: 'done' }, { body: 'left' }]);
    const receiver = client.createReceiver('q');
    const [done, left] = await receive(receiver, 2);
    assert.ok(done && left);
    await receiver.completeMessage(done);
    assert.ok(await receivesNothing(receiver));
    await fixture.clock.leap(61_000);
    const again = await receiveOne(receiver);
    assert.equal(again.body, 'left');
    assert.equal(again.deliveryCount, 1);
    assert.notEqual(again.lockToken, left.lockToken);
    assert.equal(await errorCodeOf(receiver.completeMessage(left)), 'MessageLockLost');
    await receiver.completeMessage(again);
    assert.ok(await receivesNothing(receiver));
  });

  test('settling twice is refused', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    await client.createSender('q').sendMessages({ body: 1 });
    const receiver = client.createReceiver('q');
    const message = await receiveOne(receiver);
    await receiver.completeMessage(message);
    await assert.rejects(receiver.completeMessage(message));
  });

  test('an abandoned message comes again at once, with its count raised and its properties modified', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    await client.createSender('q').sendMessages({ body: 'x', applicationProperties: { kept: 1, changed: 'old' } });
    const receiver = client.createReceiver('q');
    await receiver.abandonMessage(await receiveOne(receiver), { changed: 'new' });
    const second = await receiveOne(receiver);
    assert.equal(second.deliveryCount, 1);
    await receiver.abandonMessage(second, { added: true });
    const third = await receiveOne(receiver);
    assert.equal(third.deliveryCount, 2);
    assert.equal(third.body, 'x');
    assert.deepEqual(third.applicationProperties, { kept: 1, changed: 'new', added: true });
  });

  test('after maxDeliveryCount failed deliveries a message is dead-lettered with the reason of the service', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q', maxDeliveryCount: 3 }]);
    const client = fixture.client();
    await client.createSender('q').sendMessages({ body: 'poison' });
    const receiver = client.createReceiver('q');
    for (let count = 0; count < 3; count++) {
      const message = await receiveOne(receiver);
      assert.equal(message.deliveryCount, count);
      await receiver.abandonMessage(message);
    }
    assert.ok(await receivesNothing(receiver));
    const dead = await receiveOne(client.createReceiver('q', { subQueueType: 'deadLetter' }));
    assert.equal(dead.body, 'poison');
    assert.equal(dead.deadLetterReason, 'MaxDeliveryCountExceeded');
  });

  test('a message is dead-lettered with reason, description and properties, and can be taken from there', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    await client.createSender('q').sendMessages([{ body: 'a', applicationProperties: { p: 1 } }, { body: 'b' }]);
    const receiver = client.createReceiver('q');
    const [first, second] = await receive(receiver, 2);
    assert.ok(first && second);
    await receiver.deadLetterMessage(first, {
      deadLetterReason: 'exit code 64',
      deadLetterErrorDescription: 'the last lines',
      extra: 'more',
    });
    await receiver.deadLetterMessage(second);
    const deadReceiver = client.createReceiver('q', { subQueueType: 'deadLetter' });
    const [a, b] = await receive(deadReceiver, 2);
    assert.ok(a && b);
    assert.equal(a.deadLetterReason, 'exit code 64');
    assert.equal(a.deadLetterErrorDescription, 'the last lines');
    assert.equal(a.applicationProperties?.['extra'], 'more');
    assert.equal(a.applicationProperties?.['p'], 1);
    assert.equal(b.deadLetterReason, undefined);
    await deadReceiver.completeMessage(a);
    await deadReceiver.completeMessage(b);
    assert.ok(await receivesNothing(deadReceiver));
  });

  test('a deferred message comes only when it is asked for by its number, and then with its count raised', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    await client.createSender('q').sendMessages({ body: 'later' });
    const receiver = client.createReceiver('q');
    const message = await receiveOne(receiver);
    await receiver.deferMessage(message, { why: 'not now' });
    assert.ok(await receivesNothing(receiver));
    const [peeked] = await receiver.peekMessages(1);
    assert.equal(peeked?.state, 'deferred');
    const [deferred] = await receiver.receiveDeferredMessages(message.sequenceNumber!);
    assert.ok(deferred);
    assert.equal(deferred.body, 'later');
    assert.equal(deferred.deliveryCount, 1);
    assert.equal(deferred.applicationProperties?.['why'], 'not now');
    await receiver.completeMessage(deferred);
    assert.equal((await receiver.peekMessages(1)).length, 0);
    assert.equal(await errorCodeOf(receiver.receiveDeferredMessages(message.sequenceNumber!)), 'MessageNotFound');
  });

  test('receive-and-delete takes messages for good, deferred ones too', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    await client.createSender('q').sendMessages([{ body: 'a' }, { body: 'b' }, { body: 'c' }]);
    const locking = client.createReceiver('q');
    const first = await receiveOne(locking);
    await locking.deferMessage(first);
    const receiver = client.createReceiver('q', { receiveMode: 'receiveAndDelete' });
    const messages = await receive(receiver, 2);
    assert.deepEqual(
      messages.map((message) => message.body as string),
      ['b', 'c'],
    );
    assert.equal(messages[0]?.lockToken, undefined);
    const [deferred] = await receiver.receiveDeferredMessages(first.sequenceNumber!);
    assert.equal(deferred?.body, 'a');
    assert.equal((await receiver.peekMessages(1)).length, 0);
  });

  test('a lock is renewed for its whole duration, and not once it is lost', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q', lockDuration: 'PT10S' }]);
    const client = fixture.client();
    await client.createSender('q').sendMessages({ body: 'x' });
    const receiver = client.createReceiver('q', { maxAutoLockRenewalDurationInMs: 0 });
    const message = await receiveOne(receiver);
    for (let i = 0; i < 3; i++) {
      await fixture.clock.leap(6_000);
      const until = await receiver.renewMessageLock(message);
      assert.ok(Math.abs(until.getTime() - fixture.clock.wallMs() - 10_000) < 2_000);
    }
    await fixture.clock.leap(11_000);
    assert.equal(await errorCodeOf(receiver.renewMessageLock(message)), 'MessageLockLost');
  });

  test('closing a receiver leaves its locks; its messages can still be settled, and come back when the lock is over', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    await client.createSender('q').sendMessages([{ body: 'a' }, { body: 'b' }]);
    const receiver = client.createReceiver('q');
    const [a] = await receive(receiver, 2);
    assert.ok(a);
    await receiver.close();
    const other = client.createReceiver('q');
    assert.ok(await receivesNothing(other));
    await fixture.clock.leap(61_000);
    const messages = await receive(other, 2);
    assert.deepEqual(
      messages.map((message) => [message.body as string, message.deliveryCount]),
      [
        ['a', 1],
        ['b', 1],
      ],
    );
  });

  test('a receiver with nothing to receive gets its drain answered and returns at its deadline', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    const receiver = client.createReceiver('q');
    for (let round = 0; round < 3; round++) {
      const start = performance.now();
      assert.deepEqual(await receiver.receiveMessages(50, { maxWaitTimeInMs: 200 }), []);
      assert.ok(performance.now() - start < 1_000);
    }
    // The link is still the one that can settle: a closed one would have gone through $management.
    await client.createSender('q').sendMessages({ body: 'x' });
    await receiver.completeMessage(await receiveOne(receiver));
  });

  test('a subscriber gets everything, as fast as it completes, whatever its concurrency', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    const count = 500;
    const seen = new Set<number>();
    const done = new EventTarget();
    const subscription = client.createReceiver('q').subscribe(
      {
        processMessage: (message: ServiceBusReceivedMessage) => {
          seen.add(Number(message.body));
          if (seen.size === count) done.dispatchEvent(new Event('done'));
          return Promise.resolve();
        },
        processError: ({ error }) => assert.fail(error),
      },
      { maxConcurrentCalls: 20 },
    );
    const finished = once(done, 'done');
    await client.createSender('q').sendMessages(Array.from({ length: count }, (_, i) => ({ body: i })));
    await finished;
    await subscription.close();
    await fixture.closeClients();
    await fixture.clock.leap(61_000);
    assert.ok(await receivesNothing(fixture.client().createReceiver('q')));
  });

  test('competing receivers share the messages without overlap', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const first = fixture.client();
    const second = fixture.client();
    const receivers = [first.createReceiver('q'), second.createReceiver('q')];
    const pending = receivers.map((receiver) => receiver.receiveMessages(10, { maxWaitTimeInMs: 3_000 }));
    // Both links have to be there before the messages are.
    await receivers[0]?.peekMessages(1);
    await receivers[1]?.peekMessages(1);
    await first.createSender('q').sendMessages(Array.from({ length: 10 }, (_, i) => ({ body: i })));
    const got = (await Promise.all(pending)).map((messages) => messages.map((message) => Number(message.body)));
    assert.deepEqual(
      got.flat().sort((a, b) => a - b),
      Array.from({ length: 10 }, (_, i) => i),
    );
    assert.ok(got.every((share) => share.length > 0));
  });
});
