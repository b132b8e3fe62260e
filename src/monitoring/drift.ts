import { z } from 'zod';
import { RetrainError } from '../errors.ts';
import { checkedOptions } from './checked-options.ts';
import { COLUMN_KINDS, columnValues, inferColumnKind } from './column-values.ts';
import type { Cell, ColumnKind, ColumnValues } from './column-values.ts';
import { jensenShannon, populationStability, wasserstein } from './drift-distances.ts';
import { chiSquared, proportionZ } from './drift-tests.ts';
import { kolmogorovSmirnov } from './kolmogorov-smirnov.ts';

/** Ways to compare two samples of a column, by Evidently's names. */
export const DRIFT_TESTS = ['ks', 'chisquare', 'z', 'wasserstein', 'jensenshannon', 'psi'] as const;
export type DriftTest = (typeof DRIFT_TESTS)[number];

/** Up to so many reference values a test with a p-value is chosen, above a distance: with many rows every difference is significant. */
export const SMALL_REFERENCE_ROWS = 1_000;
/** A numerical column with at most so many distinct values is compared like a categorical one. */
const FEW_VALUES = 5;

const P_VALUE_THRESHOLD = 0.05;
const DISTANCE_THRESHOLD = 0.1;

export const columnDriftOptionsSchema = z.strictObject({
  kind: z.enum(COLUMN_KINDS).optional().describe('Numerical or categorical; by default as the reference looks.'),
  test: z.enum(DRIFT_TESTS).optional().describe("How to compare; by default Evidently's choice."),
  threshold: z
    .number()
    .positive()
    .max(1e100)
    .optional()
    .describe(
      'Limit of the score: a p-value below it (default 0.05), or a distance from it on (default 0.1), is drift.',
    ),
});

/** How one column is compared. */
export type ColumnDriftOptions = z.input<typeof columnDriftOptionsSchema>;

/** The outcome for one column. */
export interface ColumnDrift {
  readonly column: string;
  readonly kind: ColumnKind;
  readonly test: DriftTest;
  /** The test's own statistic: D, chi-squared, z, or the distance itself. Infinite for chi-squared with a category that is new. */
  readonly statistic: number;
  /** What `score` is: of a p-value small means drift, of a distance large. */
  readonly measure: 'p-value' | 'distance';
  readonly score: number;
  readonly threshold: number;
  readonly drifted: boolean;
  /** Values that were compared, and how many were missing beside them. */
  readonly reference: { readonly count: number; readonly missing: number };
  readonly current: { readonly count: number; readonly missing: number };
}

/**
 * Evidently's choice: by the number of reference values without the missing ones, and the number of distinct values in both
 * samples together.
 */
export function chooseDriftTest(reference: ColumnValues, current: ColumnValues): DriftTest {
  const distinct = new Set([...reference.counts.keys(), ...current.counts.keys()]).size;
  const many = reference.count > SMALL_REFERENCE_ROWS;
  if (reference.kind === 'numerical' && distinct > FEW_VALUES) return many ? 'wasserstein' : 'ks';
  if (many) return 'jensenshannon';
  return distinct > 2 ? 'chisquare' : 'z';
}

/**
 * Compares the current values of a column with its reference, as Evidently does: missing values are left out of both.
 *
 * @throws RetrainError `ARGUMENT_INVALID` when one side has no value, for a value that is not a number in a numerical column, or for
 * options outside their limits; `CONFIGURATION_INVALID` when the column cannot be compared this way.
 */
export function columnDrift(
  column: string,
  cells: { reference: readonly Cell[]; current: readonly Cell[] },
  options: ColumnDriftOptions = {},
): ColumnDrift {
  const { kind = inferColumnKind(column, cells.reference), ...given } = checkedOptions(
    columnDriftOptionsSchema,
    `column ${JSON.stringify(column)}`,
    options,
  );
  const reference = columnValues(column, kind, cells.reference);
  const current = columnValues(column, kind, cells.current);
  checkCount(column, 'reference', reference);
  checkCount(column, 'current', current);
  const test = given.test ?? chooseDriftTest(reference, current);
  if (kind === 'categorical' && (test === 'ks' || test === 'wasserstein'))
    throw new RetrainError(
      'CONFIGURATION_INVALID',
      `test is "${test}" for the categorical column ${JSON.stringify(column)}, it must be chisquare, z, jensenshannon or psi: take one of them, or say kind: numerical`,
    );
  return {
    column,
    kind,
    ...judged(test, reference, current, given.threshold),
    reference: { count: reference.count, missing: reference.missing },
    current: { count: current.count, missing: current.missing },
  };
}

function judged(
  test: DriftTest,
  reference: ColumnValues,
  current: ColumnValues,
  limit: number | undefined,
): Pick<ColumnDrift, 'test' | 'statistic' | 'measure' | 'score' | 'threshold' | 'drifted'> {
  if (test === 'ks' || test === 'chisquare' || test === 'z') {
    const { statistic, pValue } = P_VALUES[test](reference, current);
    const threshold = limit ?? P_VALUE_THRESHOLD;
    // Evidently's Kolmogorov-Smirnov test includes the limit, its other tests do not.
    const drifted = test === 'ks' ? pValue <= threshold : pValue < threshold;
    return { test, statistic, measure: 'p-value', score: pValue, threshold, drifted };
  }
  const distance = DISTANCES[test](reference, current);
  const threshold = limit ?? DISTANCE_THRESHOLD;
  return { test, statistic: distance, measure: 'distance', score: distance, threshold, drifted: distance >= threshold };
}

const P_VALUES = {
  ks: (reference: ColumnValues, current: ColumnValues) => kolmogorovSmirnov(reference.sorted, current.sorted),
  chisquare: chiSquared,
  z: proportionZ,
} as const;

const DISTANCES = { wasserstein, jensenshannon: jensenShannon, psi: populationStability } as const;

function checkCount(column: string, side: 'reference' | 'current', { count, missing }: ColumnValues): void {
  if (count > 0) return;
  throw new RetrainError(
    'ARGUMENT_INVALID',
    `column ${JSON.stringify(column)} has no value in the ${side} sample (${missing} missing), it must have at least 1: leave it out, or wait for more`,
  );
}
