import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AT_A_TIME, Fixture, errorCodeOf, receive, receiveOne, receivesNothing } from './fixture.ts';

// Clients whose sockets are cut, without a goodbye, in the middle of what they do.

describe('clients that vanish', { concurrency: AT_A_TIME }, () => {
  test('what a vanished receiver holds stays locked, is settled by the same client over its next connection, or comes back', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q', lockDuration: 'PT1M' }]);
    const client = fixture.client();
    await client.createSender('q').sendMessages([{ body: 'a' }, { body: 'b' }, { body: 'c' }, { body: 'd' }]);
    const receiver = client.createReceiver('q');
    const [a, b, c] = await receive(receiver, 3);
    assert.ok(a && b && c);
    assert.ok(fixture.destroySockets() > 0);
    const other = fixture.client().createReceiver('q');
    assert.equal((await receiveOne(other)).body, 'd');
    assert.ok(await receivesNothing(other));
    await receiver.completeMessage(a);
    await receiver.abandonMessage(b, { why: 'cut off' });
    const again = await receiveOne(other);
    assert.deepEqual([again.body, again.deliveryCount, again.applicationProperties?.['why']], ['b', 1, 'cut off']);
    await other.completeMessage(again);
    await fixture.clock.leap(61_000);
    const back = await receiveOne(other);
    assert.deepEqual([back.body, back.deliveryCount], ['c', 1]);
    assert.equal(await errorCodeOf(receiver.completeMessage(c)), 'MessageLockLost');
  });

  test('a session is free as soon as its holder vanishes, and goes to who waits for one, its messages as they were', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 's', requiresSession: true }]);
    const client = fixture.client();
    await client.createSender('s').sendMessages([1, 2, 3].map((body) => ({ body, sessionId: 'a' })));
    const holder = await client.acceptSession('s', 'a');
    const [first] = await receive(holder, 2);
    assert.ok(first);
    await holder.setSessionState({ at: 1 });
    await holder.completeMessage(first);
    const held = await errorCodeOf(fixture.client().acceptSession('s', 'a'));
    assert.equal(held, 'SessionCannotBeLocked');
    fixture.destroySockets();
    const next = await fixture.client().acceptNextSession('s');
    assert.deepEqual([next.sessionId, await next.getSessionState()], ['a', { at: 1 }]);
    const messages = await receive(next, 2);
    assert.deepEqual(
      messages.map(({ body, deliveryCount }) => [body as number, deliveryCount]),
      [
        [2, 0],
        [3, 0],
      ],
    );
  });

  test('a subscriber goes on after its connection was cut, and nothing that was acknowledged is lost or comes twice', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    const seen: number[] = [];
    const settled = new Set<number>();
    const until = (count: number) =>
      new Promise<void>((resolve) => {
        waits.push({ count, resolve });
      });
    const waits: { count: number; resolve: () => void }[] = [];
    const receiver = client.createReceiver('q');
    const subscription = receiver.subscribe(
      {
        processMessage: async (message) => {
          seen.push(Number(message.body));
          await receiver.completeMessage(message);
          settled.add(Number(message.body));
          for (const { count, resolve } of waits) if (settled.size >= count) resolve();
        },
        // The cut itself is told here.
        processError: () => Promise.resolve(),
      },
      { autoCompleteMessages: false, maxConcurrentCalls: 5 },
    );
    const half = until(20);
    const all = until(40);
    const sender = fixture.client().createSender('q');
    await sender.sendMessages(Array.from({ length: 20 }, (_, i) => ({ body: i })));
    await half;
    fixture.destroySockets();
    const again = fixture.client().createSender('q');
    await again.sendMessages(Array.from({ length: 20 }, (_, i) => ({ body: 20 + i })));
    await all;
    await subscription.close();
    assert.equal(settled.size, 40);
    assert.equal(new Set(seen).size, seen.length);
    await fixture.clock.leap(61_000);
    assert.ok(await receivesNothing(fixture.client().createReceiver('q')));
  });

  test('a batch that was being sent when the connection was cut is there whole or not at all', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    for (let round = 0; round < 5; round++) {
      const client = fixture.client();
      const sender = client.createSender('q');
      await sender.createMessageBatch();
      const sending = sender
        .sendMessages(Array.from({ length: 100 }, (_, i) => ({ body: i, subject: `${round}` })))
        .catch(() => undefined);
      await new Promise((resolve) => setImmediate(resolve));
      fixture.destroySockets();
      // The client gives up what it was sending only after seconds; another one can look before that.
      await Promise.race([sending, fixture.client().createReceiver('q').peekMessages(1)]);
    }
    const receiver = fixture.client().createReceiver('q', { receiveMode: 'receiveAndDelete' });
    const counts = new Map<string | undefined, number>();
    for (let more = await receiver.receiveMessages(250, { maxWaitTimeInMs: 300 }); more.length > 0;) {
      for (const { subject } of more) counts.set(subject, (counts.get(subject) ?? 0) + 1);
      more = await receiver.receiveMessages(250, { maxWaitTimeInMs: 300 });
    }
    // Once, or twice when the client has sent it again.
    for (const count of counts.values()) assert.ok(count % 100 === 0, `${count}`);
  });
});
