import { createRequire } from 'node:module';
import { z } from 'zod';
import { RetrainError } from '../../errors.ts';
import type { DeclaredTopic, NamespaceDescription } from '../namespace.ts';
import { parseQueueDescription, type QueueDescription } from '../queue.ts';
import { parseSubscriptionDescription, type SubscriptionDescription } from '../subscription.ts';
import { parseTopicDescription, type TopicDescription } from '../topic.ts';

/** Null: not set; a property that it stands for keeps the service's default. */
export type SettingValue = string | number | boolean | null;
export type TopologySettings = Readonly<Record<string, SettingValue>>;

const literal = z.union([z.string(), z.number(), z.boolean()]);
const property = z.union([literal, z.strictObject({ setting: z.string() })]);
const entity = z.looseObject({ name: property }).catchall(property);
const topic = z
  .looseObject({ name: property, subscriptions: z.record(z.string(), entity) })
  .catchall(z.union([property, z.record(z.string(), entity)]));
const layout = z.strictObject({ queues: z.record(z.string(), entity), topics: z.record(z.string(), topic) });

/** `infra/topology.json`: the entities of each layout by their roles, with the settings that stand for some of their properties. */
const topologyTemplate = z.strictObject({
  $schema: z.string().optional(),
  settings: z.looseObject({ layout: z.string() }).catchall(literal.nullable()),
  layouts: z.record(z.string(), layout),
});

export type TopologyTemplate = z.infer<typeof topologyTemplate>;

/** The entities of a stack by their roles: `requests`, `intake`, `outcomes` with `status` and `notify`. */
export interface StackTopology {
  readonly queues: Readonly<Record<string, QueueDescription>>;
  readonly topics: Readonly<Record<string, StackTopic>>;
}

export interface StackTopic {
  readonly description: TopicDescription;
  readonly subscriptions: Readonly<Record<string, SubscriptionDescription>>;
}

/** @throws RetrainError `CONFIGURATION_INVALID`, naming the file, the place and what it should be */
export function parseTopologyTemplate(value: unknown, file: string): TopologyTemplate {
  const result = topologyTemplate.safeParse(value);
  if (result.success) return result.data;
  const said = result.error.issues.map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`);
  throw new RetrainError('CONFIGURATION_INVALID', `${file} is no topology of a stack: ${said.join('; ')}`);
}

/**
 * The one that the package has, which `infra/` provisions on Azure. It is a module of data, so that what is here by default and what is there
 * cannot differ.
 */
export const TOPOLOGY_TEMPLATE: TopologyTemplate = parseTopologyTemplate(
  createRequire(import.meta.url)('../../../../infra/topology.json'),
  'infra/topology.json',
);

/**
 * What a stack provisions. What `settings` does not name has the template's default.
 *
 * @throws RetrainError `CONFIGURATION_INVALID`, naming the setting or the entity, the property, the value and the limit
 */
export function renderTopology(template: TopologyTemplate, settings: TopologySettings): StackTopology {
  const values = { ...template.settings, ...settings };
  const chosen = values.layout;
  const { queues, topics } = template.layouts[chosen] ?? unknownLayout(template, chosen);
  return {
    queues: mapped(queues, (queue) => parseQueueDescription(filled(queue, values))),
    topics: mapped(topics, ({ subscriptions, ...rest }) => {
      const description = parseTopicDescription(filled(rest, values));
      const topicName = description.name;
      return {
        description,
        subscriptions: mapped(subscriptions, (subscription) =>
          parseSubscriptionDescription({ topicName, ...filled(subscription, values) }),
        ),
      };
    }),
  };
}

/** The same without roles. */
export function namespaceOf({ queues, topics }: StackTopology): NamespaceDescription {
  return { queues: Object.values(queues), topics: Object.values(topics).map(declared) };
}

function declared({ description, subscriptions }: StackTopic): DeclaredTopic {
  return { description, subscriptions: Object.values(subscriptions).map((one) => ({ description: one })) };
}

function filled(given: Readonly<Record<string, unknown>>, values: TopologySettings): Record<string, unknown> {
  const properties = Object.entries(given).map(([name, value]) => [name, settingOr(value, values)] as const);
  return Object.fromEntries(properties.filter(([, value]) => value !== null));
}

function settingOr(value: unknown, values: TopologySettings): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { setting } = value as { setting: string };
  const found = values[setting];
  if (found !== undefined) return found;
  throw new RetrainError('CONFIGURATION_INVALID', `the topology of the stack has no setting '${setting}': add it, too`);
}

function unknownLayout({ layouts }: TopologyTemplate, chosen: string): never {
  const known = Object.keys(layouts).join(' or ');
  throw new RetrainError('CONFIGURATION_INVALID', `layout '${chosen}' is not known: set layout to ${known}`);
}

function mapped<T, U>(things: Readonly<Record<string, T>>, change: (thing: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(things).map(([role, thing]) => [role, change(thing)]));
}
