import { MessageState, type MessageTable, NONE } from './message-table.ts';

/**
 * The deliverable messages of one session, or of a queue without sessions, in the order of their sequence numbers.
 *
 * Fresh messages form a linked list: they arrive in order. Messages that come back (abandoned, lock expired) or go to the dead-letter queue
 * after later ones are few and old, so they wait in a sorted array; the next message is the lower of the two heads.
 */
export class Lane {
  readonly #table: MessageTable;
  #head = NONE;
  #tail = NONE;
  #returned: number[] = [];
  #returnedFrom = 0;
  #count = 0;

  constructor(table: MessageTable) {
    this.#table = table;
  }

  get count(): number {
    return this.#count;
  }

  /** Adds a message, at the end when its sequence number is above all that were appended before. */
  append(slot: number): void {
    const table = this.#table;
    const last = this.#tail;
    if (last !== NONE && (table.sequenceNumber[last] as number) > (table.sequenceNumber[slot] as number)) {
      this.putBack(slot);
      return;
    }
    table.state[slot] = MessageState.ready;
    table.previous[slot] = this.#tail;
    table.next[slot] = NONE;
    if (this.#tail === NONE) this.#head = slot;
    else table.next[this.#tail] = slot;
    this.#tail = slot;
    this.#count++;
  }

  /** Takes a message back to its place in the order. */
  putBack(slot: number): void {
    this.#table.state[slot] = MessageState.returned;
    this.#returned.splice(this.#placeOf(slot), 0, slot);
    this.#count++;
  }

  /** Removes and returns the message with the lowest sequence number, or NONE. */
  take(): number {
    if (this.#count === 0) return NONE;
    const returned = this.#returned[this.#returnedFrom];
    const sequence = this.#table.sequenceNumber;
    const fromReturned =
      returned !== undefined &&
      (this.#head === NONE || (sequence[returned] as number) < (sequence[this.#head] as number));
    if (!fromReturned) {
      const slot = this.#head;
      this.#unlink(slot);
      return slot;
    }
    this.#count--;
    this.#returnedFrom++;
    // Without this the array would keep every slot that ever came back.
    if (this.#returnedFrom === this.#returned.length) {
      this.#returned = [];
      this.#returnedFrom = 0;
    }
    return returned;
  }

  /** Every message of the lane: those that came back, then the fresh ones. */
  *slots(): Generator<number> {
    for (let at = this.#returnedFrom; at < this.#returned.length; at++) yield this.#returned[at] as number;
    for (let slot = this.#head; slot !== NONE; slot = this.#table.next[slot] as number) yield slot;
  }

  /** Removes a ready or returned message from anywhere in the lane. */
  remove(slot: number): void {
    if (this.#table.state[slot] === MessageState.ready) {
      this.#unlink(slot);
      return;
    }
    this.#returned.splice(this.#placeOf(slot), 1);
    this.#count--;
  }

  #unlink(slot: number): void {
    const { next, previous } = this.#table;
    const before = previous[slot] as number;
    const after = next[slot] as number;
    if (before === NONE) this.#head = after;
    else next[before] = after;
    if (after === NONE) this.#tail = before;
    else previous[after] = before;
    this.#count--;
  }

  /** Binary search: the index of the first returned message whose sequence number is not below the slot's. */
  #placeOf(slot: number): number {
    const sequence = this.#table.sequenceNumber;
    const wanted = sequence[slot] as number;
    let low = this.#returnedFrom;
    let high = this.#returned.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((sequence[this.#returned[middle] as number] as number) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
