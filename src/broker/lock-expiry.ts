import type { CancelTimer, Clock } from '../runtime/clock.ts';

/** Something held for a limited time: a link of the list of locks in the order in which they expire. */
export interface Expiring<T> {
  /** Monotonic milliseconds. */
  expiresAtMs: number;
  earlier: T | undefined;
  later: T | undefined;
}

/**
 * Locks of one duration. As all last equally long, the order of granting and renewing is the order of expiry: a linked list does what a heap
 * would, in constant time. One timer stands for the first.
 */
export class LockExpiry<T extends Expiring<T>> {
  readonly #clock: Clock;
  readonly #durationMs: number;
  readonly #onExpired: (lock: T) => void;
  #first: T | undefined;
  #last: T | undefined;
  #cancelTimer: CancelTimer | undefined;

  constructor(options: { clock: Clock; durationMs: number; onExpired: (lock: T) => void }) {
    this.#clock = options.clock;
    this.#durationMs = options.durationMs;
    this.#onExpired = options.onExpired;
  }

  /** Starts the lock's time. Returns when it ends, by the wall clock. */
  add(lock: T): number {
    lock.expiresAtMs = this.#clock.monotonicMs() + this.#durationMs;
    lock.earlier = this.#last;
    lock.later = undefined;
    if (this.#last) this.#last.later = lock;
    else this.#first = lock;
    this.#last = lock;
    this.#arm();
    return this.#clock.wallMs() + this.#durationMs;
  }

  renew(lock: T): number {
    this.remove(lock);
    return this.add(lock);
  }

  /** A lock that is not in the list stays out of it. */
  remove(lock: T): void {
    if (!lock.earlier && this.#first !== lock) return;
    if (lock.earlier) lock.earlier.later = lock.later;
    else this.#first = lock.later;
    if (lock.later) lock.later.earlier = lock.earlier;
    else this.#last = lock.earlier;
    lock.earlier = undefined;
    lock.later = undefined;
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#first = undefined;
    this.#last = undefined;
  }

  /** The timer may stand for a lock that is gone; it is set anew when it fires, not at every settlement. */
  #arm(): void {
    if (!this.#first || this.#cancelTimer) return;
    const delayMs = Math.max(0, this.#first.expiresAtMs - this.#clock.monotonicMs());
    this.#cancelTimer = this.#clock.after(delayMs, () => {
      this.#cancelTimer = undefined;
      const now = this.#clock.monotonicMs();
      while (this.#first && this.#first.expiresAtMs <= now) {
        const lock = this.#first;
        this.remove(lock);
        this.#onExpired(lock);
      }
      this.#arm();
    });
  }
}
