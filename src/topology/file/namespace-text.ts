import { canonicalProperties, canonicalRule } from '../canonical.ts';
import type { DeclaredSubscription, DeclaredTopic, NamespaceDescription } from '../namespace.ts';
import { PROPERTIES } from '../entity.ts';
import { parseQueueDescription, type QueueDescription } from '../queue.ts';
import type { RuleDescription } from '../rule.ts';
import { parseSubscriptionDescription } from '../subscription.ts';
import { parseTopicDescription } from '../topic.ts';

export interface WrittenAs {
  readonly notation: 'yaml' | 'json';
  /** Also what is as it would be without being said. */
  readonly all?: boolean;
}

/**
 * A file that declares the namespace, as `parseTopologyFile` reads it: entities by their names, properties in the order of the schema, so that equal
 * namespaces give equal texts.
 */
export async function namespaceText(
  namespace: NamespaceDescription,
  { notation, all = false }: WrittenAs,
): Promise<string> {
  const writer = new Writer(all);
  const file = {
    queues: byName(namespace.queues, ({ name }) => name).map((queue) => writer.queue(queue)),
    topics: byName(namespace.topics, ({ description }) => description.name).map((topic) => writer.topic(topic)),
  };
  if (notation === 'json') return `${JSON.stringify(file, undefined, 2)}\n`;
  const { stringify } = await import('yaml');
  // Lines are not folded: an expression stays on one.
  return stringify(file, { lineWidth: 0, aliasDuplicateObjects: false });
}

const NAME = 'x';

class Writer {
  readonly #all: boolean;
  readonly #queue = canonicalProperties(parseQueueDescription({ name: NAME }));
  readonly #topic = canonicalProperties(parseTopicDescription({ name: NAME }));
  readonly #subscription = canonicalProperties(parseSubscriptionDescription({ topicName: NAME, name: NAME }));

  constructor(all: boolean) {
    this.#all = all;
  }

  queue(description: QueueDescription): object {
    return this.#said(description, this.#queue, PROPERTIES.queue);
  }

  topic({ description, subscriptions }: DeclaredTopic): object {
    const inOrder = byName(subscriptions, (subscription) => subscription.description.name);
    const parts = inOrder.map((subscription) => this.#subscriptionInFile(subscription));
    return {
      ...this.#said(description, this.#topic, PROPERTIES.topic),
      ...(parts.length > 0 && { subscriptions: parts }),
    };
  }

  #subscriptionInFile({ description, rules }: DeclaredSubscription): object {
    const said = this.#said(description, this.#subscription, PROPERTIES.subscription);
    return { ...said, ...(rules && { rules: byName(rules, ({ name }) => name).map((rule) => this.#rule(rule)) }) };
  }

  /** The type of a filter goes without saying where the filter is there, or where everything is let in. */
  #rule(rule: RuleDescription): object {
    const { name, filterType, action, ...filter } = canonicalRule(rule);
    const isSaid = this.#all || filterType === 'FalseFilter';
    return { name, ...(isSaid && { filterType }), ...filter, ...(action && { action }) };
  }

  /** The name, and the properties, in the schema's order, that are different from the defaults. */
  #said(
    description: { readonly name: string },
    defaults: ReadonlyMap<string, unknown>,
    order: readonly string[],
  ): object {
    const properties = canonicalProperties(description);
    const names = order.filter((name) => name !== 'name' && name !== 'topicName' && properties.has(name));
    const told = names.filter((name) => this.#all || properties.get(name) !== defaults.get(name));
    return { name: description.name, ...Object.fromEntries(told.map((name) => [name, properties.get(name)])) };
  }
}

/** In the order of code units, which is the same everywhere. */
function byName<T>(entities: readonly T[], nameOf: (entity: T) => string): T[] {
  return [...entities].sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
}
