import { test } from 'node:test';
import { twoSampleTail } from '../../src/monitoring/kolmogorov-distribution.ts';
import { assertClose } from './detector-fixture.ts';
import { fixture } from './fixture.ts';

test('p-values of the two-sample Kolmogorov-Smirnov distance are those of SciPy, exact and asymptotic', () => {
  for (const [m, n, steps, pValue] of fixture('kolmogorov-tails') as [number, number, number, number][]) {
    const exact = Math.max(m, n) <= 10_000;
    const found = twoSampleTail(m, n, steps);
    assertClose(found, pValue, `p of ${steps} steps between ${m} and ${n}`, exact ? 1e-9 : 1e-6);
    // Small ones keep their digits, too, where SciPy's have any.
    if (pValue > 1e-250)
      assertClose(found / pValue, 1, `p over SciPy's ${pValue}, of ${m} and ${n}`, exact ? 1e-9 : 1e-6);
  }
});
