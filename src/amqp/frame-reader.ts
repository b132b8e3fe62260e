import { CONDITION } from './conditions.ts';
import { ProtocolError } from './protocol-error.ts';

export const FRAME_HEADER_BYTES = 8;
export const FRAME_TYPE = { amqp: 0, sasl: 1 } as const;

/**
 * Cuts the stream into protocol headers and frames (2.2, 2.3). A frame that lies whole in one chunk is a view of it; one that is
 * spread over chunks is put together in a buffer of its own, whose size is checked against the maximum first.
 */
export class FrameReader {
  /** The largest frame that is taken, in bytes. */
  maxFrameSizeBytes: number;
  /** Where the current frame, or protocol header, lies. */
  buffer: Buffer = EMPTY;
  bodyStart = 0;
  bodyEnd = 0;
  type = 0;
  channel = 0;

  #chunk: Buffer = EMPTY;
  #at = 0;
  #partial: Buffer | undefined;
  #held = 0;

  constructor(maxFrameSizeBytes: number) {
    this.maxFrameSizeBytes = maxFrameSizeBytes;
  }

  /** Takes the next bytes; `next` must have returned false before. */
  push(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  /** Forgets all bytes. */
  clear(): void {
    this.#chunk = EMPTY;
    this.#at = 0;
    this.#partial = undefined;
  }

  /** Moves to the next frame; false when it has not come whole. Throws `ProtocolError` when its header is not valid. */
  next(): boolean {
    if (!this.#gather(FRAME_HEADER_BYTES)) return false;
    const size = this.#uint32(this.bodyStart);
    const dataOffset = (this.buffer[this.bodyStart + 4] as number) * 4;
    if (size > this.maxFrameSizeBytes) {
      throw framingError(`a frame of ${size} bytes is over the maximum of ${this.maxFrameSizeBytes}`);
    }
    if (dataOffset < FRAME_HEADER_BYTES || dataOffset > size) {
      throw framingError(`a frame of ${size} bytes has its body at offset ${dataOffset}`);
    }
    if (!this.#gather(size)) return false;
    const start = this.bodyStart;
    const b = this.buffer;
    this.type = b[start + 5] as number;
    this.channel = ((b[start + 6] as number) << 8) | (b[start + 7] as number);
    this.bodyStart = start + dataOffset;
    this.bodyEnd = start + size;
    this.#consume(size);
    return true;
  }

  /** Moves to the next 8 bytes, a protocol header: `bodyStart` and `bodyEnd` enclose it. */
  nextHeader(): boolean {
    if (!this.#gather(FRAME_HEADER_BYTES)) return false;
    this.bodyEnd = this.bodyStart + FRAME_HEADER_BYTES;
    this.#consume(FRAME_HEADER_BYTES);
    return true;
  }

  #uint32(at: number): number {
    const b = this.buffer;
    return (
      (((b[at] as number) << 24) |
        ((b[at + 1] as number) << 16) |
        ((b[at + 2] as number) << 8) |
        (b[at + 3] as number)) >>>
      0
    );
  }

  /** Makes the next `length` bytes lie together from `bodyStart` of `buffer`; false while they have not all come. */
  #gather(length: number): boolean {
    const left = this.#chunk.length - this.#at;
    if (this.#partial === undefined) {
      if (left >= length) {
        this.buffer = this.#chunk;
        this.bodyStart = this.#at;
        return true;
      }
      if (left === 0) return false;
      this.#partial = Buffer.allocUnsafe(length);
      this.#held = 0;
    } else if (this.#partial.length < length) {
      const longer = Buffer.allocUnsafe(length);
      this.#partial.copy(longer, 0, 0, this.#held);
      this.#partial = longer;
    }
    const added = Math.min(length - this.#held, left);
    if (added > 0) {
      this.#chunk.copy(this.#partial, this.#held, this.#at, this.#at + added);
      this.#held += added;
      this.#at += added;
    }
    this.buffer = this.#partial;
    this.bodyStart = 0;
    return this.#held >= length;
  }

  #consume(length: number): void {
    if (this.#partial === undefined) this.#at += length;
    else this.#partial = undefined;
  }
}

const EMPTY = Buffer.alloc(0);

function framingError(message: string): ProtocolError {
  return new ProtocolError(CONDITION.framingError, message);
}
