import { type ErrorCode, RetrainError } from '../errors.ts';
import { type AppendPurpose, type LogRecord, RecordKind } from '../storage/index.ts';
import type { BrokerState } from './broker-state.ts';
import { gone } from './gone.ts';
import type { ForwardedInfo } from './message.ts';
import type { MessageTable } from './message-table.ts';
import { encodeMessageChange, type MessageChange } from './records.ts';
import { BrokerRefusal } from './refusal.ts';
import type { Step } from './step.ts';

/**
 * Who a record is written for. When the disk is full, a client is refused and nothing has changed; what the broker does by itself (a lock
 * expires, a message is too old) goes on in memory, and happens again after a restart.
 */
export type Cause = 'client' | 'broker';

/** The log has failed or is closed: nothing is written any more, and whoever runs the broker has been told. */
const LOG_GONE: ReadonlySet<ErrorCode> = new Set(['DISK_FAILED', 'DATA_CORRUPT', 'INTERRUPTED']);

/** Writes the records of a queue's messages and keeps what they say of a message. */
export class MessageRecords {
  readonly #broker: BrokerState;
  readonly #queueName: string;

  constructor(options: { broker: BrokerState; queueName: string }) {
    this.#broker = options.broker;
    this.#queueName = options.queueName;
  }

  /**
   * Writes a step that adds work, then applies it.
   *
   * @throws BrokerRefusal `quota-exceeded` when the disk is full, `message-size-exceeded` when the log cannot take it as one
   */
  send(step: Step): number {
    const position = this.append(step.records, 'send');
    step.apply(true);
    return position;
  }

  /** Writes a step that takes work away, then applies it. Returns what outputs that tell of it depend on. */
  carryOut(step: Step, cause: Cause): number {
    const position = step.records.length === 0 ? this.#broker.journal.appended : this.write(step.records, cause);
    step.apply(position !== undefined);
    return position ?? this.#broker.journal.appended;
  }

  kill(slots: readonly number[]): LogRecord {
    const { messages, journal } = this.#broker;
    return gone(
      journal,
      slots.map((slot) => messages.entryId[slot] as number),
    );
  }

  change(slot: number, change: MessageChange): Step {
    const { messages, journal } = this.#broker;
    const id = journal.nextId();
    const entryId = messages.entryId[slot] as number;
    const former = messages.extras.get(slot)?.changeId;
    const refs = former === undefined ? [entryId] : [entryId, former];
    return {
      records: [{ kind: RecordKind.change, id, refs, bytes: encodeMessageChange(change) }],
      apply: (written) => {
        const extra = messages.extra(slot);
        if (written) extra.changeId = id;
        keepChange(messages, slot, change);
      },
    };
  }

  /** The position, or undefined when the disk did not take the records and the broker goes on without. */
  write(records: readonly LogRecord[], cause: Cause, purpose: AppendPurpose = 'settle'): number | undefined {
    try {
      return this.append(records, purpose);
    } catch (error) {
      const failed = error instanceof RetrainError && LOG_GONE.has(error.code);
      const full = error instanceof BrokerRefusal && error.reason === 'quota-exceeded';
      if (cause === 'broker' && (failed || full)) return undefined;
      throw error;
    }
  }

  /** @throws BrokerRefusal for what a client can do something about */
  append(records: readonly LogRecord[], purpose: AppendPurpose): number {
    try {
      return this.#broker.journal.append(records, purpose);
    } catch (error) {
      if (!(error instanceof RetrainError)) throw error;
      if (error.code === 'DISK_FULL') throw this.#refusal();
      if (error.code === 'MESSAGE_TOO_LARGE') throw new BrokerRefusal('message-size-exceeded', error.message);
      throw error;
    }
  }

  #refusal(): BrokerRefusal {
    return new BrokerRefusal(
      'quota-exceeded',
      `The disk that holds entity '${this.#queueName}' is full. Free space on it, or receive and complete messages.`,
    );
  }
}

/** Takes over into the table what a change says of a message, but for what its state and its lane tell. */
export function keepChange(messages: MessageTable, slot: number, change: MessageChange): void {
  messages.deliveryCount[slot] = change.deliveryCount;
  const extra = messages.extra(slot);
  extra.place = change.place;
  if (change.overlay) extra.overlay = alone(change.overlay);
  if (change.deadLetter) extra.deadLetter = change.deadLetter;
}

/** The bytes by themselves: they stay as long as the message, and a slice of a pool would keep all of it alive. */
function alone(bytes: Buffer): Buffer {
  if (bytes.buffer.byteLength === bytes.length) return bytes;
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

/** Takes over into the table where a message was before. */
export function keepForwarded(messages: MessageTable, slot: number, forwarded: ForwardedInfo): void {
  // That a message came through a topic is a number and no more; with many subscriptions it is so with most messages.
  if (forwarded.hops === 0 && forwarded.deadLetterSource === undefined)
    messages.setOrigin(slot, forwarded.enqueuedSequenceNumber);
  else messages.extra(slot).forwarded = forwarded;
}
