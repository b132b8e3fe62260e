import { invalid } from './observation.ts';

/**
 * How a window's mean is told to be worse than the reference. Limits are crossed, not reached: a mean exactly at a limit is fine.
 *
 * - `ratio`: above `baseline * ratio`, or of a score below `baseline / ratio`.
 * - `absolute`: above `above`, or below `below`, whatever the direction; it needs no reference.
 * - `sigma`: more than `sigmas` standard deviations off the mean of the reference, on the worse side. Mean and standard
 *   deviation are those of the reference windows' means, each window counting once, and the deviation is the population's (divided by the
 *   number of windows): the definition of NannyML's StandardDeviationThreshold with its default multiplier of 3.
 */
export type MetricRule =
  | { readonly by: 'ratio'; readonly ratio: number }
  | { readonly by: 'absolute'; readonly above?: number; readonly below?: number }
  | { readonly by: 'sigma'; readonly sigmas: number };

export type Direction = 'minimize' | 'maximize';

/** What windows are compared with. */
export interface Reference {
  readonly mean: number;
  /** Standard deviation of the windows' means; `sigma` alone needs it. */
  readonly std: number;
}

/** In the metric's unit. */
export interface Limits {
  readonly above?: number;
  readonly below?: number;
}

/** Of constant reference windows the deviation is 0, and sums of equal numbers differ in their last bits: that is no decay. */
const ROUNDING = 1e-12;

/** Between which numbers a window's mean is fine. */
export function limitsOf(rule: MetricRule, direction: Direction, reference: Reference | undefined): Limits {
  if (rule.by === 'absolute') return rule;
  const { mean = 0, std = 0 } = reference ?? {};
  const deviation = rule.by === 'sigma' ? rule.sigmas * std + Math.abs(mean) * ROUNDING : 0;
  if (direction === 'minimize') return { above: rule.by === 'ratio' ? mean * rule.ratio : mean + deviation };
  return { below: rule.by === 'ratio' ? mean / rule.ratio : mean - deviation };
}

/** The limit that `observed` has crossed, if any. */
export function crossedLimit({ above, below }: Limits, observed: number): number | undefined {
  if (above !== undefined && observed > above) return above;
  if (below !== undefined && observed < below) return below;
  return undefined;
}

export function checkMetricRule(rule: MetricRule): void {
  if (rule.by === 'ratio') {
    if (!Number.isFinite(rule.ratio) || rule.ratio <= 1)
      throw invalid('ratio', rule.ratio, 'a number above 1', 'use 1.5 for half as much again');
    return;
  }
  if (rule.by === 'sigma') {
    if (!Number.isFinite(rule.sigmas) || rule.sigmas <= 0)
      throw invalid('sigmas', rule.sigmas, 'a number above 0', 'use 3, as is usual');
    return;
  }
  const { above, below } = rule;
  for (const [field, value] of Object.entries({ above, below }))
    if (value !== undefined && !Number.isFinite(value))
      throw invalid(field, value, 'a finite number', "give it in the metric's unit");
  if (above === undefined && below === undefined)
    throw invalid('above', above, 'a number', 'give above, below or both');
  if (above !== undefined && below !== undefined && above < below)
    throw invalid('above', above, `at least below, ${below}`, 'swap them, or every window decays');
}
