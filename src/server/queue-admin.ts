import type { Namespace, QueueCounts } from '../broker/index.ts';
import { RetrainError } from '../errors.ts';
import { changeQueueDescription, parseQueueDescription } from '../topology/index.ts';
import type { QueueDescription, QueueDescriptionChanges, QueueDescriptionInput } from '../topology/index.ts';
import { checkLogSize } from './log-sizes.ts';

/** A queue as it is now. */
export interface QueueStatus {
  readonly description: QueueDescription;
  /** Messages by where they are; exact at any time. */
  readonly counts: QueueCounts;
}

/**
 * The queues of a running broker, for the program that it runs in. Each change is durable when its promise resolves, and holds for clients at once:
 * links of a deleted queue are detached with `amqp:not-found`, links that a changed status or forwarding does not allow any more with its error. A
 * name can be used again at once. Once the broker closes or its disk has failed, everything is refused with `INTERRUPTED` or `DISK_FAILED`.
 */
export class QueueAdmin {
  readonly #namespace: Namespace;
  readonly #maxBatchBytes: number;
  readonly #mustBeOpen: () => void;
  readonly #durable: (position: number) => Promise<void>;

  constructor(options: {
    readonly namespace: Namespace;
    /** What the log takes as one. */
    readonly maxBatchBytes: number;
    /** Throws when the broker has closed or failed. */
    readonly mustBeOpen: () => void;
    /** Resolves when the log is durable up to the position. */
    readonly durable: (position: number) => Promise<void>;
  }) {
    this.#namespace = options.namespace;
    this.#maxBatchBytes = options.maxBatchBytes;
    this.#mustBeOpen = options.mustBeOpen;
    this.#durable = options.durable;
  }

  get names(): string[] {
    return [...this.#namespace.queues()].map(({ name }) => name);
  }

  get(name: string): QueueStatus | undefined {
    const queue = this.#namespace.queue(name);
    return queue && { description: queue.description, counts: queue.counts() };
  }

  /** @throws RetrainError `CONFIGURATION_INVALID`, `BROKER_REFUSED` when it exists or a queue that it forwards to does not, `DISK_FULL` */
  async create(input: QueueDescriptionInput): Promise<QueueDescription> {
    this.#mustBeOpen();
    const description = parseQueueDescription(input);
    checkLogSize(description, this.#maxBatchBytes);
    await this.#durable(this.#namespace.createQueue(description).position);
    return description;
  }

  /** @throws RetrainError `ENTITY_NOT_FOUND`, otherwise as `create` and also for a property that cannot be changed */
  async update(name: string, changes: QueueDescriptionChanges): Promise<QueueDescription> {
    this.#mustBeOpen();
    const present = this.get(name);
    if (!present) throw notFound(name);
    const description = changeQueueDescription(present.description, changes);
    checkLogSize(description, this.#maxBatchBytes);
    await this.#durable(this.#namespace.updateQueue(description).position);
    return description;
  }

  /** Deletes the queue with all its messages. @throws RetrainError `ENTITY_NOT_FOUND`, `DISK_FULL` */
  async delete(name: string): Promise<void> {
    this.#mustBeOpen();
    if (!this.get(name)) throw notFound(name);
    await this.#durable(this.#namespace.deleteQueue(name).position);
  }
}

function notFound(name: string): RetrainError {
  return new RetrainError('ENTITY_NOT_FOUND', `there is no queue '${name}'; create it first`);
}
