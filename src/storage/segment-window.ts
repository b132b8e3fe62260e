import { FRAME_HEAD_BYTES, MARK_BYTES } from './frame.ts';

/** Read at a time; a longer frame is read whole. */
const WINDOW_BYTES = 1024 * 1024;

export interface SegmentSource {
  /** Size of the segment's file. */
  readonly capacity: number;
  /** Fills `into` from `offset` and resolves to the bytes read. */
  readonly read: (into: Buffer, offset: number) => Promise<number>;
}

/** A stretch of a segment's file in memory, which moves forward: a segment of 64 MiB is read without holding as much. */
export class SegmentWindow {
  readonly #source: SegmentSource;
  #memory = Buffer.allocUnsafeSlow(WINDOW_BYTES);
  #offset = 0;
  /** The stretch. Valid until the next call of `load`. */
  bytes = Buffer.alloc(0);

  constructor(source: SegmentSource) {
    this.#source = source;
  }

  /** Where an offset of the segment stands in `bytes`. */
  at(offset: number): number {
    return offset - this.#offset;
  }

  get end(): number {
    return this.#offset + this.bytes.length;
  }

  /** Whether `bytes` holds the frame at `offset` whole, or as much of it as there is in the file. */
  holdsFrame(offset: number): boolean {
    const have = this.end - offset;
    if (offset < this.#offset || have < 0) return false;
    if (this.end >= this.#source.capacity) return true;
    return have >= MARK_BYTES && have >= this.#frameBytes(offset);
  }

  /** Moves to the frame at `offset`. */
  async loadFrame(offset: number): Promise<void> {
    await this.load(offset);
    if (!this.holdsFrame(offset)) await this.load(offset, this.#frameBytes(offset));
  }

  /** Moves to `offset`: as many bytes as are asked for, or all to the end of the file. */
  async load(offset: number, bytes = WINDOW_BYTES): Promise<void> {
    const wanted = Math.min(bytes, this.#source.capacity - offset);
    if (wanted > this.#memory.length) this.#memory = Buffer.allocUnsafeSlow(wanted);
    const read = await this.#source.read(this.#memory.subarray(0, wanted), offset);
    this.#offset = offset;
    this.bytes = this.#memory.subarray(0, read);
  }

  /** A length that reaches beyond the file is none: whoever checks the frame finds that out. */
  #frameBytes(offset: number): number {
    const bytes = FRAME_HEAD_BYTES + this.bytes.readUInt32LE(this.at(offset));
    return offset + bytes > this.#source.capacity ? 0 : bytes;
  }
}
