import { test } from 'node:test';
import { checkModel } from './run-model.ts';

const RUNS = 10_000;

test(`whatever is done to it, the broker does what the reference model does, in ${RUNS} runs`, () => {
  checkModel({ runs: RUNS, replay: { seed: 2 } });
});
