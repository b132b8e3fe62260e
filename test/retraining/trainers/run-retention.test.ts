import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { prepareRunFolder, settleRunFolders } from '../../../src/retraining/trainers/run-folder.ts';
import type { RunFolder } from '../../../src/retraining/trainers/run-folder.ts';
import { OPEN_CHECKPOINTS_MAX } from '../../../src/retraining/trainers/run-retention.ts';
import type { RunKeep } from '../../../src/retraining/trainers/run-retention.ts';
import { files } from '../../../src/runtime/files.ts';
import { FakeClock } from '../../fake-clock.ts';
import { runOf, temporaryFolder } from './run-fixture.ts';

const DAY_MS = 24 * 3600 * 1000;

function scene(t: TestContext, keep: RunKeep = {}) {
  const folder = temporaryFolder(t);
  const clock = new FakeClock();
  let epoch = 0;
  /** A run of a plan, over already; `bytes` of output, and a checkpoint when there is a text for it. */
  const run = async (planKey: string, { bytes = 0, checkpoint }: { bytes?: number; checkpoint?: string } = {}) => {
    const place = await prepareRunFolder(runOf({ epoch: ++epoch, runId: `run-${epoch}` }, { planKey }), {
      folder,
      graceMs: 0,
      keep,
      files,
      clock,
    });
    writeFileSync(place.log, 'log');
    if (bytes > 0) writeFileSync(join(place.output, 'model'), Buffer.alloc(bytes));
    if (checkpoint !== undefined) writeFileSync(join(place.checkpoint, 'state'), checkpoint);
    return place;
  };
  const settle = (planKey: string): Promise<void> =>
    settleRunFolders({ model: 'births', planKey }, { folder, keep, files, clock });
  const names = (): string[] => readdirSync(join(folder, readdirSync(folder)[0] ?? '')).sort();
  return { clock, run, settle, names };
}

function stateOf({ checkpoint }: RunFolder): string | undefined {
  const path = join(checkpoint, 'state');
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

test('the newest runs are kept, by number', async (t) => {
  const { run, names } = scene(t, { runs: 3 });
  for (let i = 0; i < 5; i++) await run(`plan-${i}`);
  assert.deepEqual(
    names().map((name) => name.slice(-5)),
    ['run-3', 'run-4', 'run-5'],
  );
});

test('the newest runs are kept, by bytes', async (t) => {
  const { run, names } = scene(t, { bytes: 25_000 });
  for (let i = 0; i < 4; i++) await run(`plan-${i}`, { bytes: 10_000 });
  await run('last');
  assert.deepEqual(
    names().map((name) => name.slice(-5)),
    ['run-3', 'run-4', 'run-5'],
  );
});

test('no run is kept longer than its age allows', async (t) => {
  const { run, names, clock } = scene(t, { ageMs: 7 * DAY_MS });
  await run('a', { checkpoint: 'given up long ago' });
  clock.advance(6 * DAY_MS);
  await run('b');
  clock.advance(2 * DAY_MS);
  await run('c');
  assert.equal(names().length, 2);
});

test('a plan that waits for its next attempt finds its checkpoint, however many other runs come in between', async (t) => {
  const { run, names } = scene(t, { runs: 2 });
  const first = await run('waits', { checkpoint: 'epoch 7', bytes: 10 });
  for (let i = 0; i < 6; i++) await run(`other-${i}`);
  assert.deepEqual(readdirSync(first.path).sort(), ['checkpoint', 'made-at', 'plan-key']);
  assert.equal(names().length, 3);
  assert.equal(stateOf(await run('waits')), 'epoch 7');
});

test('the checkpoint of a settled plan is gone, its log is not', async (t) => {
  const { run, settle } = scene(t);
  const place = await run('done', { checkpoint: 'epoch 9' });
  const other = await run('waits', { checkpoint: 'epoch 2' });
  await settle('done');
  assert.deepEqual([stateOf(place), stateOf(other)], [undefined, 'epoch 2']);
  assert.ok(existsSync(place.log));
  assert.equal(stateOf(await run('done')), undefined);
});

test('a plan that never ran here is settled, too', async (t) => {
  const { settle } = scene(t);
  await settle('elsewhere');
});

test('checkpoints that nobody comes back for are limited in number', async (t) => {
  const { run, names } = scene(t, { runs: 1 });
  for (let i = 0; i < OPEN_CHECKPOINTS_MAX + 5; i++) await run(`plan-${i}`, { checkpoint: 'x' });
  assert.equal(names().length, OPEN_CHECKPOINTS_MAX + 1);
});

test('the run that begins is never removed, whatever the limits', async (t) => {
  const { run } = scene(t, { runs: 1, bytes: 0, ageMs: 0 });
  mkdirSync((await run('a')).output, { recursive: true });
  const place = await run('b', { bytes: 10 });
  assert.ok(existsSync(place.request));
});
