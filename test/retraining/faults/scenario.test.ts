import { describe, test } from 'node:test';
import { Scenario } from './scenario.ts';

/** Seeds whose draws together have every kind of step. */
const SEEDS = [1, 2, 3];

describe('random scenarios', { concurrency: SEEDS.length }, () => {
  for (const seed of SEEDS)
    test(`whatever a seed draws to happen to broker, wires and workers, what must hold holds (seed ${seed})`, () =>
      new Scenario(seed).run());
});
