import { randomBytes, randomFillSync } from 'node:crypto';

/** Randomness as a parameter, so that a simulation can replay a run from its seed. */
export interface Random {
  /** `length` unpredictable bytes. */
  bytes(length: number): Buffer;
  /** A number in [0, 1). */
  fraction(): number;
}

/** Bytes drawn from the kernel at a time; one draw per lock token would cost a system call each. */
const POOL_BYTES = 4096;

class SystemRandom implements Random {
  readonly #pool = Buffer.allocUnsafe(POOL_BYTES);
  #used = POOL_BYTES;

  bytes(length: number): Buffer {
    if (length > POOL_BYTES) return randomBytes(length);
    if (this.#used + length > POOL_BYTES) {
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    const drawn = Buffer.from(this.#pool.subarray(this.#used, this.#used + length));
    this.#used += length;
    return drawn;
  }

  fraction(): number {
    return this.bytes(4).readUInt32LE(0) / 2 ** 32;
  }
}

export const systemRandom: Random = new SystemRandom();
