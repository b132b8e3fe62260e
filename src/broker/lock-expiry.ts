import type { CancelTimer, Clock } from '../runtime/clock.ts';

/** Locks that expire in one turn, so that a receiver which vanishes with a hundred thousand does not stop the loop. */
const MAX_PER_TURN = 1000;

/** Something held for a limited time: a link of the list of locks in the order in which they expire. */
export interface Expiring<T> {
  /** Monotonic milliseconds. */
  expiresAtMs: number;
  earlier: T | undefined;
  later: T | undefined;
}

/**
 * Locks of one duration. As all last equally long, the order of granting and renewing is the order of expiry: a linked list does what a heap
 * would, in constant time. When the duration is changed, the place of a lock is looked for from that of the one before, so each former lock is
 * passed once, not by every new one. One timer stands for the first.
 */
export class LockExpiry<T extends Expiring<T>> {
  /** Of locks that are added or renewed from now on. */
  durationMs: number;
  readonly #clock: Clock;
  readonly #onExpired: (lock: T) => void;
  #first: T | undefined;
  /** Where the lock stands that was added last, or what stands before its place. */
  #latest: T | undefined;
  #cancelTimer: CancelTimer | undefined;
  #timerAtMs = Infinity;

  constructor(options: { clock: Clock; durationMs: number; onExpired: (lock: T) => void }) {
    this.#clock = options.clock;
    this.durationMs = options.durationMs;
    this.#onExpired = options.onExpired;
  }

  /** Starts the lock's time. Returns when it ends, by the wall clock. */
  add(lock: T): number {
    lock.expiresAtMs = this.#clock.monotonicMs() + this.durationMs;
    let earlier = this.#latest;
    while (earlier && earlier.expiresAtMs > lock.expiresAtMs) earlier = earlier.earlier;
    let later = earlier ? earlier.later : this.#first;
    while (later && later.expiresAtMs <= lock.expiresAtMs) {
      earlier = later;
      later = later.later;
    }
    this.#latest = lock;
    lock.earlier = earlier;
    lock.later = later;
    if (later) later.earlier = lock;
    if (earlier) earlier.later = lock;
    else this.#first = lock;
    this.#arm();
    return this.#clock.wallMs() + this.durationMs;
  }

  renew(lock: T): number {
    this.remove(lock);
    return this.add(lock);
  }

  /** A lock that is not in the list stays out of it. */
  remove(lock: T): void {
    if (!lock.earlier && this.#first !== lock) return;
    if (this.#latest === lock) this.#latest = lock.earlier;
    if (lock.earlier) lock.earlier.later = lock.later;
    else this.#first = lock.later;
    if (lock.later) lock.later.earlier = lock.earlier;
    lock.earlier = undefined;
    lock.later = undefined;
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#first = undefined;
    this.#latest = undefined;
  }

  /** The timer may stand for a lock that is gone; it is set anew when it fires, not at every settlement. */
  #arm(): void {
    if (!this.#first || (this.#cancelTimer && this.#timerAtMs <= this.#first.expiresAtMs)) return;
    this.#cancelTimer?.();
    this.#timerAtMs = this.#first.expiresAtMs;
    const delayMs = Math.max(0, this.#first.expiresAtMs - this.#clock.monotonicMs());
    this.#cancelTimer = this.#clock.after(delayMs, () => {
      this.#cancelTimer = undefined;
      const now = this.#clock.monotonicMs();
      for (let i = 0; i < MAX_PER_TURN; i++) {
        const lock = this.#first;
        if (!lock || lock.expiresAtMs > now) break;
        this.remove(lock);
        this.#onExpired(lock);
      }
      this.#arm();
    });
  }
}
