import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkModel } from './run-model.ts';

/** Runs of a run of the tests. Their seed is the same in each, so that a change is what makes a difference. */
const RUNS = 800;

test(`whatever is done to it, the broker does what the reference model does, in ${RUNS} runs`, () => {
  const { commands, deliveries } = checkModel({ runs: RUNS, replay: { seed: 1 } });
  // A run in which nothing happens proves nothing.
  assert.ok(commands > 40 * RUNS, `${commands} commands`);
  assert.ok(deliveries > 5 * RUNS, `${deliveries} deliveries`);
});
