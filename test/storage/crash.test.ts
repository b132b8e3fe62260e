import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSeeds, StorageRun } from './storage-run.ts';

const SEEDS = 100;

test('after any crash every durable batch is there whole, nothing dead rises again, and bodies keep their bytes', async () => {
  const { crashes, compactions } = await runSeeds({ seeds: SEEDS, crashes: 0.02, steps: 250 });
  assert.ok(crashes > SEEDS && compactions > SEEDS, `${crashes} crashes, ${compactions} compactions`);
});

test('the same holds on a disk that runs full, where sending is refused and settling goes on', async () => {
  const { refused } = await runSeeds({ seeds: SEEDS, capacityBytes: 25_000, crashes: 0.02, steps: 250 });
  assert.ok(refused > SEEDS, `${refused} refused`);
});

test('the same holds when crashes follow each other so fast that compactions rarely finish', async () => {
  const { crashes } = await runSeeds({ seeds: SEEDS, crashes: 0.12, steps: 120 });
  assert.ok(crashes > 5 * SEEDS, `${crashes} crashes`);
});

test('a disk whose syncs do nothing is found out', async () => {
  let found = 0;
  for (let seed = 0; seed < 20; seed++) {
    const run = new StorageRun({ seed, steps: 200, crashes: 0.03, disk: { syncLies: true } });
    await run.run().catch(() => found++);
  }
  assert.ok(found >= 15, `${found} of 20 runs found it`);
});
