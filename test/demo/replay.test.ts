import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitBirthsModel, mape } from '../../src/demo/births-model.ts';
import { civilDate } from '../../src/demo/calendar.ts';
import { replay } from '../../src/demo/replay.ts';
import type { ReplayProgress, ReplayResult } from '../../src/demo/replay.ts';
import { fitFirstModel, TRAINING_DAYS } from '../../src/demo/training.ts';
import { realDays, InProcessRetraining, study } from './births-study.ts';

const days = realDays();

/** Asserts that `actual` is within `tolerance` of `expected`. */
function near(actual: number | undefined, expected: number, tolerance: number): void {
  assert.ok(
    Math.abs((actual ?? Number.NaN) - expected) <= tolerance,
    `${actual} is not within ${tolerance} of ${expected}`,
  );
}

function frozenOf({ years }: ReplayResult, year: number): number | undefined {
  return years.find((each) => each.year === year)?.mapeFrozen;
}

test('at 1.5 times the reference the figures are those of the independent study: 9 requests, all promoted', async () => {
  const { result } = await study(days, { ratio: 1.5 });
  const { requests, promoted, rejected, deadLettered, mapeFrozen, mapeLive } = result.totals;
  assert.deepEqual(
    { requests, promoted, rejected, deadLettered },
    { requests: 9, promoted: 9, rejected: 0, deadLettered: 0 },
  );
  near(mapeFrozen, 8.48, 0.01);
  near(mapeLive, 3.14, 0.05);
  // The study's holdout is 2.23 %, over days that it does not name; here the first year after training is a little worse.
  near(frozenOf(result, 1972), 2.23, 0.15);
  near(frozenOf(result, 1984), 3.5, 0.05);
  near(frozenOf(result, 1988), 4.9, 0.1);
  near(frozenOf(result, 2004), 14, 0.1);
  near(frozenOf(result, 2010), 15.8, 0.05);
});

test('at 1.3 times the reference as well: 19 requests, 14 promoted, 5 rejected by the gate', async () => {
  const { result } = await study(days, { ratio: 1.3 });
  const { requests, promoted, rejected, mapeLive } = result.totals;
  assert.deepEqual({ requests, promoted, rejected }, { requests: 19, promoted: 14, rejected: 5 });
  near(mapeLive, 2.89, 0.03);
});

test('retrained each year on the three years before, the model holds, but for the years after the gap', () => {
  const yearOf = days.map(({ day }) => civilDate(day).year);
  const errors = [...new Set(yearOf)].flatMap((year) => {
    if (year < 1972 || (year >= 1994 && year <= 1996)) return [];
    const [start, end] = [yearOf.indexOf(year), yearOf.lastIndexOf(year) + 1];
    return mape(fitBirthsModel(days.slice(Math.max(0, start - TRAINING_DAYS), start)), days.slice(start, end));
  });
  assert.ok(Math.min(...errors) > 1.8 && Math.max(...errors) < 3.5, errors.map((error) => error.toFixed(2)).join(' '));
});

test('every request carries the evidence of the window before it, and looks at no day after', async () => {
  const { result, told } = await study(days, { ratio: 1.3 });
  for (const { trigger, parameters } of result.requests) {
    assert.equal(parameters.trainUntil, trigger.window.to.slice(0, 10));
    assert.equal(trigger.window.count, 91);
    assert.ok(trigger.observed > trigger.threshold && trigger.threshold > trigger.baseline);
  }
  const expected = result.windows.flatMap(({ verdict }) =>
    verdict === 'decayed' ? ['window', 'requested', 'answered'] : ['window'],
  );
  assert.deepEqual(
    told.map(({ kind }) => kind),
    expected,
  );
  assert.ok(told.every((step) => step.kind !== 'window' || (step.progress > 0 && step.progress <= 1)));
});

test('what the gate measured of the champion is what the monitor saw', async () => {
  const { result } = await study(days, { ratio: 1.5 });
  for (const { trigger, outcome } of result.requests) near(outcome.championMape, trigger.observed, 1e-9);
});

test('totals and years are the same errors, counted twice', async () => {
  const { result } = await study(days, { ratio: 1.5 });
  const sum = (of: (year: ReplayResult['years'][number]) => number): number =>
    result.years.reduce((all, year) => all + of(year), 0);
  assert.equal(
    sum((year) => year.days),
    result.totals.days,
  );
  near(sum((year) => year.days * year.mapeLive) / result.totals.days, result.totals.mapeLive, 1e-9);
  assert.deepEqual(
    result.years.map(({ year }) => year).filter((year) => year > 1988 && year < 1994),
    [],
  );
});

test('until the first promotion both models are the same; when nothing is ever promoted, to the end', async () => {
  const retraining = new InProcessRetraining(days);
  const run = replay({
    days,
    frozen: fitFirstModel(days),
    ratio: 1.5,
    champion: retraining.champion,
    request: async () => ({ verdict: 'dead-lettered', reason: 'TrainingFailed' }),
  });
  let step = await run.next();
  while (!step.done) step = await run.next();
  const { totals } = step.value;
  assert.equal(totals.mapeLive, totals.mapeFrozen);
  assert.equal(totals.deadLettered, totals.requests);
  assert.ok(totals.requests > 20);
});

test('an aborted replay ends after the window at hand, with what ran until then', async () => {
  const retraining = new InProcessRetraining(days);
  const abort = new AbortController();
  const { champion, request } = retraining;
  const run = replay({ days, frozen: fitFirstModel(days), ratio: 1.5, champion, request, signal: abort.signal });
  const told: ReplayProgress[] = [];
  let step = await run.next();
  while (!step.done) {
    told.push(step.value);
    if (told.length === 3) abort.abort();
    step = await run.next();
  }
  assert.equal(told.length, 3);
  assert.equal(step.value.totals.days, 3 * 91);
});

test('the live model forecasts without what the gate has rejected', async () => {
  const { result } = await study(days, { ratio: 1.3 });
  const epochs = result.windows.map(({ epoch }) => epoch);
  assert.equal(epochs.at(-1), 1 + result.totals.promoted);
  for (const { trigger, outcome } of result.requests) {
    const at = result.windows.findIndex(({ window }) => window.to === trigger.window.to);
    assert.equal((epochs[at + 1] ?? 0) - (epochs[at] ?? 0), outcome.verdict === 'promoted' ? 1 : 0);
  }
});
