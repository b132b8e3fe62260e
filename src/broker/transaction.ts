import type { BrokerState } from './broker-state.ts';
import { checkOutcome, type IncomingMessage, type Outcome } from './message.ts';
import type { MessageLock } from './message-lock.ts';
import type { NumberedMessage } from './arrivals.ts';
import type { Queue } from './queue.ts';
import { BrokerRefusal, enlisted } from './refusal.ts';
import type { Step } from './step.ts';
import type { Subqueue } from './subqueue.ts';
import { RetrainError } from '../errors.ts';

/** Messages that one transaction may send (service-bus-quotas). */
export const MAX_TRANSACTION_MESSAGES = 100;
/** Settlements that one transaction may hold. */
export const MAX_TRANSACTION_SETTLEMENTS = 1000;

interface Settlement {
  readonly subqueue: Subqueue;
  readonly lock: MessageLock;
  readonly outcome: Outcome;
}

/**
 * Sends and settlements that happen together or not at all (service-bus-transactions). Nothing is written or seen before `commit`, which writes
 * all of it as one batch. Messages stay locked until then, and after a roll-back, too, for as long as their locks last.
 */
export class Transaction {
  readonly #broker: BrokerState;
  readonly #sends = new Map<Queue, NumberedMessage[]>();
  readonly #settlements: Settlement[] = [];
  #messages = 0;
  #ended = false;
  #doom: RetrainError | undefined;

  constructor(broker: BrokerState) {
    this.#broker = broker;
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
    if (lock.enlisted) throw enlisted();
    if (this.#settlements.length >= MAX_TRANSACTION_SETTLEMENTS)
      throw new BrokerRefusal(
        'quota-exceeded',
        `A transaction has at most ${MAX_TRANSACTION_SETTLEMENTS} settlements. Commit it and begin another one.`,
      );
    checkOutcome(outcome);
    // Refuses what could not be done now either; the step itself is made anew when the transaction commits.
    subqueue.stepOf(lock, outcome);
    lock.enlisted = true;
    this.#settlements.push({ subqueue, lock, outcome });
  }

  /** An operation was refused whose sender does not hear of it: the transaction can only be rolled back. */
  doom(refusal: RetrainError): void {
    this.#doom ??= refusal;
  }

  /** @throws BrokerRefusal `transaction-rolled-back` when any operation cannot be carried out; then none was */
  commit(): { position: number } {
    if (this.#ended) throw rolledBack('It has ended already');
    try {
      if (this.#doom) throw this.#doom;
      const steps = this.#steps();
      const position = this.#write(steps.flatMap(({ records }) => records));
      this.#end();
      for (const step of steps) step.apply(true);
      return { position };
    } catch (error) {
      this.rollBack();
      if (error instanceof RetrainError) throw rolledBack(error.message);
      throw error;
    }
  }

  rollBack(): void {
    this.#end();
    this.#sends.clear();
  }

  #steps(): Step[] {
    const settlements = this.#settlements.map(({ subqueue, lock, outcome }) => subqueue.stepOf(lock, outcome));
    const sends = [...this.#sends].map(([queue, messages]) => queue.sendStep(messages));
    return [...settlements, ...sends];
  }

  #write(records: Step['records']): number {
    const { journal } = this.#broker;
    if (records.length === 0) return journal.appended;
    return journal.append(records, this.#sends.size > 0 ? 'send' : 'settle');
  }

  #mustTake(queue: Queue, messages: readonly IncomingMessage[]): void {
    if (this.#messages + messages.length > MAX_TRANSACTION_MESSAGES)
      throw new BrokerRefusal(
        'quota-exceeded',
        `Can't send more than ${MAX_TRANSACTION_MESSAGES} messages in a single transaction. Commit it and begin another one.`,
      );
    const held = this.#sends.get(queue) ?? [];
    queue.checkSend(
      messages,
      held.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0),
    );
  }

  #enlist(queue: Queue, messages: readonly NumberedMessage[]): void {
    const held = this.#sends.get(queue);
    if (held) held.push(...messages);
    else this.#sends.set(queue, [...messages]);
    this.#messages += messages.length;
  }

  #end(): void {
    this.#ended = true;
    for (const { lock } of this.#settlements) lock.enlisted = false;
  }
}

function rolledBack(why: string): BrokerRefusal {
  return new BrokerRefusal('transaction-rolled-back', `The transaction was rolled back. ${why}`);
}
