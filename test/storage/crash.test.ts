import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StorageRun } from './storage-run.ts';

/** `STORAGE_SEED=n` replays one history. */
const only = process.env['STORAGE_SEED'];
const SEEDS = 1000;

async function runSeeds(options: { capacityBytes?: number; crashes: number; steps: number }): Promise<StorageRun[]> {
  const runs: StorageRun[] = [];
  const seeds = only === undefined ? Array.from({ length: SEEDS }, (_, index) => index) : [Number(only)];
  for (const seed of seeds) {
    const { capacityBytes, crashes, steps } = options;
    const run = new StorageRun({ seed, steps, crashes, disk: capacityBytes === undefined ? {} : { capacityBytes } });
    try {
      await run.run();
    } catch (error) {
      throw new Error(`seed ${seed} fails; replay it with STORAGE_SEED=${seed}`, { cause: error });
    }
    runs.push(run);
  }
  return runs;
}

function sum(runs: readonly StorageRun[], count: (run: StorageRun) => number): number {
  return runs.reduce((total, run) => total + count(run), 0);
}

test('after any crash every durable batch is there whole, nothing dead rises again, and bodies keep their bytes', async () => {
  const runs = await runSeeds({ crashes: 0.02, steps: 250 });
  if (only !== undefined) return;
  assert.ok(sum(runs, (run) => run.crashes) > SEEDS);
  assert.ok(sum(runs, (run) => run.compactions) > SEEDS);
});

test('the same holds on a disk that runs full, where sending is refused and settling goes on', async () => {
  const runs = await runSeeds({ capacityBytes: 40_000, crashes: 0.02, steps: 250 });
  if (only !== undefined) return;
  assert.ok(sum(runs, (run) => run.refused) > SEEDS);
});

test('the same holds when crashes follow each other so fast that compactions rarely finish', async () => {
  await runSeeds({ crashes: 0.12, steps: 120 });
});

test('a disk whose syncs do nothing is found out', async () => {
  let found = 0;
  for (let seed = 0; seed < 20; seed++) {
    const run = new StorageRun({ seed, steps: 200, crashes: 0.03, disk: { syncLies: true } });
    await run.run().catch(() => found++);
  }
  assert.ok(found >= 15, `${found} of 20 runs found it`);
});
