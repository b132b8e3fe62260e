import type { PlannedQueue } from './plan-queues.ts';
import { QueueModel } from './queue-model.ts';
import type { SentMessage } from './sent-message.ts';
import { TransactionModel } from './transaction-model.ts';
import type { World } from './world.ts';

/** What is known of all queues of a run together: what was sent, and how it may get from one queue to another. */
export class NamespaceModel {
  readonly world: World;
  /** A queue comes after those that forward to it. */
  readonly queues: readonly QueueModel[];
  readonly transactions: TransactionModel[] = [];

  constructor(world: World, plans: readonly PlannedQueue[]) {
    this.world = world;
    this.queues = plans.map((plan, rank) => new QueueModel(this, plan, rank));
  }

  queue(name: string): QueueModel {
    const queue = this.queues.find((one) => one.name === name);
    if (!queue) throw new Error(`there is no queue ${name}`);
    return queue;
  }

  messageOf(uid: string): SentMessage | undefined {
    for (const { messages } of this.queues) {
      const message = messages.get(uid);
      if (message) return message;
    }
    return undefined;
  }

  beginTransaction(client: string): TransactionModel {
    const transaction = new TransactionModel(this.world, `${client}-${this.transactions.length}`);
    this.transactions.push(transaction);
    return transaction;
  }

  /** The queues that belong together because one forwards to another: what is sent to one may come out of any. */
  get islands(): (readonly QueueModel[])[] {
    return this.queues.some(({ plan }) => plan.forwardsTo ?? plan.forwardsDeadTo)
      ? [this.queues]
      : this.queues.map((queue) => [queue]);
  }

  /** Forwardings that may have brought a message since `sinceMs` from one queue to another; Infinity when it could not get there. */
  hops(from: QueueModel, to: QueueModel, sinceMs: number): number {
    const now = this.world.clock.monotonicMs();
    let reached = new Set([from]);
    for (let hops = 0; reached.size > 0; hops++) {
      if (reached.has(to)) return hops;
      const next = [...reached]
        .flatMap(({ descriptions }) => descriptions.during(sinceMs, now))
        .flatMap(({ forwardTo, forwardDeadLetteredMessagesTo }) => [forwardTo, forwardDeadLetteredMessagesTo]);
      reached = new Set(next.filter((name) => name !== undefined).map((name) => this.queue(name)));
    }
    return Infinity;
  }

  /** Where a message may get to from a queue at some time, besides the queue. */
  behind(from: QueueModel): QueueModel[] {
    return this.queues.filter((queue) => queue !== from && this.hops(from, queue, 0) < Infinity);
  }
}
