import type { DiskFile } from '../runtime/disk.ts';
import { MARK_BYTES } from './frame.ts';
import { SEGMENT_HEADER_BYTES, segmentName } from './segment-file.ts';

/** One file of the log. The newest one is being written, the others are sealed. */
export class Segment {
  /** Its place in the tables; given to another segment when this one has been recycled. */
  readonly slot: number;
  /** Rises by one from segment to segment over the whole life of the folder. */
  readonly number: number;
  readonly seed: number;
  /** Size of the file; provisional until the file has been found. */
  capacity: number;
  /** Where the next frame goes. */
  end = SEGMENT_HEADER_BYTES;
  /** Full, and its end is durable. */
  sealed = false;
  /** When a compaction of it was interrupted: the number of the oldest segment that may hold copies of its records. */
  copiedFrom: number | undefined;
  /** Reads under way; the file is not recycled before they are over. */
  readers = 0;
  onReadersGone: (() => void) | undefined;
  /** When it was last read from, by a counter. */
  lastRead = 0;
  /** Behind the record that was read last. */
  readUpTo = 0;
  file: Promise<DiskFile> | undefined;

  constructor({ slot, number, seed, capacity }: { slot: number; number: number; seed: number; capacity: number }) {
    this.slot = slot;
    this.number = number;
    this.seed = seed;
    this.capacity = capacity;
  }

  get name(): string {
    return segmentName(this.number);
  }

  /** Bytes of the frames. */
  get usedBytes(): number {
    return this.end - SEGMENT_HEADER_BYTES;
  }

  /** Bytes that records can still take: room is kept for a mark before them, and for a mark and the end behind them. */
  get room(): number {
    return this.capacity - this.end - 3 * MARK_BYTES;
  }
}
