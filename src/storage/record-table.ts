/** Ids of one chunk lie next to each other; a chunk without any record left is given back. */
const CHUNK_RECORDS = 1024;

/** Bits of `Chunk.state`, above the record's kind. A state of 0 is a free place. */
export const RecordState = {
  kind: 0x07,
  /** An entry or a change that nothing has killed. */
  live: 0x08,
  /** A change, live or dead, that keeps the change it superseded from rising again. */
  tombstone: 0x10,
  /** An entry with several bodies: they stand in `Liveness`, not in `link`. */
  manyRefs: 0x20,
} as const;

/** The records with adjacent ids, by column: 19 bytes a record and no object. */
export class Chunk {
  readonly firstId: number;
  readonly state = new Uint8Array(CHUNK_RECORDS);
  /** Of the segment that holds the record. */
  readonly slot = new Uint16Array(CHUNK_RECORDS);
  /** Of the frame in its segment. */
  readonly offset = new Uint32Array(CHUNK_RECORDS);
  /** Of the whole frame. */
  readonly length = new Uint32Array(CHUNK_RECORDS);
  /**
   * body: number of live entries that hold it. gone: number of records it keeps dead. Live entry: its body, or 0. Live change: its owner.
   * Dead entry or change: the record that keeps it dead (a gone, or the change that superseded it), or 0 when its owner is dead.
   */
  readonly link = new Float64Array(CHUNK_RECORDS);
  /** Only in chunks with changes or their owners: entry → its first live change → the next one … 0. */
  next: Float64Array | undefined;
  /** Live change → the one before it, or its owner. */
  previous: Float64Array | undefined;
  used = 0;

  constructor(firstId: number) {
    this.firstId = firstId;
  }

  chain(): { next: Float64Array; previous: Float64Array } {
    this.next ??= new Float64Array(CHUNK_RECORDS);
    this.previous ??= new Float64Array(CHUNK_RECORDS);
    return { next: this.next, previous: this.previous };
  }
}

/** Where every record on disk stands, by id. */
export class RecordTable {
  readonly #chunks = new Map<number, Chunk>();
  #lastKey = -1;
  #last: Chunk | undefined;
  #records = 0;

  get records(): number {
    return this.#records;
  }

  get chunks(): Iterable<Chunk> {
    return this.#chunks.values();
  }

  /** The chunk that holds the record, or undefined when there is no such record. Its column index is `indexOf(id)`. */
  find(id: number): Chunk | undefined {
    const chunk = this.#chunk(Math.floor(id / CHUNK_RECORDS));
    return chunk !== undefined && chunk.state[id % CHUNK_RECORDS] !== 0 ? chunk : undefined;
  }

  insert(id: number, place: { kind: number; slot: number; offset: number; length: number }): Chunk {
    const key = Math.floor(id / CHUNK_RECORDS);
    let chunk = this.#chunk(key);
    if (!chunk) {
      chunk = new Chunk(key * CHUNK_RECORDS);
      this.#chunks.set(key, chunk);
      this.#last = chunk;
    }
    const index = id % CHUNK_RECORDS;
    chunk.used++;
    this.#records++;
    chunk.state[index] = place.kind;
    chunk.slot[index] = place.slot;
    chunk.offset[index] = place.offset;
    chunk.length[index] = place.length;
    chunk.link[index] = 0;
    if (chunk.next) chunk.next[index] = 0;
    return chunk;
  }

  remove(id: number): void {
    const key = Math.floor(id / CHUNK_RECORDS);
    const chunk = this.#chunk(key) as Chunk;
    chunk.state[id % CHUNK_RECORDS] = 0;
    this.#records--;
    if (--chunk.used > 0) return;
    this.#chunks.delete(key);
    this.#lastKey = -1;
    this.#last = undefined;
  }

  #chunk(key: number): Chunk | undefined {
    if (key === this.#lastKey) return this.#last;
    const chunk = this.#chunks.get(key);
    this.#lastKey = key;
    this.#last = chunk;
    return chunk;
  }
}

export function indexOf(id: number): number {
  return id % CHUNK_RECORDS;
}

/** Slots are a u16: at most this many segments at a time (4 TiB of 64 MiB segments). */
export const MAX_SEGMENTS = 0xffff;
