import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { failureOf, startWithAdmin as start } from './admin-fixture.ts';
import { AT_A_TIME } from './fixture.ts';

const FOREVER = 'P10675199DT2H48M5.4775807S';

const options = { concurrency: AT_A_TIME };

test('the admin client and queues', options, async (context) => {
  const cases: readonly (readonly [string, (context: TestContext) => Promise<void>])[] = [
    ['a queue is made with the defaults of the service', madeWithDefaults],
    ['a queue is made, read, changed, listed and deleted with every property', everyProperty],
    ['runtime properties count what is in a queue', runtimeProperties],
    ['errors have the codes that programs look at', errors],
    ['lists come in pages', pages],
    ['access rules come with their queue and open it', accessRules],
    ['a queue forwards to where its address says', forwards],
  ];
  await Promise.all(cases.map(([name, work]) => context.test(name, work)));
});

async function madeWithDefaults(context: TestContext): Promise<void> {
  const { admin } = await start(context);
  const { _response, ...queue } = await admin.createQueue('a/b');
  assert.deepEqual(queue, {
    name: 'a/b',
    lockDuration: 'PT1M',
    maxSizeInMegabytes: 1024,
    requiresDuplicateDetection: false,
    requiresSession: false,
    defaultMessageTimeToLive: FOREVER,
    deadLetteringOnMessageExpiration: false,
    duplicateDetectionHistoryTimeWindow: 'PT10M',
    maxDeliveryCount: 10,
    enableBatchedOperations: true,
    authorizationRules: undefined,
    status: 'Active',
    forwardTo: undefined,
    userMetadata: undefined,
    autoDeleteOnIdle: FOREVER,
    enablePartitioning: false,
    forwardDeadLetteredMessagesTo: undefined,
    availabilityStatus: 'Available',
    enableExpress: false,
    maxMessageSizeInKilobytes: 256,
  });
  assert.deepEqual(await admin.getQueue('a/b'), queue);
  const { name, messagingSku } = await admin.getNamespaceProperties();
  assert.deepEqual({ name, messagingSku }, { name: 'localhost', messagingSku: 'Standard' });
}

async function everyProperty(context: TestContext): Promise<void> {
  const { fixture, admin } = await start(context);
  const given = {
    lockDuration: 'PT30S',
    maxSizeInMegabytes: 2048,
    requiresDuplicateDetection: true,
    requiresSession: true,
    defaultMessageTimeToLive: 'P1DT2H',
    deadLetteringOnMessageExpiration: true,
    duplicateDetectionHistoryTimeWindow: 'PT5M',
    maxDeliveryCount: 3,
    enableBatchedOperations: false,
    status: 'ReceiveDisabled' as const,
    userMetadata: 'for <tests> & others',
    autoDeleteOnIdle: 'P3D',
    enableExpress: true,
    maxMessageSizeInKilobytes: 2048,
  };
  await admin.createQueue('q', given);
  const read = await admin.getQueue('q');
  for (const [property, value] of Object.entries(given))
    assert.equal(read[property as keyof typeof read], value, property);
  assert.equal(fixture.server.admin.queues.get('q')?.description.maxMessageSizeInKilobytes, 2048);
  read.lockDuration = 'PT45S';
  read.userMetadata = undefined as never;
  const changed = await admin.updateQueue(read);
  assert.equal(changed.lockDuration, 'PT45S');
  assert.equal(changed.userMetadata, undefined);
  assert.equal(changed.maxDeliveryCount, 3);
  const names: string[] = [];
  for await (const queue of admin.listQueues()) names.push(queue.name);
  assert.deepEqual(names, ['q']);
  assert.equal(await admin.queueExists('q'), true);
  await admin.deleteQueue('q');
  assert.equal(await admin.queueExists('q'), false);
}

async function runtimeProperties(context: TestContext): Promise<void> {
  const { fixture, admin } = await start(context);
  await admin.createQueue('q');
  const sender = fixture.client().createSender('q');
  await sender.sendMessages([{ body: 1 }, { body: 2 }, { body: 3 }]);
  await sender.scheduleMessages({ body: 4 }, new Date(fixture.clock.wallMs() + 3_600_000));
  const receiver = fixture.client().createReceiver('q');
  const [message] = await receiver.receiveMessages(1);
  assert.ok(message);
  await receiver.deadLetterMessage(message);
  const { createdAt, modifiedAt, sizeInBytes, ...counts } = await admin.getQueueRuntimeProperties('q');
  assert.deepEqual(
    {
      total: counts.totalMessageCount,
      active: counts.activeMessageCount,
      deadLetter: counts.deadLetterMessageCount,
      scheduled: counts.scheduledMessageCount,
      transfer: counts.transferMessageCount,
      transferDeadLetter: counts.transferDeadLetterMessageCount,
    },
    { total: 4, active: 2, deadLetter: 1, scheduled: 1, transfer: 0, transferDeadLetter: 0 },
  );
  assert.ok((sizeInBytes ?? 0) > 0);
  assert.ok(createdAt <= modifiedAt);
  for await (const queue of admin.listQueuesRuntimeProperties()) assert.equal(queue.totalMessageCount, 4);
}

async function errors(context: TestContext): Promise<void> {
  const { admin } = await start(context);
  const queue = await admin.createQueue('q');
  const [code, status, said] = await failureOf(admin.createQueue('Q'));
  assert.deepEqual([code, status], ['MessageEntityAlreadyExistsError', 409]);
  assert.match(said, /^SubCode=40900\. The messaging entity 'sb:.*Q' already exists\. TrackingId:/);
  assert.deepEqual((await failureOf(admin.getQueue('none'))).slice(0, 2), ['MessageEntityNotFoundError', 200]);
  const missing = await failureOf(admin.deleteQueue('none'));
  assert.deepEqual(missing.slice(0, 2), ['MessageEntityNotFoundError', 404]);
  assert.match(missing[2], /^The messaging entity 'sb:.*none' could not be found\. TrackingId:/);
  assert.deepEqual((await failureOf(admin.updateQueue({ ...queue, name: 'none' }))).slice(0, 2), [
    'MessageEntityNotFoundError',
    404,
  ]);
  assert.deepEqual((await failureOf(admin.updateQueue({ ...queue, requiresSession: true }))).slice(0, 2), [
    'ServiceError',
    400,
  ]);
  const tooLarge = await failureOf(admin.createQueue('large', { maxMessageSizeInKilobytes: 102_401 }));
  assert.match(tooLarge[2], /value for 'MaxMessageSizeInKilobytes' must be between 1024 and 102400/);
}

async function pages(context: TestContext): Promise<void> {
  const { fixture, admin } = await start(context);
  const names = Array.from({ length: 205 }, (_, index) => `q${String(index).padStart(3, '0')}`);
  for (const name of names) await fixture.server.admin.queues.create({ name });
  const all: string[] = [];
  for await (const queue of admin.listQueues()) all.push(queue.name);
  assert.deepEqual(all, names);
  const sizes: number[] = [];
  for await (const page of admin.listQueues().byPage({ maxPageSize: 90 })) sizes.push(page.length);
  assert.deepEqual(sizes, [90, 90, 25]);
}

async function accessRules(context: TestContext): Promise<void> {
  const { fixture, admin } = await start(context);
  const rule = {
    claimType: 'SharedAccessKey',
    keyName: 'app',
    accessRights: ['Send' as const],
    primaryKey: 'primary-key-of-the-app',
    secondaryKey: 'secondary-key-of-the-app',
  };
  const queue = await admin.createQueue('q', { authorizationRules: [rule] });
  assert.deepEqual(queue.authorizationRules, [rule]);
  const connectionString = fixture.server.connectionString
    .replace(/SharedAccessKeyName=[^;]*/, 'SharedAccessKeyName=app')
    .replace(/SharedAccessKey=[^;]*/, `SharedAccessKey=${rule.primaryKey}`);
  const client = fixture.client({ connectionString });
  await client.createSender('q').sendMessages({ body: 1 });
  await assert.rejects(client.createReceiver('q').receiveMessages(1), { code: 'UnauthorizedAccess' });
  queue.authorizationRules = [{ ...rule, accessRights: ['Send', 'Listen'] }];
  await admin.updateQueue(queue);
  const [message] = await fixture.client({ connectionString }).createReceiver('q').receiveMessages(1);
  assert.equal(message?.body, 1);
}

async function forwards(context: TestContext): Promise<void> {
  const { fixture, admin } = await start(context);
  await admin.createQueue('to');
  const { forwardTo } = await admin.createQueue('from', { forwardTo: 'to' });
  assert.equal(forwardTo, `sb://localhost:${fixture.server.httpPort}/to`);
  await fixture.client().createSender('from').sendMessages({ body: 1 });
  const [message] = await fixture.client().createReceiver('to').receiveMessages(1);
  assert.equal(message?.body, 1);
}
