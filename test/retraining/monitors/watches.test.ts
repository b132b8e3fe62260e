import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { PageHinkley } from '../../../src/monitoring/page-hinkley.ts';
import { createWatch } from '../../../src/retraining/monitors/create-watch.ts';
import { monitorSettingsSchema } from '../../../src/retraining/monitors/monitor-settings.ts';
import type { MonitorSettings, MonitorSettingsInput } from '../../../src/retraining/monitors/monitor-settings.ts';
import type { ObservedRow } from '../../../src/retraining/monitors/observed-row.ts';
import type { Watch, Watched } from '../../../src/retraining/monitors/watch.ts';
import { MonitorScene } from './monitor-scene.ts';

const DAY_MS = 86_400_000;

function settingsOf(given: Omit<MonitorSettingsInput, 'name' | 'source'>): MonitorSettings {
  return monitorSettingsSchema.parse({ name: 'one', source: { pushed: true }, ...given });
}

function daily(values: readonly number[]): ObservedRow[] {
  return values.map((value, day) => ({ timeMs: day * DAY_MS, value }));
}

function feed(watch: Watch, rows: readonly ObservedRow[]): Watched[] {
  return rows.flatMap((row) => watch.observe(row) ?? []);
}

/** Values that step from 1 to 5 after `at`, and scatter a little. */
function step(count: number, at: number): number[] {
  return Array.from({ length: count }, (_, index) => (index < at ? 1 : 5) + ((index * 37) % 10) / 100);
}

test('a streaming detector is given each value, and its drift is the evidence of all that it had seen', () => {
  const settings = settingsOf({ metric: 'mae', pageHinkley: {} });
  const values = step(120, 100);
  const [found, ...others] = feed(createWatch(settings), daily(values));
  const detector = new PageHinkley();
  const at = values.findIndex((value) => detector.update(value).drift);
  assert.ok(at >= 100 && at < 120);
  assert.equal(others.length, 0);
  const { baseline = 0, observed = 0, threshold, ...trigger } = found?.trigger ?? {};
  assert.deepEqual(trigger, {
    kind: 'performance-decay',
    metric: 'mae',
    detector: 'page-hinkley',
    window: { from: '1970-01-01T00:00:00.000Z', to: new Date(at * DAY_MS).toISOString(), count: at + 1 },
  });
  assert.ok(observed > 50 && threshold === 50);
  assert.ok(Math.abs(baseline - values.slice(0, at + 1).reduce((sum, value) => sum + value, 0) / (at + 1)) < 1e-9);
});

test('every streaming detector tells a step for the worse, and none tells one for the better', () => {
  const worse = step(400, 200);
  const better = worse.map((value) => 6 - value);
  const wrong = Array.from({ length: 400 }, (_, index) => (index < 200 ? Number(index % 10 === 0) : index % 2));
  for (const [rule, values] of [
    [{ pageHinkley: {} }, worse],
    [{ adwin: {} }, worse],
    [{ kswin: {} }, worse],
    [{ ddm: {} }, wrong],
  ] as const) {
    const decays = (direction: 'minimize' | 'maximize', given: readonly number[]): Watched[] =>
      feed(createWatch(settingsOf({ metric: 'm', direction, ...rule })), daily(given)).filter(({ trigger }) => trigger);
    const [name] = Object.keys(rule);
    assert.ok(decays('minimize', values).length >= 1, name);
    if (rule !== undefined && 'ddm' in rule) continue;
    assert.equal(decays('minimize', better).length, 0, name);
    assert.ok(decays('maximize', better).length >= 1, name);
  }
});

test('with windows a detector is given their means, and each window is told of', () => {
  const settings = settingsOf({ metric: 'mae', pageHinkley: { minInstances: 5, threshold: 5 }, window: { count: 10 } });
  const watched = feed(createWatch(settings), daily(step(120, 80)));
  assert.equal(watched.length, 12);
  assert.deepEqual(
    watched.map(({ kind }) => kind).slice(0, 8),
    Array.from({ length: 8 }, () => 'steady'),
  );
  const at = watched.findIndex(({ trigger }) => trigger);
  assert.equal(watched[at]?.trigger?.window?.count, 10 * (at + 1));
});

test('after a drift a detector without windows cools down for so many observations', () => {
  const ups = [...step(60, 30), ...step(60, 30).map((value) => value + 10)];
  const rule = { pageHinkley: { minInstances: 5, threshold: 3 } };
  const kinds = (coolDownWindows: number): string[] =>
    feed(createWatch(settingsOf({ metric: 'm', ...rule, coolDownWindows })), daily(ups)).map(({ kind }) => kind);
  assert.deepEqual(kinds(0), ['decayed', 'decayed', 'decayed']);
  assert.deepEqual(kinds(40), ['decayed', 'cooling', 'decayed']);
});

test('DDM takes errors of single predictions only: no windows, and a value that is no share is a bad row', async (t) => {
  const parsed = monitorSettingsSchema.safeParse({
    name: 'x',
    source: { pushed: true },
    metric: 'm',
    ddm: {},
    window: { count: 5 },
  });
  assert.match(parsed.error?.issues[0]?.message ?? '', /ddm takes single observations/);
  const scene = await MonitorScene.make(t);
  await scene.observe(0, 1, 7, 0);
  await using runner = scene.runner({ name: 'ddm', source: { csv: 'errors.csv' }, metric: 'mape', ddm: {} });
  await runner.once();
  assert.deepEqual([runner.status[0]?.rows, runner.status[0]?.badRows], [3, 1]);
});

const rules = fc.constantFrom<Omit<MonitorSettingsInput, 'name' | 'source'>>(
  { metric: 'm', pageHinkley: { minInstances: 3, threshold: 2 }, coolDownWindows: 2 },
  { metric: 'm', adwin: { delta: 0.5, clock: 1 } },
  { metric: 'm', kswin: { windowSize: 10, statSize: 4, alpha: 0.5 } },
  { metric: 'm', pageHinkley: { minInstances: 2, threshold: 2 }, window: { count: 2 } },
  { metric: 'm', adwin: { delta: 0.5, clock: 1 }, window: { every: '10ms', minCount: 2 } },
  { features: ['a', 'b'], drift: {}, window: { count: 4 }, baselineWindows: 2, atLeast: { windows: 1, of: 2 } },
);
const observed = fc.array(
  fc.record({ timeMs: fc.integer({ min: 0, max: 300 }), value: fc.integer({ min: 0, max: 9 }) }),
  { maxLength: 80 },
);

test('property: a watch restored from JSON at any point goes on as if it had never stopped', () => {
  fc.assert(
    fc.property(rules, observed, fc.nat(), (given, all, at) => {
      const settings = settingsOf(given);
      const rows = all.map(({ timeMs, value }) => ({ timeMs, value, cells: [value, value > 4 ? 'big' : 'small'] }));
      const cut = at % (rows.length + 1);
      const whole = createWatch(settings);
      const expected = feed(whole, rows);
      const first = createWatch(settings);
      const before = feed(first, rows.slice(0, cut));
      const second = createWatch(settings, JSON.parse(JSON.stringify(first)));
      assert.deepEqual([...before, ...feed(second, rows.slice(cut))], expected);
      assert.deepEqual(JSON.parse(JSON.stringify(second)), JSON.parse(JSON.stringify(whole)));
    }),
  );
});

/** Rows of a number and a category; `shift` moves both. */
function rowsOf(count: number, shift: number): ObservedRow[] {
  return Array.from({ length: count }, (_, index) => ({
    timeMs: index,
    cells: [
      ((index * 7919) % 1000) / 10 + shift * 40,
      (index + shift * (index % 3)) % 4 < 2 ? 'red' : 'blue',
      index % 5,
    ],
  }));
}

const DRIFT = settingsOf({
  features: ['age', { name: 'colour', kind: 'categorical' }, 'size'],
  drift: { share: 0.3 },
  window: { count: 100 },
});

test('features that are distributed otherwise than in the first window are drift, with their names', () => {
  const watch = createWatch(DRIFT);
  const rows = [...rowsOf(200, 0), ...rowsOf(100, 1)].map((row, timeMs) => ({ ...row, timeMs }));
  const [reference, steady, drifted] = feed(watch, rows);
  assert.deepEqual([reference?.kind, steady?.kind, drifted?.kind], ['baseline', 'steady', 'decayed']);
  assert.match(drifted?.note ?? '', /^age \(ks [\d.e-]+\)/);
  assert.deepEqual(drifted?.trigger, {
    kind: 'data-drift',
    metric: 'share-of-drifted-features',
    detector: 'data-drift',
    observed: drifted?.observed,
    threshold: 0.3,
    window: { from: '1970-01-01T00:00:00.200Z', to: '1970-01-01T00:00:00.299Z', count: 100 },
  });
});

test('a window that cannot be compared is discarded with the reason, and the next one counts', () => {
  const watch = createWatch(
    settingsOf({ features: [{ name: 'age', kind: 'numerical' }], drift: {}, window: { count: 2 } }),
  );
  const cells = [1, 2, 'old', 2, 1, 2].map((cell, timeMs) => ({ timeMs, cells: [cell] }));
  const watched = feed(watch, cells);
  assert.deepEqual(
    watched.map(({ kind }) => kind),
    ['baseline', 'discarded', 'steady'],
  );
  assert.match(watched[1]?.note ?? '', /column "age" is numerical and has the value "old"/);
});

test('a reference from a file is compared with until a promotion, then the new windows make one', async (t) => {
  const scene = await MonitorScene.make(t);
  const line = ({ cells = [] }: ObservedRow, index: number): string => `${index + 1},${cells.join(',')}\n`;
  const header = 'time,age,colour,size\n';
  await writeFile(join(scene.folder, 'train.csv'), header + rowsOf(300, 0).map(line).join(''));
  await writeFile(join(scene.folder, 'live.csv'), header + [...rowsOf(100, 0), ...rowsOf(100, 1)].map(line).join(''));
  const settings: MonitorSettingsInput = {
    name: 'drift',
    source: { csv: 'live.csv' },
    reference: { csv: 'train.csv' },
    features: ['age', { name: 'colour', kind: 'categorical' }, 'size'],
    drift: { share: 0.3 },
    window: { count: 100 },
  };
  await scene.once(settings, { championEpoch: () => Promise.resolve(1) });
  assert.equal(scene.windows(), 'steady decayed');
  assert.equal(scene.sent[0]?.trigger.kind, 'data-drift');
  await writeFile(
    join(scene.folder, 'live.csv'),
    header +
      [0, 1, 1, 1]
        .flatMap((shift) => rowsOf(100, shift))
        .map(line)
        .join(''),
  );
  await scene.once(settings, { championEpoch: () => Promise.resolve(2) });
  assert.equal(scene.windows(), 'baseline steady');
  await scene.once({ ...settings, reference: { csv: 'nothing.csv' } });
  const [failed] = scene.told('monitor-failed');
  assert.match(failed && 'reason' in failed ? failed.reason : '', /nothing\.csv of monitor drift has no rows/);
});
