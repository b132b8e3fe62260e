import type { CancelTimer, Clock } from '../runtime/clock.ts';

/** How long a step of the wall clock may go unnoticed while something is due, in milliseconds. */
const RECHECK_MS = 1000;
/** Deadlines handled in one turn, so that a million that fall due together do not stop the loop. */
const MAX_PER_TURN = 1000;
/** Entries before stale ones are looked for. */
const FIRST_SWEEP = 1024;

interface Deadline {
  readonly dueMs: number;
  readonly slot: number;
  readonly entryId: number;
}

/** What is due at the same time goes by the order of its entries, which is that of the sequence numbers. */
function inOrder(a: Deadline, b: Deadline): number {
  return a.dueMs - b.dueMs || a.entryId - b.entryId;
}

/**
 * Messages that something happens to at a time of the wall clock: a scheduled one becomes active, a mortal one expires. A binary heap by time.
 * Entries stay when their message goes; those that are not current any more are thrown out together whenever the heap has doubled.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #onDue: (slot: number) => void;
  readonly #isCurrent: (slot: number, entryId: number) => boolean;
  #heap: Deadline[] = [];
  #cancelTimer: CancelTimer | undefined;
  #timerDueMs = Infinity;
  #sweepAt = FIRST_SWEEP;

  constructor(options: {
    clock: Clock;
    /** Whether the message of this entry is still in this slot. */
    isCurrent: (slot: number, entryId: number) => boolean;
    onDue: (slot: number) => void;
  }) {
    this.#clock = options.clock;
    this.#isCurrent = options.isCurrent;
    this.#onDue = options.onDue;
  }

  get size(): number {
    return this.#heap.length;
  }

  add(dueMs: number, slot: number, entryId: number): void {
    if (this.#heap.length >= this.#sweepAt) this.#sweep();
    const heap = this.#heap;
    const added: Deadline = { dueMs, slot, entryId };
    let at = heap.push(added) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (inOrder(heap[parent] as Deadline, added) <= 0) break;
      this.#swap(at, parent);
      at = parent;
    }
    this.#arm();
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#heap.length = 0;
  }

  #arm(): void {
    const first = this.#heap[0];
    if (!first || (this.#cancelTimer && this.#timerDueMs <= first.dueMs)) return;
    this.#cancelTimer?.();
    this.#timerDueMs = first.dueMs;
    const delayMs = Math.min(RECHECK_MS, Math.max(0, first.dueMs - this.#clock.wallMs()));
    this.#cancelTimer = this.#clock.after(delayMs, () => this.#fire());
  }

  #fire(): void {
    this.#cancelTimer = undefined;
    const now = this.#clock.wallMs();
    for (let i = 0; i < MAX_PER_TURN; i++) {
      const first = this.#heap[0];
      if (!first || first.dueMs > now) break;
      this.#removeFirst();
      if (this.#isCurrent(first.slot, first.entryId)) this.#onDue(first.slot);
    }
    this.#arm();
  }

  /** A sorted array is a heap. */
  #sweep(): void {
    this.#heap = this.#heap.filter(({ slot, entryId }) => this.#isCurrent(slot, entryId));
    this.#heap.sort(inOrder);
    this.#sweepAt = Math.max(FIRST_SWEEP, this.#heap.length * 2);
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    heap[0] = last;
    for (let at = 0; ;) {
      let lowest = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        const candidate = heap[child];
        if (candidate && inOrder(candidate, heap[lowest] as Deadline) < 0) lowest = child;
      }
      if (lowest === at) return;
      this.#swap(at, lowest);
      at = lowest;
    }
  }

  #swap(a: number, b: number): void {
    const heap = this.#heap;
    const item = heap[a] as Deadline;
    heap[a] = heap[b] as Deadline;
    heap[b] = item;
  }
}
