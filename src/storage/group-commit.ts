import { RetrainError } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { DiskFile } from '../runtime/disk.ts';
import type { Block, BlockCache } from './block-cache.ts';
import { FrameKind, MARK_BYTES, writeMarkFrame } from './frame.ts';
import type { Segment } from './segment.ts';

/** A write is not made longer than this by what waits behind it; one batch may be. */
const MAX_GROUP_BYTES = 8 * 1024 * 1024;

/** With this much to write the first write after an idle time does not wait for the end of the turn. */
const EARLY_BYTES = 256 * 1024;

/** What one write and sync makes durable together: whole batches, adjacent in one segment, with a mark before them. */
interface Group {
  readonly segment: Segment;
  readonly offset: number;
  readonly parts: Buffer[];
  bytes: number;
  position: number;
  seals: boolean;
}

export interface GroupCommitOptions {
  readonly clock: Clock;
  readonly cache: BlockCache;
  /** The file of a segment, created when this is the segment's first write. */
  readonly openForWriting: (segment: Segment) => Promise<DiskFile>;
  readonly onDurable: (position: number) => void;
  readonly onSealed: (segment: Segment) => void;
  readonly onFailed: (cause: unknown) => void;
}

/**
 * Group commit: exactly one write and sync is under way, and all that arrives meanwhile forms the next group. After an idle
 * time the first write starts when the turn of the event loop is over, so that what the turn appends goes together.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #cache: BlockCache;
  #open: Group | undefined;
  readonly #closed: Group[] = [];
  /** Where the open group's part of the last block begins. */
  #partFrom = 0;
  #appended = 0;
  #durable = 0;
  #pendingBytes = 0;
  #writes = 0;
  #running = false;
  #scheduled = false;
  #failure: unknown;
  readonly #waiting: { position: number; resolve: () => void; reject: (cause: unknown) => void }[] = [];

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#cache = options.cache;
  }

  get appended(): number {
    return this.#appended;
  }

  get durable(): number {
    return this.#durable;
  }

  /** Bytes appended and not yet durable. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Writes completed, each with its sync. */
  get writes(): number {
    return this.#writes;
  }

  get failure(): unknown {
    return this.#failure;
  }

  /** The offset at which the next frame that is taken will stand. */
  nextOffset(segment: Segment): number {
    return this.#open ? segment.end : segment.end + MARK_BYTES;
  }

  /** Nothing is written any more. */
  stop(cause: unknown): void {
    this.#failure ??= cause ?? new Error('unknown');
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failed());
  }

  /** Room for one frame at the segment's end: the last `bytes` of what is used of the returned block. */
  take(segment: Segment, bytes: number): Block {
    if (!this.#open) this.#begin(segment);
    return this.#reserve(segment, bytes);
  }

  /** The batch whose frames were taken is complete. Returns its position. */
  commit(): number {
    this.#appended++;
    const bytes = this.#open?.bytes ?? 0;
    if (bytes >= MAX_GROUP_BYTES) this.#close();
    if (bytes >= EARLY_BYTES) this.#start();
    else this.#schedule();
    return this.#appended;
  }

  /** Writes the segment's end: nothing more goes into it. */
  seal(segment: Segment): void {
    this.#writeMark(segment, FrameKind.end);
    (this.#open as Group).seals = true;
    this.#close();
    this.#schedule();
  }

  /** A mark behind everything proves to the next start that all before it was durable. */
  writeClosingMark(segment: Segment): void {
    this.#close();
    this.#begin(segment);
    this.#appended++;
    this.#close();
    this.#schedule();
  }

  /** Resolves when everything appended up to now is durable. */
  flushed(): Promise<void> {
    const idle = !this.#running && !this.#open && this.#closed.length === 0;
    if (this.#failure !== undefined) return Promise.reject(this.#failed());
    if (idle) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiting.push({ position: this.#appended, resolve, reject }));
  }

  #begin(segment: Segment): void {
    const block = this.#cache.last;
    this.#partFrom = block?.segment === segment ? block.used : 0;
    this.#open = { segment, offset: segment.end, parts: [], bytes: 0, position: 0, seals: false };
    this.#writeMark(segment, FrameKind.mark);
  }

  #writeMark(segment: Segment, kind: typeof FrameKind.mark | typeof FrameKind.end): void {
    if (!this.#open) this.#begin(segment);
    const offset = segment.end;
    const block = this.#reserve(segment, MARK_BYTES);
    writeMarkFrame(block.buffer, block.used - MARK_BYTES, { kind, offset, seed: segment.seed });
  }

  #reserve(segment: Segment, bytes: number): Block {
    const group = this.#open as Group;
    let block = this.#cache.last;
    if (!block || block.segment !== segment || block.used + bytes > block.buffer.length) {
      this.#closePart();
      block = this.#cache.begin(segment, { recordBytes: bytes, position: this.#appended + 1 });
      this.#partFrom = 0;
    }
    block.used += bytes;
    segment.end += bytes;
    group.bytes += bytes;
    this.#pendingBytes += bytes;
    return block;
  }

  #closePart(): void {
    const block = this.#cache.last;
    if (!block || block.segment !== this.#open?.segment || block.used === this.#partFrom) return;
    this.#open.parts.push(block.buffer.subarray(this.#partFrom, block.used));
  }

  #close(): void {
    const group = this.#open;
    if (!group) return;
    this.#closePart();
    group.position = this.#appended;
    this.#closed.push(group);
    this.#open = undefined;
  }

  #schedule(): void {
    if (this.#running || this.#scheduled) return;
    this.#scheduled = true;
    this.#options.clock.soon(() => {
      this.#scheduled = false;
      this.#start();
    });
  }

  #start(): void {
    if (this.#running || this.#failure !== undefined) return;
    this.#running = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    let group = this.#nextGroup();
    let written = group && this.#write(group);
    this.#running = group !== undefined;
    while (group) {
      try {
        await written;
      } catch (cause) {
        this.#fail(cause);
        return;
      }
      if (this.#failure !== undefined) return;
      const done = group;
      this.#durable = done.position;
      this.#pendingBytes -= done.bytes;
      this.#writes++;
      // The disk goes on with the next group while the users of the log learn about this one.
      group = this.#nextGroup();
      written = group && this.#write(group);
      this.#running = group !== undefined;
      this.#cache.evict(this.#durable);
      this.#announce(done);
    }
  }

  #nextGroup(): Group | undefined {
    if (this.#closed.length === 0) this.#close();
    return this.#closed.shift();
  }

  async #write({ segment, parts, offset }: Group): Promise<void> {
    segment.file ??= this.#options.openForWriting(segment);
    await (await segment.file).writeDurably(parts, offset);
  }

  #announce({ segment, position, seals }: Group): void {
    if (seals) {
      segment.sealed = true;
      this.#options.onSealed(segment);
    }
    this.#options.onDurable(position);
    while (this.#waiting.length > 0 && (this.#waiting[0] as { position: number }).position <= position) {
      this.#waiting.shift()?.resolve();
    }
  }

  #fail(cause: unknown): void {
    this.stop(cause);
    this.#options.onFailed(cause);
  }

  #failed(): RetrainError {
    return new RetrainError('DISK_FAILED', 'the log has failed; start the process again', { cause: this.#failure });
  }
}
