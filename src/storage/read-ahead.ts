import type { BlockCache } from './block-cache.ts';
import type { Place } from './liveness.ts';
import type { Segment } from './segment.ts';
import type { Segments } from './segments.ts';

/** Read at a time when a segment is read in order. */
const STRETCH_BYTES = 256 * 1024;
/** Stretches held: a few backlogs can be drained at the same time. */
const MAX_STRETCHES = 8;
/** A read that begins within this distance behind the last one of its segment goes on in order: other queues' records stand in between. */
const GAP_BYTES = 64 * 1024;

interface Stretch {
  readonly segment: Segment;
  readonly start: number;
  readonly end: number;
  readonly loading: Promise<Buffer>;
  bytes: Buffer | undefined;
}

/**
 * Reads frames from the disk. A backlog that is drained is read in order, and one read for each of its messages would cost as much as all the
 * rest of their delivery; so what is read in order is read ahead. What is read here and there is read by itself.
 */
export class ReadAhead {
  readonly #segments: Segments;
  readonly #cache: BlockCache;
  /** The one used last comes last. */
  readonly #stretches: Stretch[] = [];

  constructor({ segments, cache }: { segments: Segments; cache: BlockCache }) {
    this.#segments = segments;
    this.#cache = cache;
  }

  /** The frame at a place whose write is durable and not in the cache any more; at once when it has been read ahead. */
  read(segment: Segment, { offset, length }: Place): Buffer | Promise<Buffer> {
    const end = offset + length;
    const stretch = this.#find(segment, { offset, end }) ?? this.#begin(segment, { offset, end });
    segment.readUpTo = end;
    if (!stretch) return this.#readAlone(segment, { offset, length });
    const from = offset - stretch.start;
    if (stretch.bytes) return stretch.bytes.subarray(from, from + length);
    return stretch.loading.then((bytes) => bytes.subarray(from, from + length));
  }

  #find(segment: Segment, { offset, end }: { offset: number; end: number }): Stretch | undefined {
    const at = this.#stretches.findLastIndex(
      (stretch) => stretch.segment === segment && stretch.start <= offset && end <= stretch.end,
    );
    const found = this.#stretches[at];
    if (found && at < this.#stretches.length - 1) this.#stretches.push(...this.#stretches.splice(at, 1));
    return found;
  }

  #begin(segment: Segment, { offset, end }: { offset: number; end: number }): Stretch | undefined {
    const goesOn = offset >= segment.readUpTo && offset - segment.readUpTo <= GAP_BYTES;
    // What is still in the cache may not be on the disk yet.
    const last = Math.min(offset + STRETCH_BYTES, this.#cache.startIn(segment) ?? segment.end);
    if (!goesOn || end > last) return undefined;
    const into = Buffer.allocUnsafeSlow(last - offset);
    const loading = this.#segments.read(segment, { into, offset }).then((read) => into.subarray(0, read));
    const stretch: Stretch = { segment, start: offset, end: last, loading, bytes: undefined };
    loading.then(
      (bytes) => (stretch.bytes = bytes),
      // Whoever waits is told; the next one tries again.
      () => {
        const at = this.#stretches.indexOf(stretch);
        if (at >= 0) this.#stretches.splice(at, 1);
      },
    );
    this.#stretches.push(stretch);
    if (this.#stretches.length > MAX_STRETCHES) this.#stretches.shift();
    return stretch;
  }

  async #readAlone(segment: Segment, { offset, length }: { offset: number; length: number }): Promise<Buffer> {
    const into = Buffer.allocUnsafe(length);
    return into.subarray(0, await this.#segments.read(segment, { into, offset }));
  }
}
