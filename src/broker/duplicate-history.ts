import { hash } from 'node:crypto';

/** Message ids that a queue remembers at most; beyond it sends are refused as busy, the window is never shortened. */
export const MAX_REMEMBERED_IDS = 8_000_000;

/** The window is forgotten an eighth at a time, so a whole part is dropped at once instead of id by id. */
const PARTS = 8;
const WORDS = 4;
const FIRST_CAPACITY = 64;
const MAX_LOAD = 0.85;

/**
 * A set of hashes with times: open addressing over 16-byte places, 96 bits of hash and 32 bits of time (milliseconds since the set's start,
 * plus one; zero marks a free place). Below 24 bytes an id when large.
 */
class HashSet {
  #words = new Uint32Array(FIRST_CAPACITY * WORDS);
  #capacity = FIRST_CAPACITY;
  count = 0;

  /** Milliseconds after the start, or undefined when the hash is unknown. */
  find(digest: Buffer): number | undefined {
    const words = this.#words;
    for (let place = digest.readUInt32LE(0) % this.#capacity; ; place = place + 1 === this.#capacity ? 0 : place + 1) {
      const at = place * WORDS;
      const time = words[at + 3] as number;
      if (time === 0) return undefined;
      if (
        words[at] === digest.readUInt32LE(0) &&
        words[at + 1] === digest.readUInt32LE(4) &&
        words[at + 2] === digest.readUInt32LE(8)
      )
        return time - 1;
    }
  }

  add(digest: Buffer, afterMs: number): void {
    if (this.count + 1 > this.#capacity * MAX_LOAD) this.#grow();
    this.#put(digest.readUInt32LE(0), digest.readUInt32LE(4), digest.readUInt32LE(8), afterMs + 1);
    this.count++;
  }

  #put(a: number, b: number, c: number, time: number): void {
    const words = this.#words;
    let place = a % this.#capacity;
    while (words[place * WORDS + 3] !== 0) place = place + 1 === this.#capacity ? 0 : place + 1;
    words.set([a, b, c, time], place * WORDS);
  }

  #grow(): void {
    const old = this.#words;
    this.#capacity = Math.ceil(this.#capacity * 1.4);
    this.#words = new Uint32Array(this.#capacity * WORDS);
    for (let at = 0; at < old.length; at += WORDS) {
      if (old[at + 3] !== 0)
        this.#put(old[at] as number, old[at + 1] as number, old[at + 2] as number, old[at + 3] as number);
    }
  }
}

interface Part {
  /** The record that all items of this part belong to. */
  readonly recordId: number;
  readonly startMs: number;
  /** Time of the last id; the span of the part may have been another one then. */
  lastMs: number;
  readonly hashes: HashSet;
}

/**
 * The message ids of a queue's duplicate detection window. It only answers and remembers; the queue writes the records. Times are the queue's
 * enqueued times, which never go back.
 */
export class DuplicateHistory {
  readonly #key: Buffer;
  #windowMs: number;
  #spanMs: number;
  #parts: Part[] = [];
  #count = 0;

  constructor(options: { key: Buffer; windowMs: number }) {
    this.#key = options.key;
    this.#windowMs = options.windowMs;
    this.#spanMs = Math.ceil(options.windowMs / PARTS);
  }

  get count(): number {
    return this.#count;
  }

  /** What is remembered already counts for the new window, too. */
  setWindow(windowMs: number): void {
    this.#windowMs = windowMs;
    this.#spanMs = Math.ceil(windowMs / PARTS);
  }

  /** 12 bytes that stand for a message id. */
  digest(messageId: string): Buffer {
    return hash('sha256', Buffer.concat([this.#key, Buffer.from(messageId)]), 'buffer').subarray(0, 12);
  }

  has(digest: Buffer, nowMs: number): boolean {
    for (const part of this.#parts) {
      const afterMs = part.hashes.find(digest);
      if (afterMs !== undefined && part.startMs + afterMs + this.#windowMs > nowMs) return true;
    }
    return false;
  }

  /** The part that an id of `timeMs` belongs to, or undefined when it is to be opened. */
  partFor(timeMs: number): number | undefined {
    const last = this.#parts.at(-1);
    return last && timeMs < last.startMs + this.#spanMs ? last.recordId : undefined;
  }

  open(recordId: number, startMs: number): void {
    this.#parts.push({ recordId, startMs, lastMs: startMs, hashes: new HashSet() });
  }

  add(options: { partId: number; digest: Buffer; timeMs: number }): void {
    const part = this.#parts.findLast((candidate) => candidate.recordId === options.partId);
    if (!part) return;
    part.hashes.add(options.digest, Math.max(0, options.timeMs - part.startMs));
    part.lastMs = Math.max(part.lastMs, options.timeMs);
    this.#count++;
  }

  /** Forgets the parts that lie wholly before the window and returns their records, which are to be killed. */
  prune(nowMs: number): number[] {
    const isOver = (part: Part): boolean => part.lastMs + this.#windowMs <= nowMs;
    const over = this.#parts.filter(isOver);
    if (over.length === 0) return [];
    this.#parts = this.#parts.filter((part) => !isOver(part));
    for (const part of over) this.#count -= part.hashes.count;
    return over.map((part) => part.recordId);
  }
}
