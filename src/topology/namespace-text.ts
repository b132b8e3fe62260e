import { canonicalProperties, canonicalRule } from './canonical.ts';
import type { DeclaredSubscription, DeclaredTopic, NamespaceDescription } from './namespace.ts';
import { parseQueueDescription, queueDescription, type QueueDescription } from './queue.ts';
import type { RuleDescription } from './rule.ts';
import { parseSubscriptionDescription, subscriptionDescription } from './subscription.ts';
import { parseTopicDescription, topicDescription } from './topic.ts';

export interface WrittenAs {
  readonly notation: 'yaml' | 'json';
  /** Also what is as it would be without being said. */
  readonly all?: boolean;
}

const NAME = 'x';
const QUEUE_DEFAULTS = canonicalProperties(parseQueueDescription({ name: NAME }));
const TOPIC_DEFAULTS = canonicalProperties(parseTopicDescription({ name: NAME }));
const SUBSCRIPTION_DEFAULTS = canonicalProperties(parseSubscriptionDescription({ topicName: NAME, name: NAME }));

/**
 * A file that declares the namespace, as `parseTopologyFile` reads it: entities by their names, properties in the order of the schema, so that equal
 * namespaces give equal texts.
 */
export async function namespaceText(
  namespace: NamespaceDescription,
  { notation, all = false }: WrittenAs,
): Promise<string> {
  const file = {
    queues: byName(namespace.queues, ({ name }) => name).map((queue) => queueInFile(queue, all)),
    topics: byName(namespace.topics, ({ description }) => description.name).map((topic) => topicInFile(topic, all)),
  };
  if (notation === 'json') return `${JSON.stringify(file, undefined, 2)}\n`;
  const { stringify } = await import('yaml');
  // Lines are not folded: an expression stays on one.
  return stringify(file, { lineWidth: 0, aliasDuplicateObjects: false });
}

function queueInFile(queue: QueueDescription, all: boolean): object {
  const properties = said({
    description: queue,
    defaults: QUEUE_DEFAULTS,
    order: Object.keys(queueDescription.shape),
    all,
  });
  return { name: queue.name, ...properties };
}

function topicInFile({ description, subscriptions }: DeclaredTopic, all: boolean): object {
  const order = Object.keys(topicDescription.shape);
  const inOrder = byName(subscriptions, (subscription) => subscription.description.name);
  return {
    name: description.name,
    ...said({ description, defaults: TOPIC_DEFAULTS, order, all }),
    ...(inOrder.length > 0 && { subscriptions: inOrder.map((subscription) => subscriptionInFile(subscription, all)) }),
  };
}

function subscriptionInFile({ description, rules }: DeclaredSubscription, all: boolean): object {
  const order = Object.keys(subscriptionDescription.shape);
  return {
    name: description.name,
    ...said({ description, defaults: SUBSCRIPTION_DEFAULTS, order, all }),
    ...(rules && { rules: byName(rules, ({ name }) => name).map((rule) => ruleInFile(rule, all)) }),
  };
}

/** The type of a filter goes without saying where the filter is there, or where everything is let in. */
function ruleInFile(rule: RuleDescription, all: boolean): object {
  const { name, filterType, action, ...filter } = canonicalRule(rule);
  return { name, ...((all || filterType === 'FalseFilter') && { filterType }), ...filter, ...(action && { action }) };
}

/** The properties, in the schema's order, that are different from the defaults. */
function said(entity: {
  readonly description: object;
  readonly defaults: ReadonlyMap<string, unknown>;
  readonly order: readonly string[];
  readonly all: boolean;
}): object {
  const { defaults, order, all } = entity;
  const properties = canonicalProperties(entity.description);
  const names = order.filter((name) => name !== 'name' && name !== 'topicName' && properties.has(name));
  const told = names.filter((name) => all || properties.get(name) !== defaults.get(name));
  return Object.fromEntries(told.map((name) => [name, properties.get(name)]));
}

/** In the order of code units, which is the same everywhere. */
function byName<T>(entities: readonly T[], nameOf: (entity: T) => string): T[] {
  return [...entities].sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
}
