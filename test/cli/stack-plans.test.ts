import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { PROPERTIES } from '../../src/topology/index.ts';
import { runCli, startBroker, temporaryFolder } from './cli-process.ts';

// The reviewed plan of a stack is what its program gives to Azure; `--from-infra` gives the same stack to the broker. Azure fills in what the
// plan leaves out by the defaults of Service Bus, the broker by its own, which are the same: so both are compared with all properties.

const ROOT = join(import.meta.dirname, '..', '..', '..');
const INFRA = join(ROOT, 'infra');

type Properties = Record<string, unknown>;
interface Found {
  readonly queues: Properties[];
  readonly topics: (Properties & { readonly subscriptions: Properties[] })[];
}
interface Plan {
  readonly resources: readonly { readonly resource: string; readonly inputs?: Properties }[];
}

/** The defaults of Service Bus (docs: service-bus-quotas and Microsoft.ServiceBus/namespaces/queues) for what a stack may leave out. */
const OUTGOING = {
  lockDuration: 'PT1M',
  maxDeliveryCount: 10,
  requiresSession: false,
  deadLetteringOnMessageExpiration: false,
};
const INCOMING = {
  requiresDuplicateDetection: false,
  duplicateDetectionHistoryTimeWindow: 'PT10M',
  maxSizeInMegabytes: 1024,
  maxMessageSizeInKilobytes: 256,
  enablePartitioning: false,
  enableExpress: false,
};
const COMMON = {
  defaultMessageTimeToLive: 'P10675199DT2H48M5.4775807S',
  status: 'Active',
  autoDeleteOnIdle: 'P10675199DT2H48M5.4775807S',
  enableBatchedOperations: true,
};
const DEFAULTS = {
  queue: { ...OUTGOING, ...INCOMING, ...COMMON },
  topic: { ...INCOMING, ...COMMON, supportOrdering: true },
  subscription: { ...OUTGOING, ...COMMON, deadLetteringOnFilterEvaluationExceptions: true },
};

/** Where an entity is, and its name. */
const PLACE = new Set(['resourceGroupName', 'namespaceName', 'queueName', 'topicName', 'subscriptionName']);

/** What Azure has once the plan was carried out. */
function provisioned({ resources }: Plan): Map<string, Properties> {
  const kinds = { Queue: 'queue', Topic: 'topic', Subscription: 'subscription' } as const;
  const entities = new Map<string, Properties>();
  for (const { resource, inputs = {} } of resources) {
    const [, type = ''] = /^servicebus:(\w+) /.exec(resource) ?? [];
    if (!(type in kinds)) continue;
    const kind = kinds[type as keyof typeof kinds];
    const names = kind === 'subscription' ? ['topicName', 'subscriptionName'] : [`${kind}Name`];
    const given = Object.entries(inputs).filter(([name]) => !PLACE.has(name));
    const key = [kind, ...names.map((name) => inputs[name])].join(' ');
    entities.set(key, { ...DEFAULTS[kind], ...Object.fromEntries(given) });
  }
  return entities;
}

/** What the broker has. */
async function declared(t: TestContext, stack: string): Promise<Map<string, Properties>> {
  const data = join(await temporaryFolder(t), 'data');
  const broker = await startBroker(t, { data, args: ['--from-infra', stack, '--infra', INFRA] });
  const exported = await runCli(['topology', 'export', '--all', '--json'], { env: broker.env });
  assert.equal(exported.code, 0, exported.stderr);
  const { queues, topics = [] } = JSON.parse(exported.stdout) as Partial<Found> & Pick<Found, 'queues'>;
  const entities = new Map<string, Properties>();
  for (const { name, ...queue } of queues) entities.set(`queue ${String(name)}`, queue);
  for (const { name, subscriptions, ...topic } of topics) {
    entities.set(`topic ${String(name)}`, topic);
    for (const { name: own, rules, ...subscription } of subscriptions) {
      assert.deepEqual(rules, [{ name: '$Default', filterType: 'TrueFilter' }]);
      entities.set(`subscription ${String(name)} ${String(own)}`, subscription);
    }
  }
  return entities;
}

for (const stack of ['seed', 'dev', 'prod', 'premium'])
  test(`the broker has what stack ${stack} provisions, property by property`, async (t) => {
    const plan = JSON.parse(await readFile(join(INFRA, 'test', 'plans', `${stack}.json`), 'utf8')) as Plan;
    const wanted = provisioned(plan);
    const found = await declared(t, stack);
    assert.deepEqual([...found.keys()].sort(), [...wanted.keys()].sort());
    for (const [key, properties] of wanted) assert.deepEqual(found.get(key), properties, key);
  });

test('the comparison covers every property that an entity can have', () => {
  const without = new Set(['name', 'topicName', 'forwardTo', 'forwardDeadLetteredMessagesTo', 'userMetadata']);
  for (const kind of ['queue', 'topic', 'subscription'] as const)
    assert.deepEqual(Object.keys(DEFAULTS[kind]).sort(), PROPERTIES[kind].filter((name) => !without.has(name)).sort());
});
