import { join } from 'node:path';
import type { Clock } from '../../runtime/clock.ts';
import type { Files } from '../../runtime/files.ts';

/** Run folders that a model keeps, for their logs and artifacts. */
export const RUN_FOLDERS_KEPT = 10;
/** Bytes that they may take together. */
export const RUN_BYTES_KEPT = 10 * 1024 ** 3;
/** How long each is kept, milliseconds. */
export const RUN_AGE_KEPT_MS = 90 * 24 * 3600 * 1000;
/** Checkpoints of plans that wait for another attempt, beyond the run folders that are kept whole. */
export const OPEN_CHECKPOINTS_MAX = 20;

/** What a model's run folders may take; the newest are kept. Defaults: 10 runs, 10 GiB, 90 days. */
export interface RunKeep {
  readonly runs?: number;
  readonly bytes?: number;
  /** Milliseconds. */
  readonly ageMs?: number;
}

/** What is looked at in a run folder. */
export interface KeptRun {
  readonly path: string;
  readonly checkpoint: string;
  readonly planKey: string;
  readonly madeAt: string;
}

interface Parts {
  readonly keep: RunKeep;
  readonly files: Files;
  readonly clock: Clock;
}

/**
 * Removes what is beyond the limits, the oldest first; of none of these runs anything may be running. A checkpoint is kept
 * longer than its folder: its plan has a clone that waits, however many runs come in between. Once the plan is settled,
 * `removeCheckpoints` takes it away, so that a checkpoint that is still there may be asked for.
 *
 * @param runs of one model, the oldest first
 * @param before runs that count without being looked at: the one that begins now
 */
export async function pruneRuns(
  runs: readonly KeptRun[],
  { before, ...parts }: Parts & { before: number },
): Promise<void> {
  const { keep, files, clock } = parts;
  const { runs: most = RUN_FOLDERS_KEPT, bytes: mostBytes = RUN_BYTES_KEPT, ageMs = RUN_AGE_KEPT_MS } = keep;
  let [kept, bytes, checkpoints] = [before, 0, 0];
  for (const run of runs.toReversed()) {
    const age = clock.wallMs() - (await madeAtMs(run, files));
    bytes += (await files.size(run.path)) ?? 0;
    kept++;
    if (kept <= most && bytes <= mostBytes && age <= ageMs) continue;
    const open = age <= ageMs && (await files.list(run.checkpoint)).length > 0;
    if (open && ++checkpoints <= OPEN_CHECKPOINTS_MAX) await keepCheckpointAlone(run, files);
    else await files.remove(run.path);
  }
}

/** The plan is settled: no attempt goes on from its checkpoints any more. */
export async function removeCheckpoints(
  runs: readonly KeptRun[],
  { planKey, files }: { planKey: string; files: Files },
): Promise<void> {
  for (const run of runs) if ((await files.readText(run.planKey)) === planKey) await files.remove(run.checkpoint);
}

/** A folder without a time was made by an earlier release, or is being made: its age is not known. */
async function madeAtMs({ madeAt }: KeptRun, files: Files): Promise<number> {
  const at = Date.parse((await files.readText(madeAt)) ?? '');
  return Number.isNaN(at) ? Infinity : at;
}

async function keepCheckpointAlone({ path, checkpoint, planKey, madeAt }: KeptRun, files: Files): Promise<void> {
  const kept = new Set([checkpoint, planKey, madeAt]);
  for (const name of await files.list(path)) {
    const entry = join(path, name);
    if (!kept.has(entry)) await files.remove(entry);
  }
}
