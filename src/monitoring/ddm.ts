import { z } from 'zod';
import { RetrainError } from '../errors.ts';
import { checkedOptions } from './checked-options.ts';
import { RunningMean } from './running-mean.ts';
import { parseState, stateHead } from './stored-state.ts';
import { notJudged } from './streaming-detector.ts';
import type { StreamingDetector, StreamingVerdict } from './streaming-detector.ts';

export const DDM = 'ddm';

export const ddmOptionsSchema = z.strictObject({
  warmStart: z.int().min(1).max(1_000_000).default(30).describe('Values before it begins to judge.'),
  warningThreshold: z
    .number()
    .positive()
    .max(1_000)
    .default(2)
    .describe('A rise of the error rate by so many of its least standard deviations is a warning.'),
  driftThreshold: z
    .number()
    .positive()
    .max(1_000)
    .default(3)
    .describe('A rise of the error rate by so many of its least standard deviations is a drift.'),
});

/** Options of DDM; what is left out has River's default. */
export type DdmOptions = z.input<typeof ddmOptionsSchema>;

const STATE_SCHEMA = 'retrain.ddm';
const STATE_VERSION = 1;

const stateSchema = z.strictObject({
  ...stateHead(STATE_SCHEMA, STATE_VERSION),
  count: z.int().min(0),
  /** The error rate so far. */
  mean: z.number().min(0).max(1),
  /** The rate and its standard deviation when their sum was least; null while nothing is judged. */
  least: z.strictObject({ rate: z.number().min(0).max(1), deviation: z.number().min(0).max(1) }).nullable(),
});

export type DdmState = z.output<typeof stateSchema>;

/**
 * DDM (Gama et al., 2004): the error rate of a classifier that learned its task should only fall. When rate and standard deviation are
 * above their least sum by enough, it warns, then reports a drift; always upwards. It agrees with River's `drift.binary.DDM`.
 *
 * Values are 1 for a wrong prediction and 0 for a right one. `statistic` is rate plus standard deviation, `threshold` the limit for a
 * drift; both are rates.
 */
export class Ddm implements StreamingDetector {
  readonly detector = DDM;
  readonly #options: z.output<typeof ddmOptionsSchema>;
  #rate = new RunningMean();
  #least: { rate: number; deviation: number } | undefined;

  /** @throws RetrainError `ARGUMENT_INVALID` naming the option, its value and the limit. */
  constructor(options: DdmOptions = {}) {
    this.#options = checkedOptions(ddmOptionsSchema, DDM, options);
  }

  /** @throws RetrainError `DATA_VERSION` or `DATA_CORRUPT` for what is not a state of this detector. */
  static restore(options: DdmOptions, state: unknown): Ddm {
    const restored = new Ddm(options);
    const kept = parseState(stateSchema, STATE_VERSION, 'DDM', state);
    restored.#rate = new RunningMean(kept);
    restored.#least = kept.least ?? undefined;
    return restored;
  }

  toJSON(): DdmState {
    return {
      schema: STATE_SCHEMA,
      version: STATE_VERSION,
      count: this.#rate.count,
      mean: this.#rate.mean,
      least: this.#least ? { ...this.#least } : null,
    };
  }

  /** @throws RetrainError `ARGUMENT_INVALID` for a value other than 0 and 1. */
  update(value: number): StreamingVerdict {
    if (value !== 0 && value !== 1)
      throw new RetrainError(
        'ARGUMENT_INVALID',
        `value is ${value}, for ${DDM} it must be 0 (right) or 1 (wrong): use another detector for errors with a size`,
      );
    this.#rate.add(value);
    const { mean, count } = this.#rate;
    // Rounding may leave a rate a little outside of 0 to 1.
    const deviation = Math.sqrt(Math.max(0, mean * (1 - mean)) / count);
    const { warmStart, warningThreshold, driftThreshold } = this.#options;
    if (count <= warmStart) return notJudged({ mean, count });
    const statistic = mean + deviation;
    const before = this.#least;
    const least = before && statistic > before.rate + before.deviation ? before : { rate: mean, deviation };
    this.#least = least;
    const threshold = least.rate + driftThreshold * least.deviation;
    const drift = statistic > threshold;
    const warning = !drift && statistic > least.rate + warningThreshold * least.deviation;
    if (drift) this.#startAfresh();
    return { drift, warning, direction: drift ? 'up' : undefined, statistic, threshold, mean, count };
  }

  #startAfresh(): void {
    this.#rate = new RunningMean();
    this.#least = undefined;
  }
}
