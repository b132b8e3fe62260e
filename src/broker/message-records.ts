import { RetrainError } from '../errors.ts';
import { type LogRecord, RecordKind } from '../storage/index.ts';
import type { BrokerState } from './broker-state.ts';
import { gone } from './gone.ts';
import { encodeMessageChange, type MessageChange } from './records.ts';
import { BrokerRefusal } from './refusal.ts';

/**
 * Who a record is written for. When the disk is full, a client is refused and nothing has changed; what the broker does by itself (a lock
 * expires, a message is too old) goes on in memory, and happens again after a restart.
 */
export type Cause = 'client' | 'broker';

/** Writes the records of a queue's messages and keeps what they say of a message. */
export class MessageRecords {
  readonly #broker: BrokerState;
  readonly #queueName: string;

  constructor(options: { broker: BrokerState; queueName: string }) {
    this.#broker = options.broker;
    this.#queueName = options.queueName;
  }

  /** @throws BrokerRefusal `quota-exceeded` when the disk is full */
  send(records: readonly LogRecord[]): number {
    try {
      return this.#broker.journal.append(records, 'send');
    } catch (error) {
      throw isDiskFull(error) ? this.#refusal() : error;
    }
  }

  kill(slots: readonly number[], cause: Cause): number {
    const { messages, journal } = this.#broker;
    const ids = slots.map((slot) => messages.entryId[slot] as number);
    return this.write([gone(journal, ids)], cause) ?? journal.appended;
  }

  change(slot: number, change: MessageChange, cause: Cause): number {
    const { messages, journal } = this.#broker;
    const id = journal.nextId();
    const entryId = messages.entryId[slot] as number;
    const former = messages.extras.get(slot)?.changeId;
    const refs = former === undefined ? [entryId] : [entryId, former];
    const position = this.write([{ kind: RecordKind.change, id, refs, bytes: encodeMessageChange(change) }], cause);
    messages.deliveryCount[slot] = change.deliveryCount;
    const extra = messages.extra(slot);
    if (position !== undefined) extra.changeId = id;
    if (change.overlay) extra.overlay = change.overlay;
    if (change.deadLetter) extra.deadLetter = change.deadLetter;
    return position ?? journal.appended;
  }

  /** The position, or undefined when the disk did not take the records and the broker goes on without. */
  write(records: readonly LogRecord[], cause: Cause): number | undefined {
    try {
      return this.#broker.journal.append(records, 'settle');
    } catch (error) {
      const failed = error instanceof RetrainError && error.code === 'DISK_FAILED';
      if (cause === 'broker' && (failed || isDiskFull(error))) return undefined;
      throw isDiskFull(error) ? this.#refusal() : error;
    }
  }

  #refusal(): BrokerRefusal {
    return new BrokerRefusal(
      'quota-exceeded',
      `The disk that holds entity '${this.#queueName}' is full. Free space on it, or receive and complete messages.`,
    );
  }
}

function isDiskFull(error: unknown): boolean {
  return error instanceof RetrainError && error.code === 'DISK_FULL';
}
