import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FOREVER, parseQueueDescription } from '../../../src/topology/index.ts';
import { AtomPeer, valueOf } from '../atom-peer.ts';
import { ArmPeer, GROUP, NAMESPACE, errorOf } from './arm-peer.ts';

// Queues and topics: PUT makes and replaces, with the names of Azure Resource Manager for what the broker has.

const QUEUES = `${NAMESPACE}/queues`;
const TOPICS = `${NAMESPACE}/topics`;
const ZERO = {
  activeMessageCount: 0,
  deadLetterMessageCount: 0,
  scheduledMessageCount: 0,
  transferMessageCount: 0,
  transferDeadLetterMessageCount: 0,
};

/** Times that a change moves. */
const UNTIMED = { updatedAt: undefined, accessedAt: undefined };

test('a queue is made with what is given and the defaults of the rest, and read with its counts', async (context) => {
  const peer = await ArmPeer.startWithNamespace(context);
  const properties = {
    lockDuration: 'PT60S',
    maxDeliveryCount: 3,
    requiresSession: true,
    deadLetteringOnMessageExpiration: null,
    messageCount: 7,
    createdAt: '2001-01-01T00:00:00Z',
    novel: {},
  };
  const put = await peer.put(`${QUEUES}/orders`, { properties, id: 'whatever', location: 'there' });
  assert.equal(put.status, 200);
  const got = await peer.get(`${QUEUES}/ORDERS`);
  assert.deepEqual(got.body, put.body);
  const { createdAt, updatedAt, ...rest } = got.body.properties ?? {};
  assert.equal(createdAt, updatedAt);
  assert.deepEqual(
    { ...got.body, properties: rest },
    {
      id: `${QUEUES}/orders`,
      name: 'orders',
      type: 'Microsoft.ServiceBus/namespaces/queues',
      location: 'westus',
      properties: {
        lockDuration: 'PT1M',
        maxDeliveryCount: 3,
        requiresSession: true,
        deadLetteringOnMessageExpiration: false,
        requiresDuplicateDetection: false,
        duplicateDetectionHistoryTimeWindow: 'PT10M',
        maxSizeInMegabytes: 1024,
        maxMessageSizeInKilobytes: 256,
        enablePartitioning: false,
        enableExpress: false,
        defaultMessageTimeToLive: FOREVER,
        status: 'Active',
        autoDeleteOnIdle: FOREVER,
        enableBatchedOperations: true,
        sizeInBytes: 0,
        messageCount: 0,
        countDetails: ZERO,
        accessedAt: '0001-01-01T00:00:00Z',
      },
    },
  );
  await peer.atom.restart();
  assert.equal((await peer.get(`${QUEUES}/orders`)).body.properties?.['maxDeliveryCount'], 3);
});

test('PUT of a queue that exists replaces what may change; what is fixed stays when it is left out, and is refused otherwise', async (context) => {
  const peer = await ArmPeer.startWithNamespace(context);
  await peer.put(`${QUEUES}/target`, {});
  const properties = { requiresSession: true, maxDeliveryCount: 3, forwardDeadLetteredMessagesTo: 'target' };
  await peer.put(`${QUEUES}/orders`, { properties });
  const { body: sent } = await peer.get(`${QUEUES}/orders`);
  const same = await peer.put(`${QUEUES}/orders`, sent);
  assert.deepEqual(
    { ...same.body.properties, ...UNTIMED },
    { ...sent.properties, ...UNTIMED },
    'what was read can be sent back',
  );
  const replaced = await peer.put(`${QUEUES}/Orders`, { properties: { lockDuration: 'PT30S' } });
  assert.equal(replaced.status, 200);
  const { lockDuration, requiresSession, maxDeliveryCount, forwardDeadLetteredMessagesTo } =
    replaced.body.properties ?? {};
  assert.deepEqual([lockDuration, requiresSession, maxDeliveryCount], ['PT30S', true, 10]);
  assert.equal(forwardDeadLetteredMessagesTo, undefined);
  assert.equal(replaced.body.name, 'orders');
  const [status, code, said] = errorOf(await peer.put(`${QUEUES}/orders`, { properties: { requiresSession: false } }));
  assert.deepEqual([status, code], [400, 'BadRequest']);
  assert.match(said, /requiresSession is true and cannot be changed to false/);
});

test('what cannot be is refused with field, value and limit', async (context) => {
  const peer = await ArmPeer.startWithNamespace(context);
  for (const [name, properties, wanted] of [
    ['q', { lockDuration: 'PT6M' }, /lockDuration: 'PT6M' must be an ISO 8601 duration from PT5S to PT5M/],
    ['q', { lockDuration: 'a minute' }, /lockDuration: 'a minute' is not an ISO 8601 duration/],
    ['q', { maxDeliveryCount: 0 }, /maxDeliveryCount/],
    ['q', { maxDeliveryCount: 'ten' }, /maxDeliveryCount/],
    ['q', { status: 'Creating' }, /status/],
    ['q', { forwardTo: 'nowhere' }, /'nowhere' \(forwardTo of 'q'\) does not exist/],
    ['q', { maxMessageSizeInKilobytes: 512 }, /512.*between 1024 and 102400/],
    ['-q', {}, /name: must be letters/],
  ] as const) {
    const [status, code, said] = errorOf(await peer.put(`${QUEUES}/${name}`, { properties }));
    assert.deepEqual([status, code], [400, 'BadRequest'], said);
    assert.match(said, wanted);
  }
  assert.deepEqual((await peer.get(QUEUES)).body, { value: [] });
});

test('a name is one of a queue or of a topic; what is gone is 204 to a deletion and 404 to a look', async (context) => {
  const peer = await ArmPeer.startWithNamespace(context);
  await peer.put(`${TOPICS}/news`, {});
  const [status, code, said] = errorOf(await peer.put(`${QUEUES}/news`, {}));
  assert.deepEqual([status, code], [409, 'Conflict']);
  assert.match(said, /news/);
  assert.deepEqual(errorOf(await peer.get(`${QUEUES}/news`)), [
    404,
    'ResourceNotFound',
    `The resource '${QUEUES}/news' was not found. Create it first, or correct its name.`,
  ]);
  assert.equal((await peer.delete(`${QUEUES}/news`)).status, 204);
  assert.equal((await peer.delete(`${TOPICS}/news`)).status, 200);
  assert.equal((await peer.delete(`${TOPICS}/news`)).status, 204);
});

test('a name with slashes is one part of an id, with tildes', async (context) => {
  const peer = await ArmPeer.startWithNamespace(context);
  const { status, body } = await peer.put(`${QUEUES}/a%2Fb`, {});
  assert.equal(status, 200);
  assert.deepEqual([body.id, body.name], [`${QUEUES}/a~b`, 'a~b']);
  assert.deepEqual(peer.atom.server.admin.queues.names, ['a/b']);
  assert.equal((await peer.delete(`${QUEUES}/a~b`)).status, 200);
});

test('a topic has the names of its own', async (context) => {
  const peer = await ArmPeer.startWithNamespace(context);
  const properties = { requiresDuplicateDetection: true, duplicateDetectionHistoryTimeWindow: 'PT1H' };
  await peer.put(`${TOPICS}/news`, { properties });
  await peer.put(`${TOPICS}/news/subscriptions/all`, {});
  const { body } = await peer.get(`${TOPICS}/news`);
  const { createdAt: _c, updatedAt: _u, accessedAt: _a, ...rest } = body.properties ?? {};
  assert.deepEqual([body.id, body['type']], [`${TOPICS}/news`, 'Microsoft.ServiceBus/namespaces/topics']);
  assert.deepEqual(rest, {
    requiresDuplicateDetection: true,
    duplicateDetectionHistoryTimeWindow: 'PT1H',
    maxSizeInMegabytes: 1024,
    maxMessageSizeInKilobytes: 256,
    enablePartitioning: false,
    enableExpress: false,
    supportOrdering: true,
    defaultMessageTimeToLive: FOREVER,
    status: 'Active',
    autoDeleteOnIdle: FOREVER,
    enableBatchedOperations: true,
    sizeInBytes: 0,
    subscriptionCount: 1,
    countDetails: ZERO,
  });
});

test('lists come in pages, sorted by name, each with the address of the next', async (context) => {
  const queues = ['c', 'B', 'a', 'e', 'd'].map((name) => parseQueueDescription({ name }));
  const peer = await ArmPeer.startWithNamespace(context, { queues });
  const seen: unknown[] = [];
  let next: string | undefined = `http://${peer.atom.host}${QUEUES}?api-version=2026-01-01&$top=2`;
  for (let pages = 0; next !== undefined; pages++) {
    assert.ok(pages < 3);
    const url: URL = new URL(next);
    const query = `&$top=${url.searchParams.get('$top')}&$skip=${url.searchParams.get('$skip') ?? 0}`;
    const { body } = await peer.get(url.pathname, { query, apiVersion: '2026-01-01' });
    seen.push(body.value?.map(({ name }) => name));
    next = body.nextLink;
    if (next !== undefined) assert.match(next, /api-version=2026-01-01/);
  }
  assert.deepEqual(seen, [['a', 'B'], ['c', 'd'], ['e']]);
  for (const query of ['&$top=0', '&$top=1001', '&$skip=-1', '&$top=x'])
    assert.equal((await peer.get(QUEUES, { query })).status, 400, query);
});

test('the tier decides what an entity can have', async (context) => {
  const basic = await ArmPeer.startWithNamespace(context, {}, { sku: { name: 'Basic' } });
  await basic.put(`${QUEUES}/plain`, {});
  for (const [path, properties, wanted] of [
    [
      'queues/q',
      { requiresSession: true },
      /queue 'q': requiresSession is not to be had in a namespace of the tier Basic; leave it out/,
    ],
    ['queues/q', { requiresDuplicateDetection: true }, /requiresDuplicateDetection/],
    ['queues/q', { forwardTo: 'plain' }, /forwardTo/],
    ['queues/q', { autoDeleteOnIdle: 'PT5M' }, /autoDeleteOnIdle/],
    ['queues/q', { maxMessageSizeInKilobytes: 1024 }, /maxMessageSizeInKilobytes 1024, over 256/],
    ['topics/t', {}, /topic 't'.*make the namespace Standard or Premium/],
  ] as const) {
    const [status, , said] = errorOf(await basic.put(`${NAMESPACE}/${path}`, { properties }));
    assert.equal(status, 400, path);
    assert.match(said, wanted);
  }
  const premium = await ArmPeer.startWithNamespace(context, {}, { sku: { name: 'Premium' } });
  const { body } = await premium.put(`${QUEUES}/large`, {});
  assert.equal(body.properties?.['maxMessageSizeInKilobytes'], 1024);
  for (const properties of [{ enableExpress: true }, { enablePartitioning: true }])
    assert.equal((await premium.put(`${QUEUES}/q`, { properties })).status, 400);
});

test('a partitioned queue shows the size of its partitions together, and takes it back', async (context) => {
  const peer = await ArmPeer.startWithNamespace(context);
  const { body } = await peer.put(`${QUEUES}/q`, {
    properties: { enablePartitioning: true, maxSizeInMegabytes: 1024 },
  });
  assert.equal(body.properties?.['maxSizeInMegabytes'], 16384);
  assert.equal((await peer.put(`${QUEUES}/q`, body)).body.properties?.['maxSizeInMegabytes'], 16384);
});

test('without the namespace there is nothing', async (context) => {
  const queues = [parseQueueDescription({ name: 'before' })];
  const peer = await ArmPeer.start(context, { queues });
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const [status, code, said] = errorOf(await peer.send(method, `${QUEUES}/before`));
    assert.deepEqual([status, code], [404, 'ParentResourceNotFound']);
    assert.match(said, /parent resource '.*namespaces\/retrain-test' could not be found\. Make the namespace first/);
  }
  await peer.makeNamespace();
  assert.equal((await peer.get(`${QUEUES}/before`)).status, 200, 'what there was is part of it');
  const other = `${GROUP}x/providers/Microsoft.ServiceBus/namespaces/retrain-test/queues/before`;
  assert.deepEqual(errorOf(await peer.get(other)).slice(0, 2), [404, 'ParentResourceNotFound']);
});

test('the admin API and Azure Resource Manager look at the same queues', async (context) => {
  const peer = await ArmPeer.startWithNamespace(context);
  await peer.put(`${QUEUES}/both`, { properties: { maxDeliveryCount: 4 } });
  const atom: AtomPeer = peer.atom;
  assert.equal(valueOf(await atom.get('both'), 'MaxDeliveryCount'), '4');
  await atom.update('both', 'QueueDescription', '<MaxDeliveryCount>5</MaxDeliveryCount>');
  assert.equal((await peer.get(`${QUEUES}/both`)).body.properties?.['maxDeliveryCount'], 5);
});
