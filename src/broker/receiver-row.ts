import type { Receiver } from './receiver.ts';

/** Receivers that have credit, in a row: the first is served once and goes to the end, so that all get their share. */
export class ReceiverRow {
  readonly #row: Receiver[] = [];
  #serving = false;

  add(receiver: Receiver): void {
    if (receiver.waiting) return;
    receiver.waiting = true;
    this.#row.push(receiver);
  }

  /** A closed receiver leaves at once: on an idle queue nothing else would ever look at it. */
  remove(receiver: Receiver): void {
    const at = this.#row.indexOf(receiver);
    if (at >= 0) this.#row.splice(at, 1);
    receiver.waiting = false;
  }

  /**
   * Serves while `hasMessage` and somebody has credit. `serveOne` is false for a receiver that cannot be served now; it leaves the row and
   * comes back with its next credit. A call from within a delivery does nothing: the loop goes on anyway.
   */
  serve(hasMessage: () => boolean, serveOne: (receiver: Receiver) => boolean): void {
    if (this.#serving) return;
    this.#serving = true;
    try {
      while (this.#row.length > 0 && hasMessage()) {
        const receiver = this.#row.shift() as Receiver;
        receiver.waiting = false;
        if (receiver.credit <= 0 || !serveOne(receiver)) continue;
        if (receiver.credit > 0) this.add(receiver);
      }
    } finally {
      this.#serving = false;
    }
  }
}
