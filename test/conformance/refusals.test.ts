import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ServiceBusReceiver } from '@azure/service-bus';
import { AT_A_TIME, Fixture, errorCodeOf, receiveOne, receivesNothing } from './fixture.ts';

// Every refusal that an application tells by the code of the official client's error.

/** Code and message of the error that `action` must end in. */
async function errorOf(action: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await action;
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error('no error came');
}

const soon = () => new Date(Date.now() + 3_600_000);

describe('refusals', { concurrency: AT_A_TIME }, () => {
  test('whatever is asked of a queue that is not there is MessagingEntityNotFound, and names it', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    const receiver = client.createReceiver('none');
    const dead = client.createReceiver('none', { subQueueType: 'deadLetter' });
    for (const action of [
      client.createSender('none').sendMessages({ body: 1 }),
      client.createSender('none').createMessageBatch(),
      receiver.receiveMessages(1, { maxWaitTimeInMs: 500 }),
      dead.receiveMessages(1, { maxWaitTimeInMs: 500 }),
      client.acceptNextSession('none'),
      client.createSender('none').scheduleMessages({ body: 1 }, soon()),
      receiver.peekMessages(1),
    ]) {
      const { code, message } = await errorOf(action);
      assert.equal(code, 'MessagingEntityNotFound');
      assert.match(
        message,
        /The messaging entity 'sb:\/\/[^/]+\/none.*' could not be found\..*TrackingId:.*SystemTracker:.*Timestamp:/,
      );
    }
  });

  test('a disabled queue refuses what it is disabled for as MessagingEntityDisabled, and nothing else', async (context) => {
    const fixture = await Fixture.start(context, [
      { name: 'off', status: 'Disabled' },
      { name: 'no-sends', status: 'SendDisabled' },
      { name: 'no-receives', status: 'ReceiveDisabled' },
    ]);
    const client = fixture.client();
    const send = (queue: string) => client.createSender(queue).sendMessages({ body: 1 });
    const receive = (queue: string) => client.createReceiver(queue).receiveMessages(1, { maxWaitTimeInMs: 300 });
    assert.equal(await errorCodeOf(send('off')), 'MessagingEntityDisabled');
    assert.equal(await errorCodeOf(receive('off')), 'MessagingEntityDisabled');
    assert.equal(await errorCodeOf(send('no-sends')), 'MessagingEntityDisabled');
    assert.deepEqual(await receive('no-sends'), []);
    await send('no-receives');
    assert.equal(await errorCodeOf(receive('no-receives')), 'MessagingEntityDisabled');
    const scheduled = client.createSender('no-sends').scheduleMessages({ body: 1 }, soon());
    assert.equal(await errorCodeOf(scheduled), 'MessagingEntityDisabled');
  });

  test('a full queue is QuotaExceeded until something is taken from it', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q', maxSizeInMegabytes: 1 }]);
    const client = fixture.client();
    const sender = client.createSender('q');
    for (let i = 0; i < 5; i++) await sender.sendMessages({ body: Buffer.alloc(200_000) });
    const { code, message } = await errorOf(sender.sendMessages({ body: Buffer.alloc(200_000) }));
    assert.equal(code, 'QuotaExceeded');
    assert.match(message, /maximum entity size.*'q'/);
    const receiver = client.createReceiver('q', { receiveMode: 'receiveAndDelete' });
    await receiveOne(receiver);
    await sender.sendMessages({ body: Buffer.alloc(200_000) });
  });

  test('once a lock is over, every settlement and renewal is MessageLockLost, over the link and over $management', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q', lockDuration: 'PT5S', maxDeliveryCount: 20 }]);
    const client = fixture.client();
    await client.createSender('q').sendMessages({ body: 1 });
    const receiver = client.createReceiver('q', { maxAutoLockRenewalDurationInMs: 0 });
    const actions: ((message: Parameters<ServiceBusReceiver['completeMessage']>[0]) => Promise<unknown>)[] = [
      (message) => receiver.completeMessage(message),
      (message) => receiver.abandonMessage(message),
      (message) => receiver.deferMessage(message),
      (message) => receiver.deadLetterMessage(message),
      (message) => receiver.renewMessageLock(message),
    ];
    for (const action of actions) {
      const message = await receiveOne(receiver);
      await fixture.clock.leap(5_100);
      assert.equal(await errorCodeOf(action(message)), 'MessageLockLost');
    }
    const message = await receiveOne(receiver);
    await receiver.deferMessage(message);
    for (const action of actions) {
      const [deferred] = await receiver.receiveDeferredMessages(message.sequenceNumber!);
      await fixture.clock.leap(5_100);
      assert.equal(await errorCodeOf(action(deferred!)), 'MessageLockLost');
    }
  });

  test('numbers that name no deferred or no scheduled message are MessageNotFound, and nothing is done for the others', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    const sender = client.createSender('q');
    await sender.sendMessages({ body: 'deferred' });
    const receiver = client.createReceiver('q');
    const message = await receiveOne(receiver);
    await receiver.deferMessage(message);
    const number = message.sequenceNumber!;
    const [scheduled] = await sender.scheduleMessages({ body: 'scheduled' }, soon());
    assert.equal(await errorCodeOf(receiver.receiveDeferredMessages([number, scheduled!])), 'MessageNotFound');
    assert.equal(await errorCodeOf(sender.cancelScheduledMessages([scheduled!, number])), 'MessageNotFound');
    assert.equal((await receiver.receiveDeferredMessages(number)).length, 1);
    await sender.cancelScheduledMessages(scheduled!);
    assert.equal(await errorCodeOf(sender.cancelScheduledMessages(scheduled!)), 'MessageNotFound');
  });

  test('ids and properties over the limits are refused before anything of an array is taken', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    const sender = client.createSender('q');
    const big = 'x'.repeat(33 * 1024);
    // Of message and session ids this client knows the limit itself.
    const messages = [
      [{ body: 1, replyToSessionId: 's'.repeat(129) }, /ReplyToSessionId has 129 characters; the limit is 128/],
      [{ body: 1, applicationProperties: { big } }, /'big' has 33792 bytes; the limit is 32768/],
      [
        { body: 1, applicationProperties: { a: big.slice(2_000), b: big.slice(2_000), c: big.slice(2_000) } },
        /limit is 65536/,
      ],
    ] as const;
    for (const [message, text] of messages) {
      assert.match((await errorOf(sender.sendMessages(message))).message, text);
      const { message: said } = await errorOf(sender.sendMessages([{ body: 0 }, message, { body: 2 }]));
      assert.match(said, text);
      assert.match((await errorOf(sender.scheduleMessages([{ body: 0 }, message], soon()))).message, text);
    }
    assert.equal(
      await errorCodeOf(sender.sendMessages({ body: 1, applicationProperties: { big } })),
      'MessageSizeExceeded',
    );
    assert.deepEqual(await client.createReceiver('q').peekMessages(5), []);
  });

  test('a message without a session cannot go to a session queue, whichever way; a dead-letter queue takes nothing', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 's', requiresSession: true }]);
    const client = fixture.client();
    const sender = client.createSender('s');
    for (const action of [sender.sendMessages({ body: 1 }), sender.scheduleMessages({ body: 1 }, soon())])
      assert.match((await errorOf(action)).message, /SessionId was not set on a message.*'s' requires sessions/);
    const toDead = client.createSender('s/$DeadLetterQueue').sendMessages({ body: 1, sessionId: 'a' });
    assert.match((await errorOf(toDead)).message, /cannot be sent to 's\/\$DeadLetterQueue'/);
  });

  test('a message of the dead-letter queue is not dead-lettered again', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    await client.createSender('q').sendMessages({ body: 1 });
    const receiver = client.createReceiver('q');
    await receiver.deadLetterMessage(await receiveOne(receiver));
    const dead = client.createReceiver('q', { subQueueType: 'deadLetter' });
    const message = await receiveOne(dead);
    assert.match((await errorOf(dead.deadLetterMessage(message))).message, /cannot be dead-lettered again/);
    assert.ok(await receivesNothing(dead));
  });

  test('no session within the time that the client gives is ServiceTimeout; a held one SessionCannotBeLocked at once', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 's', requiresSession: true }]);
    const client = fixture.client();
    await client.acceptSession('s', 'held');
    const waiting = errorOf(client.acceptNextSession('s'));
    const start = performance.now();
    const { code, message } = await errorOf(fixture.client().acceptSession('s', 'held'));
    assert.equal(code, 'SessionCannotBeLocked');
    assert.match(message, /'held'/);
    assert.ok(performance.now() - start < 3_000);
    await fixture.clock.leap(6_000);
    assert.equal((await waiting).code, 'ServiceTimeout');
  });
});
