import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { TrainerProgress } from '../../../src/retraining/trainers/trainer.ts';
import { ModuleTrainer } from '../../../src/retraining/trainers/module-trainer.ts';
import { localGround } from './local-ground.ts';
import { eventually, program, runOf, startOf, temporaryFolder } from './run-fixture.ts';
import { failed, trainerSuite } from './trainer-suite.ts';

trainerSuite({
  name: 'module',
  reattaches: false,
  open: (t, training, limits) =>
    localGround(t, training, ({ folder, runs }, body) => {
      const source = `
        import fs from 'node:fs';
        export async function train() {
          let result;
          const give = (value) => (result = value);
          ${body}
          return result;
        }`;
      const [, module] = program(folder, source, 'train.mjs');
      const trainer = new ModuleTrainer({ module: module as string, folder: runs, graceMs: 2000, ...limits });
      t.after(() => trainer.close());
      return trainer;
    }),
});

const GOOD = `{ metrics: { challenger: { mape: 2 } }, artifact: 'https://example.net/m', notes: String(process.pid) }`;

function moduleTrainer(t: TestContext, source: string, exportName?: string): { trainer: ModuleTrainer; file: string } {
  const folder = temporaryFolder(t);
  const [, file = ''] = program(folder, source, 'train.mjs');
  const name = exportName === undefined ? {} : { exportName };
  const trainer = new ModuleTrainer({ module: file, folder: join(folder, 'runs'), graceMs: 2000, ...name });
  t.after(() => trainer.close());
  return { trainer, file };
}

async function pidOf(trainer: ModuleTrainer, epoch: number): Promise<string | undefined> {
  const end = await trainer.start(runOf({ epoch, runId: `run-${epoch}` })).result;
  assert.ok(end.kind === 'succeeded', JSON.stringify(end));
  return end.result.notes;
}

test('module: the next run is in the same process, and each has only its own variables, output and log', async (t) => {
  const { trainer } = moduleTrainer(
    t,
    `export function train(plan, { log }) { log('run ' + process.env.RETRAIN_RUN_ID + ' ' + process.env.TRACEPARENT); return ${GOOD}; }`,
  );
  const [first, second] = [
    await trainer.start(runOf({ epoch: 1, runId: 'a' }, { traceparent: '00-1' })).result,
    await trainer.start(runOf({ epoch: 2, runId: 'b' })).result,
  ];
  assert.ok(first.kind === 'succeeded' && second.kind === 'succeeded');
  assert.equal(first.result.notes, second.result.notes);
  assert.equal(readFileSync(first.logFile, 'utf8'), 'run a 00-1\n');
  assert.equal(readFileSync(second.logFile, 'utf8'), 'run b undefined\n');
});

test('module: runs at the same time are in processes of their own', async (t) => {
  const { trainer } = moduleTrainer(
    t,
    `export async function train() { await new Promise((go) => setTimeout(go, 200)); return ${GOOD}; }`,
  );
  const pids = await Promise.all([pidOf(trainer, 1), pidOf(trainer, 2)]);
  assert.notEqual(pids[0], pids[1]);
});

const LEFT: readonly (readonly [string, string])[] = [
  ['a timer', `setInterval(() => {}, 1000)`],
  ['a child process', `spawn('sleep', ['60'])`],
  ['a server', `createServer().listen(0, '127.0.0.1')`],
];
for (const [what, left] of LEFT)
  test(`module: a run that leaves ${what} behind is the last one of its process`, async (t) => {
    const { trainer } = moduleTrainer(
      t,
      `import { spawn } from 'node:child_process'; import { createServer } from 'node:net';
       export function train() { ${left}; return ${GOOD}; }`,
    );
    const first = await pidOf(trainer, 1);
    assert.equal(await startOf(Number(first)), undefined);
    assert.notEqual(await pidOf(trainer, 2), first);
  });

test('module: a file that was changed is taken up by the next run', async (t) => {
  const { trainer, file } = moduleTrainer(t, `export const train = () => (${GOOD});`);
  await pidOf(trainer, 1);
  writeFileSync(file, `export const train = () => ({ ...${GOOD}, notes: 'new' });`);
  assert.equal(await pidOf(trainer, 2), 'new');
});

const FAILURES: readonly (readonly [string, string, string, RegExp])[] = [
  ['an error that is thrown', `export const train = () => { throw new Error('no rows'); }`, 'retry', /no rows/],
  [
    'an error that is marked permanent',
    `export const train = async () => { throw Object.assign(new Error('no such column'), { permanent: true }); }`,
    'permanent',
    /no such column/,
  ],
  [
    'an error outside of the function',
    `export const train = () => new Promise(() => setTimeout(() => { throw new Error('late'); }, 1));`,
    'retry',
    /late/,
  ],
  ['another export', `export const learn = 1;`, 'permanent', /exports no function train, it exports learn/],
  ['a syntax error', `export const train = ;`, 'permanent', /cannot be imported/],
  ['an import that is missing', `import './nothing.mjs'; export const train = 1;`, 'permanent', /nothing\.mjs/],
  ['a result that is no JSON', `export const train = () => ({ big: 1n });`, 'retry', /BigInt/],
];
for (const [what, source, meaning, says] of FAILURES)
  test(`module: ${what} means ${meaning}, and is told`, async (t) => {
    const { trainer } = moduleTrainer(t, source);
    const end = failed(await trainer.start(runOf()).result);
    assert.equal(end.meaning, meaning, JSON.stringify(end));
    assert.match(end.stderrTail, says);
  });

test('module: a file that does not exist is permanent', async (t) => {
  const folder = temporaryFolder(t);
  const trainer = new ModuleTrainer({ module: join(folder, 'none.mjs'), folder: join(folder, 'runs') });
  const end = failed(await trainer.start(runOf()).result);
  assert.equal(end.meaning, 'permanent');
  assert.match(end.stderrTail, /none\.mjs cannot be imported/);
});

test('module: a run that has to end sees its signal abort, and may still keep a checkpoint', async (t) => {
  const { trainer } = moduleTrainer(
    t,
    `import { readFileSync, writeFileSync } from 'node:fs';
     export async function train(plan, { signal, checkpoint, progress }) {
       try { return { ...${GOOD}, notes: readFileSync(checkpoint + '/step', 'utf8') }; } catch {}
       progress(0.5);
       await new Promise((go) => { signal.addEventListener('abort', go); setInterval(() => {}, 1000); });
       writeFileSync(checkpoint + '/step', 'half');
       throw signal.reason;
     }`,
  );
  const told: TrainerProgress[] = [];
  const handle = trainer.start(runOf({ epoch: 1, runId: 'a' }, { onProgress: (progress) => told.push(progress) }));
  await eventually(() => told.length > 0);
  handle.stop(10_000, 'shutdown');
  assert.equal(failed(await handle.result).meaning, 'interrupted');
  const end = await trainer.start(runOf({ epoch: 2, runId: 'b' })).result;
  assert.ok(end.kind === 'succeeded', JSON.stringify(end));
  assert.equal(end.result.notes, 'half');
});

test('module: an idle process does not keep its worker alive, and ends with it', async (t) => {
  const folder = temporaryFolder(t);
  const [, module] = program(folder, `export const train = () => (${GOOD});`, 'train.mjs');
  const url = JSON.stringify(new URL('../../../src/retraining/trainers/module-trainer.js', import.meta.url).href);
  const options = { module, folder: join(folder, 'runs') };
  const [node, worker = ''] = program(
    folder,
    `import { ModuleTrainer } from ${url};
     const end = await new ModuleTrainer(${JSON.stringify(options)}).start(${JSON.stringify(runOf())}).result;
     console.log(end.result.notes);`,
    'worker.mjs',
  );
  const { stdout, status } = spawnSync(node, [worker], { encoding: 'utf8', timeout: 60_000 });
  assert.equal(status, 0);
  await eventually(async () => (await startOf(Number(stdout))) === undefined, { what: 'the end of the idle process' });
});
