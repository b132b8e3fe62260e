import { copyBytes } from './copy-bytes.ts';
import { FRAME_HEAD_BYTES, KIND_MASK, kindOfFrame, RECORD_HEAD_BYTES, REF_BYTES } from './frame.ts';
import { RecordKind } from './journal.ts';

// The index of a segment: all that recovery and compaction must know of its records, in the order of the segment. For each record:
//
//   offset u32 | length u32 | kind u8 | id u64 | number of refs u16 | refs u64 each | bytes, unless it is a body
//
// offset is that of the frame in the segment, length that of the whole frame.

const PLACE_BYTES = 8;
const PART_BYTES = 256 * 1024;

/** Collects the index of a segment while its records are written. */
export class IndexBuilder {
  readonly #full: Buffer[] = [];
  #part = Buffer.allocUnsafe(PART_BYTES);
  #used = 0;
  #fullBytes = 0;

  /** Goes on with the index of a segment that is not full. */
  static from(index: Buffer): IndexBuilder {
    const builder = new IndexBuilder();
    builder.#full.push(index);
    builder.#fullBytes = index.length;
    return builder;
  }

  get bytes(): number {
    return this.#fullBytes + this.#used;
  }

  /** Adds the record whose frame is `buffer[start, end)` and stands at `offset` of the segment. */
  add(buffer: Buffer, start: number, end: number, offset: number): void {
    const from = start + FRAME_HEAD_BYTES;
    const to = kindOfFrame(buffer, start) === RecordKind.body ? from + RECORD_HEAD_BYTES : end;
    const size = PLACE_BYTES + to - from;
    if (this.#used + size > this.#part.length) {
      this.#full.push(this.#part.subarray(0, this.#used));
      this.#fullBytes += this.#used;
      this.#part = Buffer.allocUnsafe(Math.max(PART_BYTES, size));
      this.#used = 0;
    }
    this.#part.writeUInt32LE(offset, this.#used);
    this.#part.writeUInt32LE(end - start, this.#used + 4);
    copyBytes(buffer, { start: from, end: to }, { target: this.#part, at: this.#used + PLACE_BYTES });
    this.#used += size;
  }

  parts(): Buffer[] {
    return [...this.#full, this.#part.subarray(0, this.#used)];
  }
}

/** Walks through an index; after `next` returned true the fields tell of the record it stands on. No object per record. */
export class IndexCursor {
  kind = 0;
  id = 0;
  refCount = 0;
  offset = 0;
  length = 0;
  /** Where the current record begins in the index; `seek` takes it. */
  at = 0;
  readonly #index: Buffer;
  readonly #view: DataView;
  #next = 0;
  #refsAt = 0;

  constructor(index: Buffer) {
    this.#index = index;
    this.#view = new DataView(index.buffer, index.byteOffset, index.byteLength);
  }

  next(): boolean {
    if (this.#next >= this.#index.length) return false;
    this.seek(this.#next);
    return true;
  }

  seek(at: number): void {
    const view = this.#view;
    this.at = at;
    this.offset = view.getUint32(at, true);
    this.length = view.getUint32(at + 4, true);
    this.kind = view.getUint8(at + 8) & KIND_MASK;
    this.id = this.#idAt(at + 9);
    this.refCount = view.getUint16(at + 17, true);
    this.#refsAt = at + PLACE_BYTES + RECORD_HEAD_BYTES;
    this.#next = this.kind === RecordKind.body ? this.#refsAt : at + this.length;
  }

  ref(index: number): number {
    return this.#idAt(this.#refsAt + index * REF_BYTES);
  }

  refs(): number[] {
    if (this.refCount === 1) return [this.ref(0)];
    const refs: number[] = [];
    for (let index = 0; index < this.refCount; index++) refs.push(this.ref(index));
    return refs;
  }

  /** Empty for a body. */
  bytes(): Buffer {
    return this.#index.subarray(this.#refsAt + this.refCount * REF_BYTES, this.#next);
  }

  #idAt(at: number): number {
    return this.#view.getUint32(at, true) + this.#view.getUint32(at + 4, true) * 2 ** 32;
  }
}
