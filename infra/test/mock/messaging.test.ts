import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as pulumi from '@pulumi/pulumi';
import { Access } from '../../components/access';
import { Messaging, type MessagingArgs } from '../../components/messaging';
import { renderTopology } from '../../rendered-topology';
import description from '../../topology.json';
import { type MockAzure, mockAzure, type Registered, settled } from './mock-azure';

const MEMBER = 'cccccccc-0000-0000-0000-000000000003';

describe('the namespace and what is in it', () => {
  let azure: MockAzure;

  before(async () => {
    azure = await mockAzure('dev');
  });

  /** Makes one, by itself in a resource group. */
  async function made(resourceGroupName: string, args: Partial<MessagingArgs>) {
    const messaging = new Messaging(resourceGroupName, {
      resourceGroupName,
      location: 'West US 2',
      namespaceName: undefined,
      sku: 'Standard',
      capacity: undefined,
      zoneRedundant: false,
      disableLocalAuth: false,
      publicNetworkAccess: 'Enabled',
      tags: {},
      topology: renderTopology(description.settings),
      protect: false,
      ...args,
    });
    const host = await settled(messaging.fullyQualifiedNamespace);
    for (const entity of Object.values({ ...messaging.queues, ...messaging.subscriptions })) await settled(entity.id);
    const mine = azure.resources.filter(({ inputs }) => inputs['resourceGroupName'] === resourceGroupName);
    const namespace = mine.find(({ name }) => name === 'retrain-dev') as Registered;
    return { messaging, host: host.value, namespace: namespace.inputs, names: mine.map(({ name }) => name).sort() };
  }

  test('only a Premium one says whether it is over zones, because others cannot choose', async () => {
    const premium = await made('zones', { sku: 'Premium', capacity: 4, zoneRedundant: true });
    assert.equal(premium.namespace['zoneRedundant'], true);
    assert.deepEqual(premium.namespace['sku'], { name: 'Premium', tier: 'Premium', capacity: 4 });
    assert.equal((await made('one-zone', { sku: 'Premium', capacity: 1 })).namespace['zoneRedundant'], false);
    const standard = await made('no-zones', {});
    assert.equal('zoneRedundant' in standard.namespace, false);
    assert.deepEqual(standard.namespace['sku'], { name: 'Standard', tier: 'Standard' });
  });

  test('wants TLS 1.2 in every tier', async () => {
    for (const sku of ['Basic', 'Standard', 'Premium'] as const)
      assert.equal((await made(`tls-${sku}`, { sku })).namespace['minimumTlsVersion'], '1.2');
  });

  test('is, with layout plain, one queue', async () => {
    const topology = renderTopology({ ...description.settings, layout: 'plain' });
    assert.deepEqual((await made('plain', { sku: 'Basic', topology })).names, ['requests', 'retrain-dev']);
  });

  test('is, with layout worker, two queues, a topic and two subscriptions', async () => {
    assert.deepEqual((await made('worker', {})).names, [
      'intake',
      'notify',
      'outcomes',
      'requests',
      'retrain-dev',
      'status',
    ]);
  });

  test('is reached at the host that Azure says, which other clouds have another suffix for', async () => {
    assert.equal((await made('public', { namespaceName: 'some-name' })).host, 'some-name.servicebus.windows.net');
    assert.equal((await made('other', { namespaceName: 'sovereign' })).host, 'sovereign.servicebus.chinacloudapi.cn');
  });

  test('with layout plain roles are those on the one queue', async () => {
    const topology = renderTopology({ ...description.settings, layout: 'plain' });
    const { messaging } = await made('plain-roles', { topology });
    const nobody = { disableLocalAuth: true, rules: false, primary: 'none', producerPrincipalIds: [] } as const;
    const access = new Access('access', {
      ...nobody,
      resourceGroupName: 'plain-roles',
      messaging,
      workerPrincipalIds: [MEMBER],
    });
    await settled(access.urn);
    await pulumi.runtime.disconnect();
    const roles = azure.resources
      .filter(({ name }) => name.endsWith(MEMBER))
      .map(({ name }) => name.replace(`-${MEMBER}`, ''));
    assert.deepEqual(roles.sort(), ['requests-receiver', 'requests-sender']);
  });
});
