import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { namespaceSchema, namespaceText } from '../../src/topology/file/index.ts';
import { namespaceArbitrary } from './namespace-arbitrary.ts';

const PUBLISHED = join(import.meta.dirname, '..', '..', '..', 'schemas', 'topology.schema.json');

/** Another reading of the schema than that which made it. */
const checks = z.fromJSONSchema(namespaceSchema() as Parameters<typeof z.fromJSONSchema>[0]);

test('the published JSON Schema is that of the reader; npm run schema writes it anew', async () => {
  assert.deepEqual(JSON.parse(await readFile(PUBLISHED, 'utf8')), namespaceSchema());
});

test('the schema takes whatever is written', async () => {
  await fc.assert(
    fc.asyncProperty(namespaceArbitrary, fc.boolean(), async (namespace, all) => {
      const text = await namespaceText(namespace, { notation: 'json', all });
      const { error } = checks.safeParse({ $schema: './topology.schema.json', ...JSON.parse(text) });
      assert.equal(error, undefined, text);
    }),
  );
});

test('the schema refuses what the reader refuses for its shape', () => {
  const subscription = (part: object): object => ({
    topics: [{ name: 't', subscriptions: [{ name: 's', ...part }] }],
  });
  const bad: object[] = [
    { queue: [] },
    { queues: [{}] },
    { queues: [{ name: '-' }] },
    { queues: [{ name: 'q', lockDurations: 'PT1M' }] },
    { queues: [{ name: 'q', lockDuration: '1m' }] },
    { queues: [{ name: 'q', maxDeliveryCount: 0 }] },
    { queues: [{ name: 'q', status: 'Inactive' }] },
    { topics: [{ name: 't', lockDuration: 'PT1M' }] },
    subscription({ topicName: 't' }),
    subscription({ rules: [{ name: 'r', filterType: 'Sql' }] }),
    subscription({ rules: [{ name: 'r', sqlFilter: {} }] }),
    subscription({ rules: [{ name: 'r', filterType: 'TrueFilter', sqlFilter: { sqlExpression: 'a' } }] }),
  ];
  for (const file of bad) assert.equal(checks.safeParse(file).success, false, JSON.stringify(file));
});

test('every property of an entity is described', () => {
  interface Described {
    readonly description?: string;
    readonly items: { readonly properties: Readonly<Record<string, Described>> };
  }
  const { properties } = namespaceSchema() as { properties: Readonly<Record<string, Described>> };
  const queue = properties['queues']?.items.properties ?? {};
  const topic = properties['topics']?.items.properties ?? {};
  const subscription = topic['subscriptions']?.items.properties ?? {};
  for (const entity of [properties, queue, topic, subscription]) {
    assert.ok(Object.keys(entity).length > 0);
    for (const [name, { description }] of Object.entries(entity))
      assert.ok(description !== undefined || name === 'name' || name === '$schema', name);
  }
  assert.match(queue['lockDuration']?.description ?? '', /ISO 8601 duration from PT5S to PT5M/);
});
