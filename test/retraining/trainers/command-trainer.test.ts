import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { CommandTrainer } from '../../../src/retraining/trainers/command-trainer.ts';
import type { CommandTrainerOptions } from '../../../src/retraining/trainers/command-trainer.ts';
import { RUN_FOLDERS_KEPT } from '../../../src/retraining/trainers/run-retention.ts';
import { RUN_LOG_BYTES } from '../../../src/retraining/trainers/run-output.ts';
import type { TrainerEnd, TrainerProgress } from '../../../src/retraining/trainers/trainer.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { files } from '../../../src/runtime/files.ts';
import { eventually, program, runOf, startOf, temporaryFolder } from './run-fixture.ts';

const RESULT = `import { writeFileSync } from 'node:fs';
const result = (value) => writeFileSync(process.env.RETRAIN_RESULT, JSON.stringify(value));
`;
const GOOD = `${RESULT} writeFileSync(process.env.RETRAIN_OUTPUT + '/model.json', '{}');
result({ metrics: { challenger: { mape: 2 } }, artifact: 'model.json', notes: 'fine' });`;

type Setup = { folder: string; trainer: CommandTrainer };

function setUp(
  t: TestContext,
  source: string | readonly [string, ...string[]],
  options: Partial<CommandTrainerOptions> = {},
): Setup {
  const folder = temporaryFolder(t);
  const command = typeof source === 'string' ? program(folder, source) : source;
  const runs = join(folder, 'runs');
  return {
    folder,
    trainer: new CommandTrainer({ command, folder: runs, files, clock: systemClock, graceMs: 2000, ...options }),
  };
}

function failure(end: TrainerEnd): Extract<TrainerEnd, { kind: 'failed' }> {
  assert.ok(end.kind === 'failed', JSON.stringify(end));
  return end;
}

test('a trainer finds plan, folders, model, run, epoch and trace context in its environment, and its result is read', async (t) => {
  const { trainer } = setUp(
    t,
    `${GOOD}
     import { readFileSync, statSync } from 'node:fs';
     const e = process.env;
     const plan = JSON.parse(readFileSync(e.RETRAIN_REQUEST, 'utf8'));
     if (plan.requests[0].id !== 'r1' || e.RETRAIN_MODEL !== 'births' || e.RETRAIN_RUN_ID !== 'run-1') process.exit(9);
     if (e.RETRAIN_EPOCH !== '7' || e.TRACEPARENT !== '00-a-b-01') process.exit(8);
     if (!statSync(e.RETRAIN_CHECKPOINT).isDirectory()) process.exit(7);`,
  );
  const end = await trainer.start(runOf({ epoch: 7 }, { traceparent: '00-a-b-01' })).result;
  assert.equal(end.kind, 'succeeded', JSON.stringify(end));
  assert.ok(end.kind === 'succeeded');
  assert.deepEqual(end.result.metrics, { challenger: { mape: 2 } });
  assert.equal(end.result.notes, 'fine');
  assert.equal(readFileSync(end.result.artifact, 'utf8'), '{}');
});

test('a variable of the worker that begins with RETRAIN_ does not reach the trainer', async (t) => {
  process.env['RETRAIN_SECRET_OF_A_TEST'] = 'key';
  t.after(() => delete process.env['RETRAIN_SECRET_OF_A_TEST']);
  const { trainer } = setUp(t, `${GOOD} if (process.env.RETRAIN_SECRET_OF_A_TEST) process.exit(9);`);
  assert.equal((await trainer.start(runOf()).result).kind, 'succeeded');
});

test('arguments reach the trainer as they are, no shell reads them', async (t) => {
  const folder = temporaryFolder(t);
  const awkward = ['$(touch x)', 'a b', '"', '*', ''];
  const command = program(
    folder,
    `${GOOD} process.stdout.write(JSON.stringify({ metrics: { args: process.argv.slice(2) } }))`,
  );
  const told: TrainerProgress[] = [];
  const trainer = new CommandTrainer({
    command: [...command, ...awkward],
    folder: join(folder, 'runs'),
    files,
    clock: systemClock,
  });
  const end = await trainer.start(runOf({}, { onProgress: (progress) => told.push(progress) })).result;
  assert.equal(end.kind, 'succeeded', JSON.stringify(end));
  assert.deepEqual(told, [{ metrics: { args: awkward } }]);
});

test('progress lines of stdout are told; everything printed is in the log', async (t) => {
  const { trainer } = setUp(
    t,
    `${GOOD} console.log('{"progress":0.25}'); console.log('hello'); console.error('careful');`,
  );
  const told: TrainerProgress[] = [];
  const end = await trainer.start(runOf({}, { onProgress: (progress) => told.push(progress) })).result;
  assert.deepEqual(told, [{ progress: 0.25 }]);
  const log = readFileSync(end.logFile, 'utf8');
  assert.match(log, /hello/);
  assert.match(log, /careful/);
});

test('exit code 64 is permanent, and the last lines of stderr are kept', async (t) => {
  const { trainer } = setUp(t, `console.error('column price is missing'); process.exit(64);`);
  const end = failure(await trainer.start(runOf()).result);
  assert.equal(end.meaning, 'permanent');
  assert.deepEqual(end.exit, { kind: 'exited', code: 64 });
  assert.match(end.reason, /exit code 64/);
  assert.match(end.stderrTail, /column price is missing/);
});

test('exit code 75 means retry', async (t) => {
  const { trainer } = setUp(t, `process.exit(75);`);
  assert.equal(failure(await trainer.start(runOf()).result).meaning, 'retry');
});

test('a trainer that kills itself counts as killed, one that ends itself by SIGTERM as interrupted', async (t) => {
  const killed = setUp(t, `process.kill(process.pid, 'SIGKILL'); setTimeout(() => {}, 60_000);`);
  assert.equal(failure(await killed.trainer.start(runOf()).result).meaning, 'killed');
  const ended = setUp(t, `process.kill(process.pid, 'SIGTERM'); setTimeout(() => {}, 60_000);`);
  assert.equal(failure(await ended.trainer.start(runOf()).result).meaning, 'interrupted');
});

test('a command that does not exist is permanent and named', async (t) => {
  const { trainer } = setUp(t, ['/no/such/trainer']);
  const end = failure(await trainer.start(runOf()).result);
  assert.equal(end.meaning, 'permanent');
  assert.match(end.reason, /\/no\/such\/trainer.*ENOENT/);
});

test('a command that may not be executed is permanent', async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'plain.txt');
  writeFileSync(file, 'text', { mode: 0o644 });
  const { trainer } = setUp(t, [file]);
  const end = failure(await trainer.start(runOf()).result);
  assert.equal(end.meaning, 'permanent');
  assert.match(end.reason, /EACCES/);
});

test('an argument that no process can be given fails the run, not the worker', async (t) => {
  const { trainer } = setUp(t, [process.execPath, 'x'.repeat(3_000_000)]);
  assert.equal(failure(await trainer.start(runOf()).result).meaning, 'retry');
});

const BAD_RESULTS: readonly (readonly [string, string, RegExp])[] = [
  ['is missing', ``, /no result file/],
  ['is not JSON', `${RESULT} writeFileSync(process.env.RETRAIN_RESULT, '{"metrics":');`, /not JSON/],
  ['has no artifact', `${RESULT} result({ metrics: { challenger: {} } });`, /artifact/],
  ['has text for a metric', `${RESULT} result({ metrics: { challenger: { mape: '2' } }, artifact: 'm' });`, /mape/],
  ['names a path outside', `${RESULT} result({ metrics: { challenger: {} }, artifact: '../../x' });`, /outside/],
  ['is huge', `${RESULT} result({ metrics: { challenger: {} }, artifact: 'm', x: 'x'.repeat(1e6) });`, /limit/],
];
for (const [what, source, reason] of BAD_RESULTS)
  test(`a trainer that exits with 0 but whose result file ${what} has failed and is tried again`, async (t) => {
    const { trainer } = setUp(t, source);
    const end = failure(await trainer.start(runOf()).result);
    assert.equal(end.meaning, 'retry');
    assert.match(end.reason, reason);
  });

test('a trainer that hangs is ended after maxRunMs, and that counts as an attempt', async (t) => {
  const { trainer } = setUp(t, `setInterval(() => {}, 1000);`, { maxRunMs: 300 });
  const end = failure(await trainer.start(runOf()).result);
  assert.equal(end.meaning, 'retry');
  assert.match(end.reason, /maxRunMs/);
});

test('a trainer that ignores SIGTERM is killed after the grace period', async (t) => {
  const cwd = temporaryFolder(t);
  const { trainer } = setUp(
    t,
    `import { writeFileSync } from 'node:fs';
     process.on('SIGTERM', () => writeFileSync('got-sigterm', ''));
     setInterval(() => {}, 1000);
     writeFileSync('up', '');`,
    { cwd },
  );
  const handle = trainer.start(runOf());
  await eventually(() => existsSync(join(cwd, 'up')));
  const startedMs = performance.now();
  handle.stop(400, 'cancelled');
  const end = failure(await handle.result);
  const tookMs = performance.now() - startedMs;
  assert.equal(end.meaning, 'interrupted');
  assert.deepEqual(end.exit, { kind: 'signalled', signal: 'SIGKILL' });
  assert.ok(existsSync(join(cwd, 'got-sigterm')));
  assert.ok(tookMs >= 390 && tookMs < 10_000, `${tookMs} ms`);
});

test('a trainer that was told to stop and exits with 1 was interrupted, it did not fail', async (t) => {
  const { folder, trainer } = setUp(
    t,
    `import { mkdirSync } from 'node:fs';
     process.on('SIGTERM', () => process.exit(1));
     setInterval(() => {}, 1000);
     mkdirSync(process.env.RETRAIN_OUTPUT + '/up');`,
  );
  const handle = trainer.start(runOf());
  await eventually(() => readdirSync(folder, { recursive: true }).some((name) => String(name).endsWith('/output/up')));
  handle.stop(5000, 'shutdown');
  assert.equal(failure(await handle.result).meaning, 'interrupted');
});

test('stopping before the trainer is up starts none', async (t) => {
  const { folder, trainer } = setUp(
    t,
    `import { writeFileSync } from 'node:fs'; writeFileSync(process.argv[1] + '.ran', '');`,
  );
  const handle = trainer.start(runOf());
  handle.stop(1000, 'lost');
  assert.equal(failure(await handle.result).meaning, 'interrupted');
  assert.ok(!existsSync(join(folder, 'trainer.mjs.ran')));
});

test('a trainer that prints without end is slowed down, and the log stays within its bound', async (t) => {
  const { trainer } = setUp(
    t,
    `${GOOD}
     const chunk = Buffer.alloc(1 << 20, 'no newline anywhere ');
     const { writeSync } = await import('node:fs');
     for (let i = 0; i < 200; i++) for (let at = 0; at < chunk.length;) at += writeSync(1, chunk, at);
     writeSync(1, '\\nlast words\\n');`,
  );
  const before = process.memoryUsage().rss;
  const end = await trainer.start(runOf()).result;
  assert.equal(end.kind, 'succeeded', JSON.stringify(end));
  assert.ok(statSync(end.logFile).size <= RUN_LOG_BYTES);
  assert.ok(statSync(`${end.logFile}.1`).size <= RUN_LOG_BYTES);
  assert.match(readFileSync(end.logFile, 'utf8'), /last words/);
  assert.ok(process.memoryUsage().rss - before < 150 * 1024 * 1024);
});

test('what a trainer leaves running when it exits is ended before the run counts as over', async (t) => {
  const { folder, trainer } = setUp(
    t,
    `${GOOD}
     import { spawn } from 'node:child_process';
     const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });
     writeFileSync(process.argv[1] + '.pid', String(child.pid));
     process.exit(0);`,
  );
  const end = await trainer.start(runOf()).result;
  assert.equal(end.kind, 'succeeded', JSON.stringify(end));
  const pid = Number(readFileSync(join(folder, 'trainer.mjs.pid'), 'utf8'));
  assert.equal(await startOf(pid), undefined);
});

test('the checkpoint of an attempt is handed to the next attempt at the same plan, and to no other plan', async (t) => {
  const { trainer } = setUp(
    t,
    `import { appendFileSync, readFileSync } from 'node:fs';
     const file = process.env.RETRAIN_CHECKPOINT + '/steps';
     appendFileSync(file, 'x');
     console.error('steps ' + readFileSync(file, 'utf8').length);
     process.exit(75);`,
  );
  const first = failure(await trainer.start(runOf({ epoch: 1, runId: 'a' })).result);
  const second = failure(await trainer.start(runOf({ epoch: 2, runId: 'b' })).result);
  const other = failure(await trainer.start(runOf({ epoch: 3, runId: 'c' }, { planKey: 'other' })).result);
  const third = failure(await trainer.start(runOf({ epoch: 4, runId: 'd' })).result);
  assert.deepEqual(
    [first, second, other, third].map(({ stderrTail }) => stderrTail),
    ['steps 1', 'steps 2', 'steps 1', 'steps 3'],
  );
});

test('of old run folders only the newest are kept', async (t) => {
  const { folder, trainer } = setUp(t, ['/no/such/trainer']);
  for (let epoch = 1; epoch <= RUN_FOLDERS_KEPT + 2; epoch++)
    await trainer.start(runOf({ epoch, runId: `run-${epoch}` })).result;
  const [model] = readdirSync(join(folder, 'runs'));
  const kept = readdirSync(join(folder, 'runs', model as string));
  assert.equal(kept.length, RUN_FOLDERS_KEPT);
  assert.ok(kept.at(-1)?.endsWith(`run-${RUN_FOLDERS_KEPT + 2}`));
});
