import { RetrainError } from '../errors.ts';

/** One measured error or quality of a prediction. `timeMs` is event time: milliseconds since 1970-01-01T00:00:00Z. */
export interface Observation {
  readonly timeMs: number;
  readonly value: number;
}

/** The range of an ECMAScript date, in milliseconds either side of the epoch (ECMA-262, 21.4.1.1). */
export const TIME_MAX_MS = 8.64e15;

/** @throws RetrainError `ARGUMENT_INVALID` when it is no finite number. */
export function checkValue(value: number): void {
  if (!Number.isFinite(value)) throw invalid('value', value, 'a finite number', 'leave out what was not measured');
}

/** @throws RetrainError `ARGUMENT_INVALID` outside of the range of a date. */
export function checkTime(timeMs: number, field = 'timeMs'): void {
  if (Math.abs(timeMs) <= TIME_MAX_MS) return;
  throw invalid(field, timeMs, `within ±${TIME_MAX_MS}`, 'use milliseconds since 1970-01-01T00:00:00Z');
}

export function checkWhole(field: string, value: number, { min, max }: { min: number; max: number }): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw invalid(field, value, `a whole number from ${min} to ${max}`, 'set it within these limits');
}

export function invalid(field: string, value: unknown, limit: string, remedy: string): RetrainError {
  return new RetrainError(
    'ARGUMENT_INVALID',
    `${field} is ${typeof value === 'string' ? JSON.stringify(value) : String(value)}, it must be ${limit}: ${remedy}`,
  );
}
