/** Bodies with several copies that are known at a time: what a Map can hold. The copies of others count each for itself. */
const MAX_SHARED = 2 ** 24 - 1;

/**
 * The bytes of the messages of a topic, each counted once however many copies its subscriptions hold. Of a message that came with n copies, n - 1 can
 * go without a change; only that number is kept, and only of messages with several copies.
 */
export class SharedBodies {
  /** Copies that can go without a change, by the body's record. */
  readonly #spare = new Map<number, number>();
  /** Bodies that have been restored, while there is a recovery. */
  #restored: Set<number> | undefined;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  add(bodyId: number, { sizeBytes, copies }: { readonly sizeBytes: number; readonly copies: number }): void {
    this.#bytes += sizeBytes;
    if (copies === 1) return;
    const spare = this.#spare.get(bodyId);
    if (spare === undefined && this.#spare.size >= MAX_SHARED) this.#bytes += sizeBytes * (copies - 1);
    else this.#spare.set(bodyId, (spare ?? 0) + copies - 1);
  }

  /** A copy is gone. */
  remove(bodyId: number, sizeBytes: number): void {
    const spare = this.#spare.get(bodyId);
    if (spare === undefined) this.#bytes -= sizeBytes;
    else if (spare === 1) this.#spare.delete(bodyId);
    else this.#spare.set(bodyId, spare - 1);
  }

  /** Takes a copy of the log. `endRestoring` forgets what it needs. */
  restore(bodyId: number, sizeBytes: number): void {
    this.#restored ??= new Set();
    const known = this.#restored.has(bodyId);
    if (known && this.#spare.size < MAX_SHARED) this.#spare.set(bodyId, (this.#spare.get(bodyId) ?? 0) + 1);
    else this.#bytes += sizeBytes;
    if (!known && this.#restored.size < MAX_SHARED) this.#restored.add(bodyId);
  }

  endRestoring(): void {
    this.#restored = undefined;
  }
}
