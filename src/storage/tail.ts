import { RetrainError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Disk, DiskFile } from '../runtime/disk.ts';
import { frameBytesOf, reframe, writeRecordFrame } from './frame.ts';
import type { GroupCommit } from './group-commit.ts';
import type { AppendPurpose, LogRecord } from './journal.ts';
import type { Place } from './liveness.ts';
import type { Recovered } from './recovery.ts';
import { encodeSegmentHeader, type SegmentHeader } from './segment-file.ts';
import { IndexBuilder } from './segment-index.ts';
import type { Segment } from './segment.ts';
import type { Segments } from './segments.ts';
import type { SpareFile, SpareFiles } from './spare-files.ts';

/** `copy`: compaction, which gives room back in the end. */
export type Purpose = AppendPurpose | 'copy';

export interface TailOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly folder: string;
  readonly segments: Segments;
  readonly spares: SpareFiles;
  readonly segmentBytes: number;
  readonly reserveBytes: number;
  /** The index of a segment that is full; its last write may still be under way. */
  readonly onFull: (segment: Segment, builder: IndexBuilder) => void;
}

/**
 * While the file of the newest segment is being prepared it may still turn out to be the reserve, of which settlements need a share: sending
 * may use one half of it, and had better stop at an eighth, because one batch takes almost half.
 */
const SENDABLE_WHILE_WAITING = 1 / 2;
const CONGESTED_FROM = 1 / 8;

/** What is known of a segment before its file is. */
interface Birth {
  readonly header: SegmentHeader;
  readonly file: SpareFile | Promise<SpareFile>;
}

/** The newest segment: where frames go, and how the next one begins. */
export class Tail {
  readonly #options: TailOptions;
  readonly #births = new Map<Segment, Birth>();
  #segment: Segment | undefined;
  #builder = new IndexBuilder();
  #nextNumber = 1;

  constructor(options: TailOptions) {
    this.#options = options;
  }

  get segment(): Segment | undefined {
    return this.#segment;
  }

  /** Goes on with what recovery found. */
  async resume({ tail, nextNumber }: Recovered): Promise<void> {
    this.#nextNumber = nextNumber;
    if (!tail) return;
    this.#segment = tail.segment;
    this.#builder = tail.builder;
    // Before anybody reads from it, which would open it for reading only.
    const file = this.openForWriting(tail.segment);
    tail.segment.file = file;
    await file;
  }

  get congested(): boolean {
    const segment = this.#segment;
    return segment !== undefined && this.#isWaiting(segment) && segment.end > segment.capacity * CONGESTED_FROM;
  }

  /** Whether the current segment takes `bytes` more. */
  takes(bytes: number, purpose: Purpose): boolean {
    const segment = this.#segment;
    if (!segment || bytes > segment.room) return false;
    return purpose !== 'send' || !this.#isWaiting(segment) || segment.end <= segment.capacity * SENDABLE_WHILE_WAITING;
  }

  /**
   * Seals the current segment and begins the next one. Returns false when there is no room for this purpose: sending needs a segment
   * besides the reserve, the others may use the reserve.
   */
  rotate(purpose: Purpose, { commit, firstId }: { commit: GroupCommit; firstId: number }): boolean {
    const { segments, spares, clock, segmentBytes, reserveBytes, onFull } = this.#options;
    const full = this.#segment;
    if (segments.isFull || (full && this.#isWaiting(full))) return false;
    const file = spares.claim({ useReserve: purpose !== 'send' });
    if (!file) return false;
    if (full) {
      commit.seal(full);
      onFull(full, this.#builder);
    }
    const header = { number: this.#nextNumber++, firstId, createdMs: clock.wallMs() };
    const segment = segments.add(header, 'bytes' in file ? file.bytes : Math.min(segmentBytes, reserveBytes));
    this.#births.set(segment, { header, file });
    this.#segment = segment;
    this.#builder = new IndexBuilder();
    return true;
  }

  write(record: LogRecord, { last, commit }: { last: boolean; commit: GroupCommit }): Place {
    const segment = this.#segment as Segment;
    const length = frameBytesOf(record);
    const offset = commit.nextOffset(segment);
    const { buffer, used } = commit.take(segment, length);
    writeRecordFrame(buffer, used - length, record, { last, seed: segment.seed });
    this.#builder.add(buffer, used - length, used, offset);
    return { slot: segment.slot, offset, length };
  }

  /** Writes a copy of another segment's frame. */
  copy(frame: Buffer, commit: GroupCommit): Place {
    const segment = this.#segment as Segment;
    const length = frame.length;
    const offset = commit.nextOffset(segment);
    const { buffer, used } = commit.take(segment, length);
    frame.copy(buffer, used - length);
    reframe(buffer, used - length, used, segment.seed);
    this.#builder.add(buffer, used - length, used, offset);
    return { slot: segment.slot, offset, length };
  }

  /** Opens a segment for its next write. A new one gets its header before its name, so that no segment is without one. */
  async openForWriting(segment: Segment): Promise<DiskFile> {
    const { disk, folder, segments } = this.#options;
    const path = segments.path(segment);
    const birth = this.#births.get(segment);
    if (!birth) return disk.open(path, 'write');
    const spare = await birth.file;
    const file = await disk.open(spare.path, 'write');
    await file.writeDurably([encodeSegmentHeader(birth.header).bytes], 0);
    await disk.rename(spare.path, path);
    await disk.syncFolder(folder);
    segment.capacity = spare.bytes;
    this.#births.delete(segment);
    return file;
  }

  #isWaiting(segment: Segment): boolean {
    const birth = this.#births.get(segment);
    return birth !== undefined && !('bytes' in birth.file);
  }
}

export function diskFull(folder: string): RetrainError {
  return new RetrainError(
    'DISK_FULL',
    `no room for another segment in data folder ${folder}; free disk space, or receive and complete messages`,
  );
}
