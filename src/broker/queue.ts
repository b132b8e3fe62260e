import { parseDuration, type QueueDescription } from '../topology/index.ts';
import { type LogRecord, RecordKind } from '../storage/index.ts';
import type { BrokerState } from './broker-state.ts';
import { Deadlines } from './deadlines.ts';
import { createHistory, DuplicateDetection } from './duplicate-detection.ts';
import type { DuplicateHistory } from './duplicate-history.ts';
import { gone } from './gone.ts';
import type { IncomingMessage } from './message.ts';
import { type Cause, MessageRecords } from './message-records.ts';
import { MessageState, NONE } from './message-table.ts';
import {
  type Counters,
  encodeCounters,
  encodeMessage,
  MAX_TIME_MS,
  type MessageChange,
  type MessageRecord,
  type QueueRecord,
} from './records.ts';
import { BrokerRefusal } from './refusal.ts';
import { checkSend } from './send-rules.ts';
import { Subqueue } from './subqueue.ts';
import type { SubqueueOwner } from './subqueue-owner.ts';

/** When a scheduled message is tried again that could not become active, in milliseconds. */
const ACTIVATION_RETRY_MS = 1000;

export interface QueueCounts {
  readonly active: number;
  readonly deadLetter: number;
  readonly scheduled: number;
  readonly total: number;
  readonly sizeBytes: number;
}

/** A message that is ready to be written: its records are in the batch, its place in memory is taken once the journal has accepted them. */
interface Prepared extends MessageRecord {
  readonly bodyId: number;
  readonly entryId: number;
}

/** A queue with its dead-letter queue: numbers, records, time to live, scheduling and duplicate detection. Order and locks are the subqueues'. */
export class Queue implements SubqueueOwner {
  /** The record that its messages and states belong to. */
  readonly id: number;
  readonly description: QueueDescription;
  readonly historyKey: Buffer;
  readonly active: Subqueue;
  readonly deadLetterQueue: Subqueue;
  readonly maxMessageSizeBytes: number;
  readonly #broker: BrokerState;
  readonly #records: MessageRecords;
  readonly #defaultTimeToLiveMs: number;
  readonly #duplicates: DuplicateDetection | undefined;
  readonly #deadlines: Deadlines;
  readonly #deletionListeners = new Set<() => void>();
  #nextSequenceNumber = 1;
  #lastEnqueuedTimeMs = 0;
  #countersId: number | undefined;
  #countersWritten = 1;
  #scheduled = 0;
  #sizeBytes = 0;

  constructor(options: { broker: BrokerState; id: number; record: QueueRecord; history?: DuplicateHistory }) {
    const { broker, id, record } = options;
    const { description } = record;
    const lockDurationMs = parseDuration(description.lockDuration, 'lockDuration');
    this.id = id;
    this.description = description;
    this.historyKey = record.historyKey;
    this.maxMessageSizeBytes = description.maxMessageSizeInKilobytes * 1024;
    this.#broker = broker;
    this.#records = new MessageRecords({ broker, queueName: description.name });
    this.#defaultTimeToLiveMs = parseDuration(description.defaultMessageTimeToLive, 'defaultMessageTimeToLive');
    this.#deadlines = new Deadlines({
      clock: broker.clock,
      isCurrent: (slot, entryId) => broker.messages.entryId[slot] === entryId,
      onDue: (slot) => this.#onDue(slot),
    });
    const shared = { broker, owner: this, queueId: id, lockDurationMs, maxStateBytes: this.maxMessageSizeBytes };
    const { maxDeliveryCount, requiresSession } = description;
    this.active = new Subqueue({ ...shared, maxDeliveryCount, sessions: requiresSession });
    this.deadLetterQueue = new Subqueue({ ...shared, maxDeliveryCount: undefined, sessions: false });
    if (description.requiresDuplicateDetection) {
      const history = options.history ?? createHistory(record);
      this.#duplicates = new DuplicateDetection({
        journal: broker.journal,
        records: this.#records,
        queueId: id,
        history,
      });
    }
  }

  get name(): string {
    return this.description.name;
  }

  counts(): QueueCounts {
    const active = this.active.index.count;
    const deadLetter = this.deadLetterQueue.index.count;
    return {
      active: active - this.#scheduled,
      deadLetter,
      scheduled: this.#scheduled,
      total: active + deadLetter,
      sizeBytes: this.#sizeBytes,
    };
  }

  /** Entries of the schedule, a bounded number of stale ones among them. */
  get deadlinesHeld(): number {
    return this.#deadlines.size;
  }

  /** Calls `listener` when the queue is deleted. Returns how to stop listening. */
  onDeleted(listener: () => void): () => void {
    this.#deletionListeners.add(listener);
    return () => this.#deletionListeners.delete(listener);
  }

  // sending ---------------------------------------------------------------------------------------------------------

  /**
   * Takes all messages or none. A message whose id was seen within the duplicate detection window is accepted and dropped; its sequence number
   * in the answer is 0.
   *
   * @throws BrokerRefusal `entity-disabled`, `not-allowed`, `argument-invalid`, `message-size-exceeded`, `quota-exceeded`, `server-busy`
   */
  send(messages: readonly IncomingMessage[]): { position: number; sequenceNumbers: readonly number[] } {
    checkSend(messages, {
      description: this.description,
      heldBytes: this.#sizeBytes,
      heldMessages: this.#broker.messages.count,
    });
    const now = this.#enqueueTime();
    const records: LogRecord[] = [];
    const prepared: Prepared[] = [];
    const sequenceNumbers: number[] = [];
    const remembered = this.#duplicates?.check(messages, now, records);
    let sequenceNumber = this.#nextSequenceNumber;
    for (const [i, message] of messages.entries()) {
      if (remembered?.duplicates.has(i)) {
        sequenceNumbers.push(0);
        continue;
      }
      prepared.push(this.#prepare(message, sequenceNumber, now, records));
      sequenceNumbers.push(sequenceNumber++);
    }
    const { journal } = this.#broker;
    if (records.length === 0) return { position: journal.appended, sequenceNumbers };
    const position = this.#records.send(records);
    this.#nextSequenceNumber = sequenceNumber;
    remembered?.apply();
    for (const message of prepared) this.#admit(message);
    return { position, sequenceNumbers };
  }

  /** Deletes scheduled messages, all or none. @throws BrokerRefusal `message-not-found` */
  cancelScheduled(sequenceNumbers: readonly number[]): { position: number } {
    const { messages } = this.#broker;
    const slots = [...new Set(sequenceNumbers)].map((sequenceNumber) => {
      const slot = this.active.index.get(sequenceNumber);
      if (slot === NONE || messages.state[slot] !== MessageState.scheduled) {
        throw new BrokerRefusal(
          'message-not-found',
          `There is no scheduled message with sequence number ${sequenceNumber}.`,
        );
      }
      return slot;
    });
    const position = this.#records.kill(slots, 'client');
    for (const slot of slots) {
      this.#scheduled--;
      this.active.take(slot);
      this.forget(slot);
    }
    return { position };
  }

  // what the subqueues ask ------------------------------------------------------------------------------------------

  kill(slots: readonly number[], cause: Cause): number {
    return this.#records.kill(slots, cause);
  }

  forget(slot: number): void {
    const { messages } = this.#broker;
    this.#sizeBytes -= messages.sizeBytes[slot] as number;
    messages.free(slot);
  }

  change(slot: number, change: MessageChange, cause: Cause): number {
    return this.#records.change(slot, change, cause);
  }

  /** Its sequence number stays; the dead-letter queue has no sessions and no time to live (service-bus-dead-letter-queues). */
  toDeadLetterQueue(slot: number): void {
    this.#broker.messages.session[slot] = NONE;
    this.deadLetterQueue.admit(slot);
  }

  expireIfOver(slot: number): boolean {
    const { messages, clock } = this.#broker;
    const extra = messages.extras.get(slot);
    if ((messages.dueMs[slot] as number) > clock.wallMs() || extra?.deadLetter) return false;
    if (!this.description.deadLetteringOnMessageExpiration) {
      this.kill([slot], 'broker');
      this.active.take(slot);
      this.forget(slot);
      return true;
    }
    const change: MessageChange = {
      deliveryCount: messages.deliveryCount[slot] as number,
      deferred: false,
      deadLetter: { reason: 'TTLExpiredException', description: 'The message expired and was dead lettered.' },
      overlay: extra?.overlay,
    };
    this.change(slot, change, 'broker');
    this.active.take(slot);
    this.toDeadLetterQueue(slot);
    return true;
  }

  mustAllowReceive(): void {
    const { status, name } = this.description;
    if (status === 'Disabled' || status === 'ReceiveDisabled') {
      throw new BrokerRefusal(
        'entity-disabled',
        `Messaging entity '${name}' is currently disabled for receiving (status ${status}).`,
      );
    }
  }

  // for the namespace -----------------------------------------------------------------------------------------------

  /** The queue's counters, if they moved since they were last written. */
  countersRecord(): LogRecord | undefined {
    if (this.#countersWritten === this.#nextSequenceNumber) return undefined;
    const id = this.#broker.journal.nextId();
    const refs = this.#countersId === undefined ? [this.id] : [this.id, this.#countersId];
    this.#countersId = id;
    this.#countersWritten = this.#nextSequenceNumber;
    const counters = { nextSequenceNumber: this.#nextSequenceNumber, lastEnqueuedTimeMs: this.#lastEnqueuedTimeMs };
    return { kind: RecordKind.change, id, refs, bytes: encodeCounters(counters) };
  }

  /** `written`: the record of the counters and the number in it, which may be below what messages have shown. */
  restoreCounters(counters: Counters, written?: { recordId: number; nextSequenceNumber: number }): void {
    this.#nextSequenceNumber = Math.max(this.#nextSequenceNumber, counters.nextSequenceNumber);
    this.#lastEnqueuedTimeMs = Math.max(this.#lastEnqueuedTimeMs, counters.lastEnqueuedTimeMs);
    if (!written) return;
    this.#countersId = written.recordId;
    this.#countersWritten = written.nextSequenceNumber;
  }

  /** Gives a recovered message, whose columns are filled, its place. */
  restoreMessage(slot: number, sessionId: string | undefined): void {
    const { messages } = this.#broker;
    this.#sizeBytes += messages.sizeBytes[slot] as number;
    const state = messages.state[slot];
    if (messages.extras.get(slot)?.deadLetter) {
      if (state === MessageState.deferred) this.deadLetterQueue.setAside(slot, state);
      else this.deadLetterQueue.admit(slot);
      return;
    }
    if (sessionId !== undefined) messages.session[slot] = this.active.sessions?.ensure(sessionId).index ?? NONE;
    const dueMs = messages.dueMs[slot] as number;
    if (dueMs !== Infinity && state !== MessageState.deferred)
      this.#deadlines.add(dueMs, slot, messages.entryId[slot] as number);
    if (state === MessageState.scheduled) this.#scheduled++;
    if (state === MessageState.scheduled || state === MessageState.deferred) this.active.setAside(slot, state);
    else this.active.admit(slot);
  }

  /** Frees every message and yields their entries, which are to be killed. The queue must have been stopped. */
  *forgetAll(): Generator<number> {
    const { messages } = this.#broker;
    for (const { index } of [this.active, this.deadLetterQueue]) {
      for (const slot of index.from(0)) {
        yield messages.entryId[slot] as number;
        this.forget(slot);
      }
    }
  }

  /** Ends timers, locks and waiting receivers. The messages stay where they are. */
  stop(refusal: BrokerRefusal): void {
    this.#deadlines.stop();
    this.active.stop(refusal);
    this.deadLetterQueue.stop(refusal);
  }

  /** Stops the queue and tells those who listen that it is gone. */
  deleted(): void {
    this.stop(
      new BrokerRefusal('entity-not-found', `The messaging entity '${this.name}' could not be found. It was deleted.`),
    );
    for (const listener of this.#deletionListeners) listener();
  }

  // inside ----------------------------------------------------------------------------------------------------------

  /** The wall clock, kept from going back: enqueued times rise with sequence numbers. */
  #enqueueTime(): number {
    this.#lastEnqueuedTimeMs = Math.max(this.#lastEnqueuedTimeMs, Math.floor(this.#broker.clock.wallMs()));
    return this.#lastEnqueuedTimeMs;
  }

  #prepare(message: IncomingMessage, sequenceNumber: number, now: number, records: LogRecord[]): Prepared {
    const { journal } = this.#broker;
    const scheduledMs = message.scheduledEnqueueTimeMs;
    const scheduled = scheduledMs !== undefined && scheduledMs > now;
    const wanted = Math.min(message.timeToLiveMs ?? Infinity, this.#defaultTimeToLiveMs);
    const timeToLiveMs = wanted > MAX_TIME_MS ? Infinity : wanted;
    const prepared: Prepared = {
      bodyId: journal.nextId(),
      entryId: journal.nextId(),
      queueId: this.id,
      sequenceNumber,
      enqueuedTimeMs: now,
      sizeBytes: message.sizeBytes,
      sessionId: this.description.requiresSession ? message.sessionId : undefined,
      scheduled,
      wasScheduled: scheduledMs !== undefined,
      dueMs: scheduled ? Math.ceil(scheduledMs) : expiryOf(now, timeToLiveMs),
      timeToLiveMs: scheduled ? timeToLiveMs : Infinity,
    };
    records.push({ kind: RecordKind.body, id: prepared.bodyId, refs: [], bytes: message.bytes });
    records.push({
      kind: RecordKind.entry,
      id: prepared.entryId,
      refs: [prepared.bodyId],
      bytes: encodeMessage(prepared),
    });
    return prepared;
  }

  #admit(message: Prepared): void {
    const { messages } = this.#broker;
    const slot = messages.allocate();
    messages.entryId[slot] = message.entryId;
    messages.bodyId[slot] = message.bodyId;
    messages.sequenceNumber[slot] = message.sequenceNumber;
    messages.enqueuedTimeMs[slot] = message.enqueuedTimeMs;
    messages.sizeBytes[slot] = message.sizeBytes;
    messages.dueMs[slot] = message.dueMs;
    messages.wasScheduled[slot] = message.wasScheduled ? 1 : 0;
    if (message.sessionId !== undefined)
      messages.session[slot] = this.active.sessions?.ensure(message.sessionId).index ?? NONE;
    if (message.timeToLiveMs !== Infinity) messages.extra(slot).timeToLiveMs = message.timeToLiveMs;
    this.#sizeBytes += message.sizeBytes;
    if (message.dueMs !== Infinity) this.#deadlines.add(message.dueMs, slot, message.entryId);
    if (message.scheduled) {
      this.#scheduled++;
      this.active.setAside(slot, MessageState.scheduled);
    } else this.active.admit(slot);
  }

  #onDue(slot: number): void {
    const state = this.#broker.messages.state[slot];
    if (state === MessageState.scheduled) this.#activate(slot);
    // A locked message expires when its lock ends, a deferred one when it is fetched (message-expiration).
    else if (state === MessageState.ready || state === MessageState.returned) this.expireIfOver(slot);
  }

  /** A scheduled message enters the queue: a new sequence number and enqueued time, the same body (message-sequencing). */
  #activate(slot: number): void {
    const { messages, journal, clock } = this.#broker;
    const now = this.#enqueueTime();
    const former = messages.entryId[slot] as number;
    const session = messages.session[slot] as number;
    const active: Prepared = {
      bodyId: messages.bodyId[slot] as number,
      entryId: journal.nextId(),
      queueId: this.id,
      sequenceNumber: this.#nextSequenceNumber,
      enqueuedTimeMs: now,
      sizeBytes: messages.sizeBytes[slot] as number,
      sessionId: session === NONE ? undefined : this.active.sessions?.at(session).id,
      scheduled: false,
      wasScheduled: true,
      dueMs: expiryOf(now, messages.extras.get(slot)?.timeToLiveMs ?? Infinity),
      timeToLiveMs: Infinity,
    };
    const entry = { kind: RecordKind.entry, id: active.entryId, refs: [active.bodyId], bytes: encodeMessage(active) };
    if (this.#records.write([entry, gone(journal, [former])], 'broker') === undefined) {
      // The disk is full. The message stays scheduled, as the log has it.
      this.#deadlines.add(clock.wallMs() + ACTIVATION_RETRY_MS, slot, former);
      return;
    }
    this.#nextSequenceNumber++;
    this.#scheduled--;
    this.#sizeBytes -= active.sizeBytes;
    this.active.take(slot);
    messages.free(slot);
    this.#admit(active);
  }
}

/** When a message expires. A time that the log's 48 bits cannot tell lies 8,000 years ahead: never. */
function expiryOf(now: number, timeToLiveMs: number): number {
  const expiry = now + timeToLiveMs;
  return expiry > MAX_TIME_MS ? Infinity : expiry;
}
