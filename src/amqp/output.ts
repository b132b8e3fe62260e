import { FRAME_HEADER_BYTES } from './frame-reader.ts';
import { LIMITS } from './limits.ts';

/**
 * Frames on their way out. Small frames are written one after the other into a shared buffer, so that a turn of the event loop
 * ends in few pieces; large payloads are passed through as they are.
 */
export class Output {
  /** The shared buffer: write from `reserve`'s offset on, then `commit`. */
  slab: Buffer = Buffer.allocUnsafeSlow(LIMITS.outputBufferBytes);
  /** Bytes that wait. */
  bytes = 0;
  #start = 0;
  #end = 0;
  #pieces: Buffer[] = [];

  /** Makes room for `length` bytes in `slab` and returns the offset where they go. */
  reserve(length: number): number {
    if (this.#end + length > this.slab.length) {
      this.#cut();
      this.slab = Buffer.allocUnsafeSlow(Math.max(LIMITS.outputBufferBytes, length));
      this.#start = 0;
      this.#end = 0;
    }
    return this.#end;
  }

  /** Says that the bytes up to `end` of `slab` are written. */
  commit(end: number): void {
    this.bytes += end - this.#end;
    this.#end = end;
  }

  /** Appends bytes; large ones must not change until they are written. */
  append(bytes: Buffer): void {
    if (bytes.length <= LIMITS.copiedPayloadBytes) {
      const at = this.reserve(bytes.length);
      this.slab.set(bytes, at);
      this.commit(at + bytes.length);
    } else {
      this.#cut();
      this.#pieces.push(bytes);
      this.bytes += bytes.length;
    }
  }

  /** A frame whose body is encoded already; `payloadBytes` more follow by `append`. */
  frame(type: number, channel: number, body: Buffer, payloadBytes = 0): void {
    const at = this.reserve(FRAME_HEADER_BYTES);
    writeFrameHeader(this.slab, at, FRAME_HEADER_BYTES + body.length + payloadBytes, type, channel);
    this.commit(at + FRAME_HEADER_BYTES);
    this.append(body);
  }

  /** Forgets what waits. */
  clear(): void {
    this.#start = this.#end;
    this.#pieces = [];
    this.bytes = 0;
  }

  /** Everything that waits, in order. */
  take(): Buffer[] {
    this.#cut();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.bytes = 0;
    return pieces;
  }

  #cut(): void {
    if (this.#end === this.#start) return;
    this.#pieces.push(this.slab.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }
}

export function writeUint32(buffer: Buffer, at: number, value: number): void {
  buffer[at] = value >>> 24;
  buffer[at + 1] = value >>> 16;
  buffer[at + 2] = value >>> 8;
  buffer[at + 3] = value;
}

export function writeFrameHeader(buffer: Buffer, at: number, size: number, type: number, channel: number): void {
  writeUint32(buffer, at, size);
  buffer[at + 4] = 2;
  buffer[at + 5] = type;
  buffer[at + 6] = channel >>> 8;
  buffer[at + 7] = channel;
}
