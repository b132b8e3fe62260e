/** Numbers from 0 to a maximum, each for one item: channels and link handles. A number that was freed is used again first. */
export class SlotTable<T> {
  /** The highest number, inclusive. */
  max: number;
  readonly #items = new Map<number, T>();
  readonly #free: number[] = [];
  #next = 0;

  constructor(max: number) {
    this.max = max;
  }

  get size(): number {
    return this.#items.size;
  }

  get(slot: number): T | undefined {
    return this.#items.get(slot);
  }

  values(): IterableIterator<T> {
    return this.#items.values();
  }

  /** Makes an item for the next number; undefined when none is left. */
  create(make: (slot: number) => T): T | undefined {
    const slot = this.#free.pop() ?? (this.#next <= this.max ? this.#next++ : undefined);
    if (slot === undefined) return undefined;
    const item = make(slot);
    this.#items.set(slot, item);
    return item;
  }

  remove(slot: number): void {
    if (this.#items.delete(slot)) this.#free.push(slot);
  }
}
