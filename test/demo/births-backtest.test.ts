import assert from 'node:assert/strict';
import { test } from 'node:test';
import { absolutePercentageError } from '../../src/demo/births-model.ts';
import type { BirthsModel } from '../../src/demo/births-model.ts';
import { DAY_MS } from '../../src/demo/calendar.ts';
import type { BirthDay } from '../../src/demo/features.ts';
import { BASELINE_WINDOWS, BIRTHS_GATE, COOL_DOWN_WINDOWS } from '../../src/demo/replay.ts';
import {
  challenge,
  cutChallenge,
  FIRST_SERVED_DAY,
  fitFirstModel,
  TRAINING_DAYS,
  WINDOW_DAYS,
} from '../../src/demo/training.ts';
import type { ErrorSource, GateNumbers, TrainedModel } from '../../src/retraining/backtest/error-source.ts';
import type { Policy } from '../../src/retraining/backtest/policy.ts';
import { replayPolicy } from '../../src/retraining/backtest/policy-replay.ts';
import type { PolicyResult } from '../../src/retraining/backtest/policy-replay.ts';
import { monitorSettingsSchema } from '../../src/retraining/monitors/monitor-settings.ts';
import { realDays, study } from './births-study.ts';

// The backtest with a source that trains for real comes to the numbers of the demo, which sends every request through a broker, a worker
// and trainer processes.

interface TrainedBirths extends TrainedModel {
  readonly model: BirthsModel;
  readonly numbers?: GateNumbers;
}

/** Trains the model of the demo whenever the backtest asks for it. */
class RealBirths implements ErrorSource<TrainedBirths> {
  readonly assumption = 'exact';
  readonly times: readonly number[];
  readonly first: TrainedBirths;
  readonly #days: readonly BirthDay[];
  readonly #served: readonly BirthDay[];

  constructor(days: readonly BirthDay[]) {
    this.#days = days;
    this.#served = days.filter(({ day }) => day >= FIRST_SERVED_DAY);
    this.times = this.#served.map(({ day }) => day * DAY_MS);
    this.first = { trainedAtMs: FIRST_SERVED_DAY * DAY_MS, model: fitFirstModel(days) };
  }

  train(atMs: number, champion: TrainedBirths): Promise<TrainedBirths> {
    const cut = { until: atMs / DAY_MS, windowDays: WINDOW_DAYS, trainingDays: TRAINING_DAYS };
    const { challenger, mape } = challenge(cutChallenge(this.#days, cut), champion.model);
    const numbers = { challenger: mape.challenger, champion: mape.champion ?? Number.NaN };
    return Promise.resolve({ trainedAtMs: atMs, model: challenger, numbers });
  }

  errorOf({ model }: TrainedBirths, index: number): number {
    return absolutePercentageError(model, this.#served[index] as BirthDay);
  }

  compare({ numbers }: TrainedBirths): GateNumbers | undefined {
    return numbers;
  }
}

const days = realDays();
const births = new RealBirths(days);

function replayed(asking: Policy['asking']): Promise<PolicyResult> {
  const limits = { gatherWindowMs: 0, coolDownMs: 0, maxRunsPerDay: Infinity, maxRequests: 100, trainingMs: 0 };
  return replayPolicy({ name: 'births', asking, gate: BIRTHS_GATE, ...limits }, births, {
    model: 'us-births',
    metric: 'mape',
    direction: 'minimize',
    gateWindow: { count: WINDOW_DAYS },
    scoreWindow: { by: 'count', count: WINDOW_DAYS },
  });
}

function monitored(ratio: number): Promise<PolicyResult> {
  const settings = monitorSettingsSchema.parse({
    name: 'mape',
    source: { pushed: true },
    metric: 'mape',
    ratio,
    window: { count: WINDOW_DAYS },
    baselineWindows: BASELINE_WINDOWS,
    coolDownWindows: COOL_DOWN_WINDOWS,
  });
  return replayed({ by: 'monitor', settings });
}

for (const { ratio, requests, rejected, shown } of [
  { ratio: 1.5, requests: 9, rejected: 0, shown: '3.18' },
  { ratio: 1.3, requests: 19, rejected: 5, shown: '2.91' },
])
  test(`at ${ratio} times the reference: ${requests} requests, ${rejected} rejected, ${shown} % as in the demo`, async () => {
    const backtest = await monitored(ratio);
    assert.deepEqual([backtest.requests, backtest.rejected, backtest.mean?.toFixed(2)], [requests, rejected, shown]);
    const { result } = await study(days, { ratio });
    assert.equal(backtest.promoted, result.totals.promoted);
    assert.ok(Math.abs((backtest.mean ?? 0) - result.totals.mapeLive) < 1e-9);
    assert.deepEqual(
      backtest.runs.map(({ trigger }) => trigger.window),
      result.requests.map(({ trigger }) => trigger.window),
    );
    assert.equal(backtest.worst?.mean, Math.max(...result.windows.map(({ liveMape }) => liveMape)));
  });

test('never retrained, it is the frozen error of the demo', async () => {
  const { mean, runs } = await replayed({ by: 'nothing' });
  assert.equal(mean?.toFixed(2), '8.48');
  assert.equal(runs.length, 0);
});
