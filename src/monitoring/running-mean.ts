/** The mean of the values so far, updated as River's `stats.Mean` does, so that rounding agrees (West, 1979). */
export class RunningMean {
  count: number;
  mean: number;

  constructor({ count, mean } = { count: 0, mean: 0 }) {
    this.count = count;
    this.mean = mean;
  }

  add(value: number): void {
    this.count += 1;
    this.mean += (1 / this.count) * (value - this.mean);
  }
}
