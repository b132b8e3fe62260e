import { test } from 'node:test';
import { simulateSeeds } from './seeds.ts';

const SEEDS = 100_000;
/** Beyond those of simulation.test.ts. */
const FIRST = 1_000;

test(`power cuts, crashes, full and failing disks lose nothing that was promised, in ${SEEDS} runs`, async () => {
  await simulateSeeds({ first: FIRST, count: SEEDS });
});
