import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RatioMonitor } from '../../src/monitoring/ratio-monitor.ts';
import type { Observation } from '../../src/monitoring/observation.ts';
import type { RatioMonitorOptions } from '../../src/monitoring/ratio-monitor.ts';
import type { ClosedWindow } from '../../src/monitoring/windowed-monitor.ts';
import { retrainRequestSchema } from '../../src/retraining/request.ts';

const DAY_MS = 86_400_000;
const pairs: RatioMonitorOptions = { metric: 'mape', ratio: 1.5, window: { by: 'count', count: 2 }, baseline: 2 };

/** Observations a day apart. */
function daily(...values: number[]): Observation[] {
  return values.map((value, index) => ({ timeMs: index * DAY_MS, value }));
}

function feed(monitor: RatioMonitor, observations: readonly Observation[]): ClosedWindow[] {
  return observations.flatMap((observation) => monitor.observe(observation) ?? []);
}

function kinds(closed: readonly ClosedWindow[]): string[] {
  return closed.map(({ kind }) => kind);
}

test('a window above ratio times the reference decays, and its event is the trigger of a valid request', () => {
  const [closed] = feed(new RatioMonitor(pairs), daily(3, 4));
  assert.ok(closed?.kind === 'decayed');
  assert.deepEqual(closed.decay, {
    metric: 'mape',
    detector: 'ratio',
    baseline: 2,
    observed: 3.5,
    threshold: 3,
    window: { from: '1970-01-01T00:00:00.000Z', to: '1970-01-02T00:00:00.000Z', count: 2 },
  });
  const trigger = { kind: 'performance-decay', ...closed.decay };
  assert.deepEqual(retrainRequestSchema.parse({ model: { name: 'births' }, trigger }).trigger, trigger);
});

test('a window exactly at the limit is steady', () => {
  assert.deepEqual(kinds(feed(new RatioMonitor(pairs), daily(3, 3))), ['steady']);
});

test('of a score that should be high, a window below reference divided by ratio decays', () => {
  const monitor = new RatioMonitor({ ...pairs, metric: 'auc', direction: 'maximize', baseline: 0.9 });
  assert.deepEqual(kinds(feed(monitor, daily(0.6, 0.6, 0.59, 0.6))), ['steady', 'decayed']);
});

test('without a given reference the mean of the first windows becomes it', () => {
  const { baseline: _, ...unset } = pairs;
  const monitor = new RatioMonitor({ ...unset, baselineWindows: 2 });
  assert.deepEqual(kinds(feed(monitor, daily(1, 1, 3, 3, 3, 3, 3, 3.1))), [
    'baseline',
    'baseline',
    'steady',
    'decayed',
  ]);
  assert.equal(monitor.baseline, 2);
});

test('windows after a decay are not judged for as long as the cool-down lasts', () => {
  const monitor = new RatioMonitor({ ...pairs, coolDownWindows: 2 });
  assert.deepEqual(kinds(feed(monitor, daily(9, 9, 9, 9, 9, 9, 9, 9))), ['decayed', 'cooling', 'cooling', 'decayed']);
});

test('another model starts afresh: open window, cool-down and reference are gone', () => {
  const monitor = new RatioMonitor({ ...pairs, coolDownWindows: 5 });
  feed(monitor, daily(9, 9, 9));
  monitor.rebase();
  assert.equal(monitor.baseline, undefined);
  const later = daily(0, 0, 0, 4, 4, 5, 8).slice(3);
  assert.deepEqual(kinds(feed(monitor, later)), ['baseline', 'decayed']);
});

test('windows by time are aligned at their origin, and empty ones do not exist', () => {
  const window = { by: 'time', durationMs: 10, originMs: 5 } as const;
  const monitor = new RatioMonitor({ ...pairs, window });
  const at = (timeMs: number, value: number): Observation => ({ timeMs, value });
  const closed = feed(monitor, [at(6, 1), at(14, 2), at(15, 5), at(47, 1)]);
  assert.deepEqual(kinds(closed), ['steady', 'decayed']);
  assert.deepEqual(closed[0]?.window, { from: '1970-01-01T00:00:00.006Z', to: '1970-01-01T00:00:00.014Z', count: 2 });
  assert.equal(monitor.advance(54), undefined);
  assert.equal(monitor.advance(55)?.kind, 'steady');
});

test('a window by time with too few observations is discarded, whatever it says', () => {
  const window = { by: 'time', durationMs: 10, minCount: 2 } as const;
  const monitor = new RatioMonitor({ ...pairs, window });
  assert.deepEqual(
    kinds(
      feed(
        monitor,
        [1, 11, 12, 21].map((timeMs) => ({ timeMs, value: 9 })),
      ),
    ),
    ['discarded', 'decayed'],
  );
});

test('an observation of a closed window is counted as late and changes nothing else', () => {
  for (const window of [{ by: 'count', count: 1 } as const, { by: 'time', durationMs: 10 } as const]) {
    const monitor = new RatioMonitor({ ...pairs, window });
    feed(monitor, [
      { timeMs: 15, value: 1 },
      { timeMs: 25, value: 1 },
    ]);
    const before = monitor.toJSON();
    assert.equal(monitor.observe({ timeMs: 3, value: 99 }), undefined);
    assert.deepEqual(monitor.toJSON(), { ...before, windows: { ...before.windows, lateCount: 1 } });
  }
});

const observations = fc.array(
  fc.record({ timeMs: fc.integer({ min: -1000, max: 1000 }), value: fc.double({ min: 0, max: 10, noNaN: true }) }),
  {
    maxLength: 60,
  },
);
const rules = fc.oneof(
  fc.record({ by: fc.constant('count' as const), count: fc.integer({ min: 1, max: 5 }) }),
  fc.record({
    by: fc.constant('time' as const),
    durationMs: fc.integer({ min: 1, max: 300 }),
    originMs: fc.integer({ min: -50, max: 50 }),
    minCount: fc.integer({ min: 1, max: 3 }),
  }),
);
const anyOptions = fc
  .record({
    window: rules,
    coolDownWindows: fc.integer({ min: 0, max: 3 }),
    baselineWindows: fc.integer({ min: 1, max: 3 }),
  })
  .map((drawn): RatioMonitorOptions => ({ metric: 'mape', ratio: 1.2, ...drawn }));

test('property: a monitor restored from JSON at any point goes on as if it had never stopped', () => {
  fc.assert(
    fc.property(anyOptions, observations, fc.nat(), (options, all, at) => {
      const cut = at % (all.length + 1);
      const whole = new RatioMonitor(options);
      const first = new RatioMonitor(options);
      const expected = feed(whole, all);
      const before = feed(first, all.slice(0, cut));
      const second = RatioMonitor.restore(options, JSON.parse(JSON.stringify(first)));
      assert.deepEqual([...before, ...feed(second, all.slice(cut))], expected);
      assert.deepEqual(second.toJSON(), whole.toJSON());
    }),
  );
});

test('property: every observation is in one window, in the open one, or late, and windows do not overlap', () => {
  fc.assert(
    fc.property(anyOptions, observations, (options, all) => {
      const monitor = new RatioMonitor(options);
      const closed = feed(monitor, all);
      const inWindows = closed.reduce((sum, { window }) => sum + window.count, 0);
      assert.equal(inWindows + (monitor.toJSON().windows.open?.count ?? 0) + monitor.lateCount, all.length);
      for (const [index, { window }] of closed.entries()) {
        assert.ok(window.from <= window.to);
        assert.ok((closed[index - 1]?.window.to ?? '') <= window.from);
      }
    }),
  );
});

test('property: by count and in order, the verdicts are those of the definition', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 100 })), fc.integer({ min: 1, max: 4 }), (values, count) => {
      const closed = feed(
        new RatioMonitor({ metric: 'm', ratio: 1.5, baseline: 20, window: { by: 'count', count } }),
        daily(...values),
      );
      const means = values
        .filter((_, index) => index % count === 0 && index + count <= values.length)
        .map(
          (_, index) => values.slice(index * count, (index + 1) * count).reduce((sum, value) => sum + value, 0) / count,
        );
      assert.deepEqual(
        kinds(closed),
        means.map((mean) => (mean > 30 ? 'decayed' : 'steady')),
      );
    }),
  );
});

test('what a monitor remembers does not grow with what it has seen', () => {
  const monitor = new RatioMonitor(pairs);
  feed(monitor, daily(...Array.from({ length: 10_001 }, () => 2)));
  assert.ok(JSON.stringify(monitor).length < 500);
});

test('a state that cannot be read is refused by code', () => {
  const state = new RatioMonitor(pairs).toJSON();
  const restore = (value: unknown) => () => RatioMonitor.restore(pairs, value);
  assert.throws(restore({ ...state, version: 3 }), { code: 'DATA_VERSION' });
  assert.throws(restore({ ...state, coolDownLeft: -1 }), { code: 'DATA_CORRUPT', message: /coolDownLeft/ });
  assert.throws(restore(null), { code: 'DATA_CORRUPT' });
  assert.throws(restore({ ...state, metric: 'auc' }), { code: 'CONFIGURATION_INVALID', message: /auc/ });
});

test('options and observations that cannot be meant are refused, naming field and value', () => {
  const make = (options: Partial<RatioMonitorOptions>) => () => new RatioMonitor({ ...pairs, ...options });
  const refused = (field: RegExp) => ({ code: 'ARGUMENT_INVALID', message: field });
  assert.throws(make({ ratio: 1 }), refused(/ratio is 1,/));
  assert.throws(make({ baseline: 0 }), refused(/baseline is 0,/));
  assert.throws(make({ metric: '' }), refused(/metric is ""/));
  assert.throws(make({ coolDownWindows: 0.5 }), refused(/coolDownWindows is 0.5/));
  assert.throws(make({ baselineWindows: 0 }), refused(/baselineWindows is 0/));
  assert.throws(make({ window: { by: 'count', count: 0 } }), refused(/window.count is 0/));
  assert.throws(make({ window: { by: 'time', durationMs: Number.NaN } }), refused(/window.durationMs is NaN/));
  const monitor = new RatioMonitor(pairs);
  assert.throws(() => monitor.observe({ timeMs: 0, value: Number.NaN }), refused(/value is NaN/));
  assert.throws(() => monitor.observe({ timeMs: Infinity, value: 1 }), refused(/timeMs is Infinity/));
  assert.deepEqual(monitor.toJSON(), new RatioMonitor(pairs).toJSON());
});
