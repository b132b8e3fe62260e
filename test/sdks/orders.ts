import type { EntityAdmin } from '../../src/server/index.ts';
import type {
  QueueDescriptionInput,
  SubscriptionDescriptionInput,
  TopicDescriptionInput,
} from '../../src/topology/index.ts';

/** What a program orders of the broker's admin, as README.md tells it. */
export type Order = { readonly make: Entities } | { readonly change: Change } | { readonly delete: EntityName };

interface Entities {
  readonly queues?: readonly QueueDescriptionInput[];
  readonly topics?: readonly TopicDescriptionInput[];
  /** `rules`: in place of the one that lets everything in. */
  readonly subscriptions?: readonly (SubscriptionDescriptionInput & { readonly rules?: readonly unknown[] })[];
}

interface EntityName {
  readonly queue?: string;
  readonly topic?: string;
  /** Of that topic. */
  readonly subscription?: string;
}

/** Properties of a description, as its `update` takes them. */
type Change = EntityName & { readonly to: Readonly<Record<string, unknown>> };

/** Carries out an order; it is durable when the promise resolves. @throws RetrainError as `EntityAdmin` */
export async function carryOut(admin: EntityAdmin, order: Order): Promise<void> {
  if ('make' in order) return make(admin, order.make);
  if ('change' in order) return change(admin, order.change);
  return remove(admin, order.delete);
}

async function make(admin: EntityAdmin, { queues = [], topics = [], subscriptions = [] }: Entities): Promise<void> {
  for (const queue of queues) await admin.queues.create(queue);
  for (const topic of topics) await admin.topics.create(topic);
  for (const { rules, ...description } of subscriptions) await admin.subscriptions.create(description, rules);
}

async function change(admin: EntityAdmin, { queue, topic, subscription, to }: Change): Promise<void> {
  if (queue !== undefined) await admin.queues.update(queue, to);
  else if (topic !== undefined && subscription !== undefined) await admin.subscriptions.update(topic, subscription, to);
  else if (topic !== undefined) await admin.topics.update(topic, to);
  else throw new Error('name a queue or a topic');
}

async function remove(admin: EntityAdmin, { queue, topic, subscription }: EntityName): Promise<void> {
  if (queue !== undefined) await admin.queues.delete(queue);
  else if (topic !== undefined && subscription !== undefined) await admin.subscriptions.delete(topic, subscription);
  else if (topic !== undefined) await admin.topics.delete(topic);
  else throw new Error('name a queue or a topic');
}
