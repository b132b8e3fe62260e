import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planKey } from '../../../src/retraining/identity.ts';
import type { SettledPlan } from '../../../src/retraining/trainers/trainer.ts';
import { SOURCE, acceptUntilEmpty, modelWith, request } from './session-model.ts';
import { GATE, failure, success } from './worker-fixture.ts';

// When a trainer is told that a plan comes back no more.

function keyOf(...ids: string[]): string {
  return planKey(ids.map((id) => ({ source: SOURCE, id })));
}

test('a plan is settled when it is answered, split or given up, not while it is to be tried again', async (t) => {
  const settled: SettledPlan[] = [];
  let attempts = 0;
  const model = modelWith(t, () => failure(), {
    messages: [request('a'), request('b')],
    policy: {
      maxAttempts: 2,
      gate: GATE,
      trainer: {
        start: (run) => {
          const ids = run.plan.requests.map(({ id }) => id);
          attempts++;
          const end = ids.includes('a') ? failure() : success(model.folder, run, 1);
          return { result: Promise.resolve(end), stop: () => undefined };
        },
        settled: async (plan) => void settled.push(plan),
      },
    },
  });
  await acceptUntilEmpty(model);
  assert.equal(attempts, 4);
  assert.deepEqual(
    settled.map(({ model: name, planKey: key }) => [name, key]),
    [
      ['births', keyOf('a', 'b')],
      ['births', keyOf('a')],
      ['births', keyOf('b')],
    ],
  );
});

test('what cannot be tidied up is told, and answers all the same', async (t) => {
  const model = modelWith(t, () => failure(), {
    messages: [request('a')],
    policy: {
      trainer: {
        start: (run) => ({ result: Promise.resolve(success(model.folder, run, 1)), stop: () => undefined }),
        settled: () => Promise.reject(new Error('no such disk')),
      },
    },
  });
  await acceptUntilEmpty(model);
  assert.equal(model.deadLetters.length, 0);
});
