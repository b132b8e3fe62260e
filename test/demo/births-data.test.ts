import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { joinSources, loadBirths } from '../../src/demo/births-data.ts';
import type { BirthRecord } from '../../src/demo/births-data.ts';
import { civilDate, dayNumber, isoDay, parseIsoDay, weekday } from '../../src/demo/calendar.ts';
import { FEATURES, forecastableDays, LEVEL_DAYS } from '../../src/demo/features.ts';
import { holidaysOf } from '../../src/demo/holidays.ts';

const series = loadBirths();

test('the data runs from 1969 to 2014 without 1989 to 1993, which nothing fills', () => {
  assert.equal(isoDay(series.firstDay), '1969-01-01');
  assert.equal(isoDay(series.firstDay + series.births.length - 1), '2014-12-31');
  const missing = [...series.births.keys()].filter((index) => Number.isNaN(series.births[index]));
  assert.deepEqual(
    [isoDay(series.firstDay + (missing[0] ?? 0)), isoDay(series.firstDay + (missing.at(-1) ?? 0)), missing.length],
    ['1989-01-01', '1993-12-31', 1826],
  );
});

test('the level between the two sources is computed from the four years that both tell of', () => {
  assert.equal(series.overlapDays, 1461);
  assert.equal(series.levelFactor.toFixed(4), '1.0199');
  assert.equal(series.births[dayNumber(2003, 12, 31) - series.firstDay], 12374);
  assert.ok(
    Math.abs((series.births[dayNumber(2014, 12, 31) - series.firstDay] ?? 0) * series.levelFactor - 11990) < 1e-6,
  );
});

test('sources that cannot be levelled, or with a day that is impossible, are refused', () => {
  const record = (births: number): BirthRecord => ({ year: 2000, month: 1, date_of_month: 1, births });
  assert.throws(() => joinSources([record(1)], [record(1)]), { code: 'DATA_CORRUPT', message: /1 days in common/ });
  assert.throws(() => joinSources([record(0)], []), { code: 'DATA_CORRUPT', message: /2000-1-1 are 0/ });
  assert.throws(() => joinSources([record(1), record(1)], []), { code: 'DATA_CORRUPT', message: /told twice/ });
});

test('a day can be forecast only when the 28 days before it are known: none in the first four weeks, none across the gap', () => {
  const days = new Set(forecastableDays(series).map(({ day }) => isoDay(day)));
  assert.deepEqual(
    ['1969-01-28', '1969-01-29', '1988-12-31', '1994-01-01', '1994-01-28', '1994-01-29'].map((day) => days.has(day)),
    [false, true, true, false, false, true],
  );
});

test('the level is the mean of exactly the days before, and the target the logarithm of births by level', () => {
  for (const { day, births, level, logRatio } of forecastableDays(series).filter((_, index) => index % 500 === 0)) {
    const before = [...series.births.subarray(day - series.firstDay - LEVEL_DAYS, day - series.firstDay)];
    const mean = before.reduce((sum, value) => sum + value, 0) / LEVEL_DAYS;
    assert.ok(Math.abs(level - mean) < 1e-6);
    assert.ok(Math.abs(Math.exp(logRatio) * mean - births) < 1e-6);
  }
});

test('a row says weekday and holiday by name', () => {
  const row = forecastableDays(series).find(({ day }) => isoDay(day) === '1970-11-26')?.row;
  const marked = FEATURES.filter((name, index) => row?.[index] === 1 && !name.startsWith('year-'));
  assert.deepEqual(marked, ['intercept', 'thursday', 'thanksgiving']);
});

test('holidays stand on the days of the calendar', () => {
  const named = [...holidaysOf(2004)].map(([day, name]) => `${isoDay(day)} ${name}`);
  assert.deepEqual(named, [
    '2004-01-01 new-year',
    '2004-05-31 memorial-day',
    '2004-07-04 independence-day',
    '2004-09-06 labor-day',
    '2004-11-25 thanksgiving',
    '2004-11-26 day-after-thanksgiving',
    '2004-12-24 christmas-eve',
    '2004-12-25 christmas',
  ]);
});

test('property: day numbers, civil dates and ISO text say the same, and weekdays follow one another', () => {
  fc.assert(
    fc.property(fc.integer({ min: -25_000, max: 50_000 }), (day) => {
      const { year, month, dayOfMonth } = civilDate(day);
      assert.equal(dayNumber(year, month, dayOfMonth), day);
      assert.equal(parseIsoDay(isoDay(day)), day);
      assert.equal(parseIsoDay(`${isoDay(day)}T23:59:59Z`), day);
      assert.equal(weekday(day + 1), (weekday(day) + 1) % 7);
    }),
  );
  assert.equal(weekday(0), 3);
  for (const text of ['1969-02-29', '1969-1-1', 'today', '']) assert.equal(parseIsoDay(text), undefined);
});
