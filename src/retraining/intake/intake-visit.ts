import type { ErrorCode } from '../../errors.ts';
import { endsTrying } from '../unreached.ts';

/** How an intake that was to end by itself has ended. */
export interface IntakeOnceResult {
  /**
   * done: nothing came any more. stopped: `stop` was called. unreachable: no broker answered, or it refused; what was not done is
   * still in the queue.
   */
  readonly end: 'done' | 'stopped' | 'unreachable';
  /** Messages that left the queue, also those that were dead-lettered. */
  readonly messages: number;
  /** Requests that the broker has accepted. */
  readonly requests: number;
  /** Of `unreachable`: the last reason. */
  readonly reason?: string;
  readonly code?: ErrorCode;
}

/** Counts what all slots do during one visit, and says when one shall try no more. */
export class IntakeVisit {
  #messages = 0;
  #requests = 0;
  #trouble: Required<Pick<IntakeOnceResult, 'reason' | 'code'>> | undefined;

  requested(): void {
    this.#requests++;
  }

  settled(): void {
    this.#messages++;
  }

  /** Whether a slot that has not reached the broker so many times in a row tries no more. */
  unreached(inARow: number, { reason, code }: { reason: string; code: ErrorCode }): boolean {
    if (!endsTrying(inARow, code)) return false;
    this.#trouble ??= { reason, code };
    return true;
  }

  result({ stopped }: { stopped: boolean }): IntakeOnceResult {
    const counts = { messages: this.#messages, requests: this.#requests };
    if (this.#trouble) return { end: 'unreachable', ...this.#trouble, ...counts };
    return { end: stopped ? 'stopped' : 'done', ...counts };
  }
}
