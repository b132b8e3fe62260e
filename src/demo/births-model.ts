import { z } from 'zod';
import { RetrainError } from '../errors.ts';
import { isoDay } from './calendar.ts';
import { FEATURES } from './features.ts';
import type { BirthDay } from './features.ts';
import { fitRidge } from './ridge.ts';

const ARTIFACT_SCHEMA = 'retrain.demo.births-model';
const ARTIFACT_VERSION = 1;

const artifactSchema = z.strictObject({
  schema: z.literal(ARTIFACT_SCHEMA),
  version: z.literal(ARTIFACT_VERSION),
  features: z.array(z.string()),
  weights: z.array(z.number()),
  lambda: z.number().positive(),
  trained: z.strictObject({ from: z.iso.date(), to: z.iso.date(), days: z.int().positive() }),
});

/** A fitted forecaster; exactly what its artifact, a JSON file, holds. `trained` names the first and the last day it was fitted on. */
export type BirthsModel = z.output<typeof artifactSchema>;

/** Light: it only has to steady the weights of the holidays, of which three years show three each. */
const LAMBDA = 1;

/** @throws RetrainError `ARGUMENT_INVALID` when `days` is empty. */
export function fitBirthsModel(days: readonly BirthDay[]): BirthsModel {
  const weights = fitRidge({
    rows: days.map(({ row }) => row),
    targets: days.map(({ logRatio }) => logRatio),
    lambda: LAMBDA,
  });
  return {
    schema: ARTIFACT_SCHEMA,
    version: ARTIFACT_VERSION,
    features: [...FEATURES],
    weights,
    lambda: LAMBDA,
    trained: { from: isoDay(days[0]?.day ?? 0), to: isoDay(days.at(-1)?.day ?? 0), days: days.length },
  };
}

/** Births that the model expects on the day, one day ahead. */
export function forecast(model: BirthsModel, { row, level }: BirthDay): number {
  let logRatio = 0;
  for (let column = 0; column < row.length; column += 1)
    logRatio += (model.weights[column] as number) * (row[column] as number);
  return Math.exp(logRatio) * level;
}

/** In percent of what happened. */
export function absolutePercentageError(model: BirthsModel, day: BirthDay): number {
  return (100 * Math.abs(forecast(model, day) - day.births)) / day.births;
}

/** Mean absolute percentage error of one-day-ahead forecasts, in percent; NaN for no days. */
export function mape(model: BirthsModel, days: readonly BirthDay[]): number {
  let sum = 0;
  for (const day of days) sum += absolutePercentageError(model, day);
  return sum / days.length;
}

export function serializeModel(model: BirthsModel): string {
  return `${JSON.stringify(model, undefined, 2)}\n`;
}

/**
 * Reads an artifact. `origin` (a path) goes into the messages.
 *
 * @throws RetrainError `DATA_VERSION` for an artifact of another version, `DATA_CORRUPT` for anything else that is not one,
 * also for one with other features than this release computes.
 */
export function parseModel(text: string, origin: string): BirthsModel {
  const corrupt = (what: string): RetrainError =>
    new RetrainError('DATA_CORRUPT', `the artifact ${origin} ${what}: train it again`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw corrupt('is not JSON');
  }
  const version = (value as { version?: unknown } | null)?.version;
  if (typeof version === 'number' && version !== ARTIFACT_VERSION)
    throw new RetrainError(
      'DATA_VERSION',
      `the artifact ${origin} has version ${version}, this release reads ${ARTIFACT_VERSION}: train it again`,
    );
  const parsed = artifactSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw corrupt(`is not valid at ${issue?.path.join('.') || 'the top'} (${issue?.message})`);
  }
  const { features, weights } = parsed.data;
  if (features.join() !== FEATURES.join() || weights.length !== FEATURES.length)
    throw corrupt(`has the features ${features.join(', ').slice(0, 200)} instead of those of this release`);
  return parsed.data;
}
