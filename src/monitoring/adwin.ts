import { z } from 'zod';
import { RetrainError } from '../errors.ts';
import { BucketWindow, LEVELS_MAX, bucketWindowStateSchema } from './bucket-window.ts';
import { checkedOptions } from './checked-options.ts';
import { parseState, stateHead } from './stored-state.ts';
import { checkValue } from './streaming-detector.ts';
import type { StreamingDetector, StreamingVerdict } from './streaming-detector.ts';

export const ADWIN = 'adwin';

/** Buckets of one size that ADWIN may be told to keep. */
const BUCKETS_MAX = 100;

export const adwinOptionsSchema = z.strictObject({
  delta: z
    .number()
    .gt(0)
    .max(1)
    .default(0.002)
    .describe('Significance: about the chance of a false alarm. Higher finds changes sooner, and more of them.'),
  clock: z.int().min(1).max(1_000_000).default(32).describe('The window is judged at every so many values.'),
  maxBuckets: z
    .int()
    .min(2)
    .max(BUCKETS_MAX)
    .default(5)
    .describe('Buckets of one size that are kept before two become one: more are finer, and slower.'),
  minWindowLength: z.int().min(1).max(1_000_000).default(5).describe('Values that each side of a cut must have.'),
  gracePeriod: z.int().min(0).max(1_000_000).default(10).describe('Nothing is judged up to so many values.'),
});

/** Options of ADWIN; what is left out has River's default. */
export type AdwinOptions = z.input<typeof adwinOptionsSchema>;

const STATE_SCHEMA = 'retrain.adwin';
const STATE_VERSION = 1;

const stateSchema = z.strictObject({
  ...stateHead(STATE_SCHEMA, STATE_VERSION),
  /** Values since the detector started afresh, for the clock. */
  ticks: z.int().min(0),
  window: bucketWindowStateSchema,
});

export type AdwinState = z.output<typeof stateSchema>;

/** A place to cut the window in an older and a newer part. `difference` is newer minus older mean. */
interface Cut {
  readonly difference: number;
  readonly threshold: number;
}

/**
 * ADWIN (Bifet and Gavaldà, 2007): keeps as many of the last values as seem to have one mean. Where an older and a newer part of the
 * window have means too far apart, the oldest values go and a drift is reported. It agrees with River's `drift.ADWIN`, which, as this, starts
 * with an empty window after a drift.
 *
 * `statistic` is the difference of means at the cut that comes closest to the limit, or crosses it first, in the value's unit, and
 * `threshold` the limit there. Both are undefined between the ticks of the clock.
 */
export class Adwin implements StreamingDetector {
  readonly detector = ADWIN;
  readonly #options: z.output<typeof adwinOptionsSchema>;
  #ticks = 0;
  #window: BucketWindow;

  /** @throws RetrainError `ARGUMENT_INVALID` naming the option, its value and the limit. */
  constructor(options: AdwinOptions = {}) {
    this.#options = checkedOptions(adwinOptionsSchema, ADWIN, options);
    this.#window = new BucketWindow(this.#options.maxBuckets);
  }

  /**
   * @throws RetrainError `DATA_VERSION` or `DATA_CORRUPT` for what is not a state of this detector, `CONFIGURATION_INVALID` when it has
   * more buckets than `maxBuckets`.
   */
  static restore(options: AdwinOptions, state: unknown): Adwin {
    const restored = new Adwin(options);
    const kept = parseState(stateSchema, STATE_VERSION, 'ADWIN', state);
    const { maxBuckets } = restored.#options;
    const most = Math.max(0, ...kept.window.levels.map((level) => level.length));
    if (most > maxBuckets)
      throw new RetrainError(
        'CONFIGURATION_INVALID',
        `maxBuckets of ${ADWIN} is ${maxBuckets}, but its state has ${most} buckets of a size: keep the former setting, or remove the state to start anew`,
      );
    restored.#ticks = kept.ticks;
    restored.#window = new BucketWindow(maxBuckets, kept.window);
    return restored;
  }

  toJSON(): AdwinState {
    return { schema: STATE_SCHEMA, version: STATE_VERSION, ticks: this.#ticks, window: this.#window.toJSON() };
  }

  update(value: number): StreamingVerdict {
    checkValue(value);
    if (this.#window.levels.length >= LEVELS_MAX) this.#startAfresh();
    this.#window.add(value);
    this.#ticks += 1;
    const { clock, gracePeriod } = this.#options;
    const due = this.#ticks % clock === 0 && this.#window.width > gracePeriod;
    const worst = due ? this.#worstCut() : undefined;
    const drift = worst !== undefined && isCrossed(worst);
    // One cut may uncover the next.
    if (drift) this.#shrink();
    const { mean, width } = this.#window;
    const verdict: StreamingVerdict = {
      drift,
      warning: false,
      direction: drift ? (worst.difference > 0 ? 'up' : 'down') : undefined,
      statistic: worst && Math.abs(worst.difference),
      threshold: worst?.threshold,
      mean,
      count: width,
    };
    if (drift) this.#startAfresh();
    return verdict;
  }

  #shrink(): void {
    do this.#window.dropOldest();
    while (this.#isSplit());
  }

  #isSplit(): boolean {
    const worst = this.#worstCut();
    return worst !== undefined && isCrossed(worst);
  }

  /** The first cut, from the oldest bucket on, whose limit is crossed; else the one that is closest to its limit. */
  #worstCut(): Cut | undefined {
    const { minWindowLength } = this.#options;
    let worst: Cut | undefined;
    for (const { olderCount, olderMean, newerCount, newerMean } of this.#window.cuts()) {
      if (olderCount < minWindowLength || newerCount < minWindowLength) continue;
      const cut = { difference: newerMean - olderMean, threshold: this.#threshold(olderCount, newerCount) };
      if (isCrossed(cut)) return cut;
      if (!worst || closeness(cut) > closeness(worst)) worst = cut;
    }
    return worst;
  }

  /** The limit for the difference of means: ε of the paper's second theorem, with River's correction by the minimum length. */
  #threshold(olderCount: number, newerCount: number): number {
    const { delta, minWindowLength } = this.#options;
    const { width, variance } = this.#window;
    const confidence = Math.log((2 * Math.log(width)) / delta);
    const inverse = 1 / (olderCount - minWindowLength + 1) + 1 / (newerCount - minWindowLength + 1);
    return Math.sqrt(2 * inverse * variance * confidence) + (2 / 3) * confidence * inverse;
  }

  #startAfresh(): void {
    this.#ticks = 0;
    this.#window = new BucketWindow(this.#options.maxBuckets);
  }
}

function isCrossed({ difference, threshold }: Cut): boolean {
  return Math.abs(difference) > threshold;
}

function closeness({ difference, threshold }: Cut): number {
  return Math.abs(difference) / threshold;
}
