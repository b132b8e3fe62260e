import { isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { RetrainError } from '../errors.ts';
import type { Files } from '../runtime/files.ts';
import { loadBirths } from './births-data.ts';
import { parseModel, serializeModel } from './births-model.ts';
import type { BirthsModel } from './births-model.ts';
import { isoDay, parseIsoDay } from './calendar.ts';
import { forecastableDays } from './features.ts';
import { challenge, cutChallenge, TRAINING_DAYS, WINDOW_DAYS } from './training.ts';
import type { Challenge } from './training.ts';

/** How the trainer's process ends: 0, or a code of BSD's sysexits.h. All but `EX_IOERR` tell the worker not to try again. */
export const EXIT_CODES = { EX_OK: 0, EX_USAGE: 64, EX_DATAERR: 65, EX_NOINPUT: 66, EX_IOERR: 74 } as const;
export type TrainerExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];

/** Days that a plan may ask for: longer than the data is as good as wrong. */
const DAYS_MAX = 20_000;
/** A plan is numbers and addresses; an artifact is a few weights. */
const INPUT_MAX_BYTES = 1024 * 1024;

/** The file below `RETRAIN_OUTPUT` that holds the challenger. */
export const ARTIFACT_NAME = 'births-model.json';

const dayCount = z.int().min(1).max(DAYS_MAX);

/** What the trainer reads of a plan; everything else in it is none of its business. */
const planSchema = z.object({
  parameters: z.object({
    /** The last day that may be looked at: in a replay the data knows the future. */
    trainUntil: z
      .string()
      .refine((text) => parseIsoDay(text) !== undefined, { error: 'use a date such as 1984-03-31' }),
    windowDays: dayCount.default(WINDOW_DAYS),
    trainingDays: dayCount.default(TRAINING_DAYS),
  }),
  champion: z.object({ artifact: z.string().min(1) }).nullish(),
});
type TrainingPlan = z.output<typeof planSchema>;

/** What a request's `parameters` carry for this trainer. */
export type TrainingParameters = TrainingPlan['parameters'];

export interface TrainingRunOptions {
  /** The process's environment: `RETRAIN_REQUEST`, `RETRAIN_RESULT` and `RETRAIN_OUTPUT` are read. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly files: Pick<Files, 'readText' | 'writeAtomic'>;
  /** Takes one line for stdout. */
  readonly print: (line: string) => void;
  /** Takes one line for stderr. */
  readonly complain: (line: string) => void;
}

/**
 * One run by the trainer contract: reads the plan, fits a challenger, measures it and the champion on the newest window,
 * writes the artifact and then the result. It never rejects; what goes wrong is one line on stderr and an exit code.
 */
export async function runTraining(options: TrainingRunOptions): Promise<TrainerExitCode> {
  try {
    await train(options);
    return EXIT_CODES.EX_OK;
  } catch (error) {
    options.complain(`births trainer: ${(error as Error).message}`);
    return error instanceof RunFailure ? error.exitCode : EXIT_CODES.EX_IOERR;
  }
}

async function train({ env, files, print }: TrainingRunOptions): Promise<void> {
  const requestFile = fromEnvironment(env, 'RETRAIN_REQUEST');
  const resultFile = fromEnvironment(env, 'RETRAIN_RESULT');
  const outputFolder = fromEnvironment(env, 'RETRAIN_OUTPUT');
  const plan = parsePlan(await readInput(files, { path: requestFile, what: 'the plan' }));
  const champion = await readChampion(plan, files);
  print(JSON.stringify({ progress: 0.1 }));
  const days = forecastableDays(loadBirths());
  print(JSON.stringify({ progress: 0.5 }));
  const cut = cutPlan(plan, days);
  const { challenger, mape } = challenge(cut, champion);
  print(JSON.stringify({ progress: 0.9 }));
  const artifact = join(outputFolder, ARTIFACT_NAME);
  await files.writeAtomic(artifact, serializeModel(challenger));
  const metrics = {
    challenger: { mape: mape.challenger },
    ...(mape.champion !== undefined && { champion: { mape: mape.champion } }),
  };
  await files.writeAtomic(resultFile, `${JSON.stringify({ metrics, artifact, notes: notesOf(cut) }, undefined, 2)}\n`);
  print(JSON.stringify({ progress: 1, metrics }));
}

function parsePlan(text: string): TrainingPlan {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new RunFailure(EXIT_CODES.EX_DATAERR, 'the plan is not JSON: send the request through the retrain worker');
  }
  const parsed = planSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new RunFailure(EXIT_CODES.EX_DATAERR, `${issue?.path.join('.') || 'the plan'} is not valid: ${issue?.message}`);
}

async function readChampion(plan: TrainingPlan, files: TrainingRunOptions['files']): Promise<BirthsModel | undefined> {
  const path = plan.champion?.artifact;
  if (path === undefined) return undefined;
  const text = await readInput(files, { path, what: "the champion's artifact" });
  return asDataError(() => parseModel(text, path));
}

function cutPlan({ parameters }: TrainingPlan, days: Parameters<typeof cutChallenge>[0]): Challenge {
  const { trainUntil, windowDays, trainingDays } = parameters;
  const until = parseIsoDay(trainUntil) as number;
  return asDataError(() => cutChallenge(days, { until, windowDays, trainingDays }));
}

async function readInput(
  files: TrainingRunOptions['files'],
  { path, what }: { path: string; what: string },
): Promise<string> {
  const text = await files.readText(path, { maxBytes: INPUT_MAX_BYTES });
  if (text === undefined)
    throw new RunFailure(
      EXIT_CODES.EX_NOINPUT,
      `${what} ${path} does not exist: keep the file until the run has ended`,
    );
  return text;
}

function fromEnvironment(env: TrainingRunOptions['env'], name: string): string {
  const path = env[name];
  if (path && isAbsolute(path)) return path;
  throw new RunFailure(
    EXIT_CODES.EX_USAGE,
    `${name} is ${path ? `the relative path ${path}` : 'not set'}: start this program through the retrain worker`,
  );
}

function notesOf({ training, evaluation }: Challenge): string {
  const span = (days: Challenge['training']): string =>
    `${days.length} days from ${isoDay(days[0]?.day ?? 0)} to ${isoDay(days.at(-1)?.day ?? 0)}`;
  return `fitted on ${span(training)}, measured on ${span(evaluation)}`;
}

/** What is wrong with the data now will be wrong with it at the next attempt. */
function asDataError<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RetrainError) throw new RunFailure(EXIT_CODES.EX_DATAERR, error.message);
    throw error;
  }
}

class RunFailure extends Error {
  readonly exitCode: TrainerExitCode;

  constructor(exitCode: TrainerExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
