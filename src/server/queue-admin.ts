import { changeQueueDescription, parseQueueDescription } from '../topology/index.ts';
import type { QueueDescription, QueueDescriptionChanges, QueueDescriptionInput } from '../topology/index.ts';
import { type AdminContext, type EntityStatus, notFound, opened } from './admin-context.ts';
import { checkLogSize } from './log-sizes.ts';

export type QueueStatus = EntityStatus<QueueDescription>;

/**
 * The queues of a running broker, for the program that it runs in. Each change is durable when its promise resolves, and holds for clients at once:
 * links of a deleted queue are detached with `amqp:not-found`, links that a changed status or forwarding does not allow any more with its error. A
 * name can be used again at once. Once the broker closes or its disk has failed, everything is refused with `INTERRUPTED` or `DISK_FAILED`.
 */
export class QueueAdmin {
  readonly #context: AdminContext;

  constructor(context: AdminContext) {
    this.#context = context;
  }

  get names(): string[] {
    return [...this.#context.namespace.queues()].map(({ name }) => name);
  }

  /** In the order in which they were made. */
  list(): QueueStatus[] {
    return this.names.flatMap((name) => this.get(name) ?? []);
  }

  get(name: string): QueueStatus | undefined {
    const queue = this.#context.namespace.queue(name);
    return queue && { description: queue.description, counts: queue.counts(), times: queue.times() };
  }

  /** @throws RetrainError `CONFIGURATION_INVALID`, `BROKER_REFUSED` when it exists or an entity that it forwards to does not, `DISK_FULL` */
  async create(input: QueueDescriptionInput): Promise<QueueDescription> {
    const { namespace, maxBatchBytes, durable } = opened(this.#context);
    const description = parseQueueDescription(input);
    checkLogSize(description, maxBatchBytes);
    await durable(namespace.createQueue(description).position);
    return description;
  }

  /** @throws RetrainError `ENTITY_NOT_FOUND`, otherwise as `create` and also for a property that cannot be changed */
  async update(name: string, changes: QueueDescriptionChanges): Promise<QueueDescription> {
    const { namespace, maxBatchBytes, durable } = opened(this.#context);
    const present = this.get(name);
    if (!present) throw notFound('queue', name);
    const description = changeQueueDescription(present.description, changes);
    checkLogSize(description, maxBatchBytes);
    await durable(namespace.updateQueue(description).position);
    return description;
  }

  /** Deletes the queue with all its messages. @throws RetrainError `ENTITY_NOT_FOUND`, `DISK_FULL` */
  async delete(name: string): Promise<void> {
    const { namespace, durable } = opened(this.#context);
    if (!this.get(name)) throw notFound('queue', name);
    await durable(namespace.deleteQueue(name).position);
  }
}
