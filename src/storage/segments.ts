import type { Disk, DiskFile } from '../runtime/disk.ts';
import { MAX_SEGMENTS } from './record-table.ts';
import { encodeSegmentHeader, type SegmentHeader } from './segment-file.ts';
import { Segment } from './segment.ts';

/** Sealed segments keep their files open for reading; beyond this many the one that was read longest ago is closed. */
const MAX_OPEN_FILES = 256;

/** The segments of a log, oldest first. */
export class Segments {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #bySlot: (Segment | undefined)[] = [];
  readonly #ordered = new Set<Segment>();
  #reads = 0;
  #interrupted = 0;

  constructor({ disk, folder }: { disk: Disk; folder: string }) {
    this.#disk = disk;
    this.#folder = folder;
  }

  /** Oldest first. */
  all(): Iterable<Segment> {
    return this.#ordered;
  }

  get count(): number {
    return this.#ordered.size;
  }

  /** Whether one more segment has a place in the tables. */
  get isFull(): boolean {
    return this.#ordered.size >= MAX_SEGMENTS;
  }

  at(slot: number): Segment {
    return this.#bySlot[slot] as Segment;
  }

  path(segment: Segment): string {
    return `${this.#folder}/${segment.name}`;
  }

  /** Segments must be added in the order of their numbers. */
  add(header: SegmentHeader, capacity: number): Segment {
    let slot = this.#bySlot.indexOf(undefined);
    if (slot < 0) slot = this.#bySlot.length;
    const { seed } = encodeSegmentHeader(header);
    const segment = new Segment({ slot, number: header.number, seed, capacity });
    this.#bySlot[slot] = segment;
    this.#ordered.add(segment);
    return segment;
  }

  /** Segments of which copies may stand in newer ones. */
  get interrupted(): number {
    return this.#interrupted;
  }

  /** A compaction of `segment` begins, or was found to have begun; segments from `copiedFrom` on may hold copies of its records. */
  interrupt(segment: Segment, copiedFrom: number): void {
    if (segment.copiedFrom !== undefined) return;
    segment.copiedFrom = copiedFrom;
    this.#interrupted++;
  }

  /** Forgets a segment whose file is gone. */
  remove(segment: Segment): void {
    if (segment.copiedFrom !== undefined) this.#interrupted--;
    this.#bySlot[segment.slot] = undefined;
    this.#ordered.delete(segment);
  }

  /** Reads from a segment's file; the file stays what it is until the read is over. */
  async read(segment: Segment, { into, offset }: { into: Buffer; offset: number }): Promise<number> {
    segment.readers++;
    segment.lastRead = ++this.#reads;
    try {
      segment.file ??= this.#openForReading(segment);
      return await (await segment.file).read(into, offset);
    } finally {
      if (--segment.readers === 0) segment.onReadersGone?.();
    }
  }

  /** Resolves when nobody reads from the segment any more. */
  readersGone(segment: Segment): Promise<void> {
    if (segment.readers === 0) return Promise.resolve();
    return new Promise((resolve) => (segment.onReadersGone = resolve));
  }

  async closeFile(segment: Segment): Promise<void> {
    const file = segment.file;
    segment.file = undefined;
    // One that could not be opened, or was never prepared, needs no closing.
    const opened = await file?.catch(() => undefined);
    await opened?.close();
  }

  async closeAll(): Promise<void> {
    for (const segment of this.#ordered) {
      await this.readersGone(segment);
      await this.closeFile(segment);
    }
  }

  async #openForReading(segment: Segment): Promise<DiskFile> {
    const open = [...this.#ordered].filter(({ file, readers, sealed }) => sealed && file && readers === 0);
    if (open.length >= MAX_OPEN_FILES) {
      const stale = open.reduce((oldest, other) => (other.lastRead < oldest.lastRead ? other : oldest));
      await this.closeFile(stale);
    }
    return this.#disk.open(this.path(segment), 'read');
  }
}
