import { z } from 'zod';
import { RetrainError } from '../errors.ts';
import { checkedOptions } from './checked-options.ts';
import { countPresent } from './column-values.ts';
import type { Cell } from './column-values.ts';
import { columnDrift, columnDriftOptionsSchema } from './drift.ts';
import type { ColumnDrift } from './drift.ts';

/** A data set by columns. */
export type Columns = Readonly<Record<string, readonly Cell[]>>;

export const dataDriftOptionsSchema = z.strictObject({
  columns: z
    .record(z.string(), columnDriftOptionsSchema)
    .optional()
    .describe('Which columns are compared and how; by default all of the reference.'),
  share: z
    .number()
    .positive()
    .max(1)
    .default(0.5)
    .describe('The data set drifts when at least this share of the compared columns does.'),
});

export type DataDriftOptions = z.input<typeof dataDriftOptionsSchema>;

/** The outcome for a data set. */
export interface DataDrift {
  /** The columns that were compared, in the order of the reference. */
  readonly columns: readonly ColumnDrift[];
  /** The columns that could not be, because one side has no value of them. They count neither way. */
  readonly notCompared: readonly { readonly column: string; readonly reason: string }[];
  readonly driftedCount: number;
  /** Drifted of compared columns, 0 to 1; 0 when none was compared. */
  readonly share: number;
  readonly threshold: number;
  readonly drifted: boolean;
}

/**
 * Compares every column of the current data with the reference, as Evidently's data drift does.
 *
 * @throws RetrainError `CONFIGURATION_INVALID` or `ARGUMENT_INVALID` when a column cannot be compared as it should.
 */
export function dataDrift(reference: Columns, current: Columns, options: DataDriftOptions = {}): DataDrift {
  const { columns: chosen, share: threshold } = checkedOptions(dataDriftOptionsSchema, 'data drift', options);
  for (const column of Object.keys(chosen ?? {})) {
    if (Object.hasOwn(reference, column)) continue;
    throw new RetrainError(
      'CONFIGURATION_INVALID',
      `column ${JSON.stringify(column)} is not in the reference, which has ${list(Object.keys(reference))}: correct its name`,
    );
  }
  const columns: ColumnDrift[] = [];
  const notCompared: { column: string; reason: string }[] = [];
  for (const [column, cells] of Object.entries(reference)) {
    if (chosen && !Object.hasOwn(chosen, column)) continue;
    const now = Object.hasOwn(current, column) ? (current[column] as readonly Cell[]) : undefined;
    const reason = absence(cells, now);
    if (reason !== undefined) notCompared.push({ column, reason });
    else columns.push(columnDrift(column, { reference: cells, current: now ?? [] }, chosen?.[column]));
  }
  const driftedCount = columns.filter(({ drifted }) => drifted).length;
  const share = columns.length === 0 ? 0 : driftedCount / columns.length;
  return { columns, notCompared, driftedCount, share, threshold, drifted: columns.length > 0 && share >= threshold };
}

/** Why there is nothing to compare, if so. */
function absence(reference: readonly Cell[], current: readonly Cell[] | undefined): string | undefined {
  if (countPresent(reference) === 0) return 'the reference has no value';
  if (current === undefined) return 'the current data do not have the column';
  return countPresent(current) === 0 ? 'the current data have no value' : undefined;
}

/** Names that an error shows; the rest are counted. */
const NAMES_SHOWN = 10;

function list(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN).map((name) => JSON.stringify(name));
  const more = names.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ') || 'no column';
}
