import type { BrokerState } from './broker-state.ts';
import { checkOutcome, type DeadLetterInfo, type Outcome } from './message.ts';
import type { MessageLock } from './message-lock.ts';
import { MessageState } from './message-table.ts';
import type { MessageChange, Place } from './records.ts';
import { BrokerRefusal } from './refusal.ts';
import type { Step } from './step.ts';
import type { SubqueueOwner } from './subqueue-owner.ts';

/** What the holder of a lock decides about its message. */
export interface Settlement {
  readonly lock: MessageLock;
  readonly outcome: Outcome;
}

/** How messages leave a lock: the only ways are back to their place, out of the subqueue, or aside. */
export interface Unlocking {
  /** Ends the lock and puts the message back where it was, unless it is over. */
  unlock(lock: MessageLock): void;
  /** Ends the lock; the message keeps standing nowhere. */
  endLock(lock: MessageLock): void;
  /** Ends the lock and takes its message out of the subqueue. */
  leave(lock: MessageLock): void;
}

/** What becomes of a locked message, as steps: decided by its holder, or because its lock expired. */
export class Settlements {
  /** Undefined: messages do not go to a dead-letter queue however often they fail, nor when somebody asks for it. */
  maxDeliveryCount: number | undefined;
  readonly #broker: BrokerState;
  readonly #owner: SubqueueOwner;
  readonly #unlocking: Unlocking;

  constructor(options: {
    broker: BrokerState;
    owner: SubqueueOwner;
    unlocking: Unlocking;
    maxDeliveryCount: number | undefined;
  }) {
    this.#broker = options.broker;
    this.#owner = options.owner;
    this.#unlocking = options.unlocking;
    this.maxDeliveryCount = options.maxDeliveryCount;
  }

  /** @throws BrokerRefusal `not-allowed`, `argument-invalid`, `message-size-exceeded` */
  stepOf(lock: MessageLock, outcome: Outcome): Step {
    checkOutcome(outcome);
    switch (outcome.kind) {
      case 'complete':
        return this.#complete(lock);
      case 'dead-letter':
        if (this.maxDeliveryCount === undefined) {
          throw new BrokerRefusal(
            'not-allowed',
            'A message of a dead-letter queue cannot be dead-lettered again. Complete it.',
          );
        }
        return this.deadLetter(lock, outcome);
      case 'defer':
        return this.#defer(lock, outcome.overlay);
      case 'abandon':
        return this.fail(lock, outcome.overlay);
      case 'release':
        return { records: [], apply: () => this.#unlocking.unlock(lock) };
    }
  }

  /** A delivery failed: abandoned, or its lock expired. The message comes back, or has failed once too often. */
  fail(lock: MessageLock, overlay?: Buffer): Step {
    const { slot } = lock;
    const deliveryCount = (this.#broker.messages.deliveryCount[slot] as number) + 1;
    if (this.maxDeliveryCount !== undefined && deliveryCount >= this.maxDeliveryCount) {
      const description = `Message could not be consumed after ${this.maxDeliveryCount} delivery attempts.`;
      const info = { reason: 'MaxDeliveryCountExceeded', description, deliveryCount };
      return this.deadLetter(lock, overlay ? { ...info, overlay } : info);
    }
    const step = this.#owner.records.change(slot, {
      ...this.#present(slot, overlay),
      deliveryCount,
      deferred: lock.wasDeferred,
    });
    return after(step, () => this.#unlocking.unlock(lock));
  }

  /** What is written of a message, as it stands. */
  #present(slot: number, overlay?: Buffer): MessageChange {
    const { messages } = this.#broker;
    const extra = messages.extras.get(slot);
    return {
      deliveryCount: messages.deliveryCount[slot] as number,
      place: extra?.place ?? 'active',
      deferred: false,
      deadLetter: extra?.deadLetter,
      overlay: overlay ?? extra?.overlay,
    };
  }

  #complete(lock: MessageLock): Step {
    return {
      records: [this.#owner.records.kill([lock.slot])],
      apply: () => {
        this.#unlocking.leave(lock);
        this.#owner.forget(lock.slot);
      },
    };
  }

  /** Moves the message to a dead-letter queue of its queue. */
  deadLetter(
    lock: MessageLock,
    info: DeadLetterInfo & { overlay?: Buffer; deliveryCount?: number; place?: Exclude<Place, 'active'> },
  ): Step {
    const { slot } = lock;
    const { reason, description, place = 'dead-letter' } = info;
    const present = this.#present(slot, info.overlay);
    const step = this.#owner.records.change(slot, {
      ...present,
      deliveryCount: info.deliveryCount ?? present.deliveryCount,
      place,
      deadLetter: {
        ...(reason === undefined ? {} : { reason }),
        ...(description === undefined ? {} : { description }),
      },
    });
    return after(step, () => {
      this.#unlocking.leave(lock);
      this.#owner.admitDead(slot, place);
    });
  }

  #defer(lock: MessageLock, overlay: Buffer | undefined): Step {
    const { slot } = lock;
    const present = this.#present(slot, overlay);
    const deliveryCount = present.deliveryCount + 1;
    const step = this.#owner.records.change(slot, { ...present, deliveryCount, deferred: true });
    return after(step, () => {
      this.#unlocking.endLock(lock);
      this.#broker.messages.state[slot] = MessageState.deferred;
    });
  }
}

function after(step: Step, then: () => void): Step {
  return {
    records: step.records,
    apply: (written) => {
      step.apply(written);
      then();
    },
  };
}
