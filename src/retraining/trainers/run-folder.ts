import { join } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../../runtime/clock.ts';
import type { Files } from '../../runtime/files.ts';
import { modelPath } from '../model-name.ts';
import { endGroup, isRunning } from './run-process.ts';
import type { TrainerRun } from './trainer.ts';

/** Run folders that a model keeps, for their logs and artifacts; older ones are removed when a new run starts. */
export const RUN_FOLDERS_KEPT = 10;

/** Epochs in names are padded to this many digits, so that names sort as runs ran. */
const EPOCH_DIGITS = 10;

/** The files of one run: `<folder>/<model>/<epoch>-<run id>/`. */
export interface RunFolder {
  readonly path: string;
  /** The plan, for `RETRAIN_REQUEST`. */
  readonly request: string;
  /** For `RETRAIN_RESULT`. */
  readonly result: string;
  /** For `RETRAIN_OUTPUT`. */
  readonly output: string;
  /** For `RETRAIN_CHECKPOINT`. */
  readonly checkpoint: string;
  readonly log: string;
  /** Pid and start time of the trainer, there while it runs. */
  readonly process: string;
  /** The plan's key, by which the next attempt finds the checkpoint. */
  readonly planKey: string;
}

const processSchema = z.object({ pid: z.int().positive(), start: z.string() });

/**
 * Makes the folder of a run. First whatever an earlier run of the model left running on this host is ended; then the newest
 * checkpoint folder of an attempt at the same plan is moved here (moved, not shared: an earlier attempt that still lives
 * somewhere no longer finds it under its name).
 */
export async function prepareRunFolder(
  run: TrainerRun,
  { folder, graceMs, files, clock }: { folder: string; graceMs: number; files: Files; clock: Clock },
): Promise<RunFolder> {
  const models = join(folder, modelPath(run.plan.model.name));
  const earlier = (await files.list(models)).sort().map((name) => layout(join(models, name)));
  for (const old of earlier) await endLeftOver(old, { graceMs, files, clock });
  const epoch = String(run.plan.epoch).padStart(EPOCH_DIGITS, '0');
  const mine = layout(join(models, `${epoch}-${run.plan.runId}`));
  // The same run and epoch can only be here when its start was recorded but the trainer never reported back.
  const others = earlier.filter(({ path }) => path !== mine.path);
  for (const path of [mine.result, mine.output]) await files.remove(path);
  await files.makeFolder(mine.output);
  await inheritCheckpoint(mine, { planKey: run.planKey, others, files });
  await files.makeFolder(mine.checkpoint);
  await files.writeAtomic(mine.planKey, run.planKey);
  await files.writeAtomic(mine.request, JSON.stringify(run.plan, undefined, 2));
  for (const old of others.slice(0, Math.max(0, others.length + 1 - RUN_FOLDERS_KEPT))) await files.remove(old.path);
  return mine;
}

function layout(path: string): RunFolder {
  return {
    path,
    request: join(path, 'request.json'),
    result: join(path, 'result.json'),
    output: join(path, 'output'),
    checkpoint: join(path, 'checkpoint'),
    log: join(path, 'run.log'),
    process: join(path, 'process.json'),
    planKey: join(path, 'plan-key'),
  };
}

async function endLeftOver(
  old: RunFolder,
  { graceMs, files, clock }: { graceMs: number; files: Files; clock: Clock },
): Promise<void> {
  const text = await files.readText(old.process);
  if (text === undefined) return;
  const left = processSchema.safeParse(parseJson(text));
  // The start time tells a left-over trainer from a stranger that got its pid since.
  if (left.success && (await isRunning(left.data))) await endGroup(left.data.pid, { graceMs, clock });
  await files.remove(old.process);
}

async function inheritCheckpoint(
  mine: RunFolder,
  { planKey, others, files }: { planKey: string; others: readonly RunFolder[]; files: Files },
): Promise<void> {
  if ((await files.list(mine.checkpoint)).length > 0) return;
  for (const old of others.toReversed()) {
    if ((await files.readText(old.planKey)) !== planKey || (await files.list(old.checkpoint)).length === 0) continue;
    await files.remove(mine.checkpoint);
    await files.rename(old.checkpoint, mine.checkpoint);
    return;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
