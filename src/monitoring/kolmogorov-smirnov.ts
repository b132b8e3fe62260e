import { greatestCommonDivisor, twoSampleTail } from './kolmogorov-distribution.ts';

/** `statistic`: the largest distance of the two distribution functions, in [0, 1]; `pValue` in [0, 1]. */
export interface KolmogorovSmirnov {
  readonly statistic: number;
  readonly pValue: number;
}

/**
 * The two-sample, two-sided Kolmogorov-Smirnov test of `scipy.stats.ks_2samp`. Both samples are sorted in ascending order, of finite
 * numbers, and not empty.
 */
export function kolmogorovSmirnov(a: Float64Array, b: Float64Array): KolmogorovSmirnov {
  const common = greatestCommonDivisor(a.length, b.length);
  const aStep = b.length / common;
  const bStep = a.length / common;
  // The distance is counted in whole steps of 1 / lcm, so that equal distances are equal.
  let steps = 0;
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const value = Math.min(a[i] as number, b[j] as number);
    while (a[i] === value) i += 1;
    while (b[j] === value) j += 1;
    steps = Math.max(steps, Math.abs(i * aStep - j * bStep));
  }
  return { statistic: steps / (a.length * aStep), pValue: twoSampleTail(a.length, b.length, steps) };
}
