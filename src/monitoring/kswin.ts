import { z } from 'zod';
import { RetrainError } from '../errors.ts';
import { checkedOptions } from './checked-options.ts';
import { kolmogorovSmirnov } from './kolmogorov-smirnov.ts';
import { drawIndices, nextSeed } from './seeded-draw.ts';
import { parseState, stateHead } from './stored-state.ts';
import { VALUE_MAX, checkValue, notJudged } from './streaming-detector.ts';
import type { StreamingDetector, StreamingVerdict } from './streaming-detector.ts';

export const KSWIN = 'kswin';

/** Values that a window may hold; they all are in the state. */
const WINDOW_MAX = 10_000;
/** A difference of distribution functions up to this is no drift, however certain (River). */
const DISTANCE_MIN = 0.1;

export const kswinOptionsSchema = z
  .strictObject({
    alpha: z
      .number()
      .positive()
      .max(1)
      .default(0.005)
      .describe('A p-value at or below it is a drift. It is tested at every value: stay below 0.01.'),
    windowSize: z.int().min(2).max(WINDOW_MAX).default(100).describe('Last values that are kept.'),
    statSize: z
      .int()
      .min(1)
      .max(WINDOW_MAX / 2)
      .default(30)
      .describe('The newest of them, which are compared with as many drawn of the older ones: at most half.'),
    seed: z
      .int()
      .min(0)
      .max(2 ** 32 - 1)
      .default(0)
      .describe('Start of the random draws: the same seed and values give the same verdicts.'),
  })
  .refine(({ windowSize, statSize }) => statSize * 2 <= windowSize, {
    path: ['statSize'],
    error: 'must be at most half of windowSize',
  });

/** Options of KSWIN; what is left out has River's default, and the seed is 0. */
export type KswinOptions = z.input<typeof kswinOptionsSchema>;

/**
 * Which `count` different indices below `population` are drawn. `seed` is 32 bits, another one at every draw.
 *
 * Tests put River's draws here; everybody else has the default.
 */
export type DrawIndices = (population: number, count: number, seed: number) => readonly number[];

const STATE_SCHEMA = 'retrain.kswin';
const STATE_VERSION = 1;

const stateSchema = z.strictObject({
  ...stateHead(STATE_SCHEMA, STATE_VERSION),
  seed: z
    .int()
    .min(0)
    .max(2 ** 32 - 1),
  /** The oldest first. */
  window: z.array(z.number().min(-VALUE_MAX).max(VALUE_MAX)).max(WINDOW_MAX),
});

export type KswinState = z.output<typeof stateSchema>;

/**
 * KSWIN (Raab et al., 2020): a Kolmogorov-Smirnov test, at every value, of the newest `statSize` values against as many drawn at
 * random of the older ones in the window. It sees changes of spread and shape, too, not of the mean only. It agrees with River's
 * `drift.KSWIN` for the same draws; the draws themselves come from another generator.
 *
 * `statistic` is the p-value and `threshold` is `alpha`: a drift is at or below it. `mean` and `count` are of the newest values.
 */
export class Kswin implements StreamingDetector {
  readonly detector = KSWIN;
  readonly #options: z.output<typeof kswinOptionsSchema>;
  readonly #draw: DrawIndices;
  #seed: number;
  #window: number[] = [];

  /** @throws RetrainError `ARGUMENT_INVALID` naming the option, its value and the limit. */
  constructor(options: KswinOptions = {}, draw: DrawIndices = drawIndices) {
    this.#options = checkedOptions(kswinOptionsSchema, KSWIN, options);
    this.#draw = draw;
    this.#seed = this.#options.seed;
  }

  /**
   * @throws RetrainError `DATA_VERSION` or `DATA_CORRUPT` for what is not a state of this detector, `CONFIGURATION_INVALID` when it has
   * more values than `windowSize`.
   */
  static restore(options: KswinOptions, state: unknown, draw: DrawIndices = drawIndices): Kswin {
    const restored = new Kswin(options, draw);
    const kept = parseState(stateSchema, STATE_VERSION, 'KSWIN', state);
    const { windowSize } = restored.#options;
    if (kept.window.length > windowSize)
      throw new RetrainError(
        'CONFIGURATION_INVALID',
        `windowSize of ${KSWIN} is ${windowSize}, but its state has ${kept.window.length} values: keep the former setting, or remove the state to start anew`,
      );
    restored.#seed = kept.seed;
    restored.#window = kept.window;
    return restored;
  }

  toJSON(): KswinState {
    return { schema: STATE_SCHEMA, version: STATE_VERSION, seed: this.#seed, window: [...this.#window] };
  }

  update(value: number): StreamingVerdict {
    checkValue(value);
    const { alpha, windowSize, statSize } = this.#options;
    this.#window.push(value);
    if (this.#window.length > windowSize) this.#window.shift();
    const newest = this.#window.slice(-statSize);
    const present = { mean: meanOf(newest), count: newest.length };
    if (this.#window.length < windowSize) return notJudged(present);
    const drawn = this.#draw(windowSize - statSize, statSize, this.#seed).map((index) => this.#window[index] as number);
    this.#seed = nextSeed(this.#seed);
    const { pValue, statistic: distance } = kolmogorovSmirnov(sorted(drawn), sorted(newest));
    const drift = pValue <= alpha && distance > DISTANCE_MIN;
    const direction = present.mean >= meanOf(drawn) ? 'up' : 'down';
    if (drift) this.#window = [];
    return {
      drift,
      warning: false,
      direction: drift ? direction : undefined,
      statistic: pValue,
      threshold: alpha,
      ...present,
    };
  }
}

function sorted(values: readonly number[]): Float64Array {
  return Float64Array.from(values).sort();
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
