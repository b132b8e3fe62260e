/** A civil date of the proleptic Gregorian calendar. `month` and `dayOfMonth` count from 1. */
export interface CivilDate {
  readonly year: number;
  readonly month: number;
  readonly dayOfMonth: number;
}

/** Days are plain numbers, counted from 1970-01-01 (day 0): differences and windows are then subtraction. */
export const DAY_MS = 86_400_000;

export function dayNumber(year: number, month: number, dayOfMonth: number): number {
  return Date.UTC(year, month - 1, dayOfMonth) / DAY_MS;
}

export function civilDate(day: number): CivilDate {
  const date = new Date(day * DAY_MS);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, dayOfMonth: date.getUTCDate() };
}

/** 0 for Monday to 6 for Sunday. */
export function weekday(day: number): number {
  return new Date((day - 1) * DAY_MS).getUTCDay();
}

/** Such as `1969-01-01`. */
export function isoDay(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

/** The day of `1969-01-01`, or of an instant such as `1969-01-01T00:00:00Z`; undefined for any other text. */
export function parseIsoDay(text: string): number | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})(T.*)?$/.exec(text);
  if (!match) return undefined;
  const day = dayNumber(Number(match[1]), Number(match[2]), Number(match[3]));
  return isoDay(day) === text.slice(0, 10) ? day : undefined;
}
