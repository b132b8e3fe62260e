import type {
  QueueRuntimeProperties,
  ServiceBusAdministrationClient,
  SubscriptionRuntimeProperties,
  TopicRuntimeProperties,
} from '@azure/service-bus';
import { RetrainError } from '../errors.ts';
import {
  entityProperties,
  parseQueueDescription,
  parseSubscriptionDescription,
  parseTopicDescription,
} from '../topology/index.ts';
import type { EntityKind, QueueDescription, SubscriptionDescription, TopicDescription } from '../topology/index.ts';
import type { Connection } from '../retraining/connection.ts';
import { withAdmin } from './admin-client.ts';
import { adminValuePolicy } from './admin-values.ts';
import { possibleAddresses } from './entity-address.ts';

/** An entity that is there; `properties` is what the client said of it, with parts that are not described here. */
export type AdminEntity =
  | {
      readonly kind: 'queue';
      readonly path: string;
      readonly description: QueueDescription;
      readonly properties: object;
    }
  | {
      readonly kind: 'topic';
      readonly path: string;
      readonly description: TopicDescription;
      readonly properties: object;
    }
  | {
      readonly kind: 'subscription';
      /** `topic/subscription`. */
      readonly path: string;
      readonly description: SubscriptionDescription;
      readonly properties: object;
    };

/** How much is in an entity; undefined: it has none of that kind. */
export interface EntityCounts {
  readonly kind: EntityKind;
  readonly path: string;
  readonly active?: number;
  readonly deadLettered?: number;
  readonly scheduled?: number;
  readonly transfer?: number;
  readonly transferDeadLettered?: number;
  readonly sizeInBytes?: number;
  readonly subscriptions?: number;
}

type Properties = { readonly name: string };
const PROPERTIES = entityProperties();

/** As `withAdmin`, with a client that reads and writes texts and values of rules as they are. What is written has to be `sendable`. */
export function withEntityAdmin<T>(
  connection: Connection,
  work: (admin: ServiceBusAdministrationClient) => Promise<T>,
): Promise<T> {
  return withAdmin(connection, (admin) => {
    admin.pipeline.addPolicy(adminValuePolicy());
    return work(admin);
  });
}

/**
 * The entity that a text names: `orders`, `topic/subscription` or `topic/Subscriptions/subscription`.
 *
 * @throws RetrainError `ENTITY_NOT_FOUND`, and whatever the client raises
 */
export async function findAdminEntity(admin: ServiceBusAdministrationClient, text: string): Promise<AdminEntity> {
  const addresses = possibleAddresses(text);
  for (const { path, subscription } of addresses) {
    const found = subscription
      ? await findSubscription(admin, subscription.topic, subscription.name)
      : await findQueueOrTopic(admin, path);
    if (found) return found;
  }
  throw new RetrainError(
    'ENTITY_NOT_FOUND',
    `"${text}" does not exist: create it or correct its name; retrain entities list shows what there is`,
  );
}

/** Everything that can be received from, and topics: queues first, each topic before its subscriptions. */
export async function* adminEntities(admin: ServiceBusAdministrationClient): AsyncGenerator<AdminEntity> {
  for await (const queue of admin.listQueues()) yield queueEntity(queue);
  for await (const topic of admin.listTopics()) {
    yield topicEntity(topic);
    for await (const subscription of admin.listSubscriptions(topic.name)) yield subscriptionEntity(subscription);
  }
}

export async function* adminCounts(admin: ServiceBusAdministrationClient): AsyncGenerator<EntityCounts> {
  for await (const queue of admin.listQueuesRuntimeProperties()) yield queueCounts(queue);
  for await (const topic of admin.listTopicsRuntimeProperties()) {
    yield topicCounts(topic);
    for await (const subscription of admin.listSubscriptionsRuntimeProperties(topic.name))
      yield subscriptionCounts(subscription);
  }
}

export async function countsOf(admin: ServiceBusAdministrationClient, entity: AdminEntity): Promise<EntityCounts> {
  const { name } = entity.description;
  switch (entity.kind) {
    case 'queue':
      return queueCounts(await admin.getQueueRuntimeProperties(name));
    case 'topic':
      return topicCounts(await admin.getTopicRuntimeProperties(name));
    case 'subscription':
      return subscriptionCounts(await admin.getSubscriptionRuntimeProperties(entity.description.topicName, name));
  }
}

async function findQueueOrTopic(admin: ServiceBusAdministrationClient, name: string): Promise<AdminEntity | undefined> {
  try {
    return queueEntity(await admin.getQueue(name));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    // The client makes no queue of a topic's description.
    if (codeOf(error) !== 'PARSE_ERROR') throw error;
  }
  return topicEntity(await admin.getTopic(name));
}

async function findSubscription(
  admin: ServiceBusAdministrationClient,
  topic: string,
  name: string,
): Promise<AdminEntity | undefined> {
  try {
    return subscriptionEntity(await admin.getSubscription(topic, name));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Whether the client says that there is no such entity. */
export function isNotFound(error: unknown): boolean {
  return codeOf(error) === 'MessageEntityNotFoundError';
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}

function queueEntity(properties: Properties): AdminEntity {
  const description = parseQueueDescription(described(properties, 'queue'));
  return { kind: 'queue', path: properties.name, description, properties };
}

function topicEntity(properties: Properties): AdminEntity {
  const description = parseTopicDescription(described(properties, 'topic'));
  return { kind: 'topic', path: properties.name, description, properties };
}

function subscriptionEntity(properties: { topicName: string; subscriptionName: string }): AdminEntity {
  const { topicName, subscriptionName: name } = properties;
  const description = parseSubscriptionDescription({
    topicName,
    ...described({ ...properties, name }, 'subscription'),
  });
  return { kind: 'subscription', path: `${topicName}/${name}`, description, properties };
}

/** Those of its properties that are described here. */
function described(properties: Properties, kind: EntityKind): Record<string, unknown> {
  const known = new Set(PROPERTIES.filter(({ kinds }) => kinds.includes(kind)).map(({ name }) => name));
  const entries = Object.entries(properties).filter(([name, value]) => known.has(name) && value !== undefined);
  return { name: properties.name, ...Object.fromEntries(entries) };
}

function queueCounts(counts: QueueRuntimeProperties): EntityCounts {
  const { name, sizeInBytes } = counts;
  return {
    kind: 'queue',
    path: name,
    active: counts.activeMessageCount,
    deadLettered: counts.deadLetterMessageCount,
    scheduled: counts.scheduledMessageCount,
    transfer: counts.transferMessageCount,
    transferDeadLettered: counts.transferDeadLetterMessageCount,
    ...(sizeInBytes !== undefined && { sizeInBytes }),
  };
}

function topicCounts({
  name,
  scheduledMessageCount,
  sizeInBytes,
  subscriptionCount,
}: TopicRuntimeProperties): EntityCounts {
  return {
    kind: 'topic',
    path: name,
    scheduled: scheduledMessageCount,
    ...(sizeInBytes !== undefined && { sizeInBytes }),
    ...(subscriptionCount !== undefined && { subscriptions: subscriptionCount }),
  };
}

function subscriptionCounts(counts: SubscriptionRuntimeProperties): EntityCounts {
  return {
    kind: 'subscription',
    path: `${counts.topicName}/${counts.subscriptionName}`,
    active: counts.activeMessageCount,
    deadLettered: counts.deadLetterMessageCount,
    transfer: counts.transferMessageCount,
    transferDeadLettered: counts.transferDeadLetterMessageCount,
  };
}
