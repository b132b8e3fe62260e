import type { Random } from '../runtime/random.ts';
import { backoffMs } from './backoff.ts';
import type { Backoff } from './backoff.ts';
import { describeExit, exitCodeOf } from './exit-code.ts';
import type { StoppedEvent } from './ledger.ts';
import type { Ledger, Run } from './ledger-record.ts';
import { waitingOf } from './ledger-view.ts';
import { stopEvents } from './outcome.ts';
import type { RunLimits } from './worker-sort.ts';
import type { TrainerEnd } from './trainer.ts';

export type FailedEnd = Extract<TrainerEnd, { kind: 'failed' }>;

export interface VerdictOptions {
  readonly ledger: Ledger;
  readonly run: Run;
  readonly limits: RunLimits;
  readonly backoff: Backoff;
  readonly nowMs: number;
  readonly random: Random;
}

/**
 * What becomes of a run that ended without a result that counts (`interrupted` ends are not for here: they cost nothing).
 *
 * - May be tried again: all requests come back together, after a backoff.
 * - Permanent, or the attempts are used up: a single request is dead-lettered; a merged plan is split, and its requests run
 *   again one by one at once, so that only what fails alone is dead-lettered.
 */
export function verdictOn(end: FailedEnd, options: VerdictOptions): StoppedEvent {
  const { ledger, run, limits, backoff, nowMs, random } = options;
  const attempt = end.meaning === 'killed' ? 'killed' : 'failed';
  const waiting = run.requests.map((request) => waitingOf(ledger, request));
  const failed = 1 + Math.max(...waiting.map((one) => one.failed));
  const killed = (attempt === 'killed' ? 1 : 0) + Math.max(...waiting.map((one) => one.killed));
  const givenUp = end.meaning === 'permanent' || failed >= limits.maxAttempts || killed >= limits.maxKills;
  const merged = run.requests.length > 1;
  const resolution = givenUp ? (merged ? 'split' : 'dead-letter') : 'retry';
  const code = end.exit && exitCodeOf(end.exit);
  return {
    type: 'stopped',
    atMs: nowMs,
    attempt,
    resolution,
    reason: reasonOf(end, { failed, givenUp, maxAttempts: limits.maxAttempts }),
    ...(code !== undefined && { exitCode: code }),
    ...(end.exit?.kind === 'signalled' && { signal: end.exit.signal }),
    ...(end.stderrTail !== '' && { outputTail: end.stderrTail }),
    ...(resolution === 'retry' && { retryAtMs: nowMs + backoffMs(failed, backoff, random) }),
    ...(resolution === 'split' && { retryAtMs: nowMs }),
    pendingEvents: stopEvents(resolution, run.requests),
  };
}

function reasonOf(
  { reason, exit, meaning }: FailedEnd,
  { failed, givenUp, maxAttempts }: { failed: number; givenUp: boolean; maxAttempts: number },
): string {
  const how = exit && !reason.includes(describeExit(exit)) ? `${reason} (${describeExit(exit)})` : reason;
  if (meaning === 'permanent') return `${how}; this exit is permanent`;
  return givenUp ? `${how}; attempt ${failed}, no further one is made` : `${how}; attempt ${failed} of ${maxAttempts}`;
}
