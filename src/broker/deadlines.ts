import type { CancelTimer, Clock } from '../runtime/clock.ts';

/** How long a step of the wall clock may go unnoticed while something is due, in milliseconds. */
const RECHECK_MS = 1000;
/** Deadlines handled in one turn, so that a million that fall due together do not stop the loop. */
const MAX_PER_TURN = 1000;

/**
 * Messages that something happens to at a time of the wall clock: a scheduled one becomes active, a mortal one expires. A binary heap by time.
 * Entries are not taken out when their message goes; `onDue` gets slot and entry id and must check that they still belong together.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #onDue: (slot: number, entryId: number) => void;
  readonly #heap: { dueMs: number; slot: number; entryId: number }[] = [];
  #cancelTimer: CancelTimer | undefined;
  #timerDueMs = Infinity;

  constructor(clock: Clock, onDue: (slot: number, entryId: number) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  add(dueMs: number, slot: number, entryId: number): void {
    const heap = this.#heap;
    let at = heap.push({ dueMs, slot, entryId }) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if ((heap[parent] as { dueMs: number }).dueMs <= dueMs) break;
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
      this.#onDue(first.slot, first.entryId);
    }
    this.#arm();
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
        if (candidate && candidate.dueMs < (heap[lowest] as { dueMs: number }).dueMs) lowest = child;
      }
      if (lowest === at) return;
      this.#swap(at, lowest);
      at = lowest;
    }
  }

  #swap(a: number, b: number): void {
    const heap = this.#heap;
    const item = heap[a] as (typeof heap)[number];
    heap[a] = heap[b] as (typeof heap)[number];
    heap[b] = item;
  }
}
