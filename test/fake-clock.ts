import type { CancelTimer, Clock } from '../src/runtime/clock.ts';

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A clock that stands still until the test moves it. `step` moves only the wall clock, as setting a machine's clock does. */
export class FakeClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;
  #order = 0;
  readonly #timers = new Set<Timer>();

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#wallMs = startMs;
  }

  wallMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, callback: () => void): CancelTimer {
    const timer: Timer = { dueMs: this.#monotonicMs + Math.max(0, delayMs), order: this.#order++, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  soon(callback: () => void): void {
    this.after(0, callback);
  }

  /** Timers that are armed. */
  get armed(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer is due, or undefined when none is armed. */
  nextDueMs(): number | undefined {
    const timer = this.#next();
    return timer && timer.dueMs - this.#monotonicMs;
  }

  /** Moves both clocks and fires what falls due on the way, in order of due time. */
  advance(ms: number): void {
    const end = this.#monotonicMs + ms;
    for (let timer = this.#next(); timer && timer.dueMs <= end; timer = this.#next()) {
      this.#move(timer.dueMs - this.#monotonicMs);
      this.#timers.delete(timer);
      timer.callback();
    }
    this.#move(end - this.#monotonicMs);
  }

  /** Steps the wall clock by `ms` (negative: back) and leaves the monotonic one alone. */
  step(ms: number): void {
    this.#wallMs += ms;
  }

  /** Forgets every armed timer, as the death of the process does. */
  dropTimers(): void {
    this.#timers.clear();
  }

  #move(ms: number): void {
    this.#monotonicMs += ms;
    this.#wallMs += ms;
  }

  #next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (!first || timer.dueMs < first.dueMs || (timer.dueMs === first.dueMs && timer.order < first.order))
        first = timer;
    }
    return first;
  }
}
