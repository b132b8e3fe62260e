import { TIME_MAX_MS } from '../../monitoring/observation.ts';
import { fieldOf } from './source-row.ts';
import type { Fields } from './source-row.ts';

/** A value of a feature: a number, a category, or nothing. */
export type Cell = number | string | null;

/** What a monitor takes of a row: when, and the value of its metric or the cells of its features. */
export interface ObservedRow {
  /** Event time, milliseconds since 1970. */
  readonly timeMs: number;
  /** Of a metric. */
  readonly value?: number;
  /** Of features, in the order of the monitor's. */
  readonly cells?: readonly Cell[];
}

export interface RowColumns {
  readonly time: string;
  readonly value?: string | undefined;
  readonly features?: readonly string[] | undefined;
  readonly where?: Readonly<Record<string, string | number | boolean>> | undefined;
}

export type ReadRow =
  | { readonly kind: 'observed'; readonly row: ObservedRow }
  /** It belongs to somebody else. */
  | { readonly kind: 'other' }
  | { readonly kind: 'bad'; readonly reason: string };

/** Characters of a value that a reason repeats, and of a category that is told from others. */
const SHOWN_MAX_LENGTH = 60;
const CATEGORY_MAX_LENGTH = 200;

/** Numbers from here on are milliseconds since 1970, smaller ones seconds: until the year 5138, and from March 1973. */
const SECONDS_BELOW = 1e11;

const DATE = /^\d{4}-\d\d-\d\d$/;
const DATE_TIME = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:?\d\d)?$/i;

/** Reads a row by the names of its columns. It never throws. */
export function readRow(fields: Fields, { time, value, features, where = {} }: RowColumns): ReadRow {
  for (const [column, expected] of Object.entries(where)) {
    const found = fieldOf(fields, column);
    // Of a CSV file every value is text.
    const text = typeof found === 'string' ? found : JSON.stringify(found);
    if (text !== String(expected)) return { kind: 'other' };
  }
  const at = fieldOf(fields, time);
  if (at === undefined || at === '') return bad(time, 'is missing');
  const timeMs = timeOf(at);
  if (timeMs === undefined) return bad(time, `is ${shown(at)}, no time`);
  if (features)
    return { kind: 'observed', row: { timeMs, cells: features.map((name) => cellOf(fieldOf(fields, name))) } };
  const measured = fieldOf(fields, value ?? '');
  if (measured === undefined || measured === null || measured === '') return bad(value ?? '', 'is missing');
  const number = numberOf(measured);
  if (number === undefined) return bad(value ?? '', `is ${shown(measured)}, no number`);
  return { kind: 'observed', row: { timeMs, value: number } };
}

/**
 * Milliseconds since 1970 of RFC 3339, of a date (its midnight, UTC), of a date and a time without an offset (UTC), or of
 * seconds or milliseconds since 1970; undefined for anything else.
 */
export function timeOf(value: unknown): number | undefined {
  const number = numberOf(value);
  if (number !== undefined) {
    const ms = Math.abs(number) < SECONDS_BELOW ? number * 1_000 : number;
    return Math.abs(ms) <= TIME_MAX_MS ? Math.round(ms) : undefined;
  }
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  if (DATE.test(text)) return parsed(`${text}T00:00:00Z`);
  const [, day, clock, offset = 'Z'] = DATE_TIME.exec(text) ?? [];
  return day === undefined ? undefined : parsed(`${day}T${clock}${colonIn(offset)}`);
}

/** A number, or text that is one; undefined for anything else, `NaN` and `inf` included. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === 'boolean') return Number(value);
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

/** A number, a category, or nothing. */
export function cellOf(value: unknown): Cell {
  if (value === undefined || value === null || value === '') return null;
  const number = numberOf(value);
  if (number !== undefined) return number;
  return (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, CATEGORY_MAX_LENGTH);
}

function parsed(rfc3339: string): number | undefined {
  const ms = Date.parse(rfc3339);
  return Number.isNaN(ms) ? undefined : ms;
}

function colonIn(offset: string): string {
  return /^[+-]\d{4}$/.test(offset) ? `${offset.slice(0, 3)}:${offset.slice(3)}` : offset.toUpperCase();
}

function bad(column: string, what: string): ReadRow {
  return { kind: 'bad', reason: `${column} ${what}` };
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > SHOWN_MAX_LENGTH ? `${text.slice(0, SHOWN_MAX_LENGTH)}…` : text;
}
