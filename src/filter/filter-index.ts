import { type Filter, type Probe, type PropertyName, readNamed, type ValueKey } from './filter.ts';
import { FilterError } from './filter-error.ts';
import type { MessageProperties } from './message-properties.ts';
import { valueKeyOf } from './value-key.ts';

interface Entry<K> {
  readonly key: K;
  readonly filter: Filter;
  /** Keys come in the order in which their filters were added. */
  readonly order: number;
  /** The sets that hold this entry. */
  readonly places: Set<Entry<K>>[];
  /** The match that it was tried in last: two of its probes may hold at once. */
  round: number;
}

/** Filters that look for one value, by the value. */
interface Slot<K> {
  readonly property: PropertyName;
  readonly entries: Map<ValueKey, Set<Entry<K>>>;
}

/**
 * The filters of one topic. A filter that demands that a property has a certain value is found by that value in a hash table, so that a
 * message costs about as much as the filters that match it, however many there are.
 */
export class FilterIndex<K> {
  readonly #entries = new Map<K, Entry<K>>();
  readonly #always = new Set<Entry<K>>();
  readonly #unprobed = new Set<Entry<K>>();
  readonly #slots = new Map<string, Slot<K>>();
  #added = 0;
  #round = 0;

  /** Replaces the filter that `key` had. */
  add(key: K, filter: Filter): void {
    this.delete(key);
    const entry: Entry<K> = { key, filter, order: this.#added, places: [], round: 0 };
    this.#added += 1;
    this.#entries.set(key, entry);
    const probes = this.#bestOf(filter.probes);
    if (filter.always) place(entry, this.#always);
    else if (!probes) place(entry, this.#unprobed);
    else for (const probe of probes) place(entry, this.#setOf(probe));
  }

  delete(key: K): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    for (const set of entry.places) set.delete(entry);
    for (const [name, { entries }] of this.#slots) {
      for (const [value, set] of entries) if (set.size === 0) entries.delete(value);
      if (entries.size === 0) this.#slots.delete(name);
    }
  }

  /**
   * The keys of the filters that match, in the order in which they were added. `message` is called once at most, and not at all when every
   * filter is always true. `onError` is told of filters that cannot be evaluated; they do not match.
   */
  match(message: () => MessageProperties, onError: (key: K, error: FilterError) => void): K[] {
    const matched: Entry<K>[] = [...this.#always];
    if (this.#always.size < this.#entries.size) this.#collect(message(), matched, onError);
    if (matched.length > 1) matched.sort((a, b) => a.order - b.order);
    return matched.map(({ key }) => key);
  }

  #collect(message: MessageProperties, matched: Entry<K>[], onError: (key: K, error: FilterError) => void): void {
    this.#round += 1;
    const round = this.#round;
    const attempt = (entry: Entry<K>): void => {
      if (entry.round === round) return;
      entry.round = round;
      try {
        if (entry.filter.matches(message)) matched.push(entry);
      } catch (error) {
        if (!(error instanceof FilterError)) throw error;
        onError(entry.key, error);
      }
    };
    for (const { property, entries } of this.#slots.values()) {
      const value = readNamed(message, property);
      const key = value === undefined ? undefined : valueKeyOf(value);
      if (key !== undefined) entries.get(key)?.forEach(attempt);
    }
    this.#unprobed.forEach(attempt);
  }

  /** The way whose fullest set has the fewest filters by now. */
  #bestOf(ways: Filter['probes']): readonly Probe[] | undefined {
    let best: readonly Probe[] | undefined;
    let fewest = Infinity;
    for (const way of ways) {
      const fullest = Math.max(0, ...way.map((probe) => this.#sizeAt(probe)));
      if (fullest >= fewest) continue;
      fewest = fullest;
      best = way;
    }
    return best;
  }

  #sizeAt({ property, key }: Probe): number {
    return this.#slots.get(slotName(property))?.entries.get(key)?.size ?? 0;
  }

  #setOf({ property, key }: Probe): Set<Entry<K>> {
    const name = slotName(property);
    const slot = this.#slots.get(name) ?? { property, entries: new Map<ValueKey, Set<Entry<K>>>() };
    this.#slots.set(name, slot);
    const set = slot.entries.get(key) ?? new Set();
    slot.entries.set(key, set);
    return set;
  }
}

function place<K>(entry: Entry<K>, set: Set<Entry<K>>): void {
  set.add(entry);
  entry.places.push(set);
}

function slotName({ scope, name }: PropertyName): string {
  return `${scope} ${name}`;
}
