import { REF_BYTES } from './frame.ts';
import { type LogRecord, RecordKind } from './journal.ts';
import { type Chunk, indexOf, RecordState, RecordTable } from './record-table.ts';

const { live, tombstone, manyRefs } = RecordState;

/** What keeping one record dead costs when the change that did so is not copied: a ref in a new gone, and a share of its frame. */
const KEPT_DEAD_BYTES = REF_BYTES + 1;

/** Where a record's frame stands. */
export interface Place {
  readonly slot: number;
  readonly offset: number;
  readonly length: number;
}

/**
 * Which records are needed, by the rules of `RecordKind`, and how many bytes compaction would have to write in place of each segment.
 *
 * A record is needed while it is alive or while it keeps another one dead: whatever names a record that is dead but still on disk must
 * stay on disk itself, or recovery would take that record for alive. What is dead because its owner or its last entry is gone needs
 * nobody: recovery finds neither owner nor entry.
 *
 * A change that is dead itself and only keeps another one dead does not count with its own length: of a thousand states of a session, each of
 * which superseded the one before, all but the last would count, and their segments would stay for ever.
 */
export class Liveness {
  readonly table = new RecordTable();
  /** By slot: bytes that the needed records of the segment cost elsewhere. */
  readonly neededBytes: Float64Array;
  /** Slots of watched segments of which less than their threshold is needed. */
  readonly sparse = new Set<number>();
  readonly #thresholds: Float64Array;
  #neededBytesSum = 0;
  readonly #manyRefs = new Map<number, readonly number[]>();

  constructor(maxSegments: number) {
    this.neededBytes = new Float64Array(maxSegments);
    this.#thresholds = new Float64Array(maxSegments);
  }

  /** The segment in `slot` joins `sparse` when fewer than `thresholdBytes` of it are needed. 0 ends the watch. */
  watch(slot: number, thresholdBytes: number): void {
    this.#thresholds[slot] = thresholdBytes;
    if ((this.neededBytes[slot] as number) < thresholdBytes) this.sparse.add(slot);
    else this.sparse.delete(slot);
  }

  get neededBytesSum(): number {
    return this.#neededBytesSum;
  }

  /** Counts a record that has just been appended. Within a batch what is `gone` comes last. */
  add(record: LogRecord, { slot, offset, length }: Place): void {
    const { kind, id, refs } = record;
    const chunk = this.table.insert(id, { kind, slot, offset, length });
    switch (kind) {
      case RecordKind.body:
        return;
      case RecordKind.entry:
        this.#setBodies(chunk, id, refs);
        this.#revive(chunk, id);
        return;
      case RecordKind.change:
        this.#addChange(chunk, id, refs);
        return;
      case RecordKind.gone: {
        let killed = 0;
        for (const ref of refs) if (this.#kill(ref, id)) killed++;
        chunk.link[indexOf(id)] = killed;
        this.#count(chunk, id, this.#weight(chunk, id));
      }
    }
  }

  /** Whether the record must be kept on disk. */
  isNeeded(id: number): boolean {
    const chunk = this.table.find(id);
    return chunk !== undefined && this.#needed(chunk, id);
  }

  isLive(id: number): boolean {
    const chunk = this.table.find(id);
    if (!chunk) return false;
    const state = chunk.state[indexOf(id)] as number;
    return (state & RecordState.kind) === RecordKind.body
      ? (chunk.link[indexOf(id)] as number) > 0
      : (state & live) !== 0;
  }

  /** Undefined when the record is not on disk any more. */
  kindOf(id: number): number | undefined {
    const chunk = this.table.find(id);
    return chunk && (chunk.state[indexOf(id)] as number) & RecordState.kind;
  }

  placeOf(id: number): Place | undefined {
    const chunk = this.table.find(id);
    const index = indexOf(id);
    return (
      chunk && {
        slot: chunk.slot[index] as number,
        offset: chunk.offset[index] as number,
        length: chunk.length[index] as number,
      }
    );
  }

  isIn(id: number, slot: number): boolean {
    const chunk = this.table.find(id);
    return chunk !== undefined && chunk.slot[indexOf(id)] === slot;
  }

  /** Whether `killer` is what keeps `id` dead, and `id` stands outside of the segment in `slot`. */
  keepsDead(killer: number, { id, slot }: { id: number; slot: number }): boolean {
    const chunk = this.table.find(id);
    if (!chunk || chunk.slot[indexOf(id)] === slot) return false;
    return this.#isDead(chunk, id) && chunk.link[indexOf(id)] === killer;
  }

  /** A copy of the record stands elsewhere from now on. */
  move(id: number, { slot, offset, length }: Place): void {
    const chunk = this.table.find(id) as Chunk;
    const index = indexOf(id);
    this.#count(chunk, id, -this.#weight(chunk, id));
    chunk.slot[index] = slot;
    chunk.offset[index] = offset;
    chunk.length[index] = length;
    this.#count(chunk, id, this.#weight(chunk, id));
  }

  /** A new gone takes over to keep `victims` dead. It must have been added, without refs. */
  takeOver(gone: number, victims: readonly number[]): void {
    const chunk = this.table.find(gone) as Chunk;
    for (const victim of victims) {
      const dead = this.table.find(victim) as Chunk;
      this.#release(dead.link[indexOf(victim)] as number);
      dead.link[indexOf(victim)] = gone;
    }
    chunk.link[indexOf(gone)] = victims.length;
    this.#count(chunk, gone, this.#weight(chunk, gone));
  }

  /** The segment with the record's last copy is durably gone. */
  vanish(id: number): void {
    const chunk = this.table.find(id) as Chunk;
    const index = indexOf(id);
    if (this.#isDead(chunk, id)) this.#release(chunk.link[index] as number);
    this.#count(chunk, id, -this.#weight(chunk, id));
    this.table.remove(id);
  }

  // ── Recovery: records come by segment, which is not the order in which they were appended. So they are first placed, then judged.

  /** A record found on disk. Returns the slot of the older copy when there is one: a compaction was interrupted. */
  place(
    record: { kind: number; id: number; refs: readonly number[] },
    { slot, offset, length }: Place,
  ): number | undefined {
    const { kind, id, refs } = record;
    const known = this.table.find(id);
    if (known) {
      const index = indexOf(id);
      const older = known.slot[index] as number;
      known.slot[index] = slot;
      known.offset[index] = offset;
      known.length[index] = length;
      return older;
    }
    const chunk = this.table.insert(id, { kind, slot, offset, length });
    const index = indexOf(id);
    if (kind === RecordKind.entry) this.#setBodies(chunk, id, refs);
    else if (kind === RecordKind.change) chunk.link[index] = refs[0] as number;
    if (kind === RecordKind.entry || kind === RecordKind.change)
      chunk.state[index] = kind | (chunk.state[index] as number) | live;
    return undefined;
  }

  /** `killer` names `victim`: a gone in its refs, a change in `refs[1]`. Every record has been placed. */
  judge(victim: number, killer: number): void {
    const dead = this.table.find(victim);
    const chunk = this.table.find(killer);
    if (!dead || !chunk) return;
    const index = indexOf(victim);
    if (!((dead.state[index] as number) & live)) return;
    this.#forgetBodies(dead, victim);
    dead.state[index] = (dead.state[index] as number) & ~live;
    dead.link[index] = killer;
    const at = indexOf(killer);
    if (((chunk.state[at] as number) & RecordState.kind) === RecordKind.gone)
      chunk.link[at] = (chunk.link[at] as number) + 1;
    else chunk.state[at] = (chunk.state[at] as number) | tombstone;
  }

  /**
   * Settles who is alive and counts the needed bytes, when every victim has been judged. Returns the id of a live entry one of whose
   * bodies is missing, which no crash can bring about; undefined when all is well.
   */
  settle(): number | undefined {
    for (const chunk of this.table.chunks) {
      for (let index = 0; index < chunk.state.length; index++) {
        const state = chunk.state[index] as number;
        if (!(state & live)) continue;
        const id = chunk.firstId + index;
        if ((state & RecordState.kind) === RecordKind.change) this.#settleChange(chunk, id);
        else if (!this.#holdBodies(chunk, id)) return id;
      }
    }
    for (const chunk of this.table.chunks) {
      for (let index = 0; index < chunk.state.length; index++) {
        if (chunk.state[index] !== 0) this.#count(chunk, index, this.#weight(chunk, index));
      }
    }
    return undefined;
  }

  // ── Inside

  #addChange(chunk: Chunk, id: number, refs: readonly number[]): void {
    const owner = refs[0] as number;
    const superseded = refs[1];
    if (!this.isLive(owner)) return;
    if (superseded !== undefined && this.#kill(superseded, id)) {
      chunk.state[indexOf(id)] = (chunk.state[indexOf(id)] as number) | tombstone;
    }
    chunk.link[indexOf(id)] = owner;
    this.#chain(chunk, id, owner);
    this.#revive(chunk, id);
  }

  /** A change that nothing names lives with its owner. */
  #settleChange(chunk: Chunk, id: number): void {
    const index = indexOf(id);
    const owner = chunk.link[index] as number;
    if (this.isLive(owner)) {
      this.#chain(chunk, id, owner);
    } else {
      chunk.state[index] = (chunk.state[index] as number) & ~live;
      chunk.link[index] = 0;
    }
  }

  #holdBodies(chunk: Chunk, id: number): boolean {
    const index = indexOf(id);
    if ((chunk.state[index] as number) & manyRefs)
      return this.#bodiesOf(chunk, id).every((body) => this.#holdBody(body));
    // The usual case, without an array for each message.
    const body = chunk.link[index] as number;
    return body === 0 || this.#holdBody(body);
  }

  #holdBody(id: number): boolean {
    const chunk = this.table.find(id);
    if (!chunk) return false;
    chunk.link[indexOf(id)] = (chunk.link[indexOf(id)] as number) + 1;
    return true;
  }

  #revive(chunk: Chunk, id: number): void {
    const index = indexOf(id);
    chunk.state[index] = (chunk.state[index] as number) | live;
    this.#count(chunk, id, this.#weight(chunk, id));
    if ((chunk.state[index] & RecordState.kind) !== RecordKind.entry) return;
    for (const body of this.#bodiesOf(chunk, id)) {
      const held = this.table.find(body) as Chunk;
      const holders = held.link[indexOf(body)] as number;
      held.link[indexOf(body)] = holders + 1;
      if (holders === 0) this.#count(held, body, this.#weight(held, body));
    }
  }

  #kill(id: number, killer: number): boolean {
    const chunk = this.table.find(id);
    const index = indexOf(id);
    if (!chunk || !((chunk.state[index] as number) & live)) return false;
    if (((chunk.state[index] as number) & RecordState.kind) === RecordKind.entry) {
      for (const body of this.#bodiesOf(chunk, id)) this.#releaseBody(body);
      this.#forgetBodies(chunk, id);
      this.#killChangesOf(chunk, id);
    } else {
      this.#unchain(chunk, id);
    }
    this.#end(chunk, id, killer);
    return true;
  }

  #killChangesOf(chunk: Chunk, owner: number): void {
    let id = chunk.next?.[indexOf(owner)] ?? 0;
    while (id !== 0) {
      const change = this.table.find(id) as Chunk;
      const following = change.next?.[indexOf(id)] ?? 0;
      this.#end(change, id, 0);
      id = following;
    }
  }

  #end(chunk: Chunk, id: number, killer: number): void {
    const index = indexOf(id);
    const before = this.#weight(chunk, id);
    chunk.state[index] = (chunk.state[index] as number) & ~live;
    chunk.link[index] = killer;
    this.#count(chunk, id, this.#weight(chunk, id) - before);
  }

  #releaseBody(id: number): void {
    const chunk = this.table.find(id) as Chunk;
    const index = indexOf(id);
    const before = this.#weight(chunk, id);
    chunk.link[index] = (chunk.link[index] as number) - 1;
    this.#count(chunk, id, this.#weight(chunk, id) - before);
  }

  /** One record less that `killer` keeps dead. */
  #release(killer: number): void {
    const chunk = killer === 0 ? undefined : this.table.find(killer);
    if (!chunk) return;
    const index = indexOf(killer);
    const state = chunk.state[index] as number;
    const before = this.#weight(chunk, killer);
    if ((state & RecordState.kind) === RecordKind.gone) chunk.link[index] = (chunk.link[index] as number) - 1;
    else chunk.state[index] = state & ~tombstone;
    this.#count(chunk, killer, this.#weight(chunk, killer) - before);
  }

  #isDead(chunk: Chunk, id: number): boolean {
    const state = chunk.state[indexOf(id)] as number;
    const kind = state & RecordState.kind;
    return (kind === RecordKind.entry || kind === RecordKind.change) && !(state & live);
  }

  #needed(chunk: Chunk, id: number): boolean {
    const state = chunk.state[indexOf(id)] as number;
    const kind = state & RecordState.kind;
    if (kind === RecordKind.body || kind === RecordKind.gone) return (chunk.link[indexOf(id)] as number) > 0;
    return (state & (live | tombstone)) !== 0;
  }

  #weight(chunk: Chunk, id: number): number {
    if (!this.#needed(chunk, id)) return 0;
    const index = indexOf(id);
    const state = chunk.state[index] as number;
    const onlyKeepsDead = (state & RecordState.kind) === RecordKind.change && !(state & live);
    return onlyKeepsDead ? KEPT_DEAD_BYTES : (chunk.length[index] as number);
  }

  #count(chunk: Chunk, id: number, bytes: number): void {
    if (bytes === 0) return;
    const slot = chunk.slot[indexOf(id)] as number;
    const left = (this.neededBytes[slot] as number) + bytes;
    this.neededBytes[slot] = left;
    this.#neededBytesSum += bytes;
    if (left < (this.#thresholds[slot] as number)) this.sparse.add(slot);
  }

  #setBodies(chunk: Chunk, id: number, refs: readonly number[]): void {
    const index = indexOf(id);
    chunk.link[index] = refs.length === 1 ? (refs[0] as number) : 0;
    if (refs.length < 2) return;
    chunk.state[index] = (chunk.state[index] as number) | manyRefs;
    this.#manyRefs.set(id, [...refs]);
  }

  #forgetBodies(chunk: Chunk, id: number): void {
    const index = indexOf(id);
    if (!((chunk.state[index] as number) & manyRefs)) return;
    chunk.state[index] = (chunk.state[index] as number) & ~manyRefs;
    this.#manyRefs.delete(id);
  }

  #bodiesOf(chunk: Chunk, id: number): readonly number[] {
    const index = indexOf(id);
    if ((chunk.state[index] as number) & manyRefs) return this.#manyRefs.get(id) ?? [];
    const body = chunk.link[index] as number;
    return body === 0 ? [] : [body];
  }

  #chain(chunk: Chunk, id: number, owner: number): void {
    const head = (this.table.find(owner) as Chunk).chain();
    const own = chunk.chain();
    const first = head.next[indexOf(owner)] as number;
    own.next[indexOf(id)] = first;
    own.previous[indexOf(id)] = owner;
    head.next[indexOf(owner)] = id;
    if (first !== 0) (this.table.find(first) as Chunk).chain().previous[indexOf(first)] = id;
  }

  #unchain(chunk: Chunk, id: number): void {
    const own = chunk.chain();
    const next = own.next[indexOf(id)] as number;
    const previous = own.previous[indexOf(id)] as number;
    (this.table.find(previous) as Chunk).chain().next[indexOf(previous)] = next;
    if (next !== 0) (this.table.find(next) as Chunk).chain().previous[indexOf(next)] = previous;
  }
}
