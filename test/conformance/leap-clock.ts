import { systemClock } from '../../src/runtime/clock.ts';
import type { CancelTimer, Clock } from '../../src/runtime/clock.ts';

interface Timer {
  readonly dueMs: number;
  readonly callback: () => void;
  cancel: CancelTimer;
}

/** Longer than the shortest timer, so that it fires behind all that are due. */
const AFTER_DUE_MS = 3;

/** Real time that can leap ahead: a lock of a minute expires in a test of a second, while sockets work as ever. */
export class LeapClock implements Clock {
  readonly #timers = new Set<Timer>();
  #aheadMs = 0;

  wallMs(): number {
    return systemClock.wallMs() + this.#aheadMs;
  }

  monotonicMs(): number {
    return systemClock.monotonicMs() + this.#aheadMs;
  }

  after(delayMs: number, callback: () => void): CancelTimer {
    const timer: Timer = { dueMs: this.monotonicMs() + delayMs, callback, cancel: () => undefined };
    this.#timers.add(timer);
    this.#arm(timer);
    return () => {
      this.#timers.delete(timer);
      timer.cancel();
    };
  }

  soon(callback: () => void): void {
    systemClock.soon(callback);
  }

  /** Moves both clocks ahead, and resolves when what fell due has fired, in order. */
  leap(ms: number): Promise<void> {
    this.#aheadMs += ms;
    for (const timer of [...this.#timers].sort((a, b) => a.dueMs - b.dueMs)) {
      timer.cancel();
      this.#arm(timer);
    }
    return new Promise((resolve) => systemClock.after(AFTER_DUE_MS, resolve));
  }

  #arm(timer: Timer): void {
    timer.cancel = systemClock.after(timer.dueMs - this.monotonicMs(), () => {
      this.#timers.delete(timer);
      timer.callback();
    });
  }
}
