import type { IncomingDelivery } from './delivery.ts';

/** The first buffer of a message that comes in several frames, in bytes; it doubles as needed. */
const FIRST_BUFFER_BYTES = 65_536;

/**
 * A message of which frames are still to come. Its bytes are copied together, so that many small frames cannot hold on to many
 * received chunks; over `maxBytes` they are thrown away and only counted.
 */
export class PartialDelivery {
  readonly delivery: IncomingDelivery;
  readonly #maxBytes: number;
  #buffer: Buffer | undefined;
  #length = 0;

  constructor(delivery: IncomingDelivery, maxBytes: number) {
    this.delivery = delivery;
    this.#maxBytes = maxBytes;
  }

  /** Bytes of memory held. */
  get heldBytes(): number {
    return this.#buffer?.length ?? 0;
  }

  append(bytes: Buffer): void {
    const length = this.#length + bytes.length;
    this.#length = length;
    if (length > this.#maxBytes) {
      this.delivery.oversize = true;
      this.#buffer = undefined;
      return;
    }
    if (this.#buffer === undefined || length > this.#buffer.length) {
      const size = Math.min(this.#maxBytes, Math.max(FIRST_BUFFER_BYTES, 2 * length));
      const bigger = Buffer.allocUnsafeSlow(size);
      this.#buffer?.copy(bigger, 0, 0, length - bytes.length);
      this.#buffer = bigger;
    }
    this.#buffer.set(bytes, length - bytes.length);
  }

  /** The whole message. */
  finish(): IncomingDelivery {
    if (this.#buffer !== undefined) this.delivery.payload = this.#buffer.subarray(0, this.#length);
    return this.delivery;
  }
}
