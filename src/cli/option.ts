import { InvalidArgumentError } from 'commander';
import { SPAN_RULE, spanMs } from '../retraining/configuration/span.ts';

// Parsers of option values. What they refuse, commander reports with the option's name and the value.

/** Adds a value of a repeatable option to those before it. */
export function collect(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}

export function port(value: string): number {
  return whole(value, { min: 0, max: 65_535, remedy: 'use 0 to 65535; 0 picks a free port' });
}

export function count(value: string): number {
  return whole(value, { min: 1, max: 1_000_000, remedy: 'use a whole number of 1 or more' });
}

function whole(value: string, { min, max, remedy }: { min: number; max: number; remedy: string }): number {
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= min && number <= max) return number;
  throw new InvalidArgumentError(remedy);
}

export function decimal(value: string): number {
  const number = Number(value);
  if (value.trim() !== '' && Number.isFinite(number)) return number;
  throw new InvalidArgumentError('use a number such as 0.05');
}

/** Milliseconds of a span such as `90s`, `15m`, `2h` or `1d`. */
export function span(value: string): number {
  const ms = spanMs(value);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError(SPAN_RULE);
}

const INSTANT = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/;

/** A point in time: RFC 3339 with an offset, or a date, which begins at midnight UTC. */
export function instant(value: string): Date {
  const time = new Date(value);
  if (INSTANT.test(value) && !Number.isNaN(time.getTime())) return time;
  throw new InvalidArgumentError('use a time such as 2026-01-31T06:00Z or 2026-01-31T07:00+01:00, or a date');
}

/** Adds a sequence number to those before it. */
export function sequenceNumbers(value: string, before: readonly string[] = []): string[] {
  return [...before, ...value.split(',').map(sequenceNumber)];
}

export function sequenceNumber(value: string): string {
  if (/^\d{1,19}$/.test(value) && BigInt(value) < 2n ** 63n) return String(BigInt(value));
  throw new InvalidArgumentError('use a sequence number as retrain peek shows it, such as 17');
}
