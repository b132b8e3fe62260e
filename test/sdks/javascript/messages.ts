import assert from 'node:assert/strict';
import type { ServiceBusReceiver, ServiceBusSender } from 'service-bus-beta';
import { TRANSPORTS, bodies, codeOf, eventually, nothing, order, receive, receiveOne } from './case.ts';
import type { Case, Scene, TransportName } from './case.ts';

type Run = (scene: Scene, transport: TransportName) => Promise<void>;

function overEach(name: string, run: Run): Case[] {
  return (Object.keys(TRANSPORTS) as TransportName[]).map((transport) => ({
    name: `${transport}: ${name}`,
    run: (scene) => run(scene, transport),
  }));
}

async function settles(scene: Scene, transport: TransportName): Promise<void> {
  const client = scene.client(transport);
  const queue = scene.queue();
  const sender = client.createSender(queue);
  await sender.sendMessages({ body: 'complete', subject: 'subject', applicationProperties: { n: 7, yes: true } });
  const batch = await sender.createMessageBatch();
  for (const body of ['abandon', 'defer', 'dead-letter']) assert.ok(batch.tryAddMessage({ body }));
  await sender.sendMessages(batch);
  const receiver = client.createReceiver(queue);
  const [first, second, third, fourth] = await receive(receiver, 4);
  assert.ok(first && second && third && fourth);
  assert.deepEqual([first.subject, first.applicationProperties], ['subject', { n: 7, yes: true }]);
  assert.ok((await receiver.renewMessageLock(first)) >= (first.lockedUntilUtc ?? 0));
  await receiver.completeMessage(first);
  await receiver.abandonMessage(second, { again: true });
  await receiver.deferMessage(third);
  await receiver.deadLetterMessage(fourth, { deadLetterReason: 'why', deadLetterErrorDescription: 'because' });
  const again = await receiveOne(receiver);
  assert.deepEqual([again.body, again.deliveryCount, again.applicationProperties], ['abandon', 1, { again: true }]);
  const [deferred] = await receiver.receiveDeferredMessages([third.sequenceNumber ?? assert.fail()]);
  await receiver.completeMessage(deferred ?? assert.fail());
  const dead = await receiveOne(client.createReceiver(queue, { subQueueType: 'deadLetter' }));
  assert.deepEqual([dead.deadLetterReason, dead.deadLetterErrorDescription], ['why', 'because']);
  assert.deepEqual(bodies(await receiver.peekMessages(10)), ['abandon']);
}

async function large(scene: Scene, transport: TransportName): Promise<void> {
  const client = scene.client(transport);
  const queue = scene.queue('large');
  const sender = client.createSender(queue);
  const receiver = client.createReceiver(queue);
  for (const size of [300_000, 5_000_000]) {
    const body = Buffer.alloc(size, '0123456789');
    await sender.sendMessages({ body });
    const message = await receiveOne(receiver);
    assert.ok(body.equals(message.body as Buffer), `the body of ${size} bytes is not the same`);
    await receiver.completeMessage(message);
  }
}

async function sessions(scene: Scene, transport: TransportName): Promise<void> {
  const client = scene.client(transport);
  const queue = scene.queue('session');
  const sender = client.createSender(queue);
  const due = new Date(Date.now() + 2_000);
  const numbers = await sender.scheduleMessages(
    ['0', '1'].map((body) => ({ body, sessionId: 'a' })),
    due,
  );
  await sender.cancelScheduledMessages(numbers[0] ?? assert.fail());
  const receiver = await client.acceptNextSession(queue);
  assert.equal(receiver.sessionId, 'a');
  await receiver.setSessionState({ half: 'way' });
  assert.deepEqual(await receiver.getSessionState(), { half: 'way' });
  const until = receiver.sessionLockedUntilUtc;
  assert.ok((await receiver.renewSessionLock()) >= until);
  const message = await receiveOne(receiver);
  assert.equal(message.body, '1');
  assert.ok((message.enqueuedTimeUtc ?? 0) >= due, 'it came early');
  assert.equal(await codeOf(scene.client(transport).acceptSession(queue, 'a')), 'SessionCannotBeLocked');
  await receiver.completeMessage(message);
}

async function subscribes(scene: Scene, transport: TransportName): Promise<void> {
  const client = scene.client(transport);
  const queue = scene.queue();
  const seen: unknown[] = [];
  const receiver = client.createReceiver(queue);
  const subscription = receiver.subscribe({
    processMessage: ({ body }) => Promise.resolve(void seen.push(body)),
    processError: ({ error }) => Promise.reject(error),
  });
  const sent = Array.from({ length: 50 }, (_, index) => index);
  await client.createSender(queue).sendMessages(sent.map((body) => ({ body })));
  await eventually('all messages are processed', () => seen.length === sent.length);
  assert.deepEqual(seen, sent);
  await eventually('all messages are completed', async () => (await receiver.peekMessages(1)).length === 0);
  await subscription.close();
}

async function topic(scene: Scene, transport: TransportName): Promise<void> {
  const client = scene.client(transport);
  const name = await scene.topic('one', 'two');
  const rules = client.createRuleManager(name, 'two');
  await rules.createRule('green', { applicationProperties: { colour: 'green' } });
  await rules.createRule('large', { sqlExpression: 'size > 5' }, { sqlExpression: "SET was = 'large'" });
  await rules.deleteRule('$Default');
  const names: string[] = [];
  for await (const rule of rules.listRules()) names.push(rule.name);
  assert.deepEqual(names, ['green', 'large']);
  await client
    .createSender(name)
    .sendMessages([
      { body: 0 },
      { body: 1, applicationProperties: { colour: 'green' } },
      { body: 2, applicationProperties: { size: 6 } },
    ]);
  assert.deepEqual(bodies(await receive(client.createReceiver(name, 'one'), 3)), [0, 1, 2]);
  const filtered = await receive(client.createReceiver(name, 'two'), 2);
  assert.deepEqual(bodies(filtered), [1, 2]);
  assert.deepEqual(filtered[1]?.applicationProperties, { size: 6, was: 'large', RuleName: 'large' });
}

/** What this version has beyond the one before. */
async function deletes(scene: Scene, transport: TransportName): Promise<void> {
  const client = scene.client(transport);
  const queue = scene.queue();
  const name = await scene.topic('one', 'two');
  await deletesFrom(client.createReceiver(queue), client.createSender(queue));
  await deletesFrom(client.createReceiver(name, 'one'), client.createSender(name));
  assert.equal((await client.createReceiver(name, 'two').peekMessages(20)).length, 10);
}

async function deletesFrom(receiver: ServiceBusReceiver, sender: ServiceBusSender): Promise<void> {
  assert.equal(await receiver.purgeMessages(), 0);
  await sender.sendMessages(Array.from({ length: 10 }, (_, body) => ({ body })));
  const locked = await receiveOne(receiver);
  const future = new Date(Date.now() + 60_000);
  assert.equal(await receiver.deleteMessages({ maxMessageCount: 3, beforeEnqueueTime: future }), 3);
  assert.deepEqual(bodies(await receiver.peekMessages(10)), [0, 4, 5, 6, 7, 8, 9]);
  assert.equal(await receiver.purgeMessages({ beforeEnqueueTime: future }), 6);
  await receiver.completeMessage(locked);
  await nothing(receiver);
}

async function refusals(scene: Scene, transport: TransportName): Promise<void> {
  const { connectionString } = TRANSPORTS[transport];
  const wrong = scene.client(transport, connectionString.replace('SharedAccessKey=', 'SharedAccessKey=x'));
  assert.equal(await codeOf(wrong.createSender(scene.queue()).sendMessages({ body: 1 })), 'UnauthorizedAccess');
  const client = scene.client(transport);
  const missing = 'MessagingEntityNotFound';
  assert.equal(await codeOf(client.createSender('no-such').sendMessages({ body: 1 })), missing);
  const name = await scene.topic('one');
  assert.equal(await codeOf(client.createReceiver(name, 'none').receiveMessages(1)), missing);
  // The client has no code of its own for amqp:not-allowed.
  assert.equal(await codeOf(client.createReceiver(name).receiveMessages(1)), 'GeneralError');
  const toSubscription = client.createSender(`${name}/Subscriptions/one`);
  assert.equal(await codeOf(toSubscription.sendMessages({ body: 1 })), 'GeneralError');
  assert.equal(
    await codeOf(client.createSender(scene.queue('disabled')).sendMessages({ body: 1 })),
    'MessagingEntityDisabled',
  );
}

async function disturbed(scene: Scene, transport: TransportName): Promise<void> {
  const client = scene.client(transport);
  const queue = scene.queue();
  const sender = client.createSender(queue);
  const receiver = client.createReceiver(queue);
  for (const disturbance of ['cut', 'kill']) {
    await sender.sendMessages({ body: `before ${disturbance}` });
    await receiver.completeMessage(await receiveOne(receiver));
    await order(disturbance);
    await sender.sendMessages({ body: `after ${disturbance}` });
    const message = await receiveOne(receiver);
    assert.equal(message.body, `after ${disturbance}`);
    await receiver.completeMessage(message);
  }
}

export const MESSAGE_CASES: readonly Case[] = [
  ...overEach('send, batch, receive, every settlement, renewal, peek and deferral', settles),
  ...overEach('large messages each way', large),
  ...overEach('sessions, their state, and scheduled messages', sessions),
  ...overEach('a subscribed receiver works off a queue', subscribes),
  ...overEach('a topic, its subscriptions and their rules', topic),
  ...overEach('messages are deleted many at a time', deletes),
  ...overEach('what is refused', refusals),
];

/** These end the connections of everybody. */
export const DISTURBING_CASES: readonly Case[] = overEach(
  'a sender and a receiver go on after a cut and after a kill',
  disturbed,
);
