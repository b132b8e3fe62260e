import gammainc from '@stdlib/math-base-special-gammainc';
import { RetrainError } from '../errors.ts';
import type { Category, ColumnValues } from './column-values.ts';

/** Categories of both samples together that a chi-squared test takes; its distribution is verified up to here. */
export const CATEGORIES_MAX = 1_000;

/** A statistic, and the probability in [0, 1] of one at least as extreme when nothing changed. */
export interface TestResult {
  readonly statistic: number;
  readonly pValue: number;
}

/**
 * Pearson's chi-squared test of the current counts against the reference's shares, as `scipy.stats.chisquare`. A category that the
 * reference does not know makes the statistic infinite and the p-value 0.
 *
 * @throws RetrainError `CONFIGURATION_INVALID` for more than `CATEGORIES_MAX` categories.
 */
export function chiSquared(reference: ColumnValues, current: ColumnValues): TestResult {
  const categories = allCategories(reference, current);
  if (categories.length > CATEGORIES_MAX)
    throw new RetrainError(
      'CONFIGURATION_INVALID',
      `chisquare has ${categories.length} categories, at most ${CATEGORIES_MAX} can be compared: group them, or leave the column out`,
    );
  const scale = current.count / reference.count;
  let statistic = 0;
  for (const category of categories) {
    const expected = countOf(reference, category) * scale;
    statistic += (countOf(current, category) - expected) ** 2 / expected;
  }
  return { statistic, pValue: chiSquaredTail(statistic, categories.length - 1) };
}

/**
 * Z-test of two proportions with pooled variance, two-sided: of the share of values that are not the first category in order. The
 * sign of the statistic is that of reference minus current.
 */
export function proportionZ(reference: ColumnValues, current: ColumnValues): TestResult {
  const categories = allCategories(reference, current).sort(byValue);
  const [first] = categories;
  if (first === undefined || categories.length === 1) return { statistic: 0, pValue: 1 };
  const referenceShare = 1 - countOf(reference, first) / reference.count;
  const currentShare = 1 - countOf(current, first) / current.count;
  const pooled = (referenceShare * reference.count + currentShare * current.count) / (reference.count + current.count);
  const deviation = Math.sqrt(pooled * (1 - pooled) * (1 / reference.count + 1 / current.count));
  const statistic = (referenceShare - currentShare) / deviation;
  // The square of a normal variable is chi-squared with one degree of freedom.
  return { statistic, pValue: chiSquaredTail(statistic * statistic, 1) };
}

function chiSquaredTail(statistic: number, degrees: number): number {
  if (degrees === 0 || statistic === 0) return 1;
  if (statistic === Infinity) return 0;
  return Math.min(1, Math.max(0, gammainc(statistic / 2, degrees / 2, true, true)));
}

export function allCategories(reference: ColumnValues, current: ColumnValues): Category[] {
  return [...new Set([...reference.counts.keys(), ...current.counts.keys()])];
}

export function countOf({ counts }: ColumnValues, category: Category): number {
  return counts.get(category) ?? 0;
}

/** Numbers by value, text by its code units, booleans false first; unlike types by the name of their type. */
function byValue(a: Category, b: Category): number {
  const [left, right] = typeof a === typeof b ? [a, b] : [typeof a, typeof b];
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
