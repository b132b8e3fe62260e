import type { Delivery } from '../../../src/broker/index.ts';
import type { View } from './reference-state.ts';

export class Violation extends Error {}

/** A message in the queue that it is in. */
export interface Entered {
  readonly text: string;
  readonly queue: string;
  readonly sequenceNumber: number;
}

/**
 * Promises that hold whatever the model says: an accepted message is in exactly one place until somebody finishes it, a finished one never
 * returns, sequence numbers rise and stand for one message each, lock tokens are never used again. Where topics make copies, each copy is a
 * message of its own, and how many there must be is left to the model.
 */
export class Ledger {
  readonly #copies: boolean;
  /** When it may be gone by itself, at the earliest, by the wall clock. */
  readonly #accepted = new Map<string, number>();
  /** Where it was seen last. */
  #places = new Map<string, string>();
  /** Numbers of each queue that were promised to scheduled messages before they were sent. */
  readonly #reserved = new Map<string, Set<number>>();
  readonly #finished = new Set<string>();
  readonly #tokens = new Set<string>();
  /** Which text a number of a queue stands for, and its highest. A queue that is created again begins anew. */
  readonly #numbers = new Map<string, Map<number, string>>();
  /** Those that there were. */
  #queues: readonly string[] = [];
  #latestWallMs = 0;

  constructor({ copies }: { copies: boolean }) {
    this.#copies = copies;
  }

  accepted(text: string, mayExpireAtMs: number): void {
    this.#accepted.set(text, mayExpireAtMs);
  }

  /** With other settings what was accepted before may be gone for other reasons: that is the model's business from now on. */
  settingsChanged(): void {
    for (const text of this.#accepted.keys()) this.#accepted.set(text, -Infinity);
  }

  reserved(queue: string, numbers: readonly number[]): void {
    const known = this.#reserved.get(queue) ?? new Set();
    for (const number of numbers) known.add(number);
    this.#reserved.set(queue, known);
  }

  /** Completed, received for good or cancelled. */
  finished(messages: readonly Entered[]): void {
    for (const message of messages) this.#finished.add(this.#identity(message));
  }

  #identity({ text, queue, sequenceNumber }: Entered): string {
    return this.#copies ? `${queue}#${sequenceNumber}` : text;
  }

  #queueDeleted(queue: string): void {
    for (const [text, place] of this.#places) if (place.startsWith(`${queue}/`)) this.#finished.add(text);
    if (this.#copies)
      for (const known of this.#finished) if (known.startsWith(`${queue}#`)) this.#finished.delete(known);
    this.#numbers.delete(queue);
    this.#reserved.delete(queue);
  }

  delivered(
    deliveries: readonly { readonly queue: string; readonly text: string; readonly delivery: Delivery }[],
  ): void {
    for (const { queue, text, delivery } of deliveries) {
      const { lock, sequenceNumber } = delivery;
      const message = { text, queue, sequenceNumber };
      if (this.#finished.has(this.#identity(message)))
        throw new Violation(`'${text}' is delivered again, although it was finished`);
      if (!lock) {
        this.finished([message]);
        continue;
      }
      const token = lock.token.toString('hex');
      if (this.#tokens.has(token)) throw new Violation(`lock token ${token} of #${sequenceNumber} was used before`);
      this.#tokens.add(token);
    }
  }

  /** All messages of all queues, as they are listed now. */
  seen({
    queues,
    parts,
    wallMs,
  }: {
    queues: readonly string[];
    parts: Readonly<Record<string, readonly View[]>>;
    wallMs: number;
  }): void {
    this.#latestWallMs = Math.max(this.#latestWallMs, wallMs);
    for (const queue of this.#queues) if (!queues.includes(queue)) this.#queueDeleted(queue);
    this.#queues = queues;
    const places = new Map<string, string>();
    for (const [place, views] of Object.entries(parts)) {
      for (const { text, sequenceNumber } of views) {
        if (this.#finished.has(this.#identity({ text, queue: queueOfPlace(place), sequenceNumber })))
          throw new Violation(`'${text}' is in ${place}, although it was finished`);
        if (!this.#accepted.has(text)) throw new Violation(`'${text}' is in ${place}, although nobody sent it`);
        if (this.#copies) continue;
        const other = places.get(text);
        if (other !== undefined) throw new Violation(`'${text}' is in ${place} and in ${other}`);
        places.set(text, place);
      }
    }
    this.#places = places;
    this.#number(parts);
    if (this.#copies) return;
    for (const [text, mayExpireAtMs] of this.#accepted) {
      if (places.has(text) || this.#finished.has(text) || mayExpireAtMs <= this.#latestWallMs) continue;
      throw new Violation(`'${text}' was accepted and is nowhere`);
    }
  }

  #number(parts: Readonly<Record<string, readonly View[]>>): void {
    const highest = new Map([...this.#numbers].map(([queue, numbers]) => [queue, Math.max(0, ...numbers.keys())]));
    for (const [place, views] of Object.entries(parts)) {
      const queue = queueOfPlace(place);
      const numbers = this.#numbers.get(queue) ?? new Map<number, string>();
      this.#numbers.set(queue, numbers);
      for (const { text, sequenceNumber } of views) {
        const known = numbers.get(sequenceNumber);
        const promised = this.#reserved.get(queue)?.has(sequenceNumber);
        if (known === undefined && !promised && sequenceNumber < (highest.get(queue) ?? 0)) {
          throw new Violation(`'${text}' of ${queue} has the new number ${sequenceNumber}, which is not the highest`);
        }
        if (known !== undefined && known !== text) {
          throw new Violation(`number ${sequenceNumber} of ${queue} was '${known}' and is '${text}'`);
        }
        numbers.set(sequenceNumber, text);
      }
    }
  }
}

function queueOfPlace(place: string): string {
  return place.slice(0, place.lastIndexOf('/'));
}
