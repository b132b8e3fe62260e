import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseGateRule } from '../../../src/retraining/gate.ts';
import { checkPolicy } from '../../../src/retraining/worker/policy-check.ts';
import type { ModelPolicy } from '../../../src/retraining/worker/worker-context.ts';
import { openWorld, requestFor } from './worker-fixture.ts';
import type { TestContext } from 'node:test';

const GATE = { metric: 'mape', direction: 'minimize', minImprovement: 0 } as const;
const TRAINER = { start: () => assert.fail('nothing is trained here') };

function check(rest: Record<string, unknown>): ModelPolicy {
  return checkPolicy('births', { trainer: TRAINER, gate: GATE, ...rest });
}

test('a gate is checked: metric, direction and minImprovement by their names', () => {
  assert.deepEqual(parseGateRule(GATE), GATE);
  const refused = (change: object, message: RegExp): void =>
    assert.throws(() => parseGateRule({ ...GATE, ...change }), { code: 'CONFIGURATION_INVALID', message });
  refused({ minImprovement: -1 }, /^gate\.minImprovement: /);
  refused({ minImprovement: Number.NaN }, /^gate\.minImprovement: /);
  refused({ direction: 'up' }, /^gate\.direction: /);
  refused({ metric: '' }, /^gate\.metric: /);
});

test('the limits of a policy are checked on both sides', () => {
  assert.doesNotThrow(() => check({ maxAttempts: 1, maxKills: 1, maxRunsPerDay: 1, cooldownMs: 0 }));
  assert.doesNotThrow(() => check({ maxRunsPerDay: Infinity }));
  for (const [field, value] of Object.entries({
    maxAttempts: 0,
    maxKills: 0.5,
    maxRunsPerDay: 0,
    cooldownMs: -1,
    maxRequests: 0,
  }))
    assert.throws(() => check({ [field]: value }), {
      code: 'CONFIGURATION_INVALID',
      message: new RegExp(`^policy of births: ${field} = ${value}: use a whole number`),
    });
  assert.doesNotThrow(() => check({ maxRequests: 100, backoff: { baseMs: 0, maxMs: 0 } }));
  assert.throws(() => check({ maxRequests: 101 }), /maxRequests = 101: use 100 or less/);
  assert.throws(() => check({ backoff: { baseMs: 10, maxMs: 5 } }), /backoff from 10 to 5 ms: use/);
  assert.throws(() => check({ backoff: { baseMs: Number.NaN, maxMs: 5 } }), /backoff from NaN to 5 ms: use/);
  assert.throws(() => check({ gate: { ...GATE, minImprovement: -1 } }), /^RetrainError: policy of births: gate\.min/);
});

test('a worker with a policy that cannot work trains nothing, settles nothing, and says why', async (t: TestContext) => {
  const world = await openWorld(t);
  await world.producer.request(requestFor());
  await world.work({ trainer: TRAINER, policy: { gate: { ...GATE, minImprovement: -1 } } });
  const failed = await world.fact('session-failed');
  assert.deepEqual([failed.code, /gate\.minImprovement/.test(failed.reason)], ['CONFIGURATION_INVALID', true]);
  assert.equal((await world.peek()).length, 1);
});
