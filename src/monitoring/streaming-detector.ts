import { RetrainError } from '../errors.ts';

/** Where a mean went. */
export type DriftDirection = 'up' | 'down';

/**
 * What a detector says after one value.
 *
 * `statistic` is what it compares and `threshold` the limit, in units that each detector states (docs/detectors.md). Both are
 * undefined while nothing is judged: too few values so far, or not this time.
 */
export interface StreamingVerdict {
  /** With this value a change is certain enough. The detector starts afresh by itself; the next value is already of the new time. */
  readonly drift: boolean;
  /** A change is likely. Only DDM warns; it never does so together with `drift`. */
  readonly warning: boolean;
  /** Of a drift: whether the values went up or down. A metric that got better drifts, too. */
  readonly direction: DriftDirection | undefined;
  readonly statistic: number | undefined;
  readonly threshold: number | undefined;
  /** Mean of the values that the detector holds to be of the present, this one included; in the value's unit. */
  readonly mean: number;
  /** How many values that mean is of. */
  readonly count: number;
}

/** What a detector says of a value while it does not judge yet. */
export function notJudged({ mean, count }: { readonly mean: number; readonly count: number }): StreamingVerdict {
  return {
    drift: false,
    warning: false,
    direction: undefined,
    statistic: undefined,
    threshold: undefined,
    mean,
    count,
  };
}

/**
 * Finds the moment at which a stream of values changes, one value at a time, in bounded memory and without a clock.
 *
 * The same values give the same verdicts. A state that `toJSON` gave goes on, by `restore` of the same kind, as if nothing had
 * been between.
 */
export interface StreamingDetector {
  /** Which method this is, such as `page-hinkley`; it names the evidence of a request. */
  readonly detector: string;
  /**
   * Takes the next value, usually the error of one prediction.
   *
   * @throws RetrainError `ARGUMENT_INVALID` when it is not a finite number within `±VALUE_MAX`; nothing has changed then.
   */
  update(value: number): StreamingVerdict;
  /** All that the detector remembers; JSON, with `schema` and `version`. */
  toJSON(): unknown;
}

/** Values beyond are refused: no metric is that large, and the square of one still fits a double. */
export const VALUE_MAX = 1e100;

/** @throws RetrainError `ARGUMENT_INVALID` for what is not a usable number. */
export function checkValue(value: number): void {
  if (Math.abs(value) <= VALUE_MAX) return;
  throw new RetrainError(
    'ARGUMENT_INVALID',
    `value is ${value}, it must be a finite number within ±${VALUE_MAX}: leave out what was not measured`,
  );
}
