import { RetrainError } from '../../errors.ts';
import type { ErrorCode } from '../../errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import { endsTrying } from '../unreached.ts';

/** Sessions in a row that a slot may fail at before it ends: what fails for good must not keep a job running. */
export const FAILED_SESSIONS_MAX = 5;

export interface OnceOptions {
  /**
   * Milliseconds, more than 0, after which no further session is accepted: what is under way goes on, what waits stays in the
   * queue. For jobs that the platform ends after some time. Default: no limit.
   */
  readonly acceptForMs?: number;
}

/** How a worker that was to end by itself has ended. */
export interface OnceResult {
  /**
   * done: nothing was available any more, or nothing more was to be accepted. stopped: `stop` was called. unreachable: no broker
   * answered, or it refused. failed: sessions could not be worked on; what they hold is still in the queue.
   */
  readonly end: 'done' | 'stopped' | 'unreachable' | 'failed';
  /** Sessions that were worked on; 0 when there was nothing to do. */
  readonly sessions: number;
  /** Runs that were settled, whatever became of them. */
  readonly runs: number;
  /** Of `unreachable` and `failed`: the last reason. */
  readonly reason?: string;
  readonly code?: ErrorCode;
}

/**
 * Counts what all slots do during one visit, and says when a slot shall end. A session that is another worker's is no reason
 * to end: its run may have nobody any more, and only who stays finds out.
 */
export class Visit {
  readonly #clock: Clock;
  readonly #acceptUntilMs: number;
  #sessions = 0;
  #runs = 0;
  #trouble: Pick<OnceResult, 'end' | 'reason' | 'code'> | undefined;

  /** It begins now. Raises `ARGUMENT_INVALID`. */
  constructor({ acceptForMs = Infinity, clock }: OnceOptions & { readonly clock: Clock }) {
    if (!(acceptForMs > 0))
      throw new RetrainError(
        'ARGUMENT_INVALID',
        `acceptForMs = ${acceptForMs}: use more than 0 milliseconds, otherwise no session is ever accepted`,
      );
    this.#clock = clock;
    this.#acceptUntilMs = clock.monotonicMs() + acceptForMs;
  }

  /** Whether sessions may still be accepted. */
  get accepts(): boolean {
    return this.#clock.monotonicMs() < this.#acceptUntilMs;
  }

  worked(runs: number): void {
    this.#sessions++;
    this.#runs += runs;
  }

  /** Whether a slot that has failed at so many sessions in a row ends. */
  failed(inARow: number, { reason, code }: { reason: string; code?: ErrorCode | undefined }): boolean {
    if (inARow < FAILED_SESSIONS_MAX) return false;
    this.#trouble = { end: 'failed', reason, ...(code && { code }) };
    return true;
  }

  /** Whether a slot that has not reached the broker so many times in a row ends. */
  unreached(inARow: number, { reason, code }: { reason: string; code: ErrorCode }): boolean {
    if (!endsTrying(inARow, code)) return false;
    this.#trouble ??= { end: 'unreachable', reason, code };
    return true;
  }

  result({ stopped }: { stopped: boolean }): OnceResult {
    const counts = { sessions: this.#sessions, runs: this.#runs };
    if (this.#trouble) return { ...this.#trouble, ...counts };
    return { end: stopped ? 'stopped' : 'done', ...counts };
  }
}
