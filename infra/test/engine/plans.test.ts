import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { planDifferences, planOf, planText } from './plan';
import type { Plan } from './plan';
import { planFile } from './plan-file';
import { runProgram } from './run-program';
import { STACKS, testSettings } from './stacks';
import { isSecret, textsOf } from './wire';

for (const stack of STACKS)
  describe(`the plan of the stack ${stack}`, () => {
    const running = runProgram({ stack, ...testSettings(stack) });
    const reviewed = (): string => readFileSync(planFile(stack), 'utf8');

    it('is the reviewed one', async () => {
      const actual = planOf(await running);
      const differences = planDifferences(JSON.parse(reviewed()) as Plan, actual);
      assert.deepEqual(differences, [], `test/plans/${stack}.json differs; if it shall: npm run plans, and read it`);
      assert.equal(planText(actual), reviewed(), `test/plans/${stack}.json is not in order: npm run plans`);
    });

    it('has no secret in its file', async () => {
      const { stackOutputs } = await running;
      const secrets = Object.values(stackOutputs).filter(isSecret).flatMap(textsOf).flatMap(keysIn);
      const text = reviewed();
      for (const secret of secrets) assert.ok(!text.includes(secret));
      assert.ok(!/SharedAccessKey=|AccountKey=/.test(text));
    });
  });

it('a difference of plans is told by resource and property', () => {
  const plan: Plan = {
    stack: 'dev',
    provider: 'azure-native 3.28.0',
    resources: [{ resource: 'servicebus:Queue requests', inputs: { lockDuration: 'PT1M', queueName: 'a' } }],
    outputs: { queue_name: 'a' },
  };
  const other: Plan = {
    ...plan,
    resources: [
      { resource: 'servicebus:Queue requests', inputs: { lockDuration: 'PT5M' }, options: { protect: true } },
      { resource: 'servicebus:Topic outcomes' },
    ],
  };
  assert.deepEqual(planDifferences(plan, plan), []);
  assert.deepEqual(planDifferences(plan, other), [
    'servicebus:Queue requests inputs.lockDuration: "PT5M", was "PT1M"',
    'servicebus:Queue requests inputs.queueName: absent, was "a"',
    'servicebus:Queue requests options.protect: true, was absent',
    'servicebus:Topic outcomes: present, was absent',
  ]);
});

function keysIn(text: string): string[] {
  return /SharedAccessKey=([^;]+)/.exec(text)?.slice(1) ?? [text];
}
