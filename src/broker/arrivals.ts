import { type LogRecord, RecordKind } from '../storage/index.ts';
import { parseDuration, type QueueDescription } from '../topology/index.ts';
import type { BrokerState } from './broker-state.ts';
import type { DuplicateDetection } from './duplicate-detection.ts';
import type { ForwardedInfo, IncomingMessage, MessageFacts } from './message.ts';
import { keepChange, keepForwarded } from './message-records.ts';
import { PARTITIONS, partitionKeyOf, partitionOf, withoutPartition, withPartition } from './partition.ts';
import {
  type Counters,
  encodeCounters,
  encodeMessage,
  encodeMessageChange,
  MAX_TIME_MS,
  type MessageChange,
  type MessageRecord,
} from './records.ts';
import type { Step } from './step.ts';

/** A message that is ready to be written: its records are in the batch, its place in memory is taken once the journal has accepted them. */
export interface Prepared extends MessageRecord {
  readonly bodyId: number;
  readonly entryId: number;
  /** What a forwarded message brings with it. */
  readonly change: { readonly id: number; readonly content: MessageChange } | undefined;
}

/** A message whose body is in the log already, or comes with the same step: from another entity of the namespace. */
export interface ForwardedMessage extends MessageFacts {
  readonly bodyId: number;
  /** The body: the whole encoded message, as it came. */
  readonly bytes: Buffer | readonly Buffer[];
  readonly sizeBytes: number;
  readonly wasScheduled: boolean;
  readonly forwarded: ForwardedInfo;
  readonly change: MessageChange | undefined;
}

/** Where the messages of a topic go, instead of into its own queue. */
export interface FanOut {
  /** Bytes that the topic's messages take, counted once however many subscriptions hold them. */
  readonly heldBytes: number;
  /** @throws BrokerRefusal `quota-exceeded` when the copies are too many */
  step(messages: readonly ForwardedMessage[]): FanOutStep;
}

export interface FanOutStep extends Step {
  /** Bodies that at least one copy names: those of the others need not be written. */
  readonly bodies: ReadonlySet<number>;
}

/** A scheduled message with the number that its sender has been told. */
export interface NumberedMessage extends IncomingMessage {
  readonly reservedNumber?: number;
}

export interface ArrivalStep extends Step {
  /** In the order of the messages; 0 for a duplicate. */
  readonly sequenceNumbers: readonly number[];
}

/** How messages come into a queue: they get numbers, times and partitions, and are remembered for duplicate detection. */
export class Arrivals {
  #description: QueueDescription;
  #defaultTimeToLiveMs: number;
  readonly #broker: BrokerState;
  readonly #queueId: number;
  readonly #duplicates: DuplicateDetection | undefined;
  readonly #admit: (slot: number, message: Prepared) => void;
  readonly #fanOut: FanOut | undefined;
  #nextSequenceNumber = 1;
  #lastEnqueuedTimeMs = 0;
  #countersId: number | undefined;
  #countersWritten = 1;

  constructor(options: {
    broker: BrokerState;
    queueId: number;
    description: QueueDescription;
    duplicates: DuplicateDetection | undefined;
    /** Gives the message, whose columns are filled, its place. */
    admit: (slot: number, message: Prepared) => void;
    fanOut?: FanOut | undefined;
  }) {
    this.#broker = options.broker;
    this.#queueId = options.queueId;
    this.#description = options.description;
    this.#defaultTimeToLiveMs = timeToLiveOf(options.description);
    this.#duplicates = options.duplicates;
    this.#admit = options.admit;
    this.#fanOut = options.fanOut;
  }

  configure(description: QueueDescription): void {
    this.#description = description;
    this.#defaultTimeToLiveMs = timeToLiveOf(description);
  }

  /** Takes all messages or none, but for duplicates. @throws BrokerRefusal `server-busy` when no more message ids can be remembered */
  step(messages: readonly NumberedMessage[]): ArrivalStep {
    const now = this.#enqueueTime();
    const records: LogRecord[] = [];
    const prepared: Prepared[] = [];
    const published: ForwardedMessage[] = [];
    const sequenceNumbers: number[] = [];
    const remembered = this.#duplicates?.check(messages, now, records);
    let next = this.#nextSequenceNumber;
    // By the wall clock, also while enqueued times stand still because it was set back: a schedule is not over before its time.
    const wallMs = this.#broker.clock.wallMs();
    for (const [i, message] of messages.entries()) {
      if (remembered?.duplicates.has(i)) {
        sequenceNumbers.push(0);
        continue;
      }
      const scheduled = (message.scheduledEnqueueTimeMs ?? 0) > wallMs;
      // Once it is due, nobody asks for a scheduled message by the number that it had before.
      const reserved = scheduled ? message.reservedNumber : undefined;
      const number = reserved === undefined ? next++ : withoutPartition(reserved);
      if (this.#fanOut && !scheduled) {
        const one = this.#publication(message, number);
        published.push(one);
        sequenceNumbers.push(one.forwarded.enqueuedSequenceNumber);
        continue;
      }
      const one = this.#prepare(message, { number, now, scheduled });
      records.push({ kind: RecordKind.body, id: one.bodyId, refs: [], bytes: message.bytes }, entryOf(one));
      prepared.push(one);
      sequenceNumbers.push(shownOf(one));
    }
    const copies = published.length > 0 ? this.#fanOut?.step(published) : undefined;
    if (copies) addCopies(records, published, copies);
    return {
      records,
      sequenceNumbers,
      apply: (written) => {
        this.#nextSequenceNumber = Math.max(next, this.#nextSequenceNumber);
        remembered?.apply();
        for (const one of prepared) this.#take(one);
        copies?.apply(written);
      },
    };
  }

  /** Takes a message out of another queue, whose step must be written with this one. A duplicate leaves no trace. */
  forwardStep(message: ForwardedMessage): Step {
    const records: LogRecord[] = [];
    const remembered = this.#duplicates?.check([message], this.#enqueueTime(), records);
    if (remembered?.duplicates.has(0)) return { records: [], apply: () => undefined };
    const timeToLiveMs = this.timeToLive(message);
    const step = this.#fanOut?.step([{ ...message, timeToLiveMs }]) ?? this.arriveStep([message]);
    return {
      records: [...records, ...step.records],
      apply: (written) => {
        remembered?.apply();
        step.apply(written);
      },
    };
  }

  /** Takes messages whose bodies are known to the log, whatever their ids. */
  arriveStep(messages: readonly ForwardedMessage[]): Step {
    const now = this.#enqueueTime();
    let next = this.#nextSequenceNumber;
    const arrived = messages.map((message) => this.#prepare(message, { number: next++, now, scheduled: false }));
    return {
      records: arrived.flatMap(arrivalOf),
      apply: () => {
        this.#nextSequenceNumber = Math.max(next, this.#nextSequenceNumber);
        for (const one of arrived) this.#take(one);
      },
    };
  }

  /**
   * A scheduled message enters the queue: a new sequence number and enqueued time, the same body (message-sequencing). The entry of the
   * scheduled one must be killed with it.
   */
  activationStep(slot: number, sessionId: string | undefined): Step {
    const { messages, journal } = this.#broker;
    const now = this.#enqueueTime();
    const { timeToLiveMs = Infinity } = messages.extras.get(slot) ?? {};
    const number = this.#nextSequenceNumber;
    const active: Prepared = {
      bodyId: messages.bodyId[slot] as number,
      entryId: journal.nextId(),
      queueId: this.#queueId,
      sequenceNumber: number,
      enqueuedTimeMs: now,
      sizeBytes: messages.sizeBytes[slot] as number,
      sessionId,
      scheduled: false,
      wasScheduled: true,
      dueMs: expiryOf(now, timeToLiveMs),
      timeToLiveMs: Infinity,
      partition: this.#description.enablePartitioning ? messages.partition[slot] : undefined,
      forwarded: undefined,
      change: undefined,
    };
    return {
      records: [entryOf(active)],
      apply: () => {
        this.#nextSequenceNumber = Math.max(number + 1, this.#nextSequenceNumber);
        this.#take(active);
      },
    };
  }

  /** Sequence numbers, as clients see them, that no other message gets: their senders must know them before the messages are written. */
  reserve(messages: readonly MessageFacts[]): number[] {
    return messages.map((facts) => {
      const sequenceNumber = this.#nextSequenceNumber++;
      return shownOf({ sequenceNumber, partition: this.#partitionFor(facts, sequenceNumber) });
    });
  }

  /** What is made of the time to live that a message asks for, in milliseconds: the default is a ceiling (message-expiration). */
  timeToLive({ timeToLiveMs = Infinity }: MessageFacts): number {
    const wanted = Math.min(timeToLiveMs, this.#defaultTimeToLiveMs);
    return wanted > MAX_TIME_MS ? Infinity : wanted;
  }

  /** Writes the counters, if they moved since they were last written. */
  countersStep(): Step | undefined {
    if (this.#countersWritten === this.#nextSequenceNumber) return undefined;
    const id = this.#broker.journal.nextId();
    const refs = this.#countersId === undefined ? [this.#queueId] : [this.#queueId, this.#countersId];
    const nextSequenceNumber = this.#nextSequenceNumber;
    const bytes = encodeCounters({ nextSequenceNumber, lastEnqueuedTimeMs: this.#lastEnqueuedTimeMs });
    return {
      records: [{ kind: RecordKind.change, id, refs, bytes }],
      apply: () => {
        this.#countersId = id;
        this.#countersWritten = nextSequenceNumber;
      },
    };
  }

  /** `written`: the record of the counters and the number in it, which may be below what messages have shown. */
  restoreCounters(counters: Counters, written?: { recordId: number; nextSequenceNumber: number }): void {
    this.#nextSequenceNumber = Math.max(this.#nextSequenceNumber, counters.nextSequenceNumber);
    this.#lastEnqueuedTimeMs = Math.max(this.#lastEnqueuedTimeMs, counters.lastEnqueuedTimeMs);
    if (!written) return;
    this.#countersId = written.recordId;
    this.#countersWritten = written.nextSequenceNumber;
  }

  /** The wall clock, kept from going back: enqueued times rise with sequence numbers. */
  #enqueueTime(): number {
    this.#lastEnqueuedTimeMs = Math.max(this.#lastEnqueuedTimeMs, Math.floor(this.#broker.clock.wallMs()));
    return this.#lastEnqueuedTimeMs;
  }

  #partitionFor(facts: MessageFacts, sequenceNumber: number): number | undefined {
    if (!this.#description.enablePartitioning) return undefined;
    const key = partitionKeyOf(facts) ?? (this.#duplicates ? facts.messageId : undefined);
    return key === undefined ? sequenceNumber % PARTITIONS : partitionOf(key);
  }

  /** A message that goes on to the subscriptions as soon as it comes. */
  #publication(message: NumberedMessage, number: number): ForwardedMessage {
    const partition = this.#partitionFor(message, number);
    const enqueuedSequenceNumber = shownOf({ sequenceNumber: number, partition });
    const { messageId, sessionId, partitionKey } = message;
    return {
      ...(messageId === undefined ? {} : { messageId }),
      ...(sessionId === undefined ? {} : { sessionId }),
      ...(partitionKey === undefined ? {} : { partitionKey }),
      timeToLiveMs: this.timeToLive(message),
      bodyId: this.#broker.journal.nextId(),
      bytes: message.bytes,
      sizeBytes: message.sizeBytes,
      wasScheduled: message.scheduledEnqueueTimeMs !== undefined,
      forwarded: { hops: 0, enqueuedSequenceNumber, deadLetterSource: undefined },
      change: undefined,
    };
  }

  #prepare(
    message: IncomingMessage | ForwardedMessage,
    at: { readonly number: number; readonly now: number; readonly scheduled: boolean },
  ): Prepared {
    const { journal } = this.#broker;
    const { requiresSession } = this.#description;
    const { number, now, scheduled } = at;
    const arrived = 'forwarded' in message ? message : undefined;
    const scheduledMs = 'forwarded' in message ? undefined : message.scheduledEnqueueTimeMs;
    const timeToLiveMs = this.timeToLive(message);
    const place = arrived?.change?.place ?? 'active';
    // A body is named by records behind it only, so it gets its id first.
    const bodyId = arrived?.bodyId ?? journal.nextId();
    const entryId = journal.nextId();
    return {
      bodyId,
      entryId,
      queueId: this.#queueId,
      sequenceNumber: number,
      enqueuedTimeMs: now,
      sizeBytes: message.sizeBytes,
      sessionId: requiresSession && place === 'active' ? message.sessionId : undefined,
      scheduled,
      wasScheduled: arrived ? arrived.wasScheduled : scheduledMs !== undefined,
      dueMs: scheduled ? Math.ceil(scheduledMs as number) : expiryOf(now, timeToLiveMs),
      timeToLiveMs: scheduled ? timeToLiveMs : Infinity,
      partition: this.#partitionFor(message, number),
      forwarded: arrived?.forwarded,
      change: arrived?.change && { id: journal.nextId(), content: arrived.change },
    };
  }

  #take(message: Prepared): void {
    const { messages } = this.#broker;
    const slot = messages.allocate();
    messages.entryId[slot] = message.entryId;
    messages.bodyId[slot] = message.bodyId;
    messages.sequenceNumber[slot] = message.sequenceNumber;
    messages.enqueuedTimeMs[slot] = message.enqueuedTimeMs;
    messages.sizeBytes[slot] = message.sizeBytes;
    messages.dueMs[slot] = message.dueMs;
    messages.wasScheduled[slot] = message.wasScheduled ? 1 : 0;
    messages.partition[slot] = message.partition ?? 0;
    if (message.timeToLiveMs !== Infinity) messages.extra(slot).timeToLiveMs = message.timeToLiveMs;
    if (message.forwarded) keepForwarded(messages, slot, message.forwarded);
    if (message.change) {
      messages.extra(slot).changeId = message.change.id;
      keepChange(messages, slot, message.change.content);
    }
    this.#admit(slot, message);
  }
}

function entryOf(message: Prepared): LogRecord {
  return { kind: RecordKind.entry, id: message.entryId, refs: [message.bodyId], bytes: encodeMessage(message) };
}

function arrivalOf(message: Prepared): LogRecord[] {
  const entry = entryOf(message);
  if (!message.change) return [entry];
  const { id, content } = message.change;
  return [entry, { kind: RecordKind.change, id, refs: [message.entryId], bytes: encodeMessageChange(content) }];
}

/** Adds the bodies of published messages that somebody takes, and the copies, in the order of their ids. */
function addCopies(records: LogRecord[], published: readonly ForwardedMessage[], copies: FanOutStep): void {
  for (const { bodyId, bytes } of published)
    if (copies.bodies.has(bodyId)) records.push({ kind: RecordKind.body, id: bodyId, refs: [], bytes });
  records.push(...copies.records);
  records.sort((a, b) => a.id - b.id);
}

function shownOf(message: { sequenceNumber: number; partition: number | undefined }): number {
  return withPartition(message.sequenceNumber, message.partition ?? 0);
}

function timeToLiveOf({ defaultMessageTimeToLive }: QueueDescription): number {
  return parseDuration(defaultMessageTimeToLive, 'defaultMessageTimeToLive');
}

/** When a message expires. A time that the log's 48 bits cannot tell lies 8,000 years ahead: never. */
function expiryOf(now: number, timeToLiveMs: number): number {
  const expiry = now + timeToLiveMs;
  return expiry > MAX_TIME_MS ? Infinity : expiry;
}
