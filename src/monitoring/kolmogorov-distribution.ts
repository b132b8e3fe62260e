/**
 * Distributions of the Kolmogorov-Smirnov distance. Which one is asked for when is SciPy's choice (`scipy.stats.ks_2samp` with
 * `method='auto'`), so that p-values agree with it.
 */

/** SciPy's bound: up to it, in both samples, the exact distribution is used. */
const EXACT_ROWS_MAX = 10_000;
/** Below, Durbin's matrix is used; from there on the expansion of Pelz and Good is good to better than 1e-6. */
const MATRIX_ROWS_MAX = 140;

/**
 * Probability, in [0, 1], that two samples of `m` and `n` values of one continuous distribution are at least `steps / lcm(m, n)`
 * apart.
 */
export function twoSampleTail(m: number, n: number, steps: number): number {
  if (steps === 0) return 1;
  if (Math.max(m, n) <= EXACT_ROWS_MAX)
    return clipped(m === n ? reflectedShare(n, steps) : shareOfPathsOutside(m, n, steps));
  const distance = steps / ((m / greatestCommonDivisor(m, n)) * n);
  return oneSampleTail(halfToEven((m * n) / (m + n)), distance);
}

export function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/**
 * The same share for two samples of `n` by the reflection principle: 2 · Σ ± C(2n, n - k·steps) / C(2n, n), with the factors that a term
 * has in common with the one before taken out. It takes n steps only, and rounds as SciPy does: a detector's limit may be such a p-value.
 */
function reflectedShare(n: number, steps: number): number {
  let share = 0;
  for (let start = Math.floor(n / steps) * steps; start >= 0; start -= steps) {
    let ratio = 1;
    for (let j = start; j < start + steps; j += 1) ratio = ((n - j) * ratio) / (n + j + 1);
    share = ratio * (1 - share);
  }
  return 2 * share;
}

/**
 * Of all lattice paths from (0, 0) to (m, n), each a possible order of the two samples, the share that leaves the band of
 * `steps` around the diagonal. A path reaches (i, j) through (i - 1, j) in i of i + j cases, else through (i, j - 1): so shares
 * are averages of shares, nothing is subtracted, and small ones keep their digits.
 */
function shareOfPathsOutside(m: number, n: number, steps: number): number {
  const [rows, columns] = m < n ? [m, n] : [n, m];
  const common = greatestCommonDivisor(rows, columns);
  const rowStep = columns / common;
  const columnStep = rows / common;
  /** Share at (row, j), of the row before until it is overwritten. Outside of the band every path is out. */
  const share = new Float64Array(columns + 1).fill(1);
  for (let row = 0; row <= rows; row += 1) {
    // Inside: |row * rowStep - j * columnStep| < steps.
    const first = Math.max(0, Math.floor((row * rowStep - steps) / columnStep) + 1);
    const last = Math.min(columns, Math.ceil((row * rowStep + steps) / columnStep) - 1);
    let left = 1;
    for (let j = first; j <= last; j += 1) {
      const below = row === 0 ? 0 : (share[j] as number);
      left = row + j === 0 ? 0 : (row * below + j * left) / (row + j);
      share[j] = left;
    }
  }
  return share[columns] as number;
}

/** Probability that `n` values are at least `distance` from their continuous distribution; the choice of Simard and L'Ecuyer (2011). */
function oneSampleTail(n: number, distance: number): number {
  const steps = n * distance;
  if (distance >= 1) return 0;
  if (steps <= 0.5) return 1;
  const square = steps * distance;
  if (distance >= 0.5 || steps >= n - 1 || square >= (n <= MATRIX_ROWS_MAX ? 4 : 2.2))
    return clipped(2 * oneSidedTail(n, distance));
  return clipped(1 - (n <= MATRIX_ROWS_MAX ? matrixShare(n, distance) : pelzGood(n, distance)));
}

/** Birnbaum and Tingey (1951): the distance to one side only. Twice it is the two-sided tail where that is small (Miller, 1956). */
function oneSidedTail(n: number, distance: number): number {
  let sum = 0;
  let logChoose = 0;
  for (let j = 0; j <= Math.floor(n * (1 - distance)); j += 1) {
    if (j > 0) logChoose += Math.log((n - j + 1) / j);
    const at = distance + j / n;
    if (at >= 1) break;
    sum += Math.exp(logChoose + (n - j) * Math.log1p(-at) + (j - 1) * Math.log(at));
  }
  return distance * sum;
}

/** Durbin (1968) in the form of Marsaglia, Tsang and Wang (2003): the share of samples that stay closer than `distance`. */
function matrixShare(n: number, distance: number): number {
  const steps = n * distance;
  const k = Math.ceil(steps);
  const h = k - steps;
  const size = 2 * k - 1;
  const factorials = Array.from({ length: size + 1 }, () => 1);
  for (let i = 1; i <= size; i += 1) factorials[i] = (factorials[i - 1] as number) * i;
  const edge = (i: number): number => (1 - h ** i) / (factorials[i] as number);
  const cell = (row: number, column: number): number => {
    if (row === size - 1 && column === 0) {
      return (1 - 2 * h ** size + Math.max(0, 2 * h - 1) ** size) / (factorials[size] as number);
    }
    if (column === 0) return edge(row + 1);
    if (row === size - 1) return edge(size - column);
    return row - column + 1 < 0 ? 0 : 1 / (factorials[row - column + 1] as number);
  };
  const matrix = Array.from({ length: size }, (_, row) => Float64Array.from({ length: size }, (_, c) => cell(row, c)));
  // n! / n^n is spread over the steps, so that nothing overflows: the k-th unit vector goes through the matrix n times.
  let vector = Float64Array.from({ length: size }, (_, i) => (i === k - 1 ? 1 : 0));
  for (let i = 1; i <= n; i += 1) {
    const next = new Float64Array(size);
    for (let row = 0; row < size; row += 1) {
      const weight = ((vector[row] as number) * i) / n;
      for (let column = 0; column < size; column += 1)
        next[column] = (next[column] as number) + weight * (matrix[row]?.[column] as number);
    }
    vector = next;
  }
  return vector[k - 1] as number;
}

/** Pelz and Good (1976): the limit of Kolmogorov and three terms in powers of 1/√n, as sums that converge fast for small z. */
function pelzGood(n: number, distance: number): number {
  const z = Math.sqrt(n) * distance;
  const z2 = z * z;
  const z4 = z2 * z2;
  const z6 = z4 * z2;
  const pi2 = Math.PI ** 2;
  const pi4 = pi2 ** 2;
  const pi6 = pi2 ** 3;
  const terms = [0, 0, 0, 0] as [number, number, number, number];
  for (let k = Math.ceil((16 * z) / Math.PI); k >= 1; k -= 1) {
    const odd2 = (2 * k - 1) ** 2;
    const odd4 = odd2 * odd2;
    const weight = Math.exp((-pi2 * odd2) / (8 * z2));
    terms[0] += weight;
    terms[1] += weight * ((pi2 / 4) * odd2 - z2);
    terms[2] += weight * (6 * z6 + 2 * z4 + (pi2 / 4) * (2 * z4 - 5 * z2) * odd2 + (pi4 / 16) * (1 - 2 * z2) * odd4);
    terms[3] +=
      weight *
      ((pi6 / 64) * (5 - 30 * z2) * odd4 * odd2 +
        (pi4 / 16) * (212 * z4 - 60 * z2) * odd4 +
        (pi2 / 4) * (135 * z4 - 96 * z6) * odd2 -
        30 * z6 -
        90 * z4 * z4);
  }
  const root = Math.sqrt(2 * Math.PI);
  let even2 = 0;
  let even3 = 0;
  for (let k = Math.ceil((16 * z) / Math.PI); k >= 1; k -= 1) {
    const weight = Math.exp((-pi2 * k * k) / (2 * z2));
    even2 += k * k * weight;
    even3 += (3 * z2 - pi2 * k * k) * k * k * weight;
  }
  const order0 = (root / z) * terms[0];
  const order1 = (root / (6 * z4)) * terms[1];
  const order2 = (root / (72 * z6 * z)) * terms[2] - ((pi2 * root) / (36 * z2 * z)) * even2;
  const order3 = (root / (6480 * z6 * z4)) * terms[3] + ((pi2 * root) / (216 * z6)) * even3;
  return order0 + order1 / Math.sqrt(n) + order2 / n + order3 / n ** 1.5;
}

function halfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

function clipped(probability: number): number {
  return Math.min(1, Math.max(0, probability));
}
