import type { Segment } from './segment.ts';

/** Blocks grow to the size of a record that is larger. */
const BLOCK_BYTES = 256 * 1024;

/** A stretch of one segment in memory, as it is or will be on disk. */
export class Block {
  readonly segment: Segment;
  /** Offset in the segment. */
  readonly start: number;
  readonly buffer: Buffer;
  used = 0;
  /** What stands in the block is durable when the log is up to here. Infinity while the block is being filled. */
  position = Infinity;

  constructor({ segment, start, bytes }: { segment: Segment; start: number; bytes: number }) {
    this.segment = segment;
    this.start = start;
    this.buffer = Buffer.allocUnsafeSlow(bytes);
  }
}

/** The blocks written last, in the order of the log, up to a limit; whatever is not durable stays beyond any limit. */
export class BlockCache {
  readonly #limitBytes: number;
  readonly #blocks: Block[] = [];
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The block that is being filled. */
  get last(): Block | undefined {
    return this.#blocks.at(-1);
  }

  /** Starts a block at the end of the segment. `position` is that of the batch that is being appended: it may reach into both blocks. */
  begin(segment: Segment, { recordBytes, position }: { recordBytes: number; position: number }): Block {
    const previous = this.last;
    if (previous) previous.position = position;
    const bytes = Math.min(Math.max(BLOCK_BYTES, recordBytes), segment.capacity - segment.end);
    const block = new Block({ segment, start: segment.end, bytes });
    this.#blocks.push(block);
    this.#bytes += bytes;
    return block;
  }

  /** Drops the oldest blocks over the limit that are durable. */
  evict(durable: number): void {
    while (this.#bytes > this.#limitBytes) {
      const oldest = this.#blocks[0];
      if (!oldest || oldest.position > durable) return;
      this.#bytes -= oldest.buffer.length;
      this.#blocks.shift();
    }
  }

  /** Where the part of a segment begins that is still here; undefined when nothing of it is. What stands before it is durable. */
  startIn(segment: Segment): number | undefined {
    return this.#blocks.find((block) => block.segment === segment)?.start;
  }

  /** The bytes at an offset of a segment, when they are still here. */
  read(segment: Segment, { offset, length }: { offset: number; length: number }): Buffer | undefined {
    let low = 0;
    let high = this.#blocks.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const block = this.#blocks[middle] as Block;
      if (block.segment.number < segment.number) low = middle + 1;
      else if (block.segment.number > segment.number || block.start > offset) high = middle - 1;
      else if (block.start + block.used <= offset) low = middle + 1;
      else return block.buffer.subarray(offset - block.start, offset - block.start + length);
    }
    return undefined;
  }
}
