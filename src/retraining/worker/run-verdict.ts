import { RetrainError } from '../../errors.ts';
import type { Random } from '../../runtime/random.ts';
import { backoffMs } from '../backoff.ts';
import type { Backoff } from '../backoff.ts';
import { describeExit, exitCodeOf } from '../trainers/exit-code.ts';
import type { StoppedEvent } from './ledger.ts';
import type { Ledger, Run } from './ledger-record.ts';
import { waitingOf } from './ledger-view.ts';
import { stopEvents } from '../outcome.ts';
import { messageOf } from './session-errors.ts';
import type { RunLimits } from './worker-sort.ts';
import type { TrainerEnd } from '../trainers/trainer.ts';

export type FailedEnd = Extract<TrainerEnd, { kind: 'failed' }>;

export interface VerdictOptions {
  readonly ledger: Ledger;
  readonly run: Run;
  readonly limits: RunLimits;
  readonly backoff: Backoff;
  /** Minimum pause after a run, milliseconds. */
  readonly cooldownMs: number;
  readonly nowMs: number;
  readonly random: Random;
}

/** A run that counts as failed, for what was found after its trainer had ended. */
export function failedEnd(meaning: FailedEnd['meaning'], reason: string, logFile = ''): FailedEnd {
  return { kind: 'failed', meaning, reason, stderrTail: '', logFile };
}

/**
 * The end of a run whose artifact cannot be read: one that is not made of plain files and folders (a symbolic link, a
 * socket) is the trainer's fault and will be so again, a file system that fails may have recovered at the next attempt.
 */
export function unreadable(artifact: string, error: unknown, logFile?: string): FailedEnd {
  const permanent = error instanceof RetrainError && error.code === 'ARGUMENT_INVALID';
  const reason = `the artifact ${artifact} cannot be read: ${messageOf(error)}`;
  return failedEnd(permanent ? 'permanent' : 'retry', reason, logFile);
}

/**
 * What becomes of a run that ended without a result that counts (`interrupted` ends are not for here: they cost nothing).
 *
 * - May be tried again: all requests come back together, after a backoff.
 * - Permanent, or the attempts are used up: a single request is dead-lettered; a merged plan is split, and its requests run
 *   again one by one without a backoff, so that only what fails alone is dead-lettered.
 */
export function verdictOn(end: FailedEnd, options: VerdictOptions): StoppedEvent {
  const { ledger, run, limits, backoff, cooldownMs, nowMs, random } = options;
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
    ...(resolution === 'retry' && { retryAtMs: nowMs + Math.max(cooldownMs, backoffMs(failed, backoff, random)) }),
    ...(resolution === 'split' && { retryAtMs: nowMs + cooldownMs, limits }),
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
