import { LIMITS } from './limits.ts';

/**
 * Bytes of messages that have been taken from clients and are not durable yet, over all connections. While they are over the
 * limit, connections that send stop being read: a disk slower than the network must not fill the memory. The same while the journal is
 * congested: what has to wait a moment must not be refused as if the disk were full.
 */
export class IntakeBudget {
  #heldBytes = 0;
  readonly #waiting = new Set<() => void>();
  readonly #isCongested: () => boolean;

  constructor(isCongested: () => boolean) {
    this.#isCongested = isCongested;
  }

  get exhausted(): boolean {
    return this.#heldBytes > LIMITS.intakeBytes || this.#isCongested();
  }

  take(bytes: number): void {
    this.#heldBytes += bytes;
  }

  giveBack(bytes: number): void {
    this.#heldBytes -= bytes;
    this.recheck();
  }

  /** Lets readers go on if there is room again. To be called when the journal may not be congested any more: something became durable. */
  recheck(): void {
    // Half, so that readers do not stop and go at every message.
    if (this.#waiting.size === 0 || this.#heldBytes > LIMITS.intakeBytes / 2 || this.#isCongested()) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resume of waiting) resume();
  }

  /** Calls `resume` once when there is room again. */
  waitForRoom(resume: () => void): void {
    this.#waiting.add(resume);
  }

  forget(resume: () => void): void {
    this.#waiting.delete(resume);
  }
}
