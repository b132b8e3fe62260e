import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgeProfile } from '../../../src/retraining/backtest/age-profile.ts';
import { ErrorMatrix } from '../../../src/retraining/backtest/error-matrix.ts';
import type { ErrorSource } from '../../../src/retraining/backtest/error-source.ts';
import type { Policy } from '../../../src/retraining/backtest/policy.ts';
import { combinations } from '../../../src/retraining/backtest/policy.ts';
import { replayPolicy } from '../../../src/retraining/backtest/policy-replay.ts';
import type { PolicyResult } from '../../../src/retraining/backtest/policy-replay.ts';
import { endOfGathering } from '../../../src/retraining/gather-window.ts';
import { monitorSettingsSchema } from '../../../src/retraining/monitors/monitor-settings.ts';
import type { MonitorSettingsInput } from '../../../src/retraining/monitors/monitor-settings.ts';

const DAY_MS = 86_400_000;

/** Errors of one model: 1 for ten days, then 0.5 more each day. */
const decaying = Array.from({ length: 60 }, (_, day) => ({
  timeMs: day * DAY_MS,
  value: day < 10 ? 1 : 1 + (day - 9) * 0.5,
}));

const PAIRS: MonitorSettingsInput = {
  name: 'mae',
  source: { pushed: true },
  metric: 'mae',
  ratio: 2,
  window: { count: 2 },
};

function monitor(settings: Partial<MonitorSettingsInput> = {}): Policy['asking'] {
  return { by: 'monitor', settings: monitorSettingsSchema.parse({ ...PAIRS, ...settings }) };
}

function replayed(policy: Partial<Policy> = {}, source: ErrorSource = new AgeProfile(decaying)): Promise<PolicyResult> {
  return replayPolicy(
    {
      name: 'one',
      asking: monitor(),
      gatherWindowMs: 0,
      coolDownMs: 0,
      maxRunsPerDay: Infinity,
      maxRequests: 100,
      trainingMs: 0,
      ...policy,
    },
    source,
    {
      model: 'births',
      metric: 'mae',
      direction: 'minimize',
      gateWindow: { count: 2 },
      scoreWindow: { by: 'count', count: 2 },
    },
  );
}

/** Days on which runs began. */
function startDays({ runs }: PolicyResult): number[] {
  return runs.map(({ startedAt }) => Date.parse(startedAt) / DAY_MS);
}

test('a retrained model has the error of the history at the same age, and decays again', async () => {
  const result = await replayed();
  // The double of 1 is crossed by 2.5 and 3 of the days 12 and 13. The new model is one day old in the window after: its ages 11 and 12 share one.
  assert.deepEqual(startDays(result), [13, 25, 37, 49]);
  assert.equal(result.promoted, 4);
  const never = await replayed({ asking: { by: 'nothing' } });
  assert.equal(never.mean, decaying.reduce((sum, { value }) => sum + value, 0) / 60);
  assert.ok((result.mean ?? 0) < (never.mean ?? 0) / 3);
  assert.deepEqual([never.worst?.mean, result.worst?.mean], [25.75, 2.75]);
});

test('while a training takes its time, the old model serves, and its decay asks again', async () => {
  const result = await replayed({ trainingMs: 3 * DAY_MS });
  const [first, second] = result.runs;
  assert.equal(first?.startedAt, '1970-01-14T00:00:00.000Z');
  assert.equal(first?.endedAt, '1970-01-17T00:00:00.000Z');
  // The window of the days 14 and 15 asked too, and its run begins when the first one has ended.
  assert.equal(second?.startedAt, '1970-01-17T00:00:00.000Z');
});

test('a cool-down postpones the next run, and says so', async () => {
  const result = await replayed({ coolDownMs: 20 * DAY_MS });
  assert.deepEqual(startDays(result), [13, 33, 53]);
  assert.ok(result.postponed.coolDown > 0);
  assert.equal(result.postponed.budget, 0);
  assert.ok(result.coalesced > 0);
});

test('a budget lets the next run start on the next day', async () => {
  const hours = decaying.map(({ value }, hour) => ({ timeMs: hour * 3_600_000, value: hour % 4 < 2 ? 1 : value + 2 }));
  const result = await replayed({ maxRunsPerDay: 1 }, new AgeProfile(hours));
  assert.ok(result.postponed.budget > 0);
  assert.equal(new Set(result.runs.map(({ startedAt }) => startedAt.slice(0, 10))).size, result.runs.length);
});

test('a gather window lets all its requests become active at its end', async () => {
  const windowMs = 7 * DAY_MS;
  const result = await replayed({ gatherWindowMs: windowMs });
  const [first] = result.runs;
  const end = endOfGathering('births', { windowMs, nowMs: 13 * DAY_MS });
  assert.equal(Date.parse(first?.startedAt ?? ''), end);
  assert.equal(first?.requests, 1 + Math.floor((end / DAY_MS - 13) / 2));
});

test('the gate rejects what is not better by enough; a monitor that cools down asks later', async () => {
  const gate = { metric: 'mae', direction: 'minimize', minImprovement: 2.5 } as const;
  const result = await replayed({ gate });
  const [first, second] = result.runs;
  // 2.75 against 1 on the new model's first window: better by 1.75 only.
  assert.equal(first?.verdict, 'reject');
  assert.match(first?.reason ?? '', /mae 1 against the champion's 2.75: better by 1.75, needed at least 2.5/);
  assert.equal(second?.verdict, 'promote');
});

test('a schedule retrains whatever the error is', async () => {
  const result = await replayed({ asking: { by: 'schedule', everyMs: 14 * DAY_MS } });
  assert.deepEqual(startDays(result), [14, 28, 42, 56]);
});

test('of a matrix the newest model that was trained by then is taken, with its own errors', async () => {
  const points = [0, 10, 20].flatMap((trained) =>
    Array.from({ length: 40 - trained }, (_, age) => ({
      timeMs: (trained + age) * DAY_MS,
      value: age < 10 ? 1 + trained / 100 : 5,
      trainedAtMs: trained * DAY_MS,
    })),
  );
  const result = await replayed({}, new ErrorMatrix(points));
  // The first model decays with the days 10 and 11; on day 11 there is the one of day 10. That one decays with the days 20 and 21.
  assert.deepEqual(startDays(result).slice(0, 2), [11, 21]);
  assert.equal(result.runs[0]?.verdict, 'promote');
  const sum = 10 * 1 + 2 * 5 + 8 * 1.1 + 2 * 5 + 8 * 1.2 + 10 * 5;
  assert.ok(Math.abs((result.mean ?? 0) - sum / 40) < 1e-9);
  // When there is no newer model, that is said.
  assert.match(result.runs.at(-1)?.reason ?? '', /no model that was trained since/);
});

test('of a matrix the gate compares only where both errors are known, and without any the run counts as ungated', async () => {
  const gate = { metric: 'mae', direction: 'minimize', minImprovement: 0 } as const;
  const of = (trained: number, from: number, value: number) =>
    Array.from({ length: 40 - from }, (_, index) => ({
      timeMs: (from + index) * DAY_MS,
      value: from + index < 10 ? 1 : value,
      trainedAtMs: trained * DAY_MS,
    }));
  const first = of(0, 0, 5);
  const worse = await replayed({ gate }, new ErrorMatrix([...first, ...of(10, 8, 6)]));
  assert.equal(worse.promoted, 0);
  const unknown = await replayed({ gate }, new ErrorMatrix([...first, ...of(11, 12, 6)]));
  assert.equal(unknown.runs[0]?.verdict, 'promote');
  assert.equal(unknown.ungated, 1);
});

test('every combination of what is varied is one policy, up to a limit', () => {
  assert.deepEqual(combinations({ a: [1, 2], b: ['x'] }), [
    { a: 1, b: 'x' },
    { a: 2, b: 'x' },
  ]);
  const many = Array.from({ length: 30 }, (_, index) => index);
  assert.throws(() => combinations({ a: many, b: many }), { code: 'ARGUMENT_INVALID', message: /more than 500/ });
});
