import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import type { ServiceBusManagementClient } from '@azure/arm-servicebus';
import type { Auth } from '../../src/server/index.ts';
import { failureOf } from './admin-fixture.ts';
import { GROUP, NAMESPACE as NAME, SUBSCRIPTION, managementClient } from './arm-fixture.ts';
import { AT_A_TIME, Fixture, receiveOne } from './fixture.ts';

// The official client of Azure Resource Manager (6.1.0), which speaks HTTPS only, with credentials that are none of Azure.

interface Managed {
  readonly fixture: Fixture;
  readonly client: ServiceBusManagementClient;
}

async function start(
  context: TestContext,
  options: { readonly auth?: Auth; readonly token?: string; readonly apiVersion?: string } = {},
): Promise<Managed> {
  const { auth = 'sas', ...credential } = options;
  const fixture = await Fixture.start(context, [], { tls: { kind: 'self-signed' }, auth });
  return { fixture, client: await managementClient(fixture, credential) };
}

function makeNamespace({ client }: Managed, sku: 'Basic' | 'Standard' | 'Premium' = 'Standard') {
  return client.namespaces.beginCreateOrUpdateAndWait(
    GROUP,
    NAME,
    { location: 'West US', sku: { name: sku, tier: sku }, tags: { team: 'ml' } },
    { updateIntervalInMs: 10 },
  );
}

async function namesOf(list: AsyncIterable<{ readonly name?: string }>): Promise<(string | undefined)[]> {
  const names: (string | undefined)[] = [];
  for await (const { name } of list) names.push(name);
  return names;
}

describe('Azure Resource Manager', { concurrency: AT_A_TIME }, () => {
  test('a namespace is made, found, changed and deleted', async (context) => {
    const managed = await start(context);
    const { client } = managed;
    const made = await makeNamespace(managed);
    assert.equal(made.provisioningState, 'Succeeded');
    assert.equal(
      made.id,
      `/subscriptions/${SUBSCRIPTION}/resourceGroups/${GROUP}/providers/Microsoft.ServiceBus/namespaces/${NAME}`,
    );
    assert.deepEqual([made.sku?.name, made.location, made.tags], ['Standard', 'West US', { team: 'ml' }]);
    assert.ok(made.createdAt instanceof Date);
    assert.deepEqual(await namesOf(client.namespaces.list()), [NAME]);
    assert.deepEqual(await namesOf(client.namespaces.listByResourceGroup(GROUP)), [NAME]);
    const updated = await client.namespaces.update(GROUP, NAME, { tags: { team: 'ops' }, disableLocalAuth: false });
    assert.deepEqual(updated.tags, { team: 'ops' });
    assert.equal((await client.namespaces.get(GROUP, NAME)).status, 'Active');
    await client.namespaces.beginDeleteAndWait(GROUP, NAME, { updateIntervalInMs: 10 });
    const [code, status] = await failureOf(client.namespaces.get(GROUP, NAME));
    assert.deepEqual([code, status], ['ResourceNotFound', 404]);
  });

  test('names are checked, and network rules are kept', async (context) => {
    const managed = await start(context);
    const { namespaces } = managed.client;
    assert.equal((await namespaces.checkNameAvailability({ name: NAME })).nameAvailable, true);
    assert.equal((await namespaces.checkNameAvailability({ name: 'queues-sb' })).reason, 'InvalidName');
    await makeNamespace(managed, 'Premium');
    assert.equal((await namespaces.checkNameAvailability({ name: NAME })).reason, 'NameInUse');
    assert.equal((await namespaces.getNetworkRuleSet(GROUP, NAME)).defaultAction, 'Allow');
    const rules = { defaultAction: 'Deny', ipRules: [{ ipMask: '10.0.0.0/8' }] };
    await namespaces.createOrUpdateNetworkRuleSet(GROUP, NAME, rules);
    const kept = await namespaces.getNetworkRuleSet(GROUP, NAME);
    assert.deepEqual([kept.defaultAction, kept.ipRules], ['Deny', [{ ipMask: '10.0.0.0/8', action: 'Allow' }]]);
  });

  test('queues are made, listed in pages, changed and deleted, and take messages', async (context) => {
    const managed = await start(context);
    const { fixture, client } = managed;
    await makeNamespace(managed);
    const made = await client.queues.createOrUpdate(GROUP, NAME, 'model-retraining-queue', {
      maxDeliveryCount: 10,
      lockDuration: 'PT1M',
    });
    assert.deepEqual([made.maxDeliveryCount, made.lockDuration, made.status], [10, 'PT1M', 'Active']);
    const service = fixture.client();
    await service.createSender('model-retraining-queue').sendMessages({ body: 'a model is old' });
    const counted = await client.queues.get(GROUP, NAME, 'model-retraining-queue');
    assert.deepEqual([counted.messageCount, counted.countDetails?.activeMessageCount], [1, 1]);
    const receiver = service.createReceiver('model-retraining-queue');
    assert.equal((await receiveOne(receiver)).body, 'a model is old');
    for (const name of ['b', 'a/c', 'a']) await client.queues.createOrUpdate(GROUP, NAME, name, {});
    const pages: (string | undefined)[][] = [];
    for await (const page of client.queues.listByNamespace(GROUP, NAME, { top: 3 }).byPage())
      pages.push(page.map(({ name }) => name));
    assert.deepEqual(pages, [['a', 'a~c', 'b'], ['model-retraining-queue']]);
    const changed = await client.queues.createOrUpdate(GROUP, NAME, 'b', {
      ...(await client.queues.get(GROUP, NAME, 'b')),
      maxDeliveryCount: 2,
    });
    assert.equal(changed.maxDeliveryCount, 2);
    const [code, status, said] = await failureOf(
      client.queues.createOrUpdate(GROUP, NAME, 'b', { requiresSession: true }),
    );
    assert.deepEqual([code, status], ['BadRequest', 400]);
    assert.match(said, /requiresSession is false and cannot be changed to true/);
    await client.queues.delete(GROUP, NAME, 'b');
    await client.queues.delete(GROUP, NAME, 'b');
    assert.deepEqual((await failureOf(client.queues.get(GROUP, NAME, 'b'))).slice(0, 2), ['ResourceNotFound', 404]);
  });

  test('topics, subscriptions and rules are made, listed, changed and deleted', async (context) => {
    const managed = await start(context);
    const { topics, subscriptions, rules } = managed.client;
    await makeNamespace(managed);
    await topics.createOrUpdate(GROUP, NAME, 'outcomes', { requiresDuplicateDetection: true });
    await subscriptions.createOrUpdate(GROUP, NAME, 'outcomes', 'status', { maxDeliveryCount: 5 });
    const red = await rules.createOrUpdate(GROUP, NAME, 'outcomes', 'status', 'red', {
      filterType: 'SqlFilter',
      sqlFilter: { sqlExpression: "color = 'red'" },
      action: { sqlExpression: 'SET seen = 1' },
    });
    assert.deepEqual(
      [red.filterType, red.sqlFilter?.sqlExpression, red.action?.sqlExpression],
      ['SqlFilter', "color = 'red'", 'SET seen = 1'],
    );
    const correlationFilter = { label: 'done', properties: { kind: 'x' } };
    await rules.createOrUpdate(GROUP, NAME, 'outcomes', 'status', 'done', {
      filterType: 'CorrelationFilter',
      correlationFilter,
    });
    const done = await rules.get(GROUP, NAME, 'outcomes', 'status', 'done');
    // The client adds what the service has for a default.
    assert.deepEqual(done.correlationFilter, { ...correlationFilter, requiresPreprocessing: true });
    await rules.delete(GROUP, NAME, 'outcomes', 'status', '$Default');
    assert.deepEqual(await namesOf(rules.listBySubscriptions(GROUP, NAME, 'outcomes', 'status')), ['done', 'red']);
    assert.deepEqual(await namesOf(subscriptions.listByTopic(GROUP, NAME, 'outcomes')), ['status']);
    assert.equal((await topics.get(GROUP, NAME, 'outcomes')).subscriptionCount, 1);
    await subscriptions.delete(GROUP, NAME, 'outcomes', 'status');
    await topics.delete(GROUP, NAME, 'outcomes');
    assert.deepEqual(await namesOf(topics.listByNamespace(GROUP, NAME)), []);
    const [code, status] = await failureOf(subscriptions.createOrUpdate(GROUP, NAME, 'outcomes', 'status', {}));
    assert.deepEqual([code, status], ['ParentResourceNotFound', 404]);
  });

  test('with auth none any token is good, and any date is a version', async (context) => {
    const managed = await start(context, { auth: 'none', token: 'a-token', apiVersion: '2026-01-01' });
    assert.equal((await makeNamespace(managed)).provisioningState, 'Succeeded');
  });

  test('a token that only Entra ID could verify is refused, with what to do', async (context) => {
    const part = Buffer.from('{}').toString('base64url');
    const managed = await start(context, { token: `${part}.${part}.c2lnbmVk` });
    const [code, status, said] = await failureOf(makeNamespace(managed));
    assert.deepEqual([code, status], ['InvalidAuthenticationToken', 401]);
    assert.match(said, /Send 'Bearer' and a shared access signature.*or start the broker with --auth none/);
  });
});
