import { type Filter, type Probe, type PropertyName, readNamed } from './filter.ts';
import { FilterError } from './filter-error.ts';
import type { MessageProperties } from './message-properties.ts';
import { keyOf, kindOf, type ValueKey, type ValueKind } from './value-kind.ts';

/** Properties of filters that are looked for in every message. Beyond, the message is asked which ones it has. */
const FEW_NAMES = 8;

interface Entry<K> {
  readonly key: K;
  readonly filter: Filter;
  /** Keys come in the order in which their filters were added. */
  readonly order: number;
  /** Where it is found. Undefined: it is tried for every message, or it is always true. */
  readonly probes: readonly Probe[] | undefined;
  /** The match that it was tried in last: two of its probes may hold at once. */
  round: number;
}

/** The filters that look at one property. */
interface Slot<K> {
  readonly property: PropertyName;
  /** Filters that are tried when the property has a value with this key. */
  readonly byKey: Map<ValueKey, Set<Entry<K>>>;
  /** Filters that are tried when the property has a value of another kind than this. */
  readonly byOtherKind: Map<ValueKind, Set<Entry<K>>>;
}

/**
 * The filters of one topic. A filter that demands that a property has a certain value is found by that value in a hash table, so that a
 * message costs about as much as the filters that match it, however many there are. Which filters match, and which fail, is the same as if each were
 * tried.
 */
export class FilterIndex<K> {
  readonly #entries = new Map<K, Entry<K>>();
  readonly #always = new Set<Entry<K>>();
  readonly #unprobed = new Set<Entry<K>>();
  /** By name. */
  readonly #slots: Readonly<Record<PropertyName['scope'], Map<string, Slot<K>>>> = {
    system: new Map(),
    user: new Map(),
    'user-exact': new Map(),
  };
  #added = 0;
  #round = 0;

  get size(): number {
    return this.#entries.size;
  }

  /** Replaces the filter that `key` had. */
  add(key: K, filter: Filter): void {
    this.delete(key);
    const probes = filter.always ? undefined : this.#bestOf(filter.probes);
    const entry: Entry<K> = { key, filter, order: this.#added, probes, round: 0 };
    this.#added += 1;
    this.#entries.set(key, entry);
    if (filter.always) this.#always.add(entry);
    else if (!probes) this.#unprobed.add(entry);
    else for (const probe of probes) this.#place(entry, probe);
  }

  delete(key: K): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#always.delete(entry);
    this.#unprobed.delete(entry);
    for (const probe of entry.probes ?? []) this.#remove(entry, probe);
  }

  /**
   * The keys of the filters that match, in the order in which they were added. `message` is called once at most, and not at all when every
   * filter is always true. `onError` is told of filters that cannot be evaluated; they do not match.
   */
  match(message: () => MessageProperties, onError: (key: K, error: FilterError) => void): K[] {
    const matched: Entry<K>[] = [...this.#always];
    if (this.#always.size < this.#entries.size) {
      const failed = this.#collect(message(), matched);
      failed.sort((a, b) => a.entry.order - b.entry.order);
      for (const { entry, error } of failed) onError(entry.key, error);
    }
    if (matched.length > 1) matched.sort((a, b) => a.order - b.order);
    return matched.map(({ key }) => key);
  }

  #collect(message: MessageProperties, matched: Entry<K>[]): { entry: Entry<K>; error: FilterError }[] {
    this.#round += 1;
    const round = this.#round;
    const failed: { entry: Entry<K>; error: FilterError }[] = [];
    const attempt = (entry: Entry<K>): void => {
      if (entry.round === round) return;
      entry.round = round;
      try {
        if (entry.filter.matches(message)) matched.push(entry);
      } catch (error) {
        if (!(error instanceof FilterError)) throw error;
        failed.push({ entry, error });
      }
    };
    const look = ({ property, byKey, byOtherKind }: Slot<K>): void => {
      const value = readNamed(message, property);
      if (value === undefined || value === null) return;
      const key = keyOf(value);
      if (key !== undefined) byKey.get(key)?.forEach(attempt);
      if (byOtherKind.size === 0) return;
      const kind = kindOf(value);
      for (const [other, entries] of byOtherKind) if (other !== kind) entries.forEach(attempt);
    };
    this.#slots.system.forEach(look);
    eachNamed(this.#slots.user, message, (name) => name.toLowerCase(), look);
    eachNamed(this.#slots['user-exact'], message, (name) => name, look);
    this.#unprobed.forEach(attempt);
    return failed;
  }

  /** The way whose fullest set has the fewest filters by now: what many filters have in common tells them apart badly. */
  #bestOf(ways: Filter['probes']): readonly Probe[] | undefined {
    let best: readonly Probe[] | undefined;
    let fewest = Infinity;
    for (const way of ways) {
      let fullest = 0;
      for (const probe of way) if ('key' in probe) fullest = Math.max(fullest, this.#sizeAt(probe.property, probe.key));
      if (fullest >= fewest) continue;
      fewest = fullest;
      best = way;
    }
    return best;
  }

  #sizeAt(property: PropertyName, key: ValueKey): number {
    return this.#slots[property.scope].get(property.name)?.byKey.get(key)?.size ?? 0;
  }

  #place(entry: Entry<K>, probe: Probe): void {
    const { property } = probe;
    const slots = this.#slots[property.scope];
    let slot = slots.get(property.name);
    if (!slot) {
      slot = { property, byKey: new Map(), byOtherKind: new Map() };
      slots.set(property.name, slot);
    }
    if ('key' in probe) addTo(slot.byKey, probe.key, entry);
    else addTo(slot.byOtherKind, probe.otherThan, entry);
  }

  #remove(entry: Entry<K>, probe: Probe): void {
    const { scope, name } = probe.property;
    const slot = this.#slots[scope].get(name);
    if (!slot) return;
    if ('key' in probe) removeFrom(slot.byKey, probe.key, entry);
    else removeFrom(slot.byOtherKind, probe.otherThan, entry);
    if (slot.byKey.size === 0 && slot.byOtherKind.size === 0) this.#slots[scope].delete(name);
  }
}

function addTo<N, E>(sets: Map<N, Set<E>>, name: N, entry: E): void {
  const set = sets.get(name);
  if (set) set.add(entry);
  else sets.set(name, new Set([entry]));
}

function removeFrom<N, E>(sets: Map<N, Set<E>>, name: N, entry: E): void {
  const set = sets.get(name);
  if (!set) return;
  set.delete(entry);
  if (set.size === 0) sets.delete(name);
}

/** Looks at the slots of the message's properties: by their names where these are fewer than the slots. */
function eachNamed<K>(
  slots: ReadonlyMap<string, Slot<K>>,
  message: MessageProperties,
  nameOf: (name: string) => string,
  look: (slot: Slot<K>) => void,
): void {
  if (slots.size <= FEW_NAMES) return slots.forEach(look);
  for (const name of message.userNames()) {
    const slot = slots.get(nameOf(name));
    if (slot) look(slot);
  }
}
