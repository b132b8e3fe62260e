import { test } from 'node:test';
import { runSeeds } from './storage-run.ts';

const SEEDS = 5000;

for (const crashes of [0.01, 0.03, 0.1]) {
  for (const capacityBytes of [25_000, 40_000, undefined]) {
    test(`${SEEDS} histories, ${crashes} crashes a step, ${capacityBytes ?? 'unlimited'} bytes of disk`, async () => {
      const steps = crashes > 0.05 ? 150 : 300;
      await runSeeds({ seeds: SEEDS, steps, crashes, ...(capacityBytes !== undefined && { capacityBytes }) });
    });
  }
}
