import type { CancelEvent } from '../envelope.ts';
import { requestKey } from '../identity.ts';

/** Cancels of one session that are remembered; of more, the one peeked first is forgotten, and takes effect when received. */
export const PEEKED_CANCELS_MAX = 1000;

/**
 * Cancels that were peeked while a run had the session, until they are received. A peek happens once, and perhaps before the
 * trainer that it is meant for exists, or between two executions of a run: so every execution is told all of them.
 */
export class PeekedCancels implements Iterable<CancelEvent> {
  readonly #events = new Map<string, CancelEvent>();

  add(event: CancelEvent): void {
    this.#events.set(requestKey(event), event);
    const first = this.#events.keys().next();
    if (this.#events.size > PEEKED_CANCELS_MAX && !first.done) this.#events.delete(first.value);
  }

  /** It was received and disposed of: it must not hit a later request with the same id. */
  delete(event: CancelEvent): void {
    this.#events.delete(requestKey(event));
  }

  [Symbol.iterator](): Iterator<CancelEvent> {
    return this.#events.values();
  }
}
