import { z } from 'zod';
import { checkedOptions } from './checked-options.ts';
import { RunningMean } from './running-mean.ts';
import { parseState, stateHead } from './stored-state.ts';
import { checkValue, notJudged } from './streaming-detector.ts';
import type { DriftDirection, StreamingDetector, StreamingVerdict } from './streaming-detector.ts';

export const PAGE_HINKLEY = 'page-hinkley';

export const pageHinkleyOptionsSchema = z.strictObject({
  minInstances: z.int().min(1).max(1_000_000).default(30).describe('Values after which it begins to judge.'),
  delta: z
    .number()
    .min(0)
    .max(1e100)
    .default(0.005)
    .describe("Deviation from the mean that is tolerated at every value, in the value's unit."),
  threshold: z
    .number()
    .positive()
    .max(1e100)
    .default(50)
    .describe(
      "Limit for the accumulated deviation (lambda), in the value's unit: lower finds changes sooner, and more of them.",
    ),
  alpha: z
    .number()
    .positive()
    .max(1)
    .default(0.9999)
    .describe('What is kept of the accumulated deviation at every value.'),
  mode: z.enum(['up', 'down', 'both']).default('both').describe('Which changes of the mean count.'),
});

/** Options of Page-Hinkley; what is left out has River's default. */
export type PageHinkleyOptions = z.input<typeof pageHinkleyOptionsSchema>;

const STATE_SCHEMA = 'retrain.page-hinkley';
const STATE_VERSION = 1;

const stateSchema = z.strictObject({
  ...stateHead(STATE_SCHEMA, STATE_VERSION),
  count: z.int().min(0),
  mean: z.number(),
  sumIncrease: z.number(),
  sumDecrease: z.number(),
  /** Null before the first value. */
  minIncrease: z.number().nullable(),
  maxDecrease: z.number(),
});

export type PageHinkleyState = z.output<typeof stateSchema>;

/** River's start for the largest decreasing sum; the first value replaces it. */
const MAX_DECREASE_START = -1;

/**
 * Page-Hinkley: accumulates how far values are from their mean so far, and reports when the sum has moved by `threshold` from
 * its lowest (upwards) or highest (downwards) point. It agrees with River's `drift.PageHinkley`.
 *
 * `statistic` is the larger of the sums that `mode` looks at, in the value's unit.
 */
export class PageHinkley implements StreamingDetector {
  readonly detector = PAGE_HINKLEY;
  readonly #options: z.output<typeof pageHinkleyOptionsSchema>;
  #mean = new RunningMean();
  #sumIncrease = 0;
  #sumDecrease = 0;
  #minIncrease = Infinity;
  #maxDecrease = MAX_DECREASE_START;

  /** @throws RetrainError `ARGUMENT_INVALID` naming the option, its value and the limit. */
  constructor(options: PageHinkleyOptions = {}) {
    this.#options = checkedOptions(pageHinkleyOptionsSchema, PAGE_HINKLEY, options);
  }

  /** @throws RetrainError `DATA_VERSION` or `DATA_CORRUPT` for what is not a state of this detector. */
  static restore(options: PageHinkleyOptions, state: unknown): PageHinkley {
    const restored = new PageHinkley(options);
    const kept = parseState(stateSchema, STATE_VERSION, 'Page-Hinkley', state);
    restored.#mean = new RunningMean(kept);
    restored.#sumIncrease = kept.sumIncrease;
    restored.#sumDecrease = kept.sumDecrease;
    restored.#minIncrease = kept.minIncrease ?? Infinity;
    restored.#maxDecrease = kept.maxDecrease;
    return restored;
  }

  toJSON(): PageHinkleyState {
    return {
      schema: STATE_SCHEMA,
      version: STATE_VERSION,
      count: this.#mean.count,
      mean: this.#mean.mean,
      sumIncrease: this.#sumIncrease,
      sumDecrease: this.#sumDecrease,
      minIncrease: this.#mean.count === 0 ? null : this.#minIncrease,
      maxDecrease: this.#maxDecrease,
    };
  }

  update(value: number): StreamingVerdict {
    checkValue(value);
    const { alpha, delta, minInstances, threshold } = this.#options;
    this.#mean.add(value);
    const { mean, count } = this.#mean;
    const deviation = value - mean;
    this.#sumIncrease = alpha * this.#sumIncrease + deviation - delta;
    this.#sumDecrease = alpha * this.#sumDecrease + deviation + delta;
    this.#minIncrease = Math.min(this.#minIncrease, this.#sumIncrease);
    this.#maxDecrease = Math.max(this.#maxDecrease, this.#sumDecrease);
    if (count < minInstances) return notJudged({ mean, count });
    const { statistic, direction } = this.#compare();
    const drift = statistic > threshold;
    if (drift) this.#startAfresh();
    return { drift, warning: false, direction: drift ? direction : undefined, statistic, threshold, mean, count };
  }

  #compare(): { statistic: number; direction: DriftDirection } {
    const { mode } = this.#options;
    const increase = this.#sumIncrease - this.#minIncrease;
    const decrease = this.#maxDecrease - this.#sumDecrease;
    const up = mode === 'up' || (mode === 'both' && increase >= decrease);
    return up ? { statistic: increase, direction: 'up' } : { statistic: decrease, direction: 'down' };
  }

  #startAfresh(): void {
    this.#mean = new RunningMean();
    this.#sumIncrease = 0;
    this.#sumDecrease = 0;
    this.#minIncrease = Infinity;
    this.#maxDecrease = MAX_DECREASE_START;
  }
}
