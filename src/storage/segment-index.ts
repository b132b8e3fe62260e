import { copyBytes } from './copy-bytes.ts';
import { FRAME_HEAD_BYTES, kindOfFrame, RECORD_HEAD_BYTES, RecordView } from './frame.ts';
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

  /** Goes on with the index of a segment that is not full. */
  static from(index: Buffer): IndexBuilder {
    const builder = new IndexBuilder();
    builder.#full.push(index);
    return builder;
  }

  /** Adds the record whose frame is `buffer[start, end)` and stands at `offset` of the segment. */
  add(buffer: Buffer, start: number, end: number, offset: number): void {
    const from = start + FRAME_HEAD_BYTES;
    const to = kindOfFrame(buffer, start) === RecordKind.body ? from + RECORD_HEAD_BYTES : end;
    const size = PLACE_BYTES + to - from;
    if (this.#used + size > this.#part.length) {
      this.#full.push(this.#part.subarray(0, this.#used));
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

/** Walks through an index; after `next` returned true the fields tell of the record it stands on. */
export class IndexCursor extends RecordView {
  offset = 0;
  length = 0;
  /** Where the current record begins in the index; `seek` takes it. */
  at = 0;
  readonly #index: Buffer;
  #next = 0;
  #bytesAt = 0;

  constructor(index: Buffer) {
    super();
    this.#index = index;
  }

  next(): boolean {
    if (this.#next >= this.#index.length) return false;
    this.seek(this.#next);
    return true;
  }

  seek(at: number): void {
    this.at = at;
    this.offset = this.#index.readUInt32LE(at);
    this.length = this.#index.readUInt32LE(at + 4);
    this.#bytesAt = this.look(this.#index, at + PLACE_BYTES);
    this.#next = this.kind === RecordKind.body ? this.#bytesAt : at + this.length;
  }

  /** Empty for a body. */
  bytes(): Buffer {
    return this.#index.subarray(this.#bytesAt, this.#next);
  }
}
