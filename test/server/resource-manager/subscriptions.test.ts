import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { FOREVER } from '../../../src/topology/index.ts';
import { ArmPeer, NAMESPACE, errorOf } from './arm-peer.ts';

// Subscriptions of topics, and their rules.

const NEWS = `${NAMESPACE}/topics/news`;
const ALL = `${NEWS}/subscriptions/all`;
const EVERYTHING = {
  action: {},
  filterType: 'SqlFilter',
  sqlFilter: { sqlExpression: '1=1', compatibilityLevel: 20 },
};

async function start(context: TestContext): Promise<ArmPeer> {
  const peer = await ArmPeer.startWithNamespace(context);
  assert.equal((await peer.put(NEWS, {})).status, 200);
  assert.equal((await peer.put(ALL, {})).status, 200);
  return peer;
}

test('a subscription is made with the rule that lets everything in', async (context) => {
  const peer = await start(context);
  const { body } = await peer.get(ALL.replace('news', 'NEWS'));
  const { createdAt: _c, updatedAt: _u, countDetails: _d, ...rest } = body.properties ?? {};
  assert.deepEqual(
    [body.id, body.name, body['type']],
    [ALL, 'all', 'Microsoft.ServiceBus/namespaces/topics/subscriptions'],
  );
  assert.deepEqual(rest, {
    isClientAffine: false,
    lockDuration: 'PT1M',
    maxDeliveryCount: 10,
    requiresSession: false,
    deadLetteringOnMessageExpiration: false,
    deadLetteringOnFilterEvaluationExceptions: true,
    defaultMessageTimeToLive: FOREVER,
    status: 'Active',
    autoDeleteOnIdle: FOREVER,
    enableBatchedOperations: true,
    messageCount: 0,
    accessedAt: '0001-01-01T00:00:00Z',
  });
  const { body: rules } = await peer.get(`${ALL}/rules`);
  assert.deepEqual(rules, {
    value: [
      {
        id: `${ALL}/rules/$Default`,
        name: '$Default',
        type: 'Microsoft.ServiceBus/namespaces/topics/subscriptions/rules',
        location: 'westus',
        properties: EVERYTHING,
      },
    ],
  });
});

test('PUT of a subscription replaces what may change', async (context) => {
  const peer = await start(context);
  const changed = await peer.put(ALL, { properties: { maxDeliveryCount: 4, deadLetteringOnMessageExpiration: true } });
  assert.equal(changed.body.properties?.['maxDeliveryCount'], 4);
  const again = await peer.put(ALL, { properties: { lockDuration: 'PT2M' } });
  assert.deepEqual(
    [again.body.properties?.['maxDeliveryCount'], again.body.properties?.['lockDuration']],
    [10, 'PT2M'],
  );
  assert.match(errorOf(await peer.put(ALL, { properties: { requiresSession: true } }))[2], /requiresSession is false/);
  assert.match(errorOf(await peer.put(ALL, { properties: { isClientAffine: true } }))[2], /isClientAffine is true/);
  assert.equal((await peer.delete(ALL)).status, 200);
  assert.equal((await peer.delete(ALL)).status, 204);
  assert.deepEqual(errorOf(await peer.get(ALL)).slice(0, 2), [404, 'ResourceNotFound']);
});

test('rules of every kind are made, read, changed and deleted', async (context) => {
  const peer = await start(context);
  const sql = {
    filterType: 'SqlFilter',
    sqlFilter: { sqlExpression: "color = 'red'", compatibilityLevel: 20, requiresPreprocessing: false },
    action: { sqlExpression: 'SET seen = 1' },
  };
  const correlation = { filterType: 'CorrelationFilter', correlationFilter: { label: 'x', properties: { size: 'l' } } };
  const { body: made } = await peer.put(`${ALL}/rules/red`, { properties: sql });
  assert.deepEqual(made.properties, {
    action: { sqlExpression: 'SET seen = 1', compatibilityLevel: 20 },
    filterType: 'SqlFilter',
    sqlFilter: { sqlExpression: "color = 'red'", compatibilityLevel: 20 },
  });
  const { body: changed } = await peer.put(`${ALL}/rules/RED`, { properties: correlation });
  assert.deepEqual([changed.name, changed.properties], ['red', { action: {}, ...correlation }]);
  const { filterType: _, ...untyped } = sql;
  assert.deepEqual((await peer.put(`${ALL}/rules/untyped`, { properties: untyped })).body.properties, made.properties);
  assert.deepEqual((await peer.put(`${ALL}/rules/none`, {})).body.properties, EVERYTHING);
  const never = await peer.put(`${ALL}/rules/never`, { properties: { filterType: 'FalseFilter', action: {} } });
  assert.deepEqual(never.body.properties?.['sqlFilter'], { sqlExpression: '1=0', compatibilityLevel: 20 });
  assert.equal((await peer.delete(`${ALL}/rules/$Default`)).status, 200);
  assert.equal((await peer.delete(`${ALL}/rules/$Default`)).status, 204);
  const { body } = await peer.get(`${ALL}/rules`, { query: '&$skip=1' });
  assert.deepEqual(
    body.value?.map(({ name }) => name),
    ['none', 'red', 'untyped'],
  );
});

test('a rule that cannot be is refused', async (context) => {
  const peer = await start(context);
  for (const [properties, wanted] of [
    [{ filterType: 'SqlFilter', sqlFilter: { sqlExpression: 'color =' } }, /./],
    [{ filterType: 'SqlFilter' }, /sqlFilter\.sqlExpression/],
    [{ filterType: 'Magic' }, /properties\.filterType is "Magic"/],
    [{ correlationFilter: {} }, /must name at least one property/],
    [{ sqlFilter: {}, correlationFilter: {} }, /give one of them/],
  ] as const) {
    const [status, code, said] = errorOf(await peer.put(`${ALL}/rules/bad`, { properties }));
    assert.deepEqual([status, code], [400, 'BadRequest'], said);
    assert.match(said, wanted);
  }
});

test('what lies in nothing is refused with what is missing', async (context) => {
  const peer = await start(context);
  for (const [path, parent] of [
    [`${NAMESPACE}/topics/old/subscriptions`, `${NAMESPACE}/topics/old`],
    [`${NAMESPACE}/topics/old/subscriptions/all`, `${NAMESPACE}/topics/old`],
    [`${NEWS}/subscriptions/some/rules`, `${NEWS}/subscriptions/some`],
    [`${NEWS}/subscriptions/some/rules/r`, `${NEWS}/subscriptions/some`],
  ] as const) {
    const [status, code, said] = errorOf(await peer.get(path));
    assert.deepEqual([status, code], [404, 'ParentResourceNotFound']);
    assert.ok(said.includes(`'${parent}'`), said);
  }
});
