import { join } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../../runtime/clock.ts';
import type { Files } from '../../runtime/files.ts';
import { modelPath } from '../model-name.ts';
import { endGroup, isRunning } from './run-process.ts';
import { pruneRuns, removeCheckpoints } from './run-retention.ts';
import type { RunKeep } from './run-retention.ts';
import type { SettledPlan, TrainerRun } from './trainer.ts';

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
  /** When it was made, RFC 3339. */
  readonly madeAt: string;
}

interface RunFolderParts {
  /** Of all models. */
  readonly folder: string;
  readonly keep?: RunKeep | undefined;
  readonly files: Files;
  readonly clock: Clock;
}

const processSchema = z.object({ pid: z.int().positive(), start: z.string() });

/**
 * Makes the folder of a run. First whatever an earlier run of the model left running on this host is ended; then the newest
 * checkpoint folder of an attempt at the same plan is moved here (moved, not shared: an earlier attempt that still lives
 * somewhere no longer finds it under its name).
 */
export async function prepareRunFolder(
  run: TrainerRun,
  { folder, graceMs, keep = {}, files, clock }: RunFolderParts & { graceMs: number },
): Promise<RunFolder> {
  const models = join(folder, modelPath(run.plan.model.name));
  const earlier = await runsIn(models, files);
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
  await files.writeAtomic(mine.madeAt, new Date(clock.wallMs()).toISOString());
  await files.writeAtomic(mine.request, JSON.stringify(run.plan, undefined, 2));
  await pruneRuns(others, { before: 1, keep, files, clock });
  return mine;
}

/** The plan with this key is settled: what an attempt at it would have gone on from is removed. */
export async function settleRunFolders(
  { model, planKey }: SettledPlan,
  { folder, keep = {}, files, clock }: RunFolderParts,
): Promise<void> {
  const runs = await runsIn(join(folder, modelPath(model)), files);
  await removeCheckpoints(runs, { planKey, files });
  // One of them may have been kept for its checkpoint alone. The newest is that of the plan, if it ran here.
  const [newest] = runs.slice(-1);
  if (newest) await pruneRuns(runs.slice(0, -1), { before: 1, keep, files, clock });
}

/** The oldest first. */
async function runsIn(models: string, files: Files): Promise<RunFolder[]> {
  return (await files.list(models)).sort().map((name) => layout(join(models, name)));
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
    madeAt: join(path, 'made-at'),
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
