import { test } from 'node:test';
import { Scenario } from './scenario.ts';

const SEEDS = 60;
const AT_ONCE = 3;

test(`what must hold holds in ${SEEDS} random scenarios`, async () => {
  let next = 100;
  const end = next + SEEDS;
  const play = async (): Promise<void> => {
    while (next < end) await new Scenario(next++).run();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, play));
});
