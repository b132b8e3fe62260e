import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { CreateSubscriptionOptions, ServiceBusAdministrationClient, SqlRuleFilter } from '@azure/service-bus';
import { failureOf, startWithAdmin as start } from './admin-fixture.ts';
import { AT_A_TIME, receive } from './fixture.ts';

const FOREVER = 'P10675199DT2H48M5.4775807S';

test('the admin client, topics, subscriptions and rules', { concurrency: AT_A_TIME }, async (context) => {
  const cases: readonly (readonly [string, (context: TestContext) => Promise<void>])[] = [
    ['topics are made, read, changed, listed, counted and deleted', topics],
    ['subscriptions are made, read, changed, listed, counted and deleted', subscriptions],
    ['rules of every kind are made, read, changed, listed and deleted', rules],
    ['a subscription is made with its first rule', defaultRules],
    ['errors have the codes that programs look at', errors],
    ['messages go where the rules say, and are counted', messages],
    ['subscriptions forward', forwards],
  ];
  await Promise.all(cases.map(([name, work]) => context.test(name, work)));
});

async function namesOf<T>(list: AsyncIterable<T>, name: (item: T) => string): Promise<string[]> {
  const names: string[] = [];
  for await (const item of list) names.push(name(item));
  return names;
}

async function topics(context: TestContext): Promise<void> {
  const { admin } = await start(context);
  const { _response, ...made } = await admin.createTopic('a/b');
  assert.deepEqual(made, {
    name: 'a/b',
    maxSizeInMegabytes: 1024,
    enablePartitioning: false,
    supportOrdering: true,
    enableBatchedOperations: true,
    defaultMessageTimeToLive: FOREVER,
    autoDeleteOnIdle: FOREVER,
    requiresDuplicateDetection: false,
    duplicateDetectionHistoryTimeWindow: 'PT10M',
    authorizationRules: undefined,
    userMetadata: undefined,
    status: 'Active',
    enableExpress: false,
    availabilityStatus: 'Available',
    maxMessageSizeInKilobytes: 256,
  });
  const given = {
    maxSizeInMegabytes: 2048,
    enablePartitioning: true,
    defaultMessageTimeToLive: 'P1D',
    requiresDuplicateDetection: true,
    duplicateDetectionHistoryTimeWindow: 'PT1M',
    userMetadata: 'a note',
    status: 'SendDisabled' as const,
    supportOrdering: false,
  };
  await admin.createTopic('t', given);
  const topic = await admin.getTopic('t');
  for (const [property, value] of Object.entries({ ...given, maxSizeInMegabytes: 32_768 }))
    assert.equal(topic[property as keyof typeof topic], value, property);
  topic.status = 'Active';
  assert.equal((await admin.updateTopic(topic)).maxSizeInMegabytes, 32_768);
  const { subscriptionCount, scheduledMessageCount } = await admin.getTopicRuntimeProperties('t');
  assert.deepEqual({ subscriptionCount, scheduledMessageCount }, { subscriptionCount: 0, scheduledMessageCount: 0 });
  assert.deepEqual(await namesOf(admin.listTopics(), ({ name }) => name), ['a/b', 't']);
  assert.deepEqual(await namesOf(admin.listTopicsRuntimeProperties(), ({ name }) => name), ['a/b', 't']);
  await admin.deleteTopic('t');
  assert.deepEqual([await admin.topicExists('t'), await admin.topicExists('a/b')], [false, true]);
}

async function subscriptions(context: TestContext): Promise<void> {
  const { admin } = await start(context);
  await admin.createTopic('a/b');
  const { _response, ...made } = await admin.createSubscription('a/b', 's');
  assert.deepEqual(made, {
    topicName: 'a/b',
    subscriptionName: 's',
    lockDuration: 'PT1M',
    maxDeliveryCount: 10,
    requiresSession: false,
    enableBatchedOperations: true,
    defaultMessageTimeToLive: FOREVER,
    autoDeleteOnIdle: FOREVER,
    deadLetteringOnMessageExpiration: false,
    deadLetteringOnFilterEvaluationExceptions: true,
    forwardDeadLetteredMessagesTo: undefined,
    forwardTo: undefined,
    userMetadata: undefined,
    status: 'Active',
    availabilityStatus: 'Available',
  });
  const given = {
    lockDuration: 'PT30S',
    maxDeliveryCount: 3,
    requiresSession: true,
    enableBatchedOperations: false,
    defaultMessageTimeToLive: 'PT1H',
    autoDeleteOnIdle: 'PT1H',
    deadLetteringOnMessageExpiration: true,
    deadLetteringOnFilterEvaluationExceptions: false,
    userMetadata: 'note',
    status: 'ReceiveDisabled' as const,
  };
  await admin.createSubscription('a/b', 'u', given);
  const subscription = await admin.getSubscription('a/b', 'u');
  for (const [property, value] of Object.entries(given))
    assert.equal(subscription[property as keyof typeof subscription], value, property);
  subscription.maxDeliveryCount = 4;
  assert.equal((await admin.updateSubscription(subscription)).maxDeliveryCount, 4);
  assert.deepEqual(await namesOf(admin.listSubscriptions('a/b'), ({ subscriptionName }) => subscriptionName), [
    's',
    'u',
  ]);
  const listed = await namesOf(
    admin.listSubscriptionsRuntimeProperties('a/b'),
    ({ topicName, subscriptionName }) => `${topicName}|${subscriptionName}`,
  );
  assert.deepEqual(listed, ['a/b|s', 'a/b|u']);
  const { totalMessageCount, topicName, subscriptionName } = await admin.getSubscriptionRuntimeProperties('a/b', 'u');
  assert.deepEqual(
    { totalMessageCount, topicName, subscriptionName },
    { totalMessageCount: 0, topicName: 'a/b', subscriptionName: 'u' },
  );
  await admin.deleteSubscription('a/b', 's');
  assert.deepEqual(
    [await admin.subscriptionExists('a/b', 's'), await admin.subscriptionExists('a/b', 'u')],
    [false, true],
  );
}

const SQL = {
  sqlExpression: 'stringValue = @text AND intValue > @number',
  sqlParameters: { '@text': 'a', '@number': 1.5, '@flag': true },
};
const CORRELATION = {
  correlationId: 'c',
  subject: 's',
  messageId: 'm',
  to: 't',
  replyTo: 'r',
  replyToSessionId: 'rs',
  sessionId: 'id',
  contentType: 'ct',
  applicationProperties: { text: 'a', number: 5, flag: false, time: new Date(Date.UTC(2026, 0, 31)) },
};
const ACTION = { sqlExpression: 'SET a = @b; REMOVE c', sqlParameters: { '@b': 'x' } };

async function rules(context: TestContext): Promise<void> {
  const { admin } = await start(context);
  await admin.createTopic('t');
  await admin.createSubscription('t', 's');
  const { filter, action, name } = await admin.getRule('t', 's', '$Default');
  assert.deepEqual(
    { filter, action, name },
    {
      filter: { sqlExpression: '1=1', sqlParameters: undefined },
      action: { sqlExpression: undefined, sqlParameters: undefined },
      name: '$Default',
    },
  );
  const sql = await admin.createRule('t', 's', 'sql', SQL, ACTION);
  assert.deepEqual([sql.filter, sql.action], [SQL, ACTION]);
  const correlation = await admin.createRule('t', 's', 'correlation', CORRELATION);
  assert.deepEqual(correlation.filter, CORRELATION);
  const read = await admin.getRule('t', 's', 'sql');
  (read.filter as SqlRuleFilter).sqlExpression = 'a = 1';
  assert.equal(((await admin.updateRule('t', 's', read)).filter as SqlRuleFilter).sqlExpression, 'a = 1');
  assert.deepEqual(await namesOf(admin.listRules('t', 's'), (rule) => rule.name), ['$Default', 'correlation', 'sql']);
  await admin.deleteRule('t', 's', 'sql');
  assert.deepEqual(
    [await admin.ruleExists('t', 's', 'sql'), await admin.ruleExists('t', 's', 'correlation')],
    [false, true],
  );
}

async function defaultRules(context: TestContext): Promise<void> {
  const { admin } = await start(context);
  await admin.createTopic('t');
  const options: CreateSubscriptionOptions = { defaultRuleOptions: { name: 'first', filter: SQL, action: ACTION } };
  await admin.createSubscription('t', 's', options);
  assert.deepEqual(await namesOf(admin.listRules('t', 's'), ({ name }) => name), ['first']);
  const { filter, action } = await admin.getRule('t', 's', 'first');
  assert.deepEqual([filter, action], [SQL, ACTION]);
}

async function errors(context: TestContext): Promise<void> {
  const { admin } = await start(context);
  await admin.createTopic('t');
  await admin.createSubscription('t', 's');
  const exists = ['MessageEntityAlreadyExistsError', 409];
  const codeOf = async (work: Promise<unknown>) => (await failureOf(work)).slice(0, 2);
  assert.deepEqual(await codeOf(admin.createTopic('t')), exists);
  assert.deepEqual(await codeOf(admin.createQueue('t')), exists);
  assert.deepEqual(await codeOf(admin.createSubscription('t', 's')), exists);
  assert.deepEqual(await codeOf(admin.createRule('t', 's', '$Default', { sqlExpression: '1=1' })), exists);
  assert.deepEqual(await codeOf(admin.getTopic('none')), ['MessageEntityNotFoundError', 200]);
  // One after the other: a rejection that nobody waits for yet would end the test.
  for (const work of [
    () => admin.getSubscription('t', 'none'),
    () => admin.getRule('t', 's', 'none'),
    () => admin.getSubscription('none', 's'),
    () => admin.deleteTopic('none'),
    () => admin.deleteSubscription('t', 'none'),
    () => admin.deleteRule('t', 's', 'none'),
    () => admin.createSubscription('none', 's'),
    () => admin.createRule('t', 'none', 'r', { sqlExpression: '1=1' }),
    () => admin.listRules('t', 'none').next(),
  ])
    assert.deepEqual(await codeOf(work()), ['MessageEntityNotFoundError', 404]);
  const bad = await failureOf(admin.createRule('t', 's', 'bad', { sqlExpression: 'a = = 1' }));
  assert.deepEqual(bad.slice(0, 2), ['ServiceError', 400]);
  assert.match(bad[2], /at character \d+/);
}

async function countsOf(admin: ServiceBusAdministrationClient, name: string): Promise<readonly number[]> {
  const { activeMessageCount, deadLetterMessageCount, totalMessageCount } =
    await admin.getSubscriptionRuntimeProperties('t', name);
  return [activeMessageCount, deadLetterMessageCount, totalMessageCount];
}

async function messages(context: TestContext): Promise<void> {
  const { fixture, admin } = await start(context);
  await admin.createTopic('t');
  await admin.createSubscription('t', 'all');
  await admin.createSubscription('t', 'red', {
    defaultRuleOptions: { name: 'red', filter: { applicationProperties: { color: 'red' } } },
  });
  const sender = fixture.client().createSender('t');
  await sender.sendMessages([
    { body: 1, applicationProperties: { color: 'red' } },
    { body: 2, applicationProperties: { color: 'blue' } },
  ]);
  await sender.scheduleMessages({ body: 3 }, new Date(fixture.clock.wallMs() + 3_600_000));
  assert.deepEqual(await countsOf(admin, 'all'), [2, 0, 2]);
  assert.deepEqual(await countsOf(admin, 'red'), [1, 0, 1]);
  const { subscriptionCount, scheduledMessageCount, sizeInBytes } = await admin.getTopicRuntimeProperties('t');
  assert.deepEqual({ subscriptionCount, scheduledMessageCount }, { subscriptionCount: 2, scheduledMessageCount: 1 });
  assert.ok((sizeInBytes ?? 0) > 0);
  const receiver = fixture.client().createReceiver('t', 'red');
  const [message] = await receive(receiver, 1);
  assert.equal(message?.body, 1);
  if (message) await receiver.deadLetterMessage(message);
  assert.deepEqual(await countsOf(admin, 'red'), [0, 1, 1]);
}

async function forwards(context: TestContext): Promise<void> {
  const { fixture, admin } = await start(context);
  await admin.createQueue('q');
  await admin.createTopic('t');
  const { forwardTo, forwardDeadLetteredMessagesTo } = await admin.createSubscription('t', 's', {
    forwardTo: 'q',
    forwardDeadLetteredMessagesTo: 'q',
  });
  const address = `sb://localhost:${fixture.server.httpPort}/q`;
  assert.deepEqual([forwardTo, forwardDeadLetteredMessagesTo], [address, address]);
  await fixture.client().createSender('t').sendMessages({ body: 1 });
  const [message] = await receive(fixture.client().createReceiver('q'), 1);
  assert.equal(message?.body, 1);
}
