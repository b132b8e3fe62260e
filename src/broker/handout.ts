import type { BrokerState } from './broker-state.ts';
import type { Delivery } from './message.ts';
import type { MessageLocks } from './message-locks.ts';
import type { MessageSession } from './message-session.ts';
import { MessageState } from './message-table.ts';
import { type DeliveryDraft, viewMessage } from './message-view.ts';
import type { SubqueueOwner } from './subqueue-owner.ts';

/** How messages that stand in no lane are handed out, under a lock or for good, and how they are shown. */
export class Handout {
  readonly #broker: BrokerState;
  readonly #owner: SubqueueOwner;
  readonly #partitioned: boolean;
  readonly #locks: MessageLocks;
  readonly #sessionOf: (slot: number) => MessageSession | undefined;
  readonly #take: (slot: number) => void;

  constructor(options: {
    broker: BrokerState;
    owner: SubqueueOwner;
    partitioned: boolean;
    locks: MessageLocks;
    sessionOf: (slot: number) => MessageSession | undefined;
    /** Takes an unlocked message out of the subqueue. */
    take: (slot: number) => void;
  }) {
    this.#broker = options.broker;
    this.#owner = options.owner;
    this.#partitioned = options.partitioned;
    this.#locks = options.locks;
    this.#sessionOf = options.sessionOf;
    this.#take = options.take;
  }

  view(slot: number, lockedUntilMs: number | undefined): DeliveryDraft {
    const sessionId = this.#sessionOf(slot)?.id;
    return viewMessage(this.#broker.messages, slot, { sessionId, lockedUntilMs, partitioned: this.#partitioned });
  }

  /** All or, when that cannot be written, none. */
  delete(slots: readonly number[]): Delivery[] {
    const { messages, journal } = this.#broker;
    const deliveries = slots.map((slot) => {
      const delivery = this.view(slot, undefined);
      // Read before the removal is written: the journal promises nothing about the bytes of a message that is gone.
      delivery.body = journal.read(messages.bodyId[slot] as number);
      return delivery;
    });
    const position = this.remove(slots);
    for (const delivery of deliveries) delivery.position = position;
    return deliveries;
  }

  lock(slot: number): Delivery {
    const { messages, journal } = this.#broker;
    const wasDeferred = messages.state[slot] === MessageState.deferred;
    const lock = this.#locks.grant(slot, { wasDeferred, session: this.#sessionOf(slot) });
    const delivery = this.view(slot, lock.lockedUntilMs);
    messages.state[slot] = MessageState.locked;
    delivery.body = journal.read(messages.bodyId[slot] as number);
    delivery.lock = lock;
    delivery.position = journal.appended;
    return delivery;
  }

  /** Writes that messages which nobody holds are gone, and lets go of them. */
  remove(slots: readonly number[]): number {
    const { records } = this.#owner;
    const position = records.append([records.kill(slots)], 'settle');
    for (const slot of slots) {
      this.#take(slot);
      this.#owner.forget(slot);
    }
    return position;
  }
}
