import { RetrainError } from '../errors.ts';
import { VALUE_MAX } from './streaming-detector.ts';

/** One value of a column. Missing: null, undefined, NaN, the infinities, and numbers beyond `±VALUE_MAX`. */
export type Cell = number | string | boolean | null | undefined;
/** What counts as a value of its own: 1, '1' and true are three. */
export type Category = number | string | boolean;

/** How a column is compared. Free text is not. */
export type ColumnKind = 'numerical' | 'categorical';
export const COLUMN_KINDS = ['numerical', 'categorical'] as const satisfies readonly ColumnKind[];

/** Evidently's bound: whole numbers with at most so many distinct values are categories. */
const WHOLE_NUMBER_CATEGORIES = 10;
/** Evidently's bound: text of which more than this share is distinct is free text. */
const FREE_TEXT_SHARE = 0.5;

/** A column without its missing values. */
export interface ColumnValues {
  readonly kind: ColumnKind;
  /** Values that are not missing. */
  readonly count: number;
  readonly missing: number;
  /** How often each value occurs. */
  readonly counts: ReadonlyMap<Category, number>;
  /** Of a numerical column: the values in ascending order. Empty for a categorical one. */
  readonly sorted: Float64Array;
}

/** @throws RetrainError `ARGUMENT_INVALID` for a value that is not a number in a numerical column. */
export function columnValues(column: string, kind: ColumnKind, cells: readonly Cell[]): ColumnValues {
  const present = cells.filter(isPresent);
  const counts = new Map<Category, number>();
  for (const value of present) counts.set(value, (counts.get(value) ?? 0) + 1);
  const numbers = kind === 'numerical' ? present.map((value) => checkNumber(column, value)) : [];
  return {
    kind,
    count: present.length,
    missing: cells.length - present.length,
    counts,
    sorted: Float64Array.from(numbers).sort(),
  };
}

/**
 * What kind of column this is, by its values: booleans, text that repeats, and whole numbers with at most 10 distinct values
 * are categories, other numbers are numerical. The rule is Evidently's, with one difference: there a column of whole numbers becomes
 * numerical by a single missing value (pandas makes it floating point), here it does not.
 *
 * @throws RetrainError `CONFIGURATION_INVALID` for free text, mixed columns and columns without any value: say the kind, or leave
 * the column out.
 */
export function inferColumnKind(column: string, cells: readonly Cell[]): ColumnKind {
  const present = cells.filter(isPresent);
  const name = JSON.stringify(column);
  const types = new Set(present.map((value) => typeof value));
  const [type] = types;
  if (type === undefined) throw invalid(`column ${name} has no value in the reference: leave it out`);
  if (types.size > 1)
    throw invalid(`column ${name} mixes ${[...types].sort().join(', ')}: give it one type, or say kind: categorical`);
  if (type === 'boolean') return 'categorical';
  const distinct = new Set(present).size;
  if (type === 'number') {
    const whole = present.every((value) => Number.isInteger(value));
    return whole && distinct <= WHOLE_NUMBER_CATEGORIES ? 'categorical' : 'numerical';
  }
  if (distinct <= present.length * FREE_TEXT_SHARE) return 'categorical';
  throw invalid(
    `column ${name} seems to be free text (${distinct} different of ${present.length} values): leave it out, or say kind: categorical`,
  );
}

export function countPresent(cells: readonly Cell[]): number {
  return cells.reduce<number>((count, cell) => count + (isPresent(cell) ? 1 : 0), 0);
}

function isPresent(cell: Cell): cell is Category {
  if (typeof cell === 'number') return Math.abs(cell) <= VALUE_MAX;
  return cell !== null && cell !== undefined;
}

function checkNumber(column: string, value: Category): number {
  if (typeof value === 'number') return value;
  throw new RetrainError(
    'ARGUMENT_INVALID',
    `column ${JSON.stringify(column)} is numerical and has the value ${JSON.stringify(value)}, it must be a number or null: correct it, or say kind: categorical`,
  );
}

function invalid(message: string): RetrainError {
  return new RetrainError('CONFIGURATION_INVALID', message);
}
