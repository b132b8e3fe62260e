import { RetrainError } from '../errors.ts';
import type { CancelTimer } from '../runtime/clock.ts';
import type { BrokerState } from './broker-state.ts';
import type { IncomingMessage, Outcome } from './message.ts';
import type { MessageLock } from './message-lock.ts';
import type { NumberedMessage } from './arrivals.ts';
import type { Queue } from './queue.ts';
import { BrokerRefusal, enlisted } from './refusal.ts';
import type { Settlement } from './settlements.ts';
import { type Step, together } from './step.ts';
import type { Subqueue } from './subqueue.ts';

/** Messages that one transaction may send (service-bus-quotas). */
export const MAX_TRANSACTION_MESSAGES = 100;
/** From the declaration on (service-bus-transactions), in milliseconds. */
export const MAX_TRANSACTION_MS = 120_000;
/** Bytes of the messages in all open transactions; they are in memory. */
const MAX_HELD_BYTES = 256 * 1024 * 1024;
/** Bytes that the log needs for a message besides the message. */
const RECORD_BYTES = 1024;
/** Settlements that one transaction may hold. */
export const MAX_TRANSACTION_SETTLEMENTS = 1000;

interface Enlisted extends Settlement {
  readonly subqueue: Subqueue;
}

/**
 * Sends and settlements that happen together or not at all (service-bus-transactions). Nothing is written or seen before `commit`, which writes
 * all of it as one batch. Messages stay locked until then, and after a roll-back, too, for as long as their locks last.
 */
export class Transaction {
  readonly #broker: BrokerState;
  readonly #sends = new Map<Queue, NumberedMessage[]>();
  readonly #settlements: Enlisted[] = [];
  readonly #cancelTimer: CancelTimer;
  #messages = 0;
  #bytes = 0;
  #ended = false;
  #doom: RetrainError | undefined;

  constructor(broker: BrokerState) {
    this.#broker = broker;
    this.#cancelTimer = broker.clock.after(MAX_TRANSACTION_MS, () => {
      this.rollBack();
      this.#doom = timedOut();
    });
  }

  /** @throws BrokerRefusal as `Queue.send`, and `quota-exceeded` for too many messages */
  send(queue: Queue, messages: readonly IncomingMessage[]): void {
    this.#mustTake(queue, messages);
    this.#enlist(queue, messages);
  }

  /** Returns the sequence numbers that the messages will have, if they are scheduled for later than the commit. @throws BrokerRefusal as `send` */
  schedule(queue: Queue, messages: readonly IncomingMessage[]): readonly number[] {
    this.#mustTake(queue, messages);
    const numbers = queue.arrivals.reserve(messages);
    this.#enlist(
      queue,
      messages.map((message, i) => ({ ...message, reservedNumber: numbers[i] as number })),
    );
    return numbers;
  }

  /** @throws BrokerRefusal as `Subqueue.settle` */
  settle(subqueue: Subqueue, lock: MessageLock, outcome: Outcome): void {
    this.settleAll(subqueue, [{ lock, outcome }]);
  }

  /** Enlists all or none. @throws BrokerRefusal as `Subqueue.settle` */
  settleAll(subqueue: Subqueue, settlements: readonly Settlement[]): void {
    this.#mustBeOpen();
    if (this.#settlements.length + settlements.length > MAX_TRANSACTION_SETTLEMENTS)
      throw new BrokerRefusal(
        'quota-exceeded',
        `A transaction has at most ${MAX_TRANSACTION_SETTLEMENTS} settlements. Commit it and begin another one.`,
      );
    for (const { lock, outcome } of settlements) {
      if (lock.enlisted) throw enlisted();
      // Refuses what could not be done now either; the step itself is made anew when the transaction commits.
      subqueue.stepOf(lock, outcome);
    }
    for (const { lock, outcome } of settlements) {
      lock.enlisted = true;
      this.#settlements.push({ subqueue, lock, outcome });
    }
  }

  /** An operation was refused whose sender does not hear of it: the transaction can only be rolled back. */
  doom(refusal: RetrainError): void {
    this.#doom ??= refusal;
  }

  /**
   * @throws BrokerRefusal `transaction-timed-out`; `transaction-rolled-back` when any operation cannot be carried out: then none was
   */
  commit(): { position: number } {
    this.#mustBeOpen();
    const { step, position } = this.#writeStep();
    this.#end();
    step.apply(true);
    return { position };
  }

  rollBack(): void {
    this.#end();
  }

  #mustBeOpen(): void {
    if (!this.#ended) return;
    throw this.#doom ?? rolledBack('It has ended already.');
  }

  #writeStep(): { step: Step; position: number } {
    const { journal } = this.#broker;
    try {
      if (this.#doom) throw this.#doom;
      const settlements = this.#settlements.map(({ subqueue, lock, outcome }) => subqueue.stepOf(lock, outcome));
      const sends = [...this.#sends].map(([queue, messages]) => queue.sendStep(messages));
      const step = together([...settlements, ...sends]);
      if (step.records.length === 0) return { step, position: journal.appended };
      return { step, position: journal.append(step.records, sends.length > 0 ? 'send' : 'settle') };
    } catch (error) {
      this.rollBack();
      throw error instanceof RetrainError ? rolledBack(error.message) : error;
    }
  }

  #mustTake(queue: Queue, messages: readonly IncomingMessage[]): void {
    this.#mustBeOpen();
    if (this.#messages + messages.length > MAX_TRANSACTION_MESSAGES)
      throw new BrokerRefusal(
        'quota-exceeded',
        `Can't send more than ${MAX_TRANSACTION_MESSAGES} messages in a single transaction. Commit it and begin another one.`,
      );
    const held = this.#sends.get(queue) ?? [];
    queue.checkSend(messages, bytesOf(held));
    const { journal, transactionBytes } = this.#broker;
    const bytes = bytesOf(messages);
    const records = this.#messages + messages.length + this.#settlements.length;
    const limit = journal.maxBatchBytes - records * RECORD_BYTES;
    if (this.#bytes + bytes > limit)
      throw new BrokerRefusal(
        'quota-exceeded',
        `The messages of the transaction have ${this.#bytes + bytes} bytes; the limit is ${limit}. Send some of them in another one.`,
      );
    if (transactionBytes.held + bytes > MAX_HELD_BYTES)
      throw new BrokerRefusal(
        'server-busy',
        `Open transactions hold ${MAX_HELD_BYTES} bytes of messages, which is the limit. Try again when some have ended.`,
      );
  }

  #enlist(queue: Queue, messages: readonly NumberedMessage[]): void {
    // Copied: they may be views of much larger buffers, and stay for long.
    const kept = messages.map((message) => ({ ...message, bytes: copyOf(message.bytes) }));
    const held = this.#sends.get(queue);
    if (held) held.push(...kept);
    else this.#sends.set(queue, kept);
    this.#messages += kept.length;
    const bytes = bytesOf(kept);
    this.#bytes += bytes;
    this.#broker.transactionBytes.held += bytes;
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelTimer();
    this.#broker.transactionBytes.held -= this.#bytes;
    this.#sends.clear();
    for (const { lock } of this.#settlements) lock.enlisted = false;
  }
}

function bytesOf(messages: readonly IncomingMessage[]): number {
  return messages.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0);
}

function copyOf(bytes: Buffer | readonly Buffer[]): Buffer {
  return Buffer.isBuffer(bytes) ? Buffer.from(bytes) : Buffer.concat(bytes);
}

function timedOut(): BrokerRefusal {
  return new BrokerRefusal(
    'transaction-timed-out',
    `The transaction was rolled back: it was not committed within ${MAX_TRANSACTION_MS / 1000} s.`,
  );
}

function rolledBack(why: string): BrokerRefusal {
  return new BrokerRefusal('transaction-rolled-back', `The transaction was rolled back. ${why}`);
}
