import type { Random } from '../../src/runtime/random.ts';

/** Random numbers that a seed decides: the generator sfc32. */
export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.#a = 0x9e37_79b9;
    this.#b = seed >>> 0;
    this.#c = Math.floor(seed / 2 ** 32) >>> 0;
    for (let round = 0; round < 12; round++) this.#next();
  }

  /** A generator of its own, so that what one part of a run draws does not shift what another part draws. */
  fork(): SeededRandom {
    return new SeededRandom(this.#next() * 2 ** 20 + (this.#next() >>> 12));
  }

  /** In [0, 1). */
  fraction(): number {
    return this.#next() / 2 ** 32;
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let at = 0; at < length; at++) bytes[at] = this.#next() >>> 24;
    return bytes;
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.fraction() * (high - low + 1));
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.between(0, items.length - 1)] as T;
  }

  /**
   * Milliseconds, most of them near `typical` and a few up to ten times as long. Multiples of 1/1024: sums of them are exact, so that
   * a clock meets its timers to the bit.
   */
  delayMs(typical: number): number {
    const ms = this.chance(0.05) ? typical * (1 + 9 * this.fraction()) : typical * (0.25 + this.fraction());
    return Math.max(1, Math.round(ms * 1024)) / 1024;
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
}
