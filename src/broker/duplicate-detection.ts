import { type Journal, type LogRecord, RecordKind } from '../storage/index.ts';
import { parseDuration } from '../topology/index.ts';
import { DuplicateHistory, MAX_REMEMBERED_IDS } from './duplicate-history.ts';
import { gone } from './gone.ts';
import type { MessageFacts } from './message.ts';
import type { MessageRecords } from './message-records.ts';
import { partitionKeyOf } from './partition.ts';
import { encodeHistoryBucket, encodeHistoryItem } from './records.ts';
import { BrokerRefusal } from './refusal.ts';

export interface DuplicateCheck {
  /** Places of the duplicates in the batch. */
  readonly duplicates: ReadonlySet<number>;
  /** Remembers the others; to be called when their records are written. */
  apply(): void;
}

/** An empty history for the queue or topic that a record describes. */
export function createHistory({
  description,
  historyKey,
}: {
  readonly description: { readonly duplicateDetectionHistoryTimeWindow: string };
  readonly historyKey: Buffer;
}): DuplicateHistory {
  const windowMs = parseDuration(
    description.duplicateDetectionHistoryTimeWindow,
    'duplicateDetectionHistoryTimeWindow',
  );
  return new DuplicateHistory({ key: historyKey, windowMs });
}

/** Duplicate detection of one queue: the history and its records. */
export class DuplicateDetection {
  readonly history: DuplicateHistory;
  readonly #journal: Journal;
  readonly #records: MessageRecords;
  readonly #queueId: number;
  /** Partitions detect duplicates each for itself, so the partition key belongs to the identity (duplicate-detection). */
  readonly #partitioned: boolean;
  /** Records of parts that are over and still on the disk. */
  #over: number[] = [];

  constructor(options: {
    journal: Journal;
    records: MessageRecords;
    queueId: number;
    history: DuplicateHistory;
    partitioned: boolean;
  }) {
    this.history = options.history;
    this.#journal = options.journal;
    this.#records = options.records;
    this.#queueId = options.queueId;
    this.#partitioned = options.partitioned;
  }

  /**
   * Finds the duplicates in a batch, and adds to `records` what is to be remembered of the other messages.
   *
   * @throws BrokerRefusal `server-busy` when the history is full: a shorter window would break the promise to those who sent before
   */
  check(messages: readonly MessageFacts[], now: number, records: LogRecord[]): DuplicateCheck {
    const { history } = this;
    const journal = this.#journal;
    this.#forgetParts(now);
    const duplicates = new Set<number>();
    const fresh = new Map<string, Buffer>();
    for (const [i, message] of messages.entries()) {
      const { messageId } = message;
      if (messageId === undefined) continue;
      const digest = history.digest(this.#partitioned ? `${messageId}\n${partitionKeyOf(message) ?? ''}` : messageId);
      const key = digest.toString('latin1');
      if (fresh.has(key) || history.has(digest, now)) duplicates.add(i);
      else fresh.set(key, digest);
    }
    if (fresh.size === 0) return { duplicates, apply: () => undefined };
    if (history.count + fresh.size > MAX_REMEMBERED_IDS) {
      throw new BrokerRefusal(
        'server-busy',
        `The queue remembers ${MAX_REMEMBERED_IDS} message ids for duplicate detection, which is the limit. Send more slowly or shorten the window.`,
      );
    }
    const openPart = history.partFor(now);
    const partId = openPart ?? journal.nextId();
    if (openPart === undefined) {
      records.push({ kind: RecordKind.entry, id: partId, refs: [], bytes: encodeHistoryBucket(this.#queueId, now) });
    }
    for (const digest of fresh.values()) {
      records.push({
        kind: RecordKind.change,
        id: journal.nextId(),
        refs: [partId],
        bytes: encodeHistoryItem(now, digest),
      });
    }
    return {
      duplicates,
      apply() {
        if (openPart === undefined) history.open(partId, now);
        for (const digest of fresh.values()) history.add({ partId, digest, timeMs: now });
      },
    };
  }
  /** What is over goes from memory at once, and from the disk as soon as that can be written. */
  #forgetParts(now: number): void {
    this.#over.push(...this.history.prune(now));
    if (this.#over.length === 0) return;
    const records = [gone(this.#journal, this.#over)];
    if (this.#records.write(records, 'broker') !== undefined) this.#over = [];
  }
}
