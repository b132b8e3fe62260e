import { createHash } from 'node:crypto';
import { RetrainError } from '../../errors.ts';
import { pause } from '../../runtime/clock.ts';
import { backoffMs } from '../backoff.ts';
import type { Challenger } from '../registries/registry.ts';
import { isRemote } from '../trainers/run-result.ts';
import type { RunResult } from '../trainers/run-result.ts';
import type { StartedRun } from './ledger-record.ts';
import { failedEnd, unreadable } from './run-verdict.ts';
import type { FailedEnd } from './run-verdict.ts';
import { messageOf } from './session-errors.ts';
import type { WorkerContext } from './worker-context.ts';

/** Between tries to keep a result: a registry that cannot be reached must not cost a training of hours. */
const KEEP_BACKOFF = { baseMs: 2_000, maxMs: 60_000 };
/** With the backoff above, half an hour on the average. */
export const KEEP_TRIES_MAX = 64;

export interface TrainedResult {
  readonly model: string;
  readonly run: StartedRun;
  readonly result: RunResult;
  readonly logFile: string;
  /** Epoch of the champion that the trainer was given, 0 for none. */
  readonly championEpoch: number;
  /** Aborts when the session is lost. */
  readonly lost: AbortSignal;
}

export type Keeping =
  | { readonly kind: 'kept'; readonly challenger: Challenger }
  /** The champion is of the run's epoch or a later one: whatever it trained, it cannot be promoted. */
  | { readonly kind: 'fenced'; readonly reason: string }
  | { readonly kind: 'failed'; readonly end: FailedEnd };

/**
 * Has the registry keep what a run has trained, so that from the ledger's `trained` on no other host has to train again. A
 * registry that fails is asked again, while the session is held; raises its error when the worker is to stop meanwhile.
 */
export async function keepResult(context: WorkerContext, trained: TrainedResult): Promise<Keeping> {
  const { model, run, result, logFile, championEpoch, lost } = trained;
  const { artifact, metrics } = result;
  let digest: string | undefined;
  try {
    digest = await digestOf(context, artifact);
  } catch (error) {
    return { kind: 'failed', end: unreadable(artifact, error, logFile) };
  }
  if (digest === undefined) {
    const reason = `the artifact ${artifact} that the trainer names does not exist`;
    return { kind: 'failed', end: failedEnd('retry', reason, logFile) };
  }
  const { runId, epoch } = run;
  const stop = AbortSignal.any([lost, context.shutdown]);
  for (let tries = 1; ; tries++)
    try {
      const kept = await context.registry.keep(model, { runId, epoch, artifact, digest, metrics, championEpoch });
      return { kind: 'kept', challenger: kept };
    } catch (error) {
      const code = error instanceof RetrainError ? error.code : undefined;
      if (code === 'REGISTRY_CONFLICT') return { kind: 'fenced', reason: messageOf(error) };
      if (code === 'ARGUMENT_INVALID') return { kind: 'failed', end: unreadable(artifact, error, logFile) };
      const reason = `its result cannot be kept: ${messageOf(error)}`;
      if (code === 'TRAINER_FAILED' || tries >= KEEP_TRIES_MAX)
        return { kind: 'failed', end: failedEnd('retry', reason, logFile) };
      const retryInMs = backoffMs(tries, KEEP_BACKOFF, context.random);
      context.log({ fact: 'registry-failed', model, runId, reason, retryInMs });
      await pause(context.clock, retryInMs, stop);
      if (stop.aborted) throw error;
    }
}

/** Of what is elsewhere, the address stands for the bytes. */
async function digestOf({ files }: WorkerContext, artifact: string): Promise<string | undefined> {
  if (isRemote(artifact)) return createHash('sha256').update(artifact).digest('hex');
  return files.digest(artifact);
}
