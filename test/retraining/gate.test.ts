import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { judge, METRICS_MAX_BYTES, metricsSchema } from '../../src/retraining/gate.ts';
import type { GateRule, Metrics } from '../../src/retraining/gate.ts';

const minimize: GateRule = { metric: 'mape', direction: 'minimize', minImprovement: 0 };

function metrics(challenger: number, champion?: number): Metrics {
  return { challenger: { mape: challenger }, ...(champion !== undefined && { champion: { mape: champion } }) };
}

const recorded = { metrics: metrics(3) };

test('the first model of a name is promoted', () => {
  const result = judge(minimize, metrics(99), undefined);
  assert.equal(result.verdict, 'promote');
  assert.match(result.reason, /mape 99: the model had no champion/);
});

test('better is promoted, equal and worse keep the champion', () => {
  assert.equal(judge(minimize, metrics(2.9, 3), recorded).verdict, 'promote');
  assert.equal(judge(minimize, metrics(3, 3), recorded).verdict, 'reject');
  assert.equal(judge(minimize, metrics(3.1, 3), recorded).verdict, 'reject');
  const maximize: GateRule = { ...minimize, direction: 'maximize' };
  assert.equal(judge(maximize, metrics(3.1, 3), recorded).verdict, 'promote');
  assert.equal(judge(maximize, metrics(2.9, 3), recorded).verdict, 'reject');
});

test('the improvement that is asked for counts, and rounding does not', () => {
  const rule = { ...minimize, minImprovement: 0.1 };
  assert.equal(judge(rule, metrics(0.2, 0.3), recorded).verdict, 'promote');
  assert.equal(judge(rule, metrics(0.21, 0.3), recorded).verdict, 'reject');
});

test("the trainer's measure of the champion wins over the recorded one, which is otherwise taken and said", () => {
  const measured = judge(minimize, metrics(2.9, 2.5), recorded);
  assert.equal(measured.verdict, 'reject');
  const remembered = judge(minimize, metrics(2.9), recorded);
  assert.equal(remembered.verdict, 'promote');
  assert.match(remembered.reason, /recorded when the champion was promoted/);
});

test('a metric that is missing or not a number is an error that names it', () => {
  const error = (name: string) => ({ code: 'TRAINER_FAILED', message: new RegExp(`^metrics\\.${name} is `) });
  assert.throws(() => judge(minimize, { challenger: {} }, undefined), error('challenger.mape'));
  assert.throws(() => judge(minimize, metrics(Number.NaN), undefined), error('challenger.mape'));
  assert.throws(() => judge(minimize, metrics(1, Infinity), recorded), error('champion.mape'));
  assert.throws(() => judge(minimize, { challenger: { mape: 1 }, champion: {} }, recorded), error('champion.mape'));
  assert.throws(() => judge(minimize, metrics(1), { metrics: { challenger: { mae: 1 } } }), error('champion.mape'));
  const inherited = { ...minimize, metric: 'toString' };
  assert.throws(() => judge(inherited, metrics(1), undefined), error('challenger.toString'));
});

test('two models are never each better than the other', () => {
  const value = fc.double({ noNaN: true, min: -1e9, max: 1e9 });
  fc.assert(
    fc.property(value, value, fc.double({ min: 0, max: 10, noNaN: true }), (a, b, minImprovement) => {
      const rule = { ...minimize, minImprovement };
      const verdicts = [judge(rule, metrics(a, b), recorded), judge(rule, metrics(b, a), recorded)];
      assert.ok(verdicts.filter(({ verdict }) => verdict === 'promote').length <= 1);
    }),
  );
});

test('metrics have a size that fits into a ledger', () => {
  const challenger = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`metric${i}`, i]));
  assert.ok(!metricsSchema.safeParse({ challenger }).success);
  assert.ok(metricsSchema.safeParse({ challenger: { mape: 1 } }).success);
  assert.equal(METRICS_MAX_BYTES, 3072);
});
