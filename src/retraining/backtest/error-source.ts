import type { Metrics } from '../gate.ts';

/** A model of which errors are known or assumed; what it is, only its source knows. */
export interface TrainedModel {
  /** With what was known until then, milliseconds since 1970. */
  readonly trainedAtMs: number;
}

/** The newest observations on which challenger and champion are compared: positions in `times`, `to` not included. */
export interface GateWindow {
  readonly from: number;
  readonly to: number;
}

/**
 * What the error of a model that is retrained at some time would have been: the one thing that a backtest cannot know from the
 * history of a single model. Each implementation says in `assumption` where it takes that from.
 */
export interface ErrorSource<Model extends TrainedModel = TrainedModel> {
  /** One or two sentences for people: what the numbers rest on. */
  readonly assumption: string;
  /** When there were observations, in order, milliseconds since 1970. */
  readonly times: readonly number[];
  /** The model that served at the beginning. */
  readonly first: Model;
  /** Trains with what was known at `atMs`; undefined when nothing newer than `champion` can be had. */
  train(atMs: number, champion: Model): Promise<Model | undefined>;
  /** The error of the model at `times[index]`; undefined when it is not known. */
  errorOf(model: Model, index: number): number | undefined;
  /**
   * What the trainer would have told the gate: both models on the newest window, on which the challenger was not fitted. Undefined when that is
   * not known; the challenger is promoted then.
   */
  compare(challenger: Model, champion: Model, window: GateWindow): { challenger: number; champion: number } | undefined;
}

export type GateNumbers = NonNullable<ReturnType<ErrorSource['compare']>>;

/** The numbers as a trainer reports them. */
export function gateMetrics(metric: string, { challenger, champion }: GateNumbers): Metrics {
  return { challenger: { [metric]: challenger }, champion: { [metric]: champion } };
}

/** The mean of what is known; undefined when nothing is. */
export function meanOf(values: Iterable<number | undefined>): number | undefined {
  let sum = 0;
  let count = 0;
  for (const value of values) {
    if (value === undefined) continue;
    sum += value;
    count += 1;
  }
  return count === 0 ? undefined : sum / count;
}

export function* range(from: number, to: number): Generator<number> {
  for (let index = from; index < to; index += 1) yield index;
}

/** How many of `times`, which are in order, are at or before `timeMs`. */
export function countUntil(times: readonly number[], timeMs: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle] ?? Infinity) <= timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
