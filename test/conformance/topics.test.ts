import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RuleProperties, ServiceBusReceivedMessage } from '@azure/service-bus';
import { AT_A_TIME, caughtUp, errorCodeOf, Fixture, receive, receiveOne, receivesNothing } from './fixture.ts';

const bodiesOf = (messages: readonly ServiceBusReceivedMessage[]): unknown[] =>
  messages.map(({ body }) => body as unknown);

/** A topic `t` with these subscriptions, which take everything unless they are given rules. */
async function topicWith(
  fixture: Fixture,
  subscriptions: Readonly<Record<string, object>>,
  topic: object = {},
): Promise<void> {
  const { admin } = fixture.server;
  await admin.topics.create({ name: 't', ...topic });
  for (const [name, properties] of Object.entries(subscriptions))
    await admin.subscriptions.create({ topicName: 't', name, ...properties });
}

describe('topics', { concurrency: AT_A_TIME }, () => {
  test('every subscription gets a copy of its own, which is settled for itself and survives a restart', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    await topicWith(fixture, { a: { maxDeliveryCount: 1 }, b: {} });
    const sent = { body: { x: 1 }, messageId: 'm', subject: 's', applicationProperties: { p: 1, q: 'two' } };
    await fixture
      .client()
      .createSender('t')
      .sendMessages([sent, { body: 'second' }]);
    await fixture.stopServer();
    await fixture.startServer();
    const client = fixture.client();
    const [a, b] = [client.createReceiver('t', 'a'), client.createReceiver('t', 'b')];
    const [first, second] = await receive(a, 2);
    assert.ok(first && second);
    const { body, messageId, subject, applicationProperties, enqueuedSequenceNumber, deliveryCount } = first;
    assert.deepEqual({ body: body as unknown, messageId, subject, applicationProperties }, sent);
    assert.deepEqual([enqueuedSequenceNumber, first.sequenceNumber?.toNumber(), deliveryCount], [1, 1, 0]);
    await a.completeMessage(first);
    await a.abandonMessage(second);
    const dead = client.createReceiver('t', 'a', { subQueueType: 'deadLetter' });
    const buried = await receiveOne(dead);
    assert.deepEqual([buried.body, buried.deadLetterReason], ['second', 'MaxDeliveryCountExceeded']);
    await dead.completeMessage(buried);
    const { counts } = fixture.server.admin.subscriptions.get('t', 'a')!;
    assert.deepEqual([counts.active, counts.deadLetter], [0, 0]);
    assert.deepEqual(bodiesOf(await b.peekMessages(5)), [{ x: 1 }, 'second']);
    const deferred = await receiveOne(b);
    await b.deferMessage(deferred);
    const [fetched] = await b.receiveDeferredMessages([deferred.sequenceNumber!]);
    await b.deadLetterMessage(fetched!, { deadLetterReason: 'mine', deadLetterErrorDescription: '' });
    assert.equal(
      (await receiveOne(client.createReceiver('t', 'b', { receiveMode: 'receiveAndDelete' }))).body,
      'second',
    );
  });

  test('a subscription with sessions locks, orders and remembers them; a message without one is dead-lettered there', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    await topicWith(fixture, { s: { requiresSession: true }, plain: {} });
    const client = fixture.client();
    const sender = client.createSender('t');
    await sender.sendMessages([
      { body: 1, sessionId: 'x' },
      { body: 2, sessionId: 'y' },
      { body: 3, sessionId: 'x' },
      { body: 'none' },
    ]);
    const x = await client.acceptSession('t', 's', 'x');
    const next = await client.acceptNextSession('t', 's');
    assert.equal(next.sessionId, 'y');
    await x.setSessionState({ at: 3 });
    assert.deepEqual(bodiesOf(await receive(x, 2)), [1, 3]);
    assert.deepEqual(await x.getSessionState(), { at: 3 });
    const [dead] = await client.createReceiver('t', 's', { subQueueType: 'deadLetter' }).peekMessages(2);
    assert.deepEqual([dead?.body, dead?.deadLetterReason], ['none', 'Session id is null.']);
    assert.equal((await client.createReceiver('t', 'plain').peekMessages(9)).length, 4);
    assert.equal(await errorCodeOf(client.createReceiver('t', 's').receiveMessages(1)), 'GeneralError');
  });

  test('what is scheduled on a topic can be cancelled, and otherwise comes to the subscriptions when it is due', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    await topicWith(fixture, { a: {} });
    const client = fixture.client();
    const sender = client.createSender('t');
    const due = new Date(fixture.clock.wallMs() + 60_000);
    const [kept, cancelled] = await sender.scheduleMessages([{ body: 'kept' }, { body: 'cancelled' }], due);
    assert.ok(kept && cancelled);
    await sender.cancelScheduledMessages(cancelled);
    assert.equal(await errorCodeOf(sender.cancelScheduledMessages(cancelled)), 'MessageNotFound');
    const receiver = client.createReceiver('t', 'a');
    assert.ok(await receivesNothing(receiver));
    assert.equal(fixture.server.admin.topics.get('t')?.counts.scheduled, 1);
    await fixture.clock.leap(60_000);
    const message = await receiveOne(receiver);
    assert.deepEqual([message.body, message.state], ['kept', 'scheduled']);
  });

  test('a subscription forwards; queues forward to topics; dead letters say where they come from', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }, { name: 'graves' }]);
    await topicWith(fixture, { on: { forwardTo: 'q' }, here: { forwardDeadLetteredMessagesTo: 'graves' } });
    await fixture.server.admin.queues.create({ name: 'in', forwardTo: 't' });
    const client = fixture.client();
    await client.createSender('in').sendMessages({ body: 'one', applicationProperties: { k: 'v' } });
    const arrived = await receiveOne(client.createReceiver('q'));
    assert.deepEqual([arrived.body, arrived.applicationProperties], ['one', { k: 'v' }]);
    const here = client.createReceiver('t', 'here');
    await here.deadLetterMessage(await receiveOne(here), { deadLetterReason: 'why', deadLetterErrorDescription: '' });
    const grave = await receiveOne(client.createReceiver('graves'));
    assert.deepEqual([grave.deadLetterReason, grave.deadLetterSource], ['why', 't/Subscriptions/here']);
    assert.equal(await errorCodeOf(client.createReceiver('t', 'on').receiveMessages(1)), 'GeneralError');
  });

  test('the rule manager adds, lists and removes rules, which decide about what is sent from then on', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    await topicWith(fixture, { a: {} });
    const client = fixture.client();
    const rules = client.createRuleManager('t', 'a');
    const listed = async (): Promise<unknown[]> => {
      const all = [];
      // Where there are none, the client gives one that is undefined.
      for await (const rule of rules.listRules() as AsyncIterable<RuleProperties | undefined>)
        if (rule) all.push({ name: rule.name, filter: rule.filter, action: rule.action });
      return all;
    };
    assert.deepEqual(await listed(), [{ name: '$Default', filter: { sqlExpression: '1=1' }, action: {} }]);
    await rules.deleteRule('$Default');
    assert.deepEqual(await listed(), []);
    const date = new Date('2026-01-02T03:04:05.006Z');
    const correlation = { subject: 'red', applicationProperties: { n: 5, b: true, s: 'x', date } };
    await rules.createRule('red', correlation);
    await rules.createRule(
      'blue',
      { sqlExpression: "color = 'blue' AND sys.Label LIKE 'b%'" },
      { sqlExpression: "SET seen = 'yes'; REMOVE color" },
    );
    const [red, blue] = (await listed()) as Record<string, object>[];
    assert.deepEqual(red, { name: 'red', filter: { ...emptyCorrelation, ...correlation }, action: {} });
    assert.deepEqual(blue, {
      name: 'blue',
      filter: { sqlExpression: "color = 'blue' AND sys.Label LIKE 'b%'" },
      action: { sqlExpression: "SET seen = 'yes'; REMOVE color" },
    });
    await client.createSender('t').sendMessages([
      { body: 1, subject: 'red', applicationProperties: { n: 5, b: true, s: 'x', date } },
      { body: 2, subject: 'red', applicationProperties: { n: 6, b: true, s: 'x', date } },
      { body: 3, subject: 'bright', applicationProperties: { color: 'blue', kept: 1 } },
    ]);
    const messages = await receive(client.createReceiver('t', 'a'), 3);
    assert.deepEqual(bodiesOf(messages), [1, 3]);
    assert.deepEqual(messages[1]?.applicationProperties, { kept: 1, seen: 'yes', RuleName: 'blue' });
    assert.equal(await errorCodeOf(rules.createRule('RED', { subject: 'x' })), 'MessagingEntityAlreadyExists');
    assert.equal(await errorCodeOf(rules.deleteRule('none')), 'MessagingEntityNotFound');
    await assert.rejects(rules.createRule('bad', { sqlExpression: 'color = ' }), /character/);
  });

  test('what is missing or not there for it is refused as the service does it', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    await topicWith(fixture, { a: {} });
    const client = fixture.client();
    assert.equal(await errorCodeOf(client.createSender('none').sendMessages({ body: 1 })), 'MessagingEntityNotFound');
    assert.equal(await errorCodeOf(client.createReceiver('t', 'none').receiveMessages(1)), 'MessagingEntityNotFound');
    assert.equal(await errorCodeOf(client.createReceiver('none', 'a').receiveMessages(1)), 'MessagingEntityNotFound');
    await assert.rejects(client.createReceiver('t').receiveMessages(1), /Messages cannot be received from topic 't'/);
    await assert.rejects(
      client.createSender('t/Subscriptions/a').sendMessages({ body: 1 }),
      /a subscription gets copies of what is sent to its topic/,
    );
    await fixture.server.admin.topics.update('t', { status: 'SendDisabled' });
    assert.equal(await errorCodeOf(client.createSender('t').sendMessages({ body: 1 })), 'MessagingEntityDisabled');
    await fixture.server.admin.subscriptions.update('t', 'a', { status: 'ReceiveDisabled' });
    assert.equal(await errorCodeOf(client.createReceiver('t', 'a').receiveMessages(1)), 'MessagingEntityDisabled');
  });

  test('a topic that is deleted takes its links along, and its name can be used again at once', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    await topicWith(fixture, { a: {} });
    const client = fixture.client();
    const sender = client.createSender('t');
    await sender.sendMessages({ body: 'old' });
    const receiver = client.createReceiver('t', 'a');
    const gone = new Promise<string | undefined>((resolve) => {
      receiver.subscribe({
        processMessage: () => Promise.resolve(),
        processError: ({ error }) => Promise.resolve(resolve((error as { code?: string }).code)),
      });
    });
    await fixture.server.admin.topics.delete('t');
    assert.equal(await gone, 'MessagingEntityNotFound');
    await receiver.close();
    await caughtUp(client, 'q');
    assert.equal(await errorCodeOf(sender.sendMessages({ body: 'lost' })), 'MessagingEntityNotFound');
    await topicWith(fixture, { a: {} });
    await fixture.client().createSender('t').sendMessages({ body: 'new' });
    assert.deepEqual(bodiesOf(await fixture.client().createReceiver('t', 'a').peekMessages(5)), ['new']);
  });

  test('duplicates are dropped by the topic; times to live end in the dead-letter queue of the subscription', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const subscription = { defaultMessageTimeToLive: 'PT10S', deadLetteringOnMessageExpiration: true };
    await topicWith(fixture, { a: subscription, b: {} }, { requiresDuplicateDetection: true });
    const client = fixture.client();
    for (const body of ['first', 'again']) await client.createSender('t').sendMessages({ body, messageId: 'id' });
    await fixture.clock.leap(10_000);
    const [dead, ...others] = await client.createReceiver('t', 'a', { subQueueType: 'deadLetter' }).peekMessages(5);
    assert.deepEqual([dead?.body, dead?.deadLetterReason, others], ['first', 'TTLExpiredException', []]);
    assert.deepEqual(bodiesOf(await client.createReceiver('t', 'b').peekMessages(5)), ['first']);
  });
});

/** What the client shows of a correlation filter that says nothing. */
const emptyCorrelation = {
  contentType: null,
  correlationId: null,
  messageId: null,
  replyTo: null,
  replyToSessionId: null,
  sessionId: null,
  to: null,
};
