import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AT_A_TIME, Fixture, receive, receiveOne } from './fixture.ts';

/** Short of the time after which a silent client is cut off: the clock leaps, but its signs of life come in real time. */
const IDLE_MS = 20_000;
const SETTINGS = { linkIdleMs: IDLE_MS };

/** Lets idle links be detached. */
async function idle(fixture: Fixture): Promise<void> {
  for (let step = 0; step < 24; step++) await fixture.clock.leap(IDLE_MS / 20);
}

describe('links that nobody uses', { concurrency: AT_A_TIME }, () => {
  test('a sender and a receiver go on after their idle links were detached', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }], { settings: SETTINGS });
    const client = fixture.client();
    const sender = client.createSender('q');
    const receiver = client.createReceiver('q');
    for (let round = 0; round < 3; round++) {
      await sender.sendMessages({ body: round });
      const message = await receiveOne(receiver);
      assert.equal(message.body, round);
      await receiver.completeMessage(message);
      await receiver.peekMessages(1);
      await idle(fixture);
    }
  });

  test('a subscription receives again after its idle link was detached', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }], { settings: SETTINGS });
    const client = fixture.client();
    const receiver = client.createReceiver('q');
    const bodies: unknown[] = [];
    let onMessage: () => void = () => undefined;
    const closing = receiver.subscribe({
      processMessage: async ({ body }) => {
        bodies.push(body);
        onMessage();
      },
      processError: async () => undefined,
    });
    for (let round = 0; round < 2; round++) {
      const came = new Promise<void>((resolve) => (onMessage = resolve));
      await client.createSender('q').sendMessages({ body: round });
      await came;
      await idle(fixture);
    }
    assert.deepEqual(bodies, [0, 1]);
    await closing.close();
  });

  test('a session receiver that is busy keeps its link while it renews its lock', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 's', requiresSession: true }], { settings: SETTINGS });
    const client = fixture.client();
    await client.createSender('s').sendMessages({ body: 'x', sessionId: 'a' });
    const session = await client.acceptSession('s', 'a');
    const [message] = await receive(session, 1);
    assert.ok(message);
    for (let step = 0; step < 30; step++) {
      await fixture.clock.leap(IDLE_MS / 5);
      await session.renewSessionLock();
    }
    await session.completeMessage(message);
    assert.equal(session.isClosed, false);
  });
});
