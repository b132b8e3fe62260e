import { z } from 'zod';

/** Sizes of buckets: with 40, a window spans 2^40 values and more. */
export const LEVELS_MAX = 40;

const bucketSchema = z.strictObject({ sum: z.number(), squares: z.number().min(0) });

export const bucketWindowStateSchema = z.strictObject({
  sum: z.number(),
  squares: z.number().min(0),
  /** Buckets of 1, 2, 4, … values, of each size the oldest first. */
  levels: z.array(z.array(bucketSchema)).max(LEVELS_MAX),
});

type BucketWindowState = z.output<typeof bucketWindowStateSchema>;

/** Some values in a row: their sum, and the sum of their squared distances from their mean. */
interface Bucket {
  readonly sum: number;
  readonly squares: number;
}

/** The two parts that a cut makes of the window. */
export interface Parts {
  readonly olderCount: number;
  readonly olderMean: number;
  readonly newerCount: number;
  readonly newerMean: number;
}

/**
 * The last values of a stream as an exponential histogram: new values are buckets of one; when there are more than `maxBuckets` of
 * a size, the two oldest of it become one of twice the size. So n values take about `maxBuckets · log2(n)` buckets.
 */
export class BucketWindow {
  readonly #maxBuckets: number;
  readonly levels: Bucket[][];
  #sum: number;
  #squares: number;
  #width: number;

  constructor(maxBuckets: number, kept: BucketWindowState = { sum: 0, squares: 0, levels: [] }) {
    this.#maxBuckets = maxBuckets;
    this.levels = kept.levels.map((level) => [...level]);
    this.#sum = kept.sum;
    this.#squares = kept.squares;
    this.#width = kept.levels.reduce((width, level, index) => width + level.length * 2 ** index, 0);
  }

  toJSON(): BucketWindowState {
    return {
      sum: this.#sum,
      squares: this.#squares,
      levels: this.levels.map((level) => level.map((bucket) => ({ ...bucket }))),
    };
  }

  /** How many values there are. */
  get width(): number {
    return this.#width;
  }

  get mean(): number {
    return this.#width === 0 ? 0 : this.#sum / this.#width;
  }

  /** Of the values, as of a whole population. */
  get variance(): number {
    return this.#width === 0 ? 0 : this.#squares / this.#width;
  }

  add(value: number): void {
    const before = this.#width;
    if (before > 0) {
      const deviation = value - this.#sum / before;
      this.#squares += (before * deviation * deviation) / (before + 1);
    }
    this.#width += 1;
    this.#sum += value;
    this.#push(0, { sum: value, squares: 0 });
  }

  /** The cuts between buckets, from the oldest bucket on. Every part has at least one bucket. */
  *cuts(): Generator<Parts> {
    let olderCount = 0;
    let olderSum = 0;
    let newerSum = this.#sum;
    for (let index = this.levels.length - 1; index >= 0; index -= 1) {
      for (const { sum } of this.levels[index] as Bucket[]) {
        olderCount += 2 ** index;
        olderSum += sum;
        newerSum -= sum;
        const newerCount = this.#width - olderCount;
        if (newerCount === 0) return;
        yield { olderCount, olderMean: olderSum / olderCount, newerCount, newerMean: newerSum / newerCount };
      }
    }
  }

  /** Forgets the oldest bucket; there must be a newer one. */
  dropOldest(): void {
    const level = this.levels.length - 1;
    const oldest = this.levels[level]?.shift() as Bucket;
    const size = 2 ** level;
    this.#width -= size;
    this.#sum -= oldest.sum;
    const distance = oldest.sum / size - this.#sum / this.#width;
    const between = (size * this.#width * distance * distance) / (size + this.#width);
    // Rounding must not leave less than nothing.
    this.#squares = Math.max(0, this.#squares - oldest.squares - between);
    while (this.levels.at(-1)?.length === 0) this.levels.pop();
  }

  #push(level: number, bucket: Bucket): void {
    const buckets = (this.levels[level] ??= []);
    buckets.push(bucket);
    if (buckets.length <= this.#maxBuckets) return;
    const [first, second] = buckets.splice(0, 2) as [Bucket, Bucket];
    const size = 2 ** level;
    const distance = (first.sum - second.sum) / size;
    this.#push(level + 1, {
      sum: first.sum + second.sum,
      squares: first.squares + second.squares + (size / 2) * distance * distance,
    });
  }
}
