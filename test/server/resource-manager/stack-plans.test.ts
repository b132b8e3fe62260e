import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ArmPeer } from './arm-peer.ts';

// What each stack of infra/ would put to Azure, by its reviewed plan, is put to the broker: it is taken as it is, reads back as planned, and can be put again.

const PLANS = join(import.meta.dirname, '../../../../infra/test/plans');
/** Of the provider that the stacks use. */
const API_VERSION = '2026-01-01';

interface Planned {
  /** As `servicebus:Queue requests`. */
  readonly resource: string;
  readonly inputs?: Readonly<Record<string, string>>;
}

type Inputs = Readonly<Record<string, unknown>>;

/** What stands in the path or beside the properties. */
const NOT_PROPERTIES = new Set([
  'resourceGroupName',
  'namespaceName',
  'queueName',
  'topicName',
  'subscriptionName',
  'ruleName',
  'authorizationRuleName',
  'location',
  'sku',
  'tags',
]);

/** Where the resources of each kind lie, in an order in which each can be made. */
const PATHS: Readonly<Record<string, string>> = {
  Namespace: '',
  NamespaceNetworkRuleSet: '/networkRuleSets/default',
  NamespaceAuthorizationRule: '/AuthorizationRules/{authorizationRuleName}',
  Queue: '/queues/{queueName}',
  QueueAuthorizationRule: '/queues/{queueName}/authorizationRules/{authorizationRuleName}',
  Topic: '/topics/{topicName}',
  TopicAuthorizationRule: '/topics/{topicName}/authorizationRules/{authorizationRuleName}',
  Subscription: '/topics/{topicName}/subscriptions/{subscriptionName}',
  Rule: '/topics/{topicName}/subscriptions/{subscriptionName}/rules/{ruleName}',
};
const GROUP = '/subscriptions/s1/resourceGroups/{resourceGroupName}';
const ORDER = Object.keys(PATHS);

async function plannedResources(stack: string): Promise<{ kind: string; path: string; inputs: Inputs }[]> {
  const plan = JSON.parse(await readFile(join(PLANS, `${stack}.json`), 'utf8')) as { resources: readonly Planned[] };
  return plan.resources
    .flatMap(({ resource, inputs = {} }) => {
      const [, kind] = /^servicebus:(\w+) /.exec(resource) ?? [];
      if (kind === undefined) return [];
      const below = PATHS[kind];
      assert.ok(below !== undefined, `the broker has no ${kind}`);
      const path = `${GROUP}/providers/Microsoft.ServiceBus/namespaces/{namespaceName}${below}`;
      return [{ kind, path: path.replaceAll(/\{(\w+)\}/g, (_, name: string) => inputs[name] ?? ''), inputs }];
    })
    .toSorted((one, other) => ORDER.indexOf(one.kind) - ORDER.indexOf(other.kind));
}

for (const stack of ['seed', 'dev', 'prod', 'premium'])
  test(`the plan of the stack ${stack} is taken as it is`, async (context) => {
    const peer = await ArmPeer.start(context);
    const planned = await plannedResources(stack);
    assert.ok(planned.length >= 2);
    for (const round of ['made', 'put again'])
      for (const { path, inputs } of planned) {
        const properties = Object.fromEntries(Object.entries(inputs).filter(([name]) => !NOT_PROPERTIES.has(name)));
        const { location, sku, tags } = inputs;
        const reply = await peer.put(path, { location, sku, tags, properties }, { apiVersion: API_VERSION });
        assert.ok(reply.status === 200 || reply.status === 201, `${round}: ${path} ${reply.text}`);
        const { body } = await peer.get(path, { apiVersion: API_VERSION });
        const shown = Object.fromEntries(Object.keys(properties).map((name) => [name, body.properties?.[name]]));
        assert.deepEqual(shown, properties, `${round}: ${path}`);
      }
  });
