import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AT_A_TIME, Fixture, errorCodeOf, receive, receiveOne, receivesNothing } from './fixture.ts';

const QUEUE = { name: 's', requiresSession: true };

describe('sessions', { concurrency: AT_A_TIME }, () => {
  test('a session is accepted by its id, and gives its own messages in order', async (context) => {
    const fixture = await Fixture.start(context, [QUEUE]);
    const client = fixture.client();
    const messages = Array.from({ length: 20 }, (_, i) => ({ body: i, sessionId: i % 2 ? 'odd' : 'even' }));
    await client.createSender('s').sendMessages(messages);
    const receiver = await client.acceptSession('s', 'odd');
    assert.equal(receiver.sessionId, 'odd');
    assert.ok(Math.abs(receiver.sessionLockedUntilUtc.getTime() - Date.now() - 60_000) < 5_000);
    const got = await receive(receiver, 10);
    assert.deepEqual(
      got.map((message) => Number(message.body)),
      [1, 3, 5, 7, 9, 11, 13, 15, 17, 19],
    );
    assert.ok(got.every((message) => message.sessionId === 'odd'));
    for (const message of got) await receiver.completeMessage(message);
    assert.ok(await receivesNothing(receiver));
  });

  test('the next session is the one that has waited longest and is not locked', async (context) => {
    const fixture = await Fixture.start(context, [QUEUE]);
    const client = fixture.client();
    await client.createSender('s').sendMessages([
      { body: 1, sessionId: 'a' },
      { body: 2, sessionId: 'b' },
    ]);
    const first = await client.acceptNextSession('s');
    const second = await client.acceptNextSession('s');
    assert.deepEqual([first.sessionId, second.sessionId], ['a', 'b']);
    assert.equal(await errorCodeOf(client.acceptNextSession('s')), 'ServiceTimeout');
  });

  test('who waits for the next session gets it as soon as there is one', async (context) => {
    const fixture = await Fixture.start(context, [QUEUE]);
    const client = fixture.client();
    const waiting = client.acceptNextSession('s');
    await client.createSender('s').sendMessages({ body: 1, sessionId: 'new' });
    const receiver = await waiting;
    assert.equal(receiver.sessionId, 'new');
    assert.equal((await receiveOne(receiver)).body, 1);
  });

  test('a locked session is refused to others until its receiver closes', async (context) => {
    const fixture = await Fixture.start(context, [QUEUE]);
    const client = fixture.client();
    const receiver = await client.acceptSession('s', 'a');
    assert.equal(await errorCodeOf(fixture.client().acceptSession('s', 'a')), 'SessionCannotBeLocked');
    await receiver.close();
    const other = await fixture.client().acceptSession('s', 'a');
    assert.equal(other.sessionId, 'a');
  });

  test('a session whose client vanishes is free at once, with its messages in order and their counts as they were', async (context) => {
    const fixture = await Fixture.start(context, [QUEUE]);
    const vanishing = fixture.client();
    await vanishing.createSender('s').sendMessages([
      { body: 1, sessionId: 'a' },
      { body: 2, sessionId: 'a' },
    ]);
    assert.equal((await receive(await vanishing.acceptSession('s', 'a'), 2)).length, 2);
    await fixture.closeClients();
    const receiver = await fixture.client().acceptSession('s', 'a');
    const again = await receive(receiver, 2);
    assert.deepEqual(
      again.map((message) => [Number(message.body), message.deliveryCount]),
      [
        [1, 0],
        [2, 0],
      ],
    );
  });

  test('session state is bytes that the client chooses; null clears it; it outlives messages and receivers', async (context) => {
    const fixture = await Fixture.start(context, [QUEUE]);
    const client = fixture.client();
    const receiver = await client.acceptSession('s', 'a');
    assert.equal(await receiver.getSessionState(), null);
    await receiver.setSessionState({ ledger: [1, 2], text: 'ü' });
    assert.deepEqual(await receiver.getSessionState(), { ledger: [1, 2], text: 'ü' });
    await receiver.close();
    const next = await client.acceptSession('s', 'a');
    assert.deepEqual(await next.getSessionState(), { ledger: [1, 2], text: 'ü' });
    await next.setSessionState(null);
    assert.equal(await next.getSessionState(), null);
  });

  test('a session lock is renewed for its whole duration, and locks its messages', async (context) => {
    const fixture = await Fixture.start(context, [{ ...QUEUE, lockDuration: 'PT10S' }]);
    const client = fixture.client();
    await client.createSender('s').sendMessages({ body: 1, sessionId: 'a' });
    const receiver = await client.acceptSession('s', 'a', { maxAutoLockRenewalDurationInMs: 0 });
    const message = await receiveOne(receiver);
    for (let i = 0; i < 3; i++) {
      await fixture.clock.leap(6_000);
      const until = await receiver.renewSessionLock();
      assert.ok(Math.abs(until.getTime() - fixture.clock.wallMs() - 10_000) < 2_000);
    }
    await receiver.completeMessage(message);
  });

  test('when the session lock is lost everything on it is refused, and the messages come again with their counts raised', async (context) => {
    const fixture = await Fixture.start(context, [{ ...QUEUE, lockDuration: 'PT10S' }]);
    const client = fixture.client();
    await client.createSender('s').sendMessages({ body: 1, sessionId: 'a' });
    const receiver = await client.acceptSession('s', 'a', { maxAutoLockRenewalDurationInMs: 0 });
    const message = await receiveOne(receiver);
    await fixture.clock.leap(11_000);
    assert.equal(await errorCodeOf(receiver.completeMessage(message)), 'SessionLockLost');
    assert.equal(await errorCodeOf(receiver.renewSessionLock()), 'SessionLockLost');
    assert.equal(await errorCodeOf(receiver.getSessionState()), 'SessionLockLost');
    const next = await fixture.client().acceptSession('s', 'a');
    assert.equal((await receiveOne(next)).deliveryCount, 1);
    // A renewal by the former holder must not help itself to the lock of the present one.
    assert.equal(await errorCodeOf(receiver.renewSessionLock()), 'SessionLockLost');
  });

  test('abandon, defer and dead-letter work in a session; its dead-letter queue has none', async (context) => {
    const fixture = await Fixture.start(context, [QUEUE]);
    const client = fixture.client();
    await client.createSender('s').sendMessages([
      { body: 'again', sessionId: 'a' },
      { body: 'later', sessionId: 'a' },
      { body: 'dead', sessionId: 'a' },
    ]);
    const receiver = await client.acceptSession('s', 'a');
    const [again, later, dead] = await receive(receiver, 3);
    assert.ok(again && later && dead);
    await receiver.deferMessage(later);
    await receiver.deadLetterMessage(dead, { deadLetterReason: 'why', deadLetterErrorDescription: 'because' });
    await receiver.abandonMessage(again);
    const second = await receiveOne(receiver);
    assert.deepEqual([second.body as string, second.deliveryCount], ['again', 1]);
    await receiver.completeMessage(second);
    const [deferred] = await receiver.receiveDeferredMessages(later.sequenceNumber!);
    assert.ok(deferred);
    assert.equal(deferred.body, 'later');
    await receiver.completeMessage(deferred);
    assert.deepEqual(await receiver.peekMessages(5), []);
    const deadReceiver = client.createReceiver('s', { subQueueType: 'deadLetter' });
    const found = await receiveOne(deadReceiver);
    assert.deepEqual([found.body as string, found.deadLetterReason, found.sessionId], ['dead', 'why', 'a']);
  });

  test('a session queue takes session receivers only, a plain queue plain ones only', async (context) => {
    const fixture = await Fixture.start(context, [QUEUE, { name: 'q' }]);
    const client = fixture.client();
    const plain = client.createReceiver('s').receiveMessages(1, { maxWaitTimeInMs: 500 });
    assert.match(await errorCodeOf(plain).then(String), /InvalidOperation|GeneralError/);
    // This client calls every refusal of a session that it named "cannot be locked".
    assert.equal(await errorCodeOf(client.acceptSession('q', 'a')), 'SessionCannotBeLocked');
    assert.match(await errorCodeOf(client.acceptNextSession('q')).then(String), /InvalidOperation|GeneralError/);
  });

  test('receive-and-delete in a session', async (context) => {
    const fixture = await Fixture.start(context, [QUEUE]);
    const client = fixture.client();
    await client.createSender('s').sendMessages([
      { body: 1, sessionId: 'a' },
      { body: 2, sessionId: 'a' },
    ]);
    const receiver = await client.acceptSession('s', 'a', { receiveMode: 'receiveAndDelete' });
    assert.equal((await receive(receiver, 2)).length, 2);
    assert.deepEqual(await receiver.peekMessages(5), []);
  });
});
