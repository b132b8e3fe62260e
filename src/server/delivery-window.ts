import { LIMITS } from './limits.ts';

/** Share of a new size in the running mean. */
const MEAN_WEIGHT = 1 / 8;

/**
 * How many messages may be taken from the queue for one link before their transfers have left. It follows the size of the
 * messages, so that a link with much credit holds a bounded number of bytes.
 */
export class DeliveryWindow {
  /** The first guess is the largest message of a standard queue: the window opens as small messages show up. */
  #meanBytes: number = LIMITS.maxMessageSizeBytes;

  get messages(): number {
    const fitting = Math.floor(LIMITS.deliveryWindowBytes / this.#meanBytes);
    return Math.min(LIMITS.deliveryWindowMessages, Math.max(1, fitting));
  }

  note(messageBytes: number): void {
    // A larger message counts at once, smaller ones little by little.
    if (messageBytes > this.#meanBytes) this.#meanBytes = messageBytes;
    else this.#meanBytes += (Math.max(1, messageBytes) - this.#meanBytes) * MEAN_WEIGHT;
  }
}
