import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { monitorSettingsSchema, ruleOf } from '../../../src/retraining/monitors/monitor-settings.ts';
import type { MonitorSettingsInput } from '../../../src/retraining/monitors/monitor-settings.ts';

const mape: MonitorSettingsInput = {
  name: 'mape',
  source: { csv: 'errors.csv' },
  metric: 'mape',
  ratio: 1.5,
  window: { count: 91 },
};

function problem(settings: Record<string, unknown>): string {
  const parsed = monitorSettingsSchema.safeParse({ ...mape, ...settings });
  const issue = parsed.error?.issues[0];
  return parsed.success ? 'valid' : `${issue?.path.join('.')}: ${issue?.message}`;
}

test('a monitor needs no more than a source, a metric, a rule and its windows', () => {
  const settings = monitorSettingsSchema.parse(mape);
  assert.equal(ruleOf(settings), 'ratio');
  assert.equal(settings.source.time, 'time');
  assert.equal(settings.direction, 'minimize');
  assert.equal(monitorSettingsSchema.parse({ ...mape, window: { every: '7d' } }).window?.every, 7 * 86_400_000);
});

test('what does not belong together is refused at its field, with what to do', () => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ sigma: 3 }, /^: give exactly one of ratio, .*not ratio and sigma/],
    [{ ratio: undefined }, /^: give exactly one of ratio/],
    [{ window: undefined }, /^window: ratio needs windows/],
    [{ window: { count: 3, every: '1d' } }, /^window: give exactly one of count and every/],
    [{ window: { count: 3, minCount: 2 } }, /^window: origin and minCount go with every/],
    [{ metric: undefined }, /^metric: name what is observed/],
    [{ features: ['age'] }, /^features: goes with the rule drift only/],
    [{ ratio: undefined, drift: {} }, /^features: name the columns/],
    [{ ratio: undefined, absolute: {} }, /^absolute: give above, below or both/],
    [{ ratio: undefined, ddm: {}, atLeast: { windows: 2, of: 3 } }, /^atLeast: ddm tells of changes/],
    [{ atLeast: { windows: 4, of: 3 } }, /^atLeast.windows: windows must not be more/],
    [{ ratio: undefined, sigma: 3, baseline: 2 }, /^baselineStd: give baseline and baselineStd/],
    [{ baseline: 0 }, /^baseline: a ratio needs a reference above 0/],
    [{ source: { csv: 'a', pushed: true } }, /^source: give exactly one of csv, jsonLines and pushed/],
    [{ name: '../x' }, /^name: use 1 to 64/],
  ];
  for (const [settings, expected] of cases) assert.match(problem(settings), expected);
});

test('every field of the published schema says what it is for', () => {
  const undescribed: string[] = [];
  const visit = (schema: z.core.JSONSchema.BaseSchema, path: string): void => {
    for (const [name, field] of Object.entries(schema.properties ?? {})) {
      const at = `${path}.${name}`;
      if (typeof field === 'boolean') continue;
      if (field.description === undefined) undescribed.push(at);
      visit(field, at);
    }
  };
  visit(z.toJSONSchema(monitorSettingsSchema, { io: 'input' }), '');
  assert.deepEqual(undescribed, []);
});
