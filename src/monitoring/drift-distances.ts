import { allCategories, countOf } from './drift-tests.ts';
import type { ColumnValues } from './column-values.ts';

/** The reference's standard deviation counts as at least this much (Evidently). */
const DEVIATION_MIN = 0.001;
/** With more distinct values in the reference a numerical column is put in bins, else every value is a bin (Evidently). */
const DISTINCT_VALUES_MAX = 20;
/** What stands for an empty bin in PSI, unless a share is as small as that (Evidently). */
const EMPTY_SHARE = 0.0001;
const EMPTY_SHARE_DIVISOR = 1e6;

/**
 * First Wasserstein distance of two numerical samples, in standard deviations (of the population) of the reference, which count as
 * at least 0.001 of the value's unit.
 */
export function wasserstein({ sorted: reference }: ColumnValues, { sorted: current }: ColumnValues): number {
  let distance = 0;
  let i = 0;
  let j = 0;
  let value = Math.min(reference[0] as number, current[0] as number);
  while (i < reference.length || j < current.length) {
    while (reference[i] === value) i += 1;
    while (current[j] === value) j += 1;
    const next = Math.min(reference[i] ?? Infinity, current[j] ?? Infinity);
    if (next === Infinity) break;
    distance += Math.abs(i / reference.length - j / current.length) * (next - value);
    value = next;
  }
  return distance / Math.max(standardDeviation(reference), DEVIATION_MIN);
}

/** Jensen-Shannon distance, the root of the divergence with natural logarithms: from 0 to √ln 2 = 0.83. */
export function jensenShannon(reference: ColumnValues, current: ColumnValues): number {
  let divergence = 0;
  for (const [p, q] of binnedShares(reference, current)) {
    const middle = (p + q) / 2;
    if (p > 0) divergence += p * Math.log(p / middle);
    if (q > 0) divergence += q * Math.log(q / middle);
  }
  return Math.sqrt(Math.max(0, divergence) / 2);
}

/** Population stability index, at least 0. */
export function populationStability(reference: ColumnValues, current: ColumnValues): number {
  const shares = binnedShares(reference, current);
  const referenceEmpty = emptyShare(shares.map(([p]) => p));
  const currentEmpty = emptyShare(shares.map(([, q]) => q));
  let index = 0;
  for (const [p, q] of shares) {
    const [expected, found] = [p || referenceEmpty, q || currentEmpty];
    index += (expected - found) * Math.log(expected / found);
  }
  return Math.max(0, index);
}

function emptyShare(shares: readonly number[]): number {
  const least = shares.reduce((low, share) => (share > 0 ? Math.min(low, share) : low), Infinity);
  return least <= EMPTY_SHARE ? least / EMPTY_SHARE_DIVISOR : EMPTY_SHARE;
}

/** Share of the reference and of the current values in each bin. */
function binnedShares(reference: ColumnValues, current: ColumnValues): (readonly [number, number])[] {
  if (reference.kind === 'numerical' && reference.counts.size > DISTINCT_VALUES_MAX) {
    const edges = sturgesEdges(reference.sorted, current.sorted);
    const expected = histogram(reference.sorted, edges);
    const found = histogram(current.sorted, edges);
    return expected.map((count, bin) => [count / reference.count, (found[bin] as number) / current.count]);
  }
  return allCategories(reference, current).map((category) => [
    countOf(reference, category) / reference.count,
    countOf(current, category) / current.count,
  ]);
}

/** Edges of bins of one width over both samples, as many as Sturges has it, as NumPy's `histogram_bin_edges` places them. */
function sturgesEdges(reference: Float64Array, current: Float64Array): number[] {
  const first = Math.min(reference[0] as number, current[0] as number);
  const last = Math.max(reference.at(-1) as number, current.at(-1) as number);
  const width = (last - first) / (Math.log2(reference.length + current.length) + 1);
  // Values so close that their range has no parts make one bin, as in NumPy.
  const bins = width > 0 ? Math.ceil((last - first) / width) : 1;
  const step = (last - first) / bins;
  return Array.from({ length: bins + 1 }, (_, index) => (index === bins ? last : index * step + first));
}

/** How many values lie in each bin: from its lower edge on and below its upper edge, the last bin with its upper edge. */
function histogram(sorted: Float64Array, edges: readonly number[]): number[] {
  const counts = Array.from({ length: edges.length - 1 }, () => 0);
  let bin = 0;
  for (const value of sorted) {
    while (bin < counts.length - 1 && value >= (edges[bin + 1] as number)) bin += 1;
    counts[bin] = (counts[bin] as number) + 1;
  }
  return counts;
}

function standardDeviation(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}
