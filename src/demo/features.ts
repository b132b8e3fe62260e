import type { BirthSeries } from './births-data.ts';
import { civilDate, dayNumber, weekday } from './calendar.ts';
import { HOLIDAYS, holidaysOf } from './holidays.ts';

/** The level that a forecast starts from is the mean of so many days just before it. */
export const LEVEL_DAYS = 28;
/** Sine and cosine pairs of one, two and three swings a year. */
const HARMONICS = 3;
const YEAR_DAYS = 365.25;
const WEEKDAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const;

/** Names of the columns of a design row, in order; an artifact carries them, so that weights never meet other columns. */
export const FEATURES: readonly string[] = [
  'intercept',
  ...WEEKDAYS,
  ...Array.from({ length: HARMONICS }, (_, index) => [`year-sin-${index + 1}`, `year-cos-${index + 1}`]).flat(),
  ...HOLIDAYS,
];

/** All that a model may know of a day before it happens, and what then happened. */
export interface BirthDay {
  readonly day: number;
  readonly births: number;
  /** Mean births of the `LEVEL_DAYS` days before. */
  readonly level: number;
  /** The target of the regression: log(births / level). */
  readonly logRatio: number;
  /** One number for each of `FEATURES`. */
  readonly row: Float64Array;
}

/**
 * The days that can be forecast, in order: those with a number of births on the day itself and on each of the `LEVEL_DAYS`
 * days before. So the first weeks of the data, and of what follows a gap, are missing: no level reaches across a gap.
 */
export function forecastableDays(series: BirthSeries): BirthDay[] {
  const days: BirthDay[] = [];
  const encode = dayEncoder();
  let sum = 0;
  let known = 0;
  for (const [index, births] of series.births.entries()) {
    if (known >= LEVEL_DAYS && births > 0) {
      const day = series.firstDay + index;
      const level = sum / LEVEL_DAYS;
      days.push({ day, births, level, logRatio: Math.log(births / level), row: encode(day) });
    }
    if (!(births > 0)) {
      sum = 0;
      known = 0;
      continue;
    }
    sum += births;
    known += 1;
    if (known > LEVEL_DAYS) sum -= series.births[index - LEVEL_DAYS] ?? 0;
  }
  return days;
}

function dayEncoder(): (day: number) => Float64Array {
  let year = Number.NaN;
  let newYear = 0;
  let holidays: ReturnType<typeof holidaysOf> = new Map();
  return (day) => {
    const date = civilDate(day);
    if (date.year !== year) {
      year = date.year;
      newYear = dayNumber(year, 1, 1);
      holidays = holidaysOf(year);
    }
    const row = new Float64Array(FEATURES.length);
    row[0] = 1;
    row[1 + weekday(day)] = 1;
    const firstHarmonic = 1 + WEEKDAYS.length;
    for (let swing = 0; swing < HARMONICS; swing += 1) {
      const angle = (2 * Math.PI * (swing + 1) * (day - newYear)) / YEAR_DAYS;
      row[firstHarmonic + 2 * swing] = Math.sin(angle);
      row[firstHarmonic + 2 * swing + 1] = Math.cos(angle);
    }
    const holiday = holidays.get(day);
    if (holiday) row[firstHarmonic + 2 * HARMONICS + HOLIDAYS.indexOf(holiday)] = 1;
    return row;
  };
}
