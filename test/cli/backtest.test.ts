import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BacktestReport } from '../../src/cli/backtest-report.ts';
import { assertFailure, runCli, temporaryFolder } from './cli-process.ts';

const DAY_MS = 86_400_000;

/** Sixty days of which the error is 1 at first and then grows. */
function history(): string {
  const rows = Array.from({ length: 60 }, (_, day) => `${dayOf(day)},${day < 10 ? 1 : 1 + (day - 9) * 0.5}\n`);
  return `time,mae\n${rows.join('')}`;
}

function dayOf(day: number): string {
  return new Date(Date.UTC(2026, 0, 1) + day * DAY_MS).toISOString().slice(0, 10);
}

async function report(args: readonly string[], cwd: string): Promise<BacktestReport> {
  const { code, stdout, stderr } = await runCli(['backtest', '--json', ...args], { cwd });
  assert.deepEqual([code, stderr], [0, '']);
  return JSON.parse(stdout) as BacktestReport;
}

test('backtest tells for every combination how many trainings, when, and what error, and on what that rests', async (t) => {
  const cwd = await temporaryFolder(t);
  await writeFile(join(cwd, 'errors.csv'), history());
  const flags = ['errors.csv', '--metric', 'mae', '--ratio', '2,4', '--window', '2,7d', '--every', '30d'];
  const { code, stdout, stderr } = await runCli(['backtest', ...flags], { cwd });
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /^60 observations of mae from 2026-01-01 to 2026-03-01/);
  assert.match(
    stdout,
    /are assumed: a retrained model has the error that the model of the history had at the same age/,
  );
  assert.match(stdout, /^nothing is retrained +0 +0 +0 +0 +11\.625 +25\.75 /m);
  assert.match(stdout, /^ratio 2, window 2 +4 +4 +0 +0 /m);
  assert.match(stdout, /^ratio 2, window 2\n {2}2026-01-14, 2026-01-26, 2026-02-07, 2026-02-19$/m);
  assert.match(stdout, /^every 30d\n {2}2026-01-31$/m);
  const { policies, assumption } = await report(flags, cwd);
  assert.equal(policies.length, 6);
  assert.match(assumption, /assumed/);
  assert.equal(policies[1]?.runs[0]?.trigger.detector, 'ratio');
});

test('backtest of a model of the configuration starts from its monitor, its source, cool-down, budget and gate', async (t) => {
  const cwd = await temporaryFolder(t);
  await writeFile(join(cwd, 'errors.csv'), history().replace('time', 'day'));
  const model = {
    trainer: { command: ['true'] },
    gate: { metric: 'mae', direction: 'minimize', minImprovement: 1.5 },
    coolDown: '20d',
    monitors: [
      { name: 'mae', source: { csv: 'errors.csv', time: 'day' }, metric: 'mae', ratio: 2, window: { count: 2 } },
    ],
  };
  await writeFile(join(cwd, 'retrain.yaml'), JSON.stringify({ models: { births: model } }));
  const configured = await report([], cwd);
  const [, one] = configured.policies;
  assert.equal(configured.policies.length, 2);
  assert.ok((one?.postponed.coolDown ?? 0) > 0);
  const { policies } = await report(['--model', 'births', '--cool-down', '0s', '--min-improvement', '0,3'], cwd);
  assert.deepEqual(
    policies.map(({ policy, rejected }) => [policy, rejected > 0]),
    [
      ['nothing is retrained', false],
      ['ratio 2, improvement 0', false],
      ['ratio 2, improvement 3', true],
    ],
  );
  const ungated = await report(['--no-gate', '--cool-down', '0s'], cwd);
  assert.match(ungated.policies[1]?.runs[0]?.reason ?? '', /without a gate/);
});

test('backtest with the errors of many models is exact, and says so', async (t) => {
  const cwd = await temporaryFolder(t);
  const rows = [0, 10, 20].flatMap((trained) =>
    Array.from({ length: 40 - trained }, (_, age) =>
      JSON.stringify({ at: dayOf(trained + age), fitted: dayOf(trained), mae: age < 10 ? 1 : 5 }),
    ),
  );
  await writeFile(join(cwd, 'errors.jsonl'), rows.join('\n'));
  const flags = [
    '--metric',
    'mae',
    '--time',
    'at',
    '--trained-at',
    'fitted',
    '--ratio',
    '2',
    '--window',
    '2',
    '--no-gate',
  ];
  const { policies, assumption } = await report(['errors.jsonl', ...flags], cwd);
  assert.match(assumption, /exact: those of 3 models/);
  assert.deepEqual(
    policies[1]?.runs.slice(0, 2).map(({ startedAt }) => startedAt.slice(0, 10)),
    [dayOf(11), dayOf(21)],
  );
});

test('backtest with a command really trains, once for each time, and what the command says is told when it fails', async (t) => {
  const cwd = await temporaryFolder(t);
  await writeFile(join(cwd, 'errors.csv'), history());
  // A model that errs by 1, and from its 20th day on by 9.
  await writeFile(
    join(cwd, 'train.mjs'),
    `const until = Date.parse(process.env.RETRAIN_BACKTEST_UNTIL);
process.stderr.write('training');
console.log('time,mae');
for (let day = 0; day < 60; day++) {
  const at = Date.UTC(2026, 0, 1) + day * ${DAY_MS};
  console.log(new Date(at).toISOString() + ',' + (at - until < 20 * ${DAY_MS} ? 1 : 9));
}`,
  );
  const flags = ['errors.csv', '--metric', 'mae', '--ratio', '2,2.5', '--window', '2'];
  const { policies, assumption } = await report([...flags, '--', process.execPath, 'train.mjs'], cwd);
  assert.match(assumption, /exact/);
  assert.deepEqual(
    policies[1]?.runs.map(({ startedAt }) => startedAt.slice(0, 10)),
    [dayOf(13), dayOf(33), dayOf(53)],
  );
  const failed = await runCli(
    ['backtest', ...flags, '--', process.execPath, '-e', 'console.error("no data"); process.exit(1)'],
    {
      cwd,
    },
  );
  assertFailure(failed, 1, /until 2026-01-14T00:00:00\.000Z ended with 1: [\s\S]*no data/);
});

test('backtest says what is missing', async (t) => {
  const cwd = await temporaryFolder(t);
  await writeFile(join(cwd, 'errors.csv'), history());
  const cases: [string[], number, RegExp][] = [
    [['errors.csv', '--metric', 'mae'], 2, /give a rule, such as --ratio 1\.5/],
    [['errors.csv', '--metric', 'mae', '--ratio', '2'], 2, /give the windows/],
    [['errors.csv', '--ratio', '2'], 2, /name the metric/],
    [['errors.csv', '--metric', 'mape', '--ratio', '2', '--window', '7d'], 2, /has no column "mape", but time, mae/],
    [['nothing.csv', '--metric', 'mae', '--ratio', '2', '--window', '7d'], 2, /the history has no observation/],
    [['errors.csv', '--metric', 'mae', '--ratio', '1', '--window', '7d'], 2, /ratio is 1, it must be a number above 1/],
    [['--model', 'births'], 2, /there is no retrain.yaml here/],
    [['errors.csv', '--metric', 'mae', '--ratio', '2', '--window', 'soon'], 2, /--window <span\|n,…>/],
  ];
  for (const [args, code, line] of cases) assertFailure(await runCli(['backtest', ...args], { cwd }), code, line);
});
