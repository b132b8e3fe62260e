import type { Random } from '../runtime/random.ts';

export interface Backoff {
  /** Ceiling of the first delay, milliseconds. */
  readonly baseMs: number;
  /** Ceiling of every delay, milliseconds. */
  readonly maxMs: number;
}

/** Between attempts at a training: tens of seconds at first, because what fails is rarely back within one. */
export const RETRY_BACKOFF: Backoff = { baseMs: 30_000, maxMs: 3_600_000 };

/** Keeps the power a safe integer. */
const DOUBLINGS_MAX = 52;

/**
 * Exponential backoff with full jitter: the delay before try `attempt + 1`, drawn evenly from 0 to
 * `min(maxMs, baseMs * 2^(attempt - 1))` milliseconds. Full jitter spreads many that failed together best (M. Brooker,
 * "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 *
 * @param attempt how often it failed so far, 1 or more
 */
export function backoffMs(attempt: number, { baseMs, maxMs }: Backoff, random: Random): number {
  const doublings = Math.min(Math.max(1, attempt) - 1, DOUBLINGS_MAX);
  const ceilingMs = Math.min(maxMs, baseMs * 2 ** doublings);
  return Math.floor(random.fraction() * (ceilingMs + 1));
}
