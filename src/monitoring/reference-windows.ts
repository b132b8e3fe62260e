import { z } from 'zod';
import type { Reference } from './metric-rule.ts';

export const BASELINE_WINDOWS_MAX = 1_000;

/** Windows that will make a reference, as far as they have closed. */
export const gatheredSchema = z.strictObject({
  windows: z.int().min(0).max(BASELINE_WINDOWS_MAX),
  count: z.int().min(0),
  sum: z.number(),
  /** Mean and sum of squared deviations of the windows' means, by Welford's method. */
  meanOfMeans: z.number(),
  squares: z.number().min(0),
});
export type Gathered = z.output<typeof gatheredSchema>;

export const NOTHING_GATHERED: Gathered = { windows: 0, count: 0, sum: 0, meanOfMeans: 0, squares: 0 };

export function gather(gathered: Gathered, { count, sum }: { count: number; sum: number }): Gathered {
  const windows = Math.min(gathered.windows + 1, BASELINE_WINDOWS_MAX);
  const mean = sum / count;
  const delta = mean - gathered.meanOfMeans;
  const meanOfMeans = gathered.meanOfMeans + delta / windows;
  return {
    windows,
    count: gathered.count + count,
    sum: gathered.sum + sum,
    meanOfMeans,
    squares: gathered.squares + delta * (mean - meanOfMeans),
  };
}

/** For a ratio every observation counts once; for deviations every window does. */
export function referenceOf(gathered: Gathered, by: 'ratio' | 'sigma'): Reference {
  const std = Math.sqrt(gathered.squares / Math.max(1, gathered.windows));
  return { mean: by === 'sigma' ? gathered.meanOfMeans : gathered.sum / gathered.count, std };
}
