import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { PeekMessagesOptions, ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import Long from 'long';
import { z } from 'zod';
import { files as systemFiles } from '../runtime/files.ts';
import type { Files } from '../runtime/files.ts';
import { requestKey } from './identity.ts';
import { outcomeEventSchema, outcomeOf, readOutcome } from './outcome.ts';
import type { OutcomeEvent } from './outcome.ts';

/** Bytes of the cache of one subscription's events; beyond it the older half is dropped. */
export const HISTORY_MAX_BYTES = 16 * 1024 * 1024;
/** Messages that one reading looks at; the next one goes on behind them. */
export const HISTORY_READ_MAX = 200_000;
/** Messages of one answer; Service Bus gives no more than 250. */
const PEEK_BATCH = 250;
const FORMAT = 1;
/** Of a full cache, this share (the newest) stays. */
const KEPT_SHARE = 0.5;

const headSchema = z.strictObject({
  format: z.literal(FORMAT),
  /** Where the events come from: a cache of another place is not taken for this one. */
  place: z.string(),
  /** Sequence number of the first message that the cache knows without a gap, and of the last. */
  first: z.string().regex(/^\d+$/),
  last: z.string().regex(/^\d+$/),
});
type Head = z.output<typeof headSchema>;

export interface HistoryOptions {
  /** A receiver of the subscription (or queue), by which nothing is ever received: it only peeks. */
  readonly receiver: Pick<ServiceBusReceiver, 'peekMessages'>;
  /** Names it, with its host: `host/topic/Subscriptions/status`. */
  readonly place: string;
  /** Where the cache is kept. */
  readonly folder: string;
  readonly files?: Files;
  readonly maxBytes?: number;
  /** Called after every answer with the number of events that were read so far. */
  readonly onProgress?: (read: number) => void;
}

export interface History {
  /** In the order in which they were sent; doubles dropped. Of a run's progress only the newest. */
  readonly events: readonly OutcomeEvent[];
  /** Messages that are no outcome events. */
  readonly skipped: number;
  /** Whether there is more than one reading looks at: read again. */
  readonly more: boolean;
}

/**
 * Outcome events of a subscription that nobody receives from: they are peeked, so that any number of operators on any number
 * of machines see all of them, and stay until their time to live ends. What was read is kept in a cache on disk, so that a
 * reading asks for what is new only, and knows more than the broker still has.
 */
export class OutcomeHistory {
  readonly #options: Required<Omit<HistoryOptions, 'onProgress'>> & Pick<HistoryOptions, 'onProgress'>;
  readonly #path: string;

  constructor(options: HistoryOptions) {
    this.#options = { files: systemFiles, maxBytes: HISTORY_MAX_BYTES, ...options };
    const name = createHash('sha256').update(options.place).digest('hex').slice(0, 16);
    this.#path = join(options.folder, `outcomes-${name}.jsonl`);
  }

  /** @throws whatever the client raises; a cache that cannot be written is no reason to raise */
  async read(): Promise<History> {
    const cached = await this.#cached();
    const kept = cached && (await this.#isOf(cached)) ? cached : undefined;
    const events = kept?.events ?? [];
    let last = kept ? BigInt(kept.head.last) : 0n;
    let first = kept?.head.first;
    let skipped = 0;
    let looked = 0;
    for (; looked < HISTORY_READ_MAX;) {
      const messages = await this.#peek(last + 1n, PEEK_BATCH);
      if (messages.length === 0) break;
      for (const message of messages) {
        const read = readOutcome(message);
        if (read.kind === 'valid') events.push(read.event);
        else skipped++;
        const number = numberOf(message);
        first ??= String(number);
        last = number;
      }
      looked += messages.length;
      this.#options.onProgress?.(looked);
    }
    const condensed = condense(events);
    if (looked > 0 && first !== undefined)
      await this.#keep({ format: FORMAT, place: this.#options.place, first, last: String(last) }, condensed);
    return { events: condensed, skipped, more: looked >= HISTORY_READ_MAX };
  }

  /**
   * Whether the broker still counts as it did when the cache was made: the oldest message that it has is one that comes
   * after the cache, or one that the cache knows. A broker with new data begins to count anew.
   */
  async #isOf({ head, events }: { head: Head; events: readonly OutcomeEvent[] }): Promise<boolean> {
    const [oldest] = await this.#peek(1n, 1);
    if (!oldest) return true;
    const number = numberOf(oldest);
    if (number > BigInt(head.last)) return true;
    // The last message that was read tells the same of a cache whose beginning was dropped.
    const [known] = number < BigInt(head.first) ? await this.#peek(BigInt(head.last), 1) : [oldest];
    const read = known && readOutcome(known);
    if (read?.kind !== 'valid') return known !== undefined;
    const key = requestKey(read.event);
    // Progress is condensed: that it is not there says nothing.
    return outcomeOf(read.event) === 'progressed' || events.some((event) => requestKey(event) === key);
  }

  #peek(from: bigint, count: number): Promise<ServiceBusReceivedMessage[]> {
    const options: PeekMessagesOptions = { fromSequenceNumber: Long.fromString(String(from)) };
    return this.#options.receiver.peekMessages(count, options);
  }

  async #cached(): Promise<{ head: Head; events: OutcomeEvent[] } | undefined> {
    const { files, maxBytes, place } = this.#options;
    try {
      const text = await files.readText(this.#path, { maxBytes: 2 * maxBytes });
      const [first = '', ...lines] = (text ?? '').split('\n').filter((line) => line !== '');
      const head = headSchema.parse(JSON.parse(first));
      if (head.place !== place) return undefined;
      return { head, events: lines.map((line) => outcomeEventSchema.parse(JSON.parse(line))) };
    } catch {
      // None, or one of another release: it is read anew.
      return undefined;
    }
  }

  async #keep(head: Head, events: readonly OutcomeEvent[]): Promise<void> {
    const { files, maxBytes } = this.#options;
    const lines = events.map((event) => JSON.stringify(event));
    let bytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
    let dropped = 0;
    const limit = bytes > maxBytes ? maxBytes * KEPT_SHARE : maxBytes;
    while (bytes > limit) bytes -= Buffer.byteLength(lines[dropped++] ?? '') + 1;
    // What it no longer knows without a gap begins behind what was dropped: the last is sure.
    const kept = dropped > 0 ? { ...head, first: head.last } : head;
    const text = [JSON.stringify(kept), ...lines.slice(dropped), ''].join('\n');
    await files.writeAtomic(this.#path, text).catch(() => undefined);
  }
}

/** Doubles dropped by identity, and of each run's progress all but the newest report. */
function condense(events: readonly OutcomeEvent[]): OutcomeEvent[] {
  const seen = new Set<string>();
  const progress = new Map<string, OutcomeEvent>();
  for (const event of events)
    if (outcomeOf(event) === 'progressed' && event.data.runId !== undefined) progress.set(event.data.runId, event);
  return events.filter((event) => {
    const { runId } = event.data;
    if (outcomeOf(event) === 'progressed' && runId !== undefined) return progress.get(runId) === event;
    const key = requestKey(event);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function numberOf({ sequenceNumber }: ServiceBusReceivedMessage): bigint {
  return BigInt(sequenceNumber?.toString() ?? '0');
}
