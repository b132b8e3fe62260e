import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fitBirthsModel, forecast, mape, parseModel, serializeModel } from '../../src/demo/births-model.ts';
import { parseIsoDay } from '../../src/demo/calendar.ts';
import { fitRidge } from '../../src/demo/ridge.ts';
import { challenge, cutChallenge, fitFirstModel } from '../../src/demo/training.ts';
import { realDays } from './births-study.ts';

const days = realDays();
const first = fitFirstModel(days);
const day = (text: string): number => parseIsoDay(text) as number;

test('ridge regression with next to no penalty finds the line that points lie on', () => {
  const rows = [0, 1, 2, 5].map((x) => Float64Array.of(1, x));
  const weights = fitRidge({ rows, targets: [3, 5, 7, 13], lambda: 1e-12 });
  assert.deepEqual(
    weights.map((weight) => weight.toFixed(6)),
    ['3.000000', '2.000000'],
  );
});

test('property: no other weights have a lower penalised loss', () => {
  const number = fc.double({ min: -5, max: 5, noNaN: true });
  const problem = fc.array(fc.tuple(number, number, number), { minLength: 3, maxLength: 12 });
  fc.assert(
    fc.property(
      problem,
      fc.double({ min: 0.1, max: 10, noNaN: true }),
      fc.tuple(number, number, number),
      (drawn, lambda, away) => {
        const rows = drawn.map(([a, b]) => Float64Array.of(1, a, b));
        const targets = drawn.map(([, , target]) => target);
        const loss = (weights: readonly number[]): number => {
          const residuals = rows.map((row, index) =>
            row.reduce((sum, x, at) => sum + x * (weights[at] ?? 0), -(targets[index] ?? 0)),
          );
          const penalty = weights.slice(1).reduce((sum, weight) => sum + weight ** 2, 0);
          return residuals.reduce((sum, residual) => sum + residual ** 2, lambda * penalty);
        };
        const best = fitRidge({ rows, targets, lambda });
        assert.ok(loss(best) <= loss(best.map((weight, index) => weight + (away[index] ?? 0) / 10)) + 1e-9);
      },
    ),
  );
});

test('nothing to fit, or no penalty, is refused', () => {
  assert.throws(() => fitRidge({ rows: [], targets: [], lambda: 1 }), { code: 'ARGUMENT_INVALID' });
  assert.throws(() => fitRidge({ rows: [Float64Array.of(1)], targets: [1], lambda: 0 }), { code: 'ARGUMENT_INVALID' });
});

test('the first model knows 1969 to 1971 only', () => {
  assert.deepEqual(first.trained, { from: '1969-01-29', to: '1971-12-31', days: 1067 });
});

test('an artifact forecasts as the model that it was written from', () => {
  const read = parseModel(serializeModel(first), 'a.json');
  for (const some of days.slice(2000, 2010)) assert.equal(forecast(read, some), forecast(first, some));
});

test('what is not an artifact of this release is refused, naming the file', () => {
  const text = serializeModel(first);
  const refused = (code: string, what: RegExp) => ({ code, message: what });
  assert.throws(() => parseModel('{', 'a.json'), refused('DATA_CORRUPT', /a\.json is not JSON/));
  assert.throws(() => parseModel('null', 'a.json'), refused('DATA_CORRUPT', /a\.json/));
  assert.throws(
    () => parseModel(text.replace('"version": 1', '"version": 2'), 'a.json'),
    refused('DATA_VERSION', /version 2/),
  );
  assert.throws(() => parseModel(text.replace('"sunday"', '"funday"'), 'a.json'), refused('DATA_CORRUPT', /funday/));
  assert.throws(
    () => parseModel(text.replace('"lambda": 1', '"lambda": 0'), 'a.json'),
    refused('DATA_CORRUPT', /lambda/),
  );
});

test('a challenger is never fitted on the window that it is measured on', () => {
  const { training, evaluation } = cutChallenge(days, { until: day('1984-03-16'), windowDays: 91, trainingDays: 1096 });
  assert.deepEqual([training.length, evaluation.length], [1096, 91]);
  assert.equal(evaluation.at(-1)?.day, day('1984-03-16'));
  assert.equal((training.at(-1)?.day ?? 0) + 1, evaluation[0]?.day);
  assert.equal((evaluation.at(-1)?.day ?? 0) - (training[0]?.day ?? 0), 1096 + 91 - 1);
});

test('soon after the gap training reaches back over it instead of making do with a few weeks', () => {
  const { training, evaluation } = cutChallenge(days, { until: day('1994-06-30'), windowDays: 91, trainingDays: 1096 });
  assert.equal(evaluation[0]?.day, day('1994-04-01'));
  assert.equal(training.length, 1096);
  assert.ok((training[0]?.day ?? 0) < day('1986-04-01'));
});

test('more days than there are is refused, with the numbers', () => {
  const ask = () => cutChallenge(days, { until: day('1971-12-31'), windowDays: 91, trainingDays: 1096 });
  assert.throws(ask, { code: 'ARGUMENT_INVALID', message: /1971-12-31, with 1067 days/ });
});

test('champion and challenger are measured on the same days', () => {
  const cut = cutChallenge(days, { until: day('1988-12-31'), windowDays: 91, trainingDays: 1096 });
  const result = challenge(cut, first);
  assert.equal(result.mape.champion, mape(first, cut.evaluation));
  assert.equal(result.mape.challenger, mape(fitBirthsModel(cut.training), cut.evaluation));
  assert.equal(challenge(cut, undefined).mape.champion, undefined);
});
