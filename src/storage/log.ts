import { RetrainError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Disk, FolderLock } from '../runtime/disk.ts';
import { checkBatch } from './batch-rules.ts';
import { BlockCache } from './block-cache.ts';
import { Compaction } from './compaction.ts';
import { bytesInFrame, frameBytesOf, frameEnd, MARK_BYTES } from './frame.ts';
import { GroupCommit } from './group-commit.ts';
import { type AppendPurpose, type Journal, type LogRecord, RecordKind, type RecoveredRecord } from './journal.ts';
import { Liveness, type Place } from './liveness.ts';
import { MAX_SEGMENTS } from './record-table.ts';
import { ReadAhead } from './read-ahead.ts';
import { recover, type Recovered } from './recovery.ts';
import { corrupt } from './segment-file.ts';
import type { IndexBuilder } from './segment-index.ts';
import type { Segment } from './segment.ts';
import { Segments } from './segments.ts';
import { SpareFiles } from './spare-files.ts';
import { diskFull, type Purpose, Tail } from './tail.ts';

const DEFAULT_SEGMENT_BYTES = 64 * 1024 * 1024;
const DEFAULT_RESERVE_BYTES = 16 * 1024 * 1024;
const DEFAULT_CACHE_BYTES = 32 * 1024 * 1024;

const MIN_SEGMENT_BYTES = 4096;
/** Offsets within a segment are 32 bits wide, and recovery reads a segment whole. */
const MAX_SEGMENT_BYTES = 1024 * 1024 * 1024;

/** What a segment holds besides its first two batches: the header and marks. */
const OVERHEAD_BYTES = 128;

/** On a full disk copies and moves leave these parts of the smallest segment to settlements. */
const SHARE_LEFT_BY_COPIES = 1 / 4;
const SHARE_LEFT_BY_MOVES = 1 / 2;

export interface LogOptions {
  readonly disk: Disk;
  /** Created when it does not exist. */
  readonly folder: string;
  readonly clock: Clock;
  /** Size of a segment file: 4 KiB to 1 GiB, 64 MiB by default. May differ from run to run. */
  readonly segmentBytes?: number;
  /** Kept free for settlements and compaction when the disk is full; 16 MiB by default. */
  readonly reserveBytes?: number;
  /** Recently written bytes held for reading; 32 MiB by default. What is not yet durable is held beyond this limit. */
  readonly cacheBytes?: number;
  /**
   * Called during `open` for every entry that is still on disk, dead ones too (`live` is false), and for every live change, by rising id: an
   * owner comes before its changes.
   */
  readonly onRecord: (record: RecoveredRecord, live: boolean) => void;
  /** Called after every sync, with the position up to which everything is durable. */
  readonly onDurable: (position: number) => void;
  /**
   * Called once, when a write or a sync failed (`DISK_FAILED`) or stored bytes turned out to be damaged (`DATA_CORRUPT`). Nothing
   * becomes durable any more, and memory already holds what never did: the process must end, with exit code 74, and start from the disk.
   */
  readonly onFailed: (error: RetrainError) => void;
  /**
   * Called when a new segment begins, within `append`, before the records that did not fit the old one. The records it returns go first
   * into the new segment. For state that would vanish with the last record that bears it, such as sequence counters.
   */
  readonly snapshot?: () => readonly LogRecord[];
}

export interface LogStats {
  readonly segments: number;
  readonly spareFiles: number;
  readonly records: number;
  /** Bytes of the records that must stay on disk. */
  readonly neededBytes: number;
  /** Sizes of all segments and prepared files. */
  readonly diskBytes: number;
  readonly cacheBytes: number;
  /** Appended and not yet durable. Whoever appends should stop taking in work when this grows. */
  readonly pendingBytes: number;
  /** Writes, each with its sync. */
  readonly syncs: number;
  readonly compactions: number;
  /** No room for a further segment: sending is refused. */
  readonly full: boolean;
}

/** The durable log of one data folder. See `Journal` for what its users see, ARCHITECTURE.md for its format and guarantees. */
export class Log implements Journal {
  readonly #options: LogOptions;
  readonly #smallestSegmentBytes: number;
  readonly #lock: FolderLock;
  readonly #segments: Segments;
  readonly #liveness = new Liveness(MAX_SEGMENTS);
  readonly #cache: BlockCache;
  readonly #spares: SpareFiles;
  readonly #readAhead: ReadAhead;
  readonly #tail: Tail;
  readonly #commit: GroupCommit;
  readonly #compaction: Compaction;
  /** Indexes of full segments whose last write is under way. */
  readonly #sealing = new Map<Segment, IndexBuilder>();
  #nextId = 1;
  #failed: RetrainError | undefined;
  #closed = false;

  private constructor(options: LogOptions, lock: FolderLock) {
    const { disk, folder, clock } = options;
    const segmentBytes = options.segmentBytes ?? DEFAULT_SEGMENT_BYTES;
    const reserveBytes = options.reserveBytes ?? DEFAULT_RESERVE_BYTES;
    const liveness = this.#liveness;
    this.#options = options;
    this.#lock = lock;
    this.#smallestSegmentBytes = Math.min(segmentBytes, reserveBytes);
    this.#cache = new BlockCache(options.cacheBytes ?? DEFAULT_CACHE_BYTES);
    const segments = (this.#segments = new Segments({ disk, folder }));
    this.#readAhead = new ReadAhead({ segments, cache: this.#cache });
    const fail = (cause: unknown): void => this.#fail(cause);
    const spares = (this.#spares = new SpareFiles({ disk, clock, folder, segmentBytes, reserveBytes, onFailed: fail }));
    const onFull = (segment: Segment, builder: IndexBuilder): void => void this.#sealing.set(segment, builder);
    this.#tail = new Tail({ disk, clock, folder, segments, spares, segmentBytes, reserveBytes, onFull });
    this.#commit = new GroupCommit({
      clock,
      cache: this.#cache,
      openForWriting: (segment) => this.#tail.openForWriting(segment),
      onDurable: (position) => this.#announce(position),
      onSealed: (segment) => this.#onSealed(segment),
      onFailed: fail,
    });
    this.#compaction = new Compaction({
      disk,
      clock,
      folder,
      segments,
      liveness,
      spares,
      newest: () => this.#tail.segment?.number ?? 0,
      hasRoomFor: (bytes) => this.#hasRoomFor(bytes, SHARE_LEFT_BY_COPIES),
      copy: (id, frame) => this.#copy(id, frame),
      takeOver: (victims) => this.#takeOver(victims),
      flushed: () => this.#commit.flushed(),
      onFailed: fail,
    });
  }

  /**
   * Opens the log of a folder, recovers what is in it, and keeps other processes out until `close` or the end of the process.
   *
   * @throws RetrainError `DATA_LOCKED`, `DATA_CORRUPT` and `DATA_VERSION` (both name the file), `DISK_FAILED`, `ARGUMENT_INVALID`.
   */
  static async open(options: LogOptions): Promise<Log> {
    const { disk, folder } = options;
    for (const name of ['segmentBytes', 'reserveBytes'] as const) checkSize(name, options[name]);
    try {
      await disk.makeFolder(folder);
      const log = new Log(options, await disk.lock(folder));
      try {
        await log.#recover();
      } catch (error) {
        await log.#giveUp();
        throw error;
      }
      return log;
    } catch (error) {
      throw asRetrainError(error, folder);
    }
  }

  get appended(): number {
    return this.#commit.appended;
  }

  get durable(): number {
    return this.#commit.durable;
  }

  get congested(): boolean {
    return this.#tail.congested;
  }

  /** The most bytes that one batch may take, frames included. */
  get maxBatchBytes(): number {
    return Math.floor(this.#smallestSegmentBytes / 2) - OVERHEAD_BYTES;
  }

  nextId(): number {
    return this.#nextId++;
  }

  append(batch: readonly LogRecord[], purpose: AppendPurpose): number {
    if (this.#failed) throw this.#failed;
    if (this.#closed) throw new RetrainError('INTERRUPTED', `the log of data folder ${this.#options.folder} is closed`);
    if (batch.length === 0) return this.#commit.appended;
    checkBatch(batch, { liveness: this.#liveness, nextId: this.#nextId });
    const bytes = this.#sizeOf(batch);
    if (purpose === 'send' && !this.#spares.hasReserve) throw diskFull(this.#options.folder);
    if (purpose === 'move' && !this.#hasRoomFor(bytes, SHARE_LEFT_BY_MOVES)) throw diskFull(this.#options.folder);
    if (!this.#makeRoom(bytes, purpose)) throw diskFull(this.#options.folder);
    return this.#write(batch);
  }

  read(id: number): Buffer | Promise<Buffer> {
    const place = this.#liveness.placeOf(id);
    if (!place) throw new RetrainError('ARGUMENT_INVALID', `record ${id} is not in the log`);
    const segment = this.#segments.at(place.slot);
    const cached = this.#cache.read(segment, place);
    return cached ? bytesInFrame(cached) : this.#readFromDisk(segment, place);
  }

  /** Resolves when everything appended up to now is durable. */
  flushed(): Promise<void> {
    return this.#commit.flushed();
  }

  stats(): LogStats {
    let diskBytes = this.#spares.bytes;
    for (const { capacity } of this.#segments.all()) diskBytes += capacity;
    return {
      segments: this.#segments.count,
      spareFiles: this.#spares.files,
      records: this.#liveness.table.records,
      neededBytes: this.#liveness.neededBytesSum,
      diskBytes,
      cacheBytes: this.#cache.bytes,
      pendingBytes: this.#commit.pendingBytes,
      syncs: this.#commit.writes,
      compactions: this.#compaction.compactions,
      full: this.#spares.full,
    };
  }

  /** Makes everything durable, closes all files and gives the folder free. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await this.#compaction.close();
      const segment = this.#tail.segment;
      if (segment && segment.room >= MARK_BYTES && !this.#failed) this.#commit.writeClosingMark(segment);
      if (!this.#failed) await this.#commit.flushed();
    } finally {
      await this.#giveUp();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #recover(): Promise<void> {
    const { disk, folder, onRecord } = this.#options;
    const liveness = this.#liveness;
    const segments = this.#segments;
    const recovered: Recovered = await recover({ disk, folder, segments, liveness, onRecord });
    this.#nextId = recovered.nextId;
    await this.#tail.resume(recovered);
    await this.#spares.open(await disk.list(folder));
    const unindexed = new Set(recovered.withoutSidecar);
    for (const segment of segments.all()) {
      if (unindexed.has(segment)) this.#compaction.addSealed(segment, undefined);
      else if (segment.sealed) liveness.watch(segment.slot, segment.usedBytes / 2);
    }
    if (this.#compaction.hasWork) this.#compaction.wake();
  }

  async #giveUp(): Promise<void> {
    try {
      await this.#spares.close();
      await this.#segments.closeAll();
    } finally {
      await this.#lock.release();
    }
  }

  #sizeOf(batch: readonly LogRecord[]): number {
    let bytes = 0;
    for (const record of batch) bytes += frameBytesOf(record);
    if (bytes <= this.maxBatchBytes) return bytes;
    throw new RetrainError(
      'MESSAGE_TOO_LARGE',
      `a batch of ${bytes} bytes is over the limit of ${this.maxBatchBytes} bytes; send less at a time or raise the size of a segment`,
    );
  }

  /** Makes the tail take `bytes`, in a new segment if need be. Returns false when there is no room for this purpose. */
  #makeRoom(bytes: number, purpose: Purpose): boolean {
    if (this.#tail.takes(bytes, purpose)) return true;
    if (bytes + 2 * OVERHEAD_BYTES > this.#smallestSegmentBytes) return false;
    if (!this.#tail.rotate(purpose, { commit: this.#commit, firstId: this.#nextId })) return false;
    const kept = this.#options.snapshot?.() ?? [];
    if (kept.length > 0) {
      checkBatch(kept, { liveness: this.#liveness, nextId: this.#nextId });
      this.#sizeOf(kept);
      this.#write(kept);
    }
    return this.#tail.takes(bytes, purpose);
  }

  #write(batch: readonly LogRecord[]): number {
    const liveness = this.#liveness;
    const commit = this.#commit;
    // What is gone is counted last: until then a body that passes from one entry to another is held by the first.
    let gones: { record: LogRecord; place: Place }[] | undefined;
    const lastIndex = batch.length - 1;
    for (let index = 0; index <= lastIndex; index++) {
      const record = batch[index] as LogRecord;
      const place = this.#tail.write(record, { last: index === lastIndex, commit });
      if (record.kind === RecordKind.gone) (gones ??= []).push({ record, place });
      else liveness.add(record, place);
    }
    if (gones) for (const { record, place } of gones) liveness.add(record, place);
    return commit.commit();
  }

  #readFromDisk(segment: Segment, place: Place): Buffer | Promise<Buffer> {
    const read = this.#readAhead.read(segment, place);
    if (!Buffer.isBuffer(read)) return read.then((frame) => this.#checked(frame, segment, place));
    try {
      return this.#checked(read, segment, place);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #checked(frame: Buffer, segment: Segment, { offset, length }: Place): Buffer {
    if (frameEnd(frame, 0, segment.seed) === length) return bytesInFrame(frame);
    throw corrupt(this.#segments.path(segment), offset, 'a record fails its checksum');
  }

  #announce(position: number): void {
    this.#options.onDurable(position);
    if (this.#compaction.hasWork) this.#compaction.wake();
  }

  #onSealed(segment: Segment): void {
    const builder = this.#sealing.get(segment);
    this.#sealing.delete(segment);
    this.#compaction.addSealed(segment, builder);
  }

  /** Whether a share of the reserve is left to settlements. */
  #hasRoomFor(bytes: number, shareLeft: number): boolean {
    if (bytes === 0 || !this.#spares.full) return true;
    const share = this.#smallestSegmentBytes * shareLeft;
    return bytes + share <= (this.#tail.segment?.room ?? 0) + this.#spares.readyBytes;
  }

  #copy(id: number, frame: Buffer): boolean {
    if (!this.#makeRoom(frame.length, 'copy')) return false;
    this.#liveness.move(id, this.#tail.copy(frame, this.#commit));
    this.#commit.commit();
    return true;
  }

  #takeOver(victims: readonly number[]): boolean {
    const record = { kind: RecordKind.gone, id: this.nextId(), refs: victims, bytes: [] };
    if (!this.#makeRoom(frameBytesOf(record), 'copy')) return false;
    const place = this.#tail.write(record, { last: true, commit: this.#commit });
    this.#liveness.add({ ...record, refs: [] }, place);
    this.#liveness.takeOver(record.id, victims);
    this.#commit.commit();
    return true;
  }

  #fail(cause: unknown): void {
    if (this.#failed) return;
    this.#failed = asRetrainError(cause, this.#options.folder);
    this.#commit.stop(this.#failed);
    this.#options.onFailed(this.#failed);
  }
}

function checkSize(name: string, bytes: number | undefined): void {
  if (bytes === undefined) return;
  if (Number.isInteger(bytes) && bytes >= MIN_SEGMENT_BYTES && bytes <= MAX_SEGMENT_BYTES) return;
  throw new RetrainError(
    'ARGUMENT_INVALID',
    `${name} is ${bytes}, it must be a whole number of bytes from ${MIN_SEGMENT_BYTES} to ${MAX_SEGMENT_BYTES}`,
  );
}

function asRetrainError(error: unknown, folder: string): RetrainError {
  if (error instanceof RetrainError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new RetrainError('DISK_FAILED', `data folder ${folder} failed (${reason}); check the disk and start again`, {
    cause: error,
  });
}
