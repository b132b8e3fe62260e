import assert from 'node:assert/strict';
import { mkdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { RetrainError } from '../../../src/errors.ts';
import { parseQueueDescription } from '../../../src/topology/index.ts';
import { ArmPeer, GROUP, NAMESPACE, errorOf } from './arm-peer.ts';

// The namespace as a resource: made and deleted by operations that a client asks after, kept over restarts, one of each broker.

const PROVIDER = 'providers/Microsoft.ServiceBus';
const body = { location: 'West US' };

test('a namespace is made: Created at first, Succeeded when it is durable, and there after a restart', async (context) => {
  const peer = await ArmPeer.start(context);
  const made = await peer.put(NAMESPACE, {
    ...body,
    sku: { name: 'Premium', capacity: 2 },
    tags: { team: 'ml' },
    properties: { zoneRedundant: true, minimumTlsVersion: '1.2', disableLocalAuth: null, status: 'Whatever', novel: 1 },
  });
  assert.equal(made.status, 201);
  assert.equal(made.body.properties?.['provisioningState'], 'Created');
  assert.equal(made.headers['retry-after'], '1');
  await peer.until(async () => (await peer.get(NAMESPACE)).body.properties?.['provisioningState'] === 'Succeeded');
  await peer.atom.restart();
  const { status, body: kept } = await peer.get(NAMESPACE);
  assert.equal(status, 200);
  const { createdAt, updatedAt, ...properties } = kept.properties ?? {};
  assert.equal(createdAt, updatedAt);
  assert.match(String(createdAt), /^\d{4}-\d\d-\d\dT/);
  assert.deepEqual(
    { ...kept, properties },
    {
      sku: { name: 'Premium', capacity: 2, tier: 'Premium' },
      id: NAMESPACE,
      name: 'retrain-test',
      type: 'Microsoft.ServiceBus/Namespaces',
      location: 'West US',
      tags: { team: 'ml' },
      properties: {
        zoneRedundant: true,
        disableLocalAuth: false,
        minimumTlsVersion: '1.2',
        publicNetworkAccess: 'Enabled',
        premiumMessagingPartitions: 1,
        provisioningState: 'Succeeded',
        status: 'Active',
        metricId: 's1:retrain-test',
        serviceBusEndpoint: `http://${peer.atom.host}/`,
      },
    },
  );
});

test('case does not count in ids, and the subscription and its groups list the namespace', async (context) => {
  const peer = await ArmPeer.startWithNamespace(context);
  const upper = NAMESPACE.toUpperCase().replace('MICROSOFT.SERVICEBUS', 'microsoft.servicebus');
  assert.equal((await peer.get(upper)).body.id, NAMESPACE);
  const namesIn = async (path: string) => {
    const { status, body } = await peer.get(path);
    assert.equal(status, 200);
    return body.value?.map(({ name }) => name);
  };
  assert.deepEqual(await namesIn(`/subscriptions/s1/${PROVIDER}/namespaces`), ['retrain-test']);
  assert.deepEqual(await namesIn(`${GROUP}/${PROVIDER}/namespaces`), ['retrain-test']);
  assert.deepEqual(await namesIn(`/subscriptions/s2/${PROVIDER}/namespaces`), []);
  assert.deepEqual(await namesIn(`/subscriptions/s1/resourceGroups/g2/${PROVIDER}/namespaces`), []);
});

test('PUT replaces what may change, PATCH changes what it gives, and neither what was decided at the start', async (context) => {
  const peer = await ArmPeer.startWithNamespace(context, {}, { tags: { a: '1' }, properties: { zoneRedundant: true } });
  const patched = await peer.patch(NAMESPACE, { properties: { publicNetworkAccess: 'Disabled' } });
  assert.equal(patched.status, 200);
  assert.deepEqual(patched.body['tags'], { a: '1' });
  assert.equal(patched.body.properties?.['publicNetworkAccess'], 'Disabled');
  const put = await peer.put(NAMESPACE, { location: 'westus', sku: { name: 'Standard', tier: 'Standard' } });
  assert.equal(put.status, 200);
  assert.deepEqual(put.body['tags'], {});
  assert.equal(put.body.properties?.['publicNetworkAccess'], 'Enabled');
  assert.equal(put.body.properties?.['zoneRedundant'], true);
  assert.deepEqual(errorOf(await peer.put(NAMESPACE, { location: 'eastus' })), [
    409,
    'InvalidResourceLocation',
    "The namespace 'retrain-test' already exists in location 'West US', and cannot be moved to 'eastus'; delete it first.",
  ]);
  assert.deepEqual(errorOf(await peer.patch(NAMESPACE, { properties: { zoneRedundant: false } })), [
    400,
    'BadRequest',
    'properties.zoneRedundant is true and cannot be changed to false; it is decided when the namespace is made.',
  ]);
  const [status, code, said] = errorOf(await peer.patch(NAMESPACE, { sku: { name: 'Premium' } }));
  assert.deepEqual([status, code], [400, 'BadRequest']);
  assert.match(said, /^sku\.name is Standard and cannot be changed to Premium/);
});

test('PATCH of a sku leaves of the tier what it does not give', async (context) => {
  const sku = { name: 'Premium', tier: 'Premium', capacity: 4 };
  const peer = await ArmPeer.startWithNamespace(context, {}, { sku });
  for (const given of [{ name: 'Premium' }, { tier: 'premium' }, {}])
    assert.deepEqual((await peer.patch(NAMESPACE, { sku: given })).body['sku'], sku);
  assert.deepEqual((await peer.patch(NAMESPACE, { sku: { capacity: 8 } })).body['sku'], { ...sku, capacity: 8 });
  const [, , said] = errorOf(await peer.patch(NAMESPACE, { sku: { name: 'Standard' } }));
  assert.match(said, /^sku\.name is Premium and cannot be changed to Standard/);
  assert.deepEqual((await peer.put(NAMESPACE, { ...body, sku: { name: 'Premium' } })).body['sku'], {
    ...sku,
    capacity: 1,
  });
});

test('a tier that has not what is in the namespace is refused', async (context) => {
  const queues = [parseQueueDescription({ name: 'ordered', requiresSession: true })];
  const peer = await ArmPeer.startWithNamespace(context, { queues });
  const [status, code, said] = errorOf(await peer.patch(NAMESPACE, { sku: { name: 'Basic' } }));
  assert.deepEqual([status, code], [400, 'BadRequest']);
  assert.match(said, /^sku\.name cannot be changed from Standard to Basic: queue 'ordered': requiresSession/);
});

const REFUSED: readonly (readonly [what: object, code: string, said: RegExp])[] = [
  [{}, 'LocationRequired', /location property is required/],
  [{ ...body, sku: { name: 'Gold' } }, 'BadRequest', /^sku\.name is "Gold"; it must be Basic, Standard, Premium/],
  [{ ...body, sku: { name: 'Basic', tier: 'Premium' } }, 'BadRequest', /must be the same/],
  [{ ...body, sku: { name: 'Standard', capacity: 1 } }, 'BadRequest', /^sku\.capacity is 1, and only Premium has one/],
  [{ ...body, sku: { name: 'Premium', capacity: 3 } }, 'BadRequest', /^sku\.capacity is 3; Premium has 1, 2, 4, 8, 16/],
  [{ ...body, properties: { premiumMessagingPartitions: 2 } }, 'BadRequest', /only a Premium namespace has partitions/],
  [
    { ...body, sku: { name: 'Premium', capacity: 2 }, properties: { premiumMessagingPartitions: 4 } },
    'BadRequest',
    /^sku\.capacity is 2, and must be a multiple of properties\.premiumMessagingPartitions, which is 4/,
  ],
  [{ ...body, properties: { minimumTlsVersion: '0.9' } }, 'BadRequest', /^properties\.minimumTlsVersion: /],
  [{ ...body, properties: [] }, 'BadRequest', /'properties' must be a JSON object/],
  [{ ...body, tags: { a: 1 } }, 'BadRequest', /^tags\.a: /],
];

test('what a namespace cannot be is refused with its field, and nothing is made', async (context) => {
  const peer = await ArmPeer.start(context);
  for (const [what, wantedCode, wanted] of REFUSED) {
    const [status, code, said] = errorOf(await peer.put(NAMESPACE, what));
    assert.deepEqual([status, code], [400, wantedCode], said);
    assert.match(said, wanted);
  }
  const [status, , said] = errorOf(await peer.put(`${GROUP}/${PROVIDER}/namespaces/queues-sb`, body));
  assert.equal(status, 400);
  assert.match(said, /must not end with -sb or -mgmt/);
  assert.equal((await peer.get(NAMESPACE)).status, 404);
});

test('a broker holds one namespace', async (context) => {
  const peer = await ArmPeer.startWithNamespace(context);
  for (const other of [
    `${GROUP}/${PROVIDER}/namespaces/another`,
    NAMESPACE.replace('g1', 'g2'),
    NAMESPACE.replace('s1', 's2'),
  ]) {
    const [status, code, said] = errorOf(await peer.put(other, body));
    assert.deepEqual([status, code], [409, 'Conflict']);
    assert.match(
      said,
      /holds one namespace, 'retrain-test' of resource group 'g1' and subscription 's1': delete that first, or start another/,
    );
    assert.deepEqual(errorOf(await peer.get(other)).slice(0, 2), [404, 'ResourceNotFound']);
    assert.equal((await peer.delete(other)).status, 204);
  }
  assert.equal((await peer.get(NAMESPACE)).status, 200);
});

test('a namespace is deleted with all that is in it, and can be made again', async (context) => {
  const queues = ['one', 'two'].map((name) => parseQueueDescription({ name }));
  const peer = await ArmPeer.startWithNamespace(context, { queues });
  const { admin } = peer.atom.server;
  await admin.topics.create({ name: 'news' });
  await admin.subscriptions.create({ topicName: 'news', name: 'all', forwardTo: 'one' });
  const accepted = await peer.delete(NAMESPACE);
  assert.equal(accepted.status, 202);
  const { location = '' } = accepted.headers;
  assert.match(location, /\/namespaces\/retrain-test\/operationresults\/[0-9a-f]{32}\?api-version=2021-11-01$/);
  const path = new URL(location).pathname;
  await peer.until(async () => {
    const { status, headers } = await peer.get(path);
    assert.ok(status === 204 || (status === 202 && headers.location === location));
    return status === 204;
  });
  assert.deepEqual([...admin.queues.names, ...admin.topics.list()], []);
  assert.equal((await peer.get(NAMESPACE)).status, 404);
  assert.equal((await peer.delete(NAMESPACE)).status, 204);
  await peer.makeNamespace();
});

test('a deletion that a restart has cut short goes on', async (context) => {
  const peer = await ArmPeer.startWithNamespace(context, { queues: [] });
  await peer.atom.server.admin.queues.create({ name: 'left' });
  const file = join(peer.atom.folder, 'namespace.json');
  const content = JSON.parse(await readFile(file, 'utf8')) as { namespace: object };
  await peer.atom.server.close();
  await writeFile(file, JSON.stringify({ ...content, namespace: { ...content.namespace, deleting: true } }));
  await peer.atom.startServer();
  const results = `${NAMESPACE}/operationresults/of-before`;
  await peer.until(async () => (await peer.get(results)).status === 204);
  assert.deepEqual(peer.atom.server.admin.queues.names, []);
  await peer.atom.restart();
  assert.equal((await peer.get(NAMESPACE)).status, 404);
});

test('a file that cannot be read refuses the start, naming it', async (context) => {
  const peer = await ArmPeer.startWithNamespace(context);
  const file = join(peer.atom.folder, 'namespace.json');
  await peer.atom.server.close();
  for (const [content, code] of [
    ['{', 'DATA_CORRUPT'],
    ['{"version":1,"namespace":{}}', 'DATA_CORRUPT'],
    ['{"version":9}', 'DATA_VERSION'],
  ] as const) {
    await writeFile(file, content);
    await assert.rejects(peer.atom.startServer(), (error: Error & { code: string }) => {
      assert.equal(error.code, code);
      assert.ok(error.message.includes(file));
      return true;
    });
  }
});

test('a namespace that the disk does not take has failed, can be made again, and is not there after a restart', async (context) => {
  const peer = await ArmPeer.start(context);
  const file = join(peer.atom.folder, 'namespace.json');
  const stateOf = async () => (await peer.get(NAMESPACE)).body.properties?.['provisioningState'];
  // What the folder holds is read with the first request.
  assert.equal((await peer.get(NAMESPACE)).status, 404);
  await mkdir(file);
  assert.equal((await peer.put(NAMESPACE, body)).status, 201);
  await peer.until(async () => (await stateOf()) === 'Failed');
  assert.deepEqual(
    peer.atom.faults.splice(0).map((fault) => (fault as { code?: string }).code),
    ['DISK_FAILED'],
  );
  const [status, code, said] = errorOf(await peer.put(`${NAMESPACE}/queues/q`, {}));
  assert.deepEqual([status, code], [409, 'Conflict']);
  assert.match(said, /could not be kept on disk.*make it again \(PUT\)/);
  await rmdir(file);
  await peer.atom.restart();
  assert.equal((await peer.get(NAMESPACE)).status, 404);
  await mkdir(file);
  await peer.put(NAMESPACE, body);
  await peer.until(async () => (await stateOf()) === 'Failed');
  peer.atom.faults.length = 0;
  await rmdir(file);
  await peer.makeNamespace();
});

test('a change or deletion that the disk does not take is refused, and the namespace is as it was', async (context) => {
  const peer = await ArmPeer.startWithNamespace(context, {}, { tags: { a: '1' } });
  await peer.put(`${NAMESPACE}/queues/q`, {});
  const file = join(peer.atom.folder, 'namespace.json');
  const content = await readFile(file);
  await rm(file);
  await mkdir(file);
  for (const reply of [await peer.patch(NAMESPACE, { tags: {} }), await peer.delete(NAMESPACE)]) {
    const [status, code, said] = errorOf(reply);
    assert.deepEqual([status, code], [503, 'ServiceUnavailable']);
    assert.match(said, /namespace\.json of the data folder cannot be written/);
  }
  const { body: kept } = await peer.get(NAMESPACE);
  assert.deepEqual([kept['tags'], kept.properties?.['provisioningState']], [{ a: '1' }, 'Succeeded']);
  assert.equal((await peer.get(`${NAMESPACE}/queues/q`)).status, 200);
  await rmdir(file);
  await writeFile(file, content);
});

test('a deletion that stops half-way says so, and is taken up by another', async (context) => {
  const peer = await ArmPeer.startWithNamespace(context);
  await peer.put(`${NAMESPACE}/queues/q`, {});
  const { queues } = peer.atom.server.admin;
  const whole = queues.delete.bind(queues);
  let fail: (why: Error) => void = () => undefined;
  context.mock.method(queues, 'delete', () => new Promise((_, reject) => (fail = reject)));
  const { location = '' } = (await peer.delete(NAMESPACE)).headers;
  const path = new URL(location).pathname;
  for (const reply of [await peer.delete(NAMESPACE), await peer.get(path)])
    assert.deepEqual([reply.status, reply.headers.location], [202, location], 'it is under way');
  assert.equal((await peer.get(NAMESPACE)).body.properties?.['status'], 'Removing');
  assert.deepEqual(errorOf(await peer.get(`${NAMESPACE}/queues/q`)).slice(0, 2), [409, 'Conflict']);
  fail(new RetrainError('DISK_FULL', 'no room; make room'));
  await peer.until(async () => (await peer.get(path)).status !== 202);
  assert.deepEqual(errorOf(await peer.get(path)), [507, 'InsufficientStorage', 'no room; make room']);
  assert.equal(peer.atom.faults.splice(0).length, 1);
  assert.match(errorOf(await peer.put(NAMESPACE, body))[2], /is being deleted; .*delete it again/);
  context.mock.method(queues, 'delete', whole);
  const again = new URL((await peer.delete(NAMESPACE)).headers.location ?? '').pathname;
  await peer.until(async () => (await peer.get(again)).status === 204);
  assert.deepEqual(queues.names, []);
});

test('a namespace is made once however many ask at the same time', async (context) => {
  const peer = await ArmPeer.start(context);
  const replies = await Promise.all([1, 2, 3].map((a) => peer.put(NAMESPACE, { ...body, tags: { a: String(a) } })));
  assert.deepEqual(
    replies.map(({ status }) => status).toSorted((a, b) => a - b),
    [200, 200, 201],
  );
  const deletions = await Promise.all([1, 2, 3].map(() => peer.delete(NAMESPACE)));
  assert.ok(deletions.every(({ status }) => status === 202 || status === 204));
  const locations = new Set(deletions.filter(({ status }) => status === 202).map(({ headers }) => headers.location));
  assert.equal(locations.size, 1);
  await peer.until(async () => (await peer.get(NAMESPACE)).status === 404);
});
