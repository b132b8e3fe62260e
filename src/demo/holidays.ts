import { dayNumber, weekday } from './calendar.ts';

const MONDAY = 0;
const THURSDAY = 3;

/** Days on which fewer children are born in the United States, because clinics plan around them; in the order of the year. */
export const HOLIDAYS = [
  'new-year',
  'memorial-day',
  'independence-day',
  'labor-day',
  'thanksgiving',
  'day-after-thanksgiving',
  'christmas-eve',
  'christmas',
] as const;
export type Holiday = (typeof HOLIDAYS)[number];

/** The days of `HOLIDAYS` in `year`. Memorial Day is May's last Monday (before 1971 it was May 30 for the government). */
export function holidaysOf(year: number): ReadonlyMap<number, Holiday> {
  const thanksgiving = weekdayOnOrBefore(dayNumber(year, 11, 28), THURSDAY);
  return new Map([
    [dayNumber(year, 1, 1), 'new-year'],
    [weekdayOnOrBefore(dayNumber(year, 5, 31), MONDAY), 'memorial-day'],
    [dayNumber(year, 7, 4), 'independence-day'],
    [weekdayOnOrBefore(dayNumber(year, 9, 7), MONDAY), 'labor-day'],
    [thanksgiving, 'thanksgiving'],
    [thanksgiving + 1, 'day-after-thanksgiving'],
    [dayNumber(year, 12, 24), 'christmas-eve'],
    [dayNumber(year, 12, 25), 'christmas'],
  ]);
}

function weekdayOnOrBefore(day: number, wanted: number): number {
  return day - ((weekday(day) - wanted + 7) % 7);
}
