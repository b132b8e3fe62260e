import { MessageState, type MessageTable, NONE } from './message-table.ts';

/** Taken ones at the front of the array of returned messages, before it is made shorter. */
const MAX_TAKEN = 1024;

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
    const place = this.#placeOf(slot);
    if (place === this.#returnedFrom && place > 0) this.#returned[--this.#returnedFrom] = slot;
    else this.#returned.splice(place, 0, slot);
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
    this.#removeFirstReturned();
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
    const place = this.#placeOf(slot);
    // Whoever removes many begins with the first: moving all behind it each time would take a time that grows with their square.
    if (place === this.#returnedFrom) {
      this.#removeFirstReturned();
      return;
    }
    this.#returned.splice(place, 1);
    this.#count--;
  }

  #removeFirstReturned(): void {
    this.#count--;
    const taken = ++this.#returnedFrom;
    const { length } = this.#returned;
    if (taken < length && (taken < MAX_TAKEN || taken * 2 < length)) return;
    // Without this the array would keep every slot that ever came back.
    this.#returned = this.#returned.slice(taken);
    this.#returnedFrom = 0;
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
