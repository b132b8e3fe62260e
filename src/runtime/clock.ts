/** Cancels a timer; calling it again, or after the timer fired, does nothing. */
export type CancelTimer = () => void;

/**
 * Time as a parameter. Production passes `systemClock`, tests pass a clock that they move by hand.
 *
 * Locks and timers use `monotonicMs`, which never goes back; expiry dates and schedules use `wallMs`, which may step when
 * somebody sets the machine's clock.
 */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  wallMs(): number;
  /** Milliseconds since an arbitrary origin. */
  monotonicMs(): number;
  /** Calls `callback` once, `delayMs` milliseconds (0 or more) of monotonic time from now. */
  after(delayMs: number, callback: () => void): CancelTimer;
  /** Calls `callback` once, when everything that is ready in this turn of the event loop has been handled. */
  soon(callback: () => void): void;
}

/** The longest delay a Node timer takes; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, callback) {
    let timer: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      timer =
        leftMs > MAX_TIMER_MS
          ? setTimeout(() => arm(leftMs - MAX_TIMER_MS), MAX_TIMER_MS)
          : setTimeout(callback, Math.max(0, leftMs));
    };
    arm(delayMs);
    return () => clearTimeout(timer);
  },
  soon: (callback) => void setImmediate(callback),
};

/** Resolves after `delayMs` of the clock's time, or at once when `signal` aborts. It never rejects. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const finish = (): void => {
      cancel();
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const cancel = clock.after(delayMs, finish);
    signal?.addEventListener('abort', finish, { once: true });
  });
}
