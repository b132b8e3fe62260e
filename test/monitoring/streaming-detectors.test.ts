import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { StreamingVerdict } from '../../src/monitoring/streaming-detector.ts';
import { createStreamingDetector, restoreStreamingDetector } from '../../src/monitoring/streaming-detectors.ts';
import type { StreamingDetectorSettings } from '../../src/monitoring/streaming-detectors.ts';

/** Settings under which short streams have drifts. */
const anySettings: fc.Arbitrary<StreamingDetectorSettings> = fc.oneof(
  fc.record({
    detector: fc.constant('page-hinkley' as const),
    minInstances: fc.integer({ min: 1, max: 10 }),
    threshold: fc.double({ min: 0.1, max: 20, noNaN: true }),
    alpha: fc.constantFrom(0.9, 0.9999, 1),
    mode: fc.constantFrom('up' as const, 'down' as const, 'both' as const),
  }),
  fc.record({
    detector: fc.constant('adwin' as const),
    delta: fc.constantFrom(0.002, 0.5, 1),
    clock: fc.integer({ min: 1, max: 9 }),
    maxBuckets: fc.integer({ min: 2, max: 6 }),
    minWindowLength: fc.integer({ min: 1, max: 5 }),
    gracePeriod: fc.integer({ min: 0, max: 20 }),
  }),
  fc.record({ detector: fc.constant('ddm' as const), warmStart: fc.integer({ min: 1, max: 20 }) }),
  fc.record({
    detector: fc.constant('kswin' as const),
    alpha: fc.constantFrom(0.005, 0.2),
    windowSize: fc.integer({ min: 10, max: 30 }),
    statSize: fc.integer({ min: 1, max: 5 }),
    seed: fc.nat(),
  }),
);

/** Streams of one, two or three levels; of bits for DDM. */
function streamFor({ detector }: StreamingDetectorSettings): fc.Arbitrary<number[]> {
  const level = fc.double({ min: -100, max: 100, noNaN: true });
  const noise = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { maxLength: 60 });
  const numbers = fc
    .array(fc.tuple(level, noise), { maxLength: 3 })
    .map((parts) => parts.flatMap(([at, part]) => part.map((value) => at + value)));
  return detector === 'ddm' ? numbers.map((values) => values.map((value) => (value > 0 ? 1 : 0))) : numbers;
}

const anyRun = anySettings.chain((settings) => fc.tuple(fc.constant(settings), streamFor(settings)));

/** Verdicts are of plain numbers, a direction goes with a drift, a warning without one. */
function assertSound({ drift, warning, direction, statistic, threshold, mean, count }: StreamingVerdict): void {
  assert.equal(direction !== undefined, drift);
  assert.ok(!(drift && warning));
  assert.equal(statistic === undefined, threshold === undefined);
  assert.ok(statistic !== undefined || !drift);
  for (const value of [statistic ?? 0, threshold ?? 0, mean, count]) assert.ok(Number.isFinite(value), `${value}`);
}

test('property: a detector restored from JSON at any point goes on as if it had never stopped', () => {
  fc.assert(
    fc.property(anyRun, fc.nat(), ([settings, values], at) => {
      const cut = at % (values.length + 1);
      const whole = createStreamingDetector(settings);
      const first = createStreamingDetector(settings);
      const expected = values.map((value) => whole.update(value));
      const before = values.slice(0, cut).map((value) => first.update(value));
      const second = restoreStreamingDetector(settings, JSON.parse(JSON.stringify(first)));
      assert.deepEqual([...before, ...values.slice(cut).map((value) => second.update(value))], expected);
      assert.equal(JSON.stringify(second), JSON.stringify(whole));
      expected.forEach(assertSound);
    }),
    { numRuns: 300 },
  );
});

test('property: what is no usable number is refused and changes nothing', () => {
  const unusable = fc.constantFrom(Number.NaN, Infinity, -Infinity, 1e101, -1e300);
  fc.assert(
    fc.property(anyRun, unusable, ([settings, values], value) => {
      const detector = createStreamingDetector(settings);
      for (const good of values) detector.update(good);
      const before = detector.toJSON();
      assert.throws(() => detector.update(value), { code: 'ARGUMENT_INVALID', message: /^value is / });
      assert.deepEqual(detector.toJSON(), before);
    }),
  );
});

test('property: a constant stream never drifts, and the largest values give plain numbers', () => {
  const extreme = fc.constantFrom(0, 1, 1e-300, 1e100, -1e100);
  fc.assert(
    fc.property(anySettings, extreme, (settings, value) => {
      const detector = createStreamingDetector(settings);
      const verdicts = Array.from({ length: 200 }, () => detector.update(settings.detector === 'ddm' ? 0 : value));
      verdicts.forEach(assertSound);
      if (value === 0 || value === 1) assert.ok(verdicts.every(({ drift }) => !drift));
    }),
  );
  fc.assert(
    fc.property(anySettings, fc.array(extreme, { maxLength: 100 }), (settings, values) => {
      const detector = createStreamingDetector(settings);
      for (const value of values) assertSound(detector.update(settings.detector === 'ddm' ? Number(value > 0) : value));
      restoreStreamingDetector(settings, JSON.parse(JSON.stringify(detector)));
    }),
  );
});

const all = ['page-hinkley', 'adwin', 'ddm', 'kswin'] as const;

test('every detector is told by its name', () => {
  for (const detector of all) assert.equal(createStreamingDetector({ detector }).detector, detector);
});

test('what a detector remembers does not grow with what it has seen', () => {
  for (const detector of all) {
    const tested = createStreamingDetector({ detector });
    for (let i = 0; i < 20_000; i += 1) tested.update(i % 2);
    assert.ok(JSON.stringify(tested).length < 6_000, detector);
  }
});

test('a state that cannot be read is refused by code', () => {
  for (const detector of all) {
    const state = createStreamingDetector({ detector }).toJSON() as object;
    const restore = (value: unknown) => () => restoreStreamingDetector({ detector }, value);
    assert.throws(restore({ ...state, version: 2 }), {
      code: 'DATA_VERSION',
      message: /has version 2, this release reads 1/,
    });
    assert.throws(restore({ ...state, more: 1 }), { code: 'DATA_CORRUPT' });
    assert.throws(restore(null), { code: 'DATA_CORRUPT' });
    const other = createStreamingDetector({ detector: detector === 'ddm' ? 'adwin' : 'ddm' }).toJSON();
    assert.throws(restore(other), { code: 'DATA_CORRUPT', message: /schema/ });
  }
});

test('a state that the options leave no room for is refused', () => {
  const wide = createStreamingDetector({ detector: 'kswin' });
  const fine = createStreamingDetector({ detector: 'adwin', maxBuckets: 9 });
  for (let i = 0; i < 90; i += 1) {
    wide.update(i % 3);
    fine.update(i % 3);
  }
  const refused = (message: RegExp) => ({ code: 'CONFIGURATION_INVALID', message });
  assert.throws(
    () => restoreStreamingDetector({ detector: 'kswin', windowSize: 60 }, wide.toJSON()),
    refused(/windowSize of kswin is 60, but its state has 90 values/),
  );
  assert.throws(
    () => restoreStreamingDetector({ detector: 'adwin', maxBuckets: 3 }, fine.toJSON()),
    refused(/maxBuckets of adwin is 3, but its state has \d+ buckets/),
  );
});

test('options that cannot be meant are refused, naming option and value', () => {
  const refused = (settings: object, message: RegExp) => {
    assert.throws(() => createStreamingDetector(settings as StreamingDetectorSettings), {
      code: 'ARGUMENT_INVALID',
      message,
    });
  };
  refused({ detector: 'page-hinkley', threshold: 0 }, /threshold of page-hinkley is 0 /);
  refused({ detector: 'page-hinkley', mode: 'sideways' }, /mode of page-hinkley is "sideways" /);
  refused({ detector: 'adwin', delta: 2 }, /delta of adwin is 2 /);
  refused({ detector: 'adwin', maxBuckets: 1 }, /maxBuckets of adwin is 1 /);
  refused({ detector: 'ddm', warmStart: 1.5 }, /warmStart of ddm is 1.5 /);
  refused({ detector: 'kswin', alpha: Number.NaN }, /alpha of kswin is NaN /);
  refused(
    { detector: 'kswin', windowSize: 50 },
    /statSize of kswin is left out \(must be at most half of windowSize\)/,
  );
  refused({ detector: 'kswin', seeds: 1 }, /kswin/);
  refused({ detector: 'unheard-of' }, /detector is "unheard-of".*page-hinkley, adwin, ddm, kswin/);
});
