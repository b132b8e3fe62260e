import assert from 'node:assert/strict';
import type { ServiceBusAdministrationClient } from 'service-bus-beta';
import { ADMINS, codeOf, receiveOne } from './case.ts';
import type { Case, Scene } from './case.ts';

type Run = (admin: ServiceBusAdministrationClient, scene: Scene) => Promise<void>;

function overEach(name: string, run: Run): Case[] {
  return Object.entries(ADMINS).map(([scheme, connectionString]) => ({
    name: `admin over ${scheme}: ${name}`,
    run: (scene) => run(scene.admin(connectionString), scene),
  }));
}

async function queue(admin: ServiceBusAdministrationClient, scene: Scene): Promise<void> {
  const name = scene.newName();
  const made = await admin.createQueue(name, { lockDuration: 'PT30S', requiresSession: true, userMetadata: '<a & b>' });
  assert.deepEqual([made.lockDuration, made.requiresSession, made.userMetadata], ['PT30S', true, '<a & b>']);
  assert.deepEqual(await admin.getQueue(name), made);
  assert.equal((await admin.updateQueue({ ...made, maxDeliveryCount: 3 })).maxDeliveryCount, 3);
  await scene.client('plain').createSender(name).sendMessages({ body: 1, sessionId: 'a' });
  const { activeMessageCount, totalMessageCount } = await admin.getQueueRuntimeProperties(name);
  assert.deepEqual([activeMessageCount, totalMessageCount], [1, 1]);
  assert.equal(await codeOf(admin.createQueue(name)), 'MessageEntityAlreadyExistsError');
  await admin.deleteQueue(name);
  assert.equal(await admin.queueExists(name), false);
  assert.equal(await codeOf(admin.getQueue(name)), 'MessageEntityNotFoundError');
}

async function topic(admin: ServiceBusAdministrationClient, scene: Scene): Promise<void> {
  const name = scene.newName();
  await admin.createTopic(name, { requiresDuplicateDetection: true });
  await admin.createSubscription(name, 'all');
  const filter = { sqlExpression: "colour = 'green'" };
  await admin.createSubscription(name, 'green', { defaultRuleOptions: { name: 'only', filter } });
  await admin.createRule(name, 'green', 'too', { correlationId: 'c', applicationProperties: { n: 7, yes: true } });
  const rules: string[] = [];
  for await (const rule of admin.listRules(name, 'green')) rules.push(rule.name);
  assert.deepEqual(rules, ['only', 'too']);
  const only = await admin.getRule(name, 'green', 'only');
  assert.equal((only.filter as typeof filter).sqlExpression, filter.sqlExpression);
  const client = scene.client('plain');
  await client.createSender(name).sendMessages([
    { body: 'plain', messageId: '1' },
    { body: 'green', messageId: '2', applicationProperties: { colour: 'green' } },
  ]);
  assert.equal((await receiveOne(client.createReceiver(name, 'green'))).body, 'green');
  assert.equal((await admin.getSubscriptionRuntimeProperties(name, 'all')).activeMessageCount, 2);
  assert.equal((await admin.getTopicRuntimeProperties(name)).subscriptionCount, 2);
  await admin.deleteTopic(name);
  assert.equal(await admin.subscriptionExists(name, 'all'), false);
}

async function refused(admin: ServiceBusAdministrationClient, scene: Scene): Promise<void> {
  const name = scene.newName();
  await admin.createTopic(name);
  await admin.createSubscription(name, 'one');
  const wrong = admin.createRule(name, 'one', 'wrong', { sqlExpression: 'colour = ' });
  assert.equal(await codeOf(wrong), 'ServiceError');
  assert.equal(await codeOf(admin.createQueue('a'.repeat(261))), 'ServiceError');
  assert.equal(await codeOf(admin.createSubscription('no-such', 'one')), 'MessageEntityNotFoundError');
  const stranger = scene.admin(ADMINS.HTTP.replace('SharedAccessKey=', 'SharedAccessKey=x'));
  assert.equal(await codeOf(stranger.getTopic(name)), 'UnauthorizedRequestError');
}

export const ADMINISTRATION_CASES: readonly Case[] = [
  ...overEach('a queue is made, read, changed, counted and deleted', queue),
  ...overEach('a topic, its subscriptions and rules', topic),
  ...overEach('what is refused', refused),
];
