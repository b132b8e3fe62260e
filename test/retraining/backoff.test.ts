import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { backoffMs } from '../../src/retraining/backoff.ts';

const backoff = { baseMs: 100, maxMs: 5_000 };

test('the ceiling doubles with every attempt up to the maximum, and jitter takes the whole range', () => {
  const ceiling = (attempt: number): number =>
    backoffMs(attempt, backoff, { bytes: () => Buffer.alloc(0), fraction: () => 1 - 2 ** -53 });
  assert.deepEqual([1, 2, 3, 6, 7, 50, 5000].map(ceiling), [100, 200, 400, 3200, 5000, 5000, 5000]);
  assert.equal(backoffMs(9, backoff, { bytes: () => Buffer.alloc(0), fraction: () => 0 }), 0);
});

test('every delay is a whole number of milliseconds within the bounds', () => {
  fc.assert(
    fc.property(fc.nat(), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempt, fraction) => {
      const delay = backoffMs(attempt, backoff, { bytes: () => Buffer.alloc(0), fraction: () => fraction });
      assert.ok(Number.isInteger(delay) && delay >= 0 && delay <= backoff.maxMs);
    }),
  );
});
