import { RetrainError } from '../errors.ts';
import type { CancelTimer } from '../runtime/clock.ts';
import type { BrokerState } from './broker-state.ts';
import type { ForwardedMessage } from './arrivals.ts';
import { type DeadLetterInfo, type Delivery, SESSION_ID_IS_NULL } from './message.ts';
import type { MessageLock } from './message-lock.ts';
import type { MessageReader } from './message-reader.ts';
import type { Queue } from './queue.ts';
import type { Receiver } from './receiver.ts';
import { BrokerRefusal, entityNotFound, type RefusalReason } from './refusal.ts';
import { type Step, together } from './step.ts';
import type { Subqueue } from './subqueue.ts';

/** Forwardings that one message may go through (service-bus-auto-forwarding). */
const MAX_HOPS = 4;
/** Messages that one forwarder has taken and not moved yet; their bytes are in memory. */
const WINDOW = 64;
/** When a forwarder tries again that could not write, or whose destination was busy, in milliseconds. */
const RETRY_MS = 1000;

/** Reasons in the transfer dead-letter queue; the description is the refusal's text. */
const REASONS: Partial<Record<RefusalReason, string>> = {
  'entity-not-found': 'MessagingEntityNotFound',
  'entity-disabled': 'MessagingEntityDisabled',
  'quota-exceeded': 'QuotaExceeded',
  'message-size-exceeded': 'MessageSizeExceeded',
};

const UNREADABLE: DeadLetterInfo = {
  reason: 'MessageUnreadable',
  description: 'The stored bytes of the message cannot be read, so it cannot be forwarded.',
};

/** Where messages are to go. */
export interface ForwardingDestination {
  readonly name: string;
  /** Whether going there counts as a forwarding. */
  readonly isHop: boolean;
  /** Undefined when there is none of this name now. */
  find():
    | {
        readonly requiresSession: boolean;
        /** @throws BrokerRefusal as `Queue.send` */
        forwardStep(message: ForwardedMessage): Step;
      }
    | undefined;
}

/**
 * Moves the messages of one subqueue to another queue, in their order, as soon as they can be delivered (service-bus-auto-forwarding). Leaving
 * here and arriving there are one batch, so a message is never in both or in neither. What the other queue does not take goes to the transfer
 * dead-letter queue of this one.
 */
export class Forwarder {
  readonly #broker: BrokerState;
  readonly #source: Queue;
  readonly #subqueue: Subqueue;
  readonly #destination: ForwardingDestination;
  readonly #reader: MessageReader;
  readonly #onFault: (fault: unknown) => void;
  readonly #taken: Delivery[] = [];
  #receiver: Receiver | undefined;
  #cancelRetry: CancelTimer | undefined;
  #moving = false;
  #stopped = false;

  constructor(options: {
    broker: BrokerState;
    source: Queue;
    subqueue: Subqueue;
    destination: ForwardingDestination;
    reader: MessageReader;
    /** Told of messages whose bytes cannot be read, and of those that the subscriptions of their topic cannot take. */
    onFault: (fault: unknown) => void;
  }) {
    this.#broker = options.broker;
    this.#source = options.source;
    this.#subqueue = options.subqueue;
    this.#destination = options.destination;
    this.#reader = options.reader;
    this.#onFault = options.onFault;
    this.#open();
  }

  /** What was taken and not moved goes back. */
  stop(): void {
    this.#stopped = true;
    this.#cancelRetry?.();
    this.#giveBack();
  }

  #open(): void {
    this.#receiver = this.#subqueue.openForwarding((delivery) => {
      // A read that fails before its turn must not count as unhandled: `#moveAll` deals with it.
      if (!Buffer.isBuffer(delivery.body)) delivery.body.catch(() => undefined);
      this.#taken.push(delivery);
      this.#moveSoon();
    });
    this.#receiver.setCredit(WINDOW);
  }

  /** Later, because a message arrives in the middle of commands, which must have come to their end before the next one begins. */
  #moveSoon(): void {
    if (this.#moving) return;
    this.#moving = true;
    this.#broker.clock.soon(() => this.#moveAll());
  }

  #moveAll(): void {
    for (let next = this.#taken[0]; next && !this.#stopped; next = this.#taken[0]) {
      const { body } = next;
      if (Buffer.isBuffer(body)) {
        if (!this.#move(next, body)) break;
        continue;
      }
      const read = next;
      body.then(
        (bytes) => this.#onRead(read, bytes),
        (cause: unknown) => this.#onUnreadable(read, cause),
      );
      return;
    }
    this.#moving = false;
    this.#receiver?.setCredit(WINDOW - this.#taken.length);
  }

  #onRead(delivery: Delivery, body: Buffer): void {
    // It may have been given back in the meantime.
    if (this.#taken[0] === delivery && !this.#move(delivery, body)) this.#moving = false;
    else this.#moveAll();
  }

  /** It gives way to those behind it, and whoever runs the broker is told. */
  #onUnreadable(delivery: Delivery, cause: unknown): void {
    this.#onFault(cause);
    if (this.#taken[0] === delivery) {
      this.#taken.shift();
      this.#refuse(delivery.lock as MessageLock, UNREADABLE);
    }
    this.#moveAll();
  }

  /** False when it has to wait: everything goes back then. */
  #move(delivery: Delivery, body: Buffer): boolean {
    const lock = delivery.lock as MessageLock;
    this.#taken.shift();
    try {
      const leaving = this.#subqueue.stepOf(lock, { kind: 'complete' });
      const step = together([leaving, this.#arrival(delivery, body)]);
      if (this.#source.records.write(step.records, 'broker', 'move') === undefined)
        throw new BrokerRefusal('server-busy', 'The disk is full.');
      step.apply(true);
      return true;
    } catch (error) {
      if (!(error instanceof RetrainError)) throw error;
      if (error instanceof BrokerRefusal && error.reason === 'server-busy') {
        this.#taken.unshift(delivery);
        this.#pause();
        return false;
      }
      if (!this.#destination.isHop) {
        // A topic's own message has nowhere else to go: it gives way to those behind it, and comes again when its lock has expired.
        this.#onFault(error);
        return true;
      }
      this.#refuse(lock, this.#infoOf(error, delivery, body));
      return true;
    }
  }

  #arrival(delivery: Delivery, body: Buffer): Step {
    const { slot } = delivery.lock as MessageLock;
    const { messages } = this.#broker;
    const { forwarded, deadLetter, overlay } = messages.extras.get(slot) ?? {};
    const { name, isHop } = this.#destination;
    const hops = (forwarded?.hops ?? 0) + (isHop ? 1 : 0);
    if (hops > MAX_HOPS)
      throw new TooManyHops('not-allowed', `The message was forwarded ${MAX_HOPS} times, which is the limit.`);
    const destination = this.#destination.find();
    if (!destination) throw entityNotFound(name);
    const isDead = this.#subqueue === this.#source.deadLetterQueue;
    const facts = this.#reader.facts(body, overlay);
    return destination.forwardStep({
      ...facts,
      // Its own queue's is over with the queue, but a topic's holds for its subscriptions.
      ...(isHop || delivery.timeToLiveMs === undefined ? {} : { timeToLiveMs: delivery.timeToLiveMs }),
      bodyId: delivery.bodyId,
      bytes: body,
      sizeBytes: delivery.sizeBytes,
      wasScheduled: !isHop && messages.wasScheduled[slot] === 1,
      forwarded: {
        hops,
        enqueuedSequenceNumber: delivery.enqueuedSequenceNumber,
        deadLetterSource: isDead ? this.#source.name : forwarded?.deadLetterSource,
      },
      change:
        deadLetter || overlay ? { deliveryCount: 0, place: 'active', deferred: false, deadLetter, overlay } : undefined,
    });
  }

  #infoOf(error: RetrainError, delivery: Delivery, body: Buffer): DeadLetterInfo {
    const reason = error instanceof BrokerRefusal ? error.reason : undefined;
    if (error instanceof TooManyHops) return { reason: 'MaxTransferHopCountExceeded' };
    const needsSession = this.#destination.find()?.requiresSession === true;
    const hasSession = (): boolean => this.#reader.facts(body, delivery.overlay).sessionId !== undefined;
    if (reason === 'not-allowed' && needsSession && !hasSession()) return SESSION_ID_IS_NULL;
    return { reason: (reason && REASONS[reason]) ?? 'TransferFailed', description: error.message };
  }

  /** Unless its lock has expired in the meantime: then it is back, and its turn comes again. */
  #refuse(lock: MessageLock, info: DeadLetterInfo): void {
    if (this.#subqueue.lockedMessage(lock.token) !== lock) return;
    this.#source.records.carryOut(this.#subqueue.transferFailed(lock, info), 'broker');
  }

  #pause(): void {
    this.#giveBack();
    if (this.#stopped) return;
    this.#cancelRetry = this.#broker.clock.after(RETRY_MS, () => this.#open());
  }

  #giveBack(): void {
    this.#receiver?.close();
    this.#receiver = undefined;
    for (const { lock } of this.#taken.splice(0)) {
      try {
        this.#subqueue.settle(lock as MessageLock, { kind: 'release' });
      } catch (error) {
        // Its lock has expired: it is back already.
        if (!(error instanceof BrokerRefusal)) throw error;
      }
    }
  }
}

class TooManyHops extends BrokerRefusal {}
