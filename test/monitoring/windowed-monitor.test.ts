import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Observation } from '../../src/monitoring/observation.ts';
import { RatioMonitor } from '../../src/monitoring/ratio-monitor.ts';
import { WindowedMonitor } from '../../src/monitoring/windowed-monitor.ts';
import type { ClosedWindow, WindowedMonitorOptions } from '../../src/monitoring/windowed-monitor.ts';

const single: Omit<WindowedMonitorOptions, 'rule'> = { metric: 'mae', window: { by: 'count', count: 1 } };

/** Observations a second apart. */
function seconds(...values: number[]): Observation[] {
  return values.map((value, index) => ({ timeMs: index * 1000, value }));
}

function feed(monitor: WindowedMonitor, observations: readonly Observation[]): ClosedWindow[] {
  return observations.flatMap((observation) => monitor.observe(observation) ?? []);
}

function kinds(closed: readonly ClosedWindow[]): string {
  return closed.map(({ kind }) => kind).join(' ');
}

test('an absolute limit needs no reference, and works on both sides', () => {
  const monitor = new WindowedMonitor({ ...single, rule: { by: 'absolute', above: 5, below: 1 } });
  const closed = feed(monitor, seconds(5, 5.1, 1, 0.9));
  assert.equal(kinds(closed), 'steady decayed steady decayed');
  assert.deepEqual(
    closed.map((window) => (window.kind === 'decayed' ? window.decay.threshold : undefined)),
    [undefined, 5, undefined, 1],
  );
  const [, decayed] = closed;
  assert.ok(decayed?.kind === 'decayed' && decayed.decay.detector === 'absolute' && !('baseline' in decayed.decay));
});

test('three sigma: the limit is the mean of the reference windows and their population deviation, on the worse side', () => {
  // NannyML's StandardDeviationThreshold: numpy.nanmean and numpy.std (ddof 0) of the chunks' values.
  // Of 2, 4, 4, 4, 5, 5, 7, 9 the mean is 5, and the population's deviation 2.
  const reference = [2, 4, 4, 4, 5, 5, 7, 9];
  const options: WindowedMonitorOptions = { ...single, rule: { by: 'sigma', sigmas: 3 }, baselineWindows: 8 };
  const closed = feed(new WindowedMonitor(options), seconds(...reference, -100, 11, 11.001));
  assert.equal(kinds(closed.slice(8)), 'steady steady decayed');
  const decayed = closed.at(-1);
  assert.ok(decayed?.kind === 'decayed');
  assert.equal(decayed.decay.baseline, 5);
  assert.ok(Math.abs(decayed.decay.threshold - 11) < 1e-9);
  const score = feed(
    new WindowedMonitor({ ...options, direction: 'maximize' }),
    seconds(...reference, 100, -1, -1.001),
  );
  assert.equal(kinds(score.slice(8)), 'steady steady decayed');
  const given = new WindowedMonitor({ ...options, baseline: 5, baselineStd: 2 });
  assert.equal(kinds(feed(given, seconds(11, 11.001))), 'steady decayed');
});

test('three sigma: the limits of the windows 0 to 9 are those in the documentation of NannyML', () => {
  const options: WindowedMonitorOptions = { ...single, rule: { by: 'sigma', sigmas: 3 }, baselineWindows: 10 };
  for (const [direction, limit] of [
    ['minimize', 13.116843969807043],
    ['maximize', -4.116843969807043],
  ] as const) {
    const closed = feed(
      new WindowedMonitor({ ...options, direction }),
      seconds(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 2 * limit),
    );
    const decayed = closed.at(-1);
    assert.ok(decayed?.kind === 'decayed' && Math.abs(decayed.decay.threshold - limit) < 1e-9);
  }
});

test('three sigma: each reference window counts once, however many observations it has', () => {
  const window = { by: 'time', durationMs: 10 } as const;
  const monitor = new WindowedMonitor({ ...single, window, rule: { by: 'sigma', sigmas: 3 }, baselineWindows: 2 });
  feed(
    monitor,
    [
      [0, 1],
      [11, 3],
      [12, 3],
      [13, 3],
      [20, 2],
    ].map(([timeMs = 0, value = 0]) => ({ timeMs, value })),
  );
  assert.equal(monitor.baseline, 2);
});

test('three sigma: windows that are equal but for rounding are no decay', () => {
  const window = { by: 'time', durationMs: 100 } as const;
  const monitor = new WindowedMonitor({ ...single, window, rule: { by: 'sigma', sigmas: 3 }, baselineWindows: 2 });
  const all = Array.from({ length: 60 }, (_, index) => ({ timeMs: index * index, value: 0.1 }));
  const closed = feed(monitor, all);
  assert.ok(closed.length > 20);
  assert.ok(!kinds(closed).includes('decayed'));
});

test('N of M: one bad window is suspect, two of three decay, and then it starts counting anew', () => {
  const options: WindowedMonitorOptions = {
    ...single,
    rule: { by: 'absolute', above: 1 },
    atLeast: { windows: 2, of: 3 },
  };
  const closed = feed(new WindowedMonitor(options), seconds(2, 0, 0, 2, 0, 2, 2, 0, 2));
  assert.equal(kinds(closed), 'suspect steady steady suspect steady decayed suspect steady decayed');
});

test('N of M: a cool-down is not part of what is looked back on', () => {
  const options: WindowedMonitorOptions = {
    ...single,
    rule: { by: 'absolute', above: 1 },
    atLeast: { windows: 2, of: 2 },
    coolDownWindows: 2,
  };
  const closed = feed(new WindowedMonitor(options), seconds(2, 2, 2, 2, 2, 2));
  assert.equal(kinds(closed), 'suspect decayed cooling cooling suspect decayed');
});

test('another model starts afresh: what was looked back on is gone', () => {
  const options: WindowedMonitorOptions = {
    ...single,
    rule: { by: 'absolute', above: 1 },
    atLeast: { windows: 2, of: 2 },
  };
  const monitor = new WindowedMonitor(options);
  feed(monitor, seconds(2));
  monitor.rebase();
  assert.equal(kinds(feed(monitor, seconds(2, 2))), 'suspect decayed');
});

const anyOptions = fc.record({
  metric: fc.constant('m'),
  rule: fc.oneof(
    fc.record({ by: fc.constant('ratio' as const), ratio: fc.double({ min: 1.1, max: 3, noNaN: true }) }),
    fc.record({ by: fc.constant('absolute' as const), above: fc.double({ min: 0, max: 10, noNaN: true }) }),
    fc.record({ by: fc.constant('sigma' as const), sigmas: fc.double({ min: 0.5, max: 3, noNaN: true }) }),
  ),
  window: fc.oneof(
    fc.record({ by: fc.constant('count' as const), count: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ by: fc.constant('time' as const), durationMs: fc.integer({ min: 1, max: 300 }) }),
  ),
  baselineWindows: fc.integer({ min: 2, max: 4 }),
  coolDownWindows: fc.integer({ min: 0, max: 2 }),
  atLeast: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 2 })).map(([windows, more]) => ({
    windows,
    of: windows + more,
  })),
});
const anyObservations = fc.array(
  fc.record({ timeMs: fc.integer({ min: -1000, max: 1000 }), value: fc.double({ min: 0, max: 10, noNaN: true }) }),
  { maxLength: 60 },
);

test('property: with any rule, a monitor restored from JSON at any point goes on as if it had never stopped', () => {
  fc.assert(
    fc.property(anyOptions, anyObservations, fc.nat(), (options, all, at) => {
      const cut = at % (all.length + 1);
      const whole = new WindowedMonitor(options);
      const first = new WindowedMonitor(options);
      const expected = feed(whole, all);
      const before = feed(first, all.slice(0, cut));
      const second = new WindowedMonitor(options, JSON.parse(JSON.stringify(first)));
      assert.deepEqual([...before, ...feed(second, all.slice(cut))], expected);
      assert.deepEqual(second.toJSON(), whole.toJSON());
    }),
  );
});

test('the state that a ratio monitor of version 1 wrote is read: reference, open window and cool-down are kept', () => {
  const written = {
    schema: 'retrain.ratio-monitor',
    version: 1,
    metric: 'mape',
    baseline: 2,
    gathered: { windows: 0, count: 0, sum: 0 },
    coolDownLeft: 1,
    lateCount: 3,
    lateBeforeMs: 0,
    open: { fromMs: 1000, toMs: 1000, count: 1, sum: 4 },
  };
  const monitor = RatioMonitor.restore({ metric: 'mape', ratio: 1.5, window: { by: 'count', count: 2 } }, written);
  assert.equal(monitor.lateCount, 3);
  const closed = feed(
    monitor,
    [6, 5, 5].map((value, index) => ({ timeMs: 2000 + index, value })),
  );
  assert.deepEqual(
    closed.map(({ kind, observed, window }) => [kind, observed, window.count]),
    [
      ['cooling', 5, 2],
      ['decayed', 5, 2],
    ],
  );
  const broken = { ...written, open: { ...written.open, count: 0 } };
  const restore = (): unknown => new WindowedMonitor({ ...single, rule: { by: 'ratio', ratio: 2 } }, broken);
  assert.throws(restore, { code: 'DATA_CORRUPT', message: /open\.count/ });
});

test('options that cannot be meant are refused, naming field and value', () => {
  const make = (options: Partial<WindowedMonitorOptions>) => (): unknown =>
    new WindowedMonitor({ ...single, rule: { by: 'sigma', sigmas: 3 }, ...options });
  const refused = (field: RegExp) => ({ code: 'ARGUMENT_INVALID', message: field });
  assert.throws(make({ baselineWindows: 1 }), refused(/baselineWindows is 1/));
  assert.throws(make({ baseline: 1 }), refused(/baselineStd is undefined/));
  assert.throws(make({ rule: { by: 'sigma', sigmas: 0 } }), refused(/sigmas is 0/));
  assert.throws(make({ rule: { by: 'absolute' } }), refused(/above is undefined/));
  assert.throws(make({ rule: { by: 'absolute', above: 1, below: 2 } }), refused(/above is 1/));
  assert.throws(make({ atLeast: { windows: 3, of: 2 } }), refused(/atLeast.windows is 3/));
});
