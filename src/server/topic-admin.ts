import { changeTopicDescription, parseTopicDescription } from '../topology/index.ts';
import type { TopicDescription, TopicDescriptionChanges, TopicDescriptionInput } from '../topology/index.ts';
import { type AdminContext, type EntityStatus, notFound, opened } from './admin-context.ts';
import { checkLogSize } from './log-sizes.ts';

/** A topic as it is now: its counts are of what waits in itself, which only scheduled messages do. */
export interface TopicStatus extends EntityStatus<TopicDescription> {
  readonly subscriptionCount: number;
  /** Bytes of its messages, each counted once however many subscriptions hold it. */
  readonly sizeBytes: number;
}

/** The topics of a running broker, as `QueueAdmin` has its queues. */
export class TopicAdmin {
  readonly #context: AdminContext;

  constructor(context: AdminContext) {
    this.#context = context;
  }

  /** In the order in which they were made. */
  list(): TopicStatus[] {
    return [...this.#context.namespace.topics].flatMap(({ name }) => this.get(name) ?? []);
  }

  get(name: string): TopicStatus | undefined {
    const topic = this.#context.namespace.topics.get(name);
    if (!topic) return undefined;
    const { description, queue, subscriptions, heldBytes } = topic;
    return {
      description,
      counts: queue.counts(),
      times: queue.times(),
      subscriptionCount: subscriptions.size,
      sizeBytes: heldBytes,
    };
  }

  /** @throws RetrainError `CONFIGURATION_INVALID`, `BROKER_REFUSED` when it exists, `DISK_FULL` */
  async create(input: TopicDescriptionInput): Promise<TopicDescription> {
    const { namespace, maxBatchBytes, durable } = opened(this.#context);
    const description = parseTopicDescription(input);
    checkLogSize(description, maxBatchBytes);
    await durable(namespace.topics.create(description).position);
    return description;
  }

  /** @throws RetrainError `ENTITY_NOT_FOUND`, otherwise as `create` and also for a property that cannot be changed */
  async update(name: string, changes: TopicDescriptionChanges): Promise<TopicDescription> {
    const { namespace, maxBatchBytes, durable } = opened(this.#context);
    const present = this.get(name);
    if (!present) throw notFound('topic', name);
    const description = changeTopicDescription(present.description, changes);
    checkLogSize(description, maxBatchBytes);
    await durable(namespace.topics.update(description).position);
    return description;
  }

  /** Deletes the topic with its subscriptions and all their messages. @throws RetrainError `ENTITY_NOT_FOUND`, `DISK_FULL` */
  async delete(name: string): Promise<void> {
    const { namespace, durable } = opened(this.#context);
    if (!this.get(name)) throw notFound('topic', name);
    await durable(namespace.topics.delete(name).position);
  }
}
