import { NONE } from './message-table.ts';

interface Chunk {
  readonly slots: Int32Array;
  used: number;
}

/** Sequence numbers a chunk covers: 1 KiB of slots. */
const CHUNK_LENGTH = 256;

/** From sequence number to slot, in ascending order: what peek and receive-by-sequence-number walk. About 4 bytes a message in a full queue. */
export class SequenceIndex {
  readonly #chunks = new Map<number, Chunk>();
  /** Numbers of the chunks, ascending. */
  readonly #numbers: number[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get(sequenceNumber: number): number {
    const chunk = this.#chunks.get(Math.floor(sequenceNumber / CHUNK_LENGTH));
    return chunk ? (chunk.slots[sequenceNumber % CHUNK_LENGTH] as number) : NONE;
  }

  add(sequenceNumber: number, slot: number): void {
    const number = Math.floor(sequenceNumber / CHUNK_LENGTH);
    let chunk = this.#chunks.get(number);
    if (!chunk) {
      chunk = { slots: new Int32Array(CHUNK_LENGTH).fill(NONE), used: 0 };
      this.#chunks.set(number, chunk);
      this.#numbers.splice(this.#placeOf(number), 0, number);
    }
    chunk.slots[sequenceNumber % CHUNK_LENGTH] = slot;
    chunk.used++;
    this.#count++;
  }

  remove(sequenceNumber: number): void {
    const number = Math.floor(sequenceNumber / CHUNK_LENGTH);
    const chunk = this.#chunks.get(number);
    if (!chunk) return;
    chunk.slots[sequenceNumber % CHUNK_LENGTH] = NONE;
    this.#count--;
    if (--chunk.used > 0) return;
    this.#chunks.delete(number);
    this.#numbers.splice(this.#placeOf(number), 1);
  }

  clear(): void {
    this.#chunks.clear();
    this.#numbers.length = 0;
    this.#count = 0;
  }

  /** Slots in ascending order of sequence number, from `sequenceNumber` on. The index must not change while it is walked. */
  *from(sequenceNumber: number): Generator<number> {
    const first = Math.floor(sequenceNumber / CHUNK_LENGTH);
    for (let at = this.#placeOf(first); at < this.#numbers.length; at++) {
      const number = this.#numbers[at] as number;
      const { slots } = this.#chunks.get(number) as Chunk;
      for (let i = number === first ? sequenceNumber % CHUNK_LENGTH : 0; i < CHUNK_LENGTH; i++) {
        if (slots[i] !== NONE) yield slots[i] as number;
      }
    }
  }

  #placeOf(number: number): number {
    let low = 0;
    let high = this.#numbers.length;
    if (high > 0 && (this.#numbers[high - 1] as number) < number) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#numbers[middle] as number) < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
