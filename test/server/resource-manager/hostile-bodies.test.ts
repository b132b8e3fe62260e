import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PROPERTIES } from '../../../src/topology/index.ts';
import { ArmPeer, NAMESPACE } from './arm-peer.ts';

// Whatever a body holds under the names that are known: it is taken or refused, and never a fault of the broker.

const RUNS = 150;
const NEWS = `${NAMESPACE}/topics/news`;
const ALL = `${NEWS}/subscriptions/all`;

/** What JSON can hold, and JavaScript cannot make a text of. */
const NO_TEXT = { toString: 1, valueOf: 1 };
const value = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(
    '',
    'PT1M',
    'P1D',
    'Active',
    'news',
    'q',
    '1=1',
    '__proto__',
    0,
    1,
    1024,
    1e21,
    -0.5,
    true,
    [],
    {},
    NO_TEXT,
  ),
);
const objectWith = (names: readonly string[]) =>
  fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string()), value, { maxKeys: 6 });

const EXPRESSION = objectWith(['sqlExpression', 'parameters', 'compatibilityLevel']);
const RULE = fc.record(
  {
    filterType: fc.oneof(fc.constantFrom('SqlFilter', 'CorrelationFilter', 'TrueFilter', 'FalseFilter'), value),
    sqlFilter: fc.oneof(EXPRESSION, value),
    correlationFilter: fc.oneof(objectWith(['label', 'properties', 'to']), value),
    action: fc.oneof(EXPRESSION, value),
  },
  { requiredKeys: [] },
);
const NAMESPACE_BODY = fc.record(
  {
    location: fc.oneof(fc.constant('westus'), value),
    sku: fc.oneof(objectWith(['name', 'tier', 'capacity']), value),
    tags: fc.oneof(fc.dictionary(fc.string(), fc.string()), value),
    properties: fc.oneof(objectWith(['zoneRedundant', 'disableLocalAuth', 'minimumTlsVersion']), value),
  },
  { requiredKeys: [] },
);
const within = (properties: fc.Arbitrary<unknown>) => fc.record({ properties: fc.oneof(properties, value) });

const REQUESTS = fc.oneof(
  fc.record({ path: fc.constant(`${NAMESPACE}/queues/q`), body: within(objectWith(PROPERTIES.queue)) }),
  fc.record({ path: fc.constant(NEWS), body: within(objectWith(PROPERTIES.topic)) }),
  fc.record({ path: fc.constant(ALL), body: within(objectWith(PROPERTIES.subscription)) }),
  fc.record({ path: fc.constant(`${ALL}/rules/r`), body: within(RULE) }),
  fc.record({ path: fc.constant(NAMESPACE), body: NAMESPACE_BODY }),
  fc.record({
    path: fc.constant(`${NAMESPACE}/networkRuleSets/default`),
    body: within(objectWith(['defaultAction', 'ipRules', 'virtualNetworkRules'])),
  }),
);

test('no body is a fault', async (context) => {
  const peer = await ArmPeer.startWithNamespace(context);
  await peer.put(NEWS, {});
  await peer.put(ALL, {});
  await fc.assert(
    fc.asyncProperty(REQUESTS, async ({ path, body }) => {
      const { status, text } = await peer.put(path, body);
      assert.ok([200, 400, 409].includes(status), `${status} ${text}`);
      if (status === 200) assert.equal((await peer.get(path)).status, 200, 'what was taken can be read');
    }),
    { numRuns: RUNS },
  );
});

test('what no text can be made of is refused like any other wrong value', async (context) => {
  const peer = await ArmPeer.startWithNamespace(context);
  const root = `${NAMESPACE}/AuthorizationRules/RootManageSharedAccessKey`;
  const rights = { properties: { rights: [NO_TEXT] } };
  const replies = [
    await peer.put(NAMESPACE, { location: 'westus', sku: { name: NO_TEXT } }),
    await peer.patch(NAMESPACE, { sku: { tier: NO_TEXT } }),
    await peer.put(`${NAMESPACE}/queues/q`, { properties: { lockDuration: NO_TEXT } }),
    await peer.put(`${NAMESPACE}/AuthorizationRules/app`, rights),
    await peer.post(`${root}/regenerateKeys`, { keyType: NO_TEXT }),
  ];
  for (const reply of replies) assert.equal(reply.status, 400, reply.text);
});
