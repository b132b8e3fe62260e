import type { Clock } from '../runtime/clock.ts';
import type { Disk } from '../runtime/disk.ts';
import { frameEnd } from './frame.ts';
import { RecordKind } from './journal.ts';
import type { Liveness } from './liveness.ts';
import { readIndex } from './recovery.ts';
import { corrupt, sidecarName } from './segment-file.ts';
import { type IndexBuilder, IndexCursor } from './segment-index.ts';
import type { Segment } from './segment.ts';
import type { Segments } from './segments.ts';
import { writeSidecar } from './sidecar.ts';
import { isFull, type SpareFiles } from './spare-files.ts';

// Compaction gives the room of dead records back. It takes one sealed segment at a time, of which less than half is needed, and
//
//   1. appends copies of the live records at the tail, under their own ids;
//   2. appends a new `gone` for whatever dead records in other segments its tombstones keep dead;
//   3. waits until these, and everything that had killed the rest, are durable;
//   4. removes the segment's name, durably; only now may what kept its records dead be forgotten;
//   5. hands the file over to be filled with zeros and used again.
//
// A crash before step 4 leaves both the segment and some copies: the newer copy of a record counts, and the segment is taken
// up again before any segment that may hold its copies is recycled. Otherwise a copy could be recycled, and with it the gone
// of a completed message, while the older copy still stood on disk: after another crash the message would rise again.

/** Read from a segment at a time; a longer record is read alone. */
const WINDOW_BYTES = 256 * 1024;

/** Victims named by one gone that takes over from others. */
const MAX_TAKEN_OVER = 1000;

/** Records handled before other work gets its turn. */
const SLICE_RECORDS = 4096;

export interface CompactionOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly folder: string;
  readonly segments: Segments;
  readonly liveness: Liveness;
  readonly spares: SpareFiles;
  /** Number of the newest segment. */
  readonly newest: () => number;
  /** Whether the log can take this many bytes of copies and still settle. */
  readonly hasRoomFor: (bytes: number) => boolean;
  /** Appends a copy of a record that is still needed. Returns false when there is no room. */
  readonly copy: (id: number, frame: Buffer) => boolean;
  /** Appends a gone that takes over. Returns false when there is no room. */
  readonly takeOver: (victims: readonly number[]) => boolean;
  readonly flushed: () => Promise<void>;
  readonly onFailed: (cause: unknown) => void;
}

interface Wanted {
  readonly id: number;
  readonly offset: number;
  readonly length: number;
}

/** The work behind the log: sidecars of sealed segments, and compaction. */
export class Compaction {
  readonly #options: CompactionOptions;
  readonly #sidecars: { segment: Segment; builder: IndexBuilder | undefined }[] = [];
  #busy = false;
  #running: Promise<void> = Promise.resolve();
  #closed = false;
  #compactions = 0;

  constructor(options: CompactionOptions) {
    this.#options = options;
  }

  /** Segments recycled. */
  get compactions(): number {
    return this.#compactions;
  }

  /** A segment is durably sealed. Without a builder its index is read from the segment. */
  addSealed(segment: Segment, builder: IndexBuilder | undefined): void {
    this.#sidecars.push({ segment, builder });
    this.wake();
  }

  /** Whether there is something to do, though there may be no room for it. */
  get hasWork(): boolean {
    const { liveness, segments } = this.#options;
    return liveness.sparse.size > 0 || segments.interrupted > 0;
  }

  /** Looks for work, when the turn is over. */
  wake(): void {
    if (this.#busy || this.#closed) return;
    this.#busy = true;
    this.#options.clock.soon(() => {
      this.#running = this.#work().catch((cause: unknown) => this.#options.onFailed(cause));
    });
  }

  /** Resolves when nothing is under way any more; what is half done is taken up again at the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #work(): Promise<void> {
    while (!this.#closed) {
      const task = this.#sidecars.shift();
      if (task) {
        await this.#writeSidecar(task);
        continue;
      }
      const segment = this.#choose();
      if (!segment || !(await this.#compact(segment))) break;
    }
    this.#busy = false;
  }

  async #writeSidecar({ segment, builder }: { segment: Segment; builder: IndexBuilder | undefined }): Promise<void> {
    const { disk, folder, liveness } = this.#options;
    const { number, seed, end } = segment;
    const parts = builder ? builder.parts() : [(await readIndex(this.#options, { segment, isNewest: false })).index];
    try {
      await writeSidecar({ disk, folder, number, seed }, { parts, end });
    } catch (error) {
      // Recovery can do without; a full disk is no reason to stop.
      if (!isFull(error)) throw error;
    }
    liveness.watch(segment.slot, segment.usedBytes / 2);
  }

  /** What an interrupted compaction left first, then the segment of which the smallest part is needed. */
  #choose(): Segment | undefined {
    const { segments, liveness, hasRoomFor } = this.#options;
    const interrupted =
      segments.interrupted > 0 ? [...segments.all()].filter(({ copiedFrom }) => copiedFrom !== undefined) : [];
    const neededBytes = (segment: Segment): number => liveness.neededBytes[segment.slot] as number;
    const resumed = interrupted.find((segment) => hasRoomFor(neededBytes(segment)));
    if (resumed) return resumed;
    let best: Segment | undefined;
    for (const slot of liveness.sparse) {
      const segment = segments.at(slot);
      const bytes = neededBytes(segment);
      if (bytes > 0 && (interrupted.length > 0 || !hasRoomFor(bytes))) continue;
      if (interrupted.some(({ copiedFrom }) => segment.number >= (copiedFrom as number))) continue;
      if (!best || bytes / segment.usedBytes < neededBytes(best) / best.usedBytes) best = segment;
    }
    return best;
  }

  /** Returns false when it has to wait for room. */
  async #compact(segment: Segment): Promise<boolean> {
    const { segments, liveness, spares, flushed, newest } = this.#options;
    const { index } = await readIndex(this.#options, { segment, isNewest: false });
    if ((liveness.neededBytes[segment.slot] as number) > 0) {
      segments.interrupt(segment, newest());
      if (!(await this.#copyForward(segment, index)) || !(await this.#takeOver(segment, index))) return false;
    }
    await flushed();
    if (this.#closed) return false;
    const path = await this.#removeName(segment);
    liveness.watch(segment.slot, 0);
    const cursor = new IndexCursor(index);
    for (let count = 1; cursor.next(); count++) {
      if (count % SLICE_RECORDS === 0) await this.#otherWork();
      if (liveness.isIn(cursor.id, segment.slot)) liveness.vanish(cursor.id);
    }
    segments.remove(segment);
    spares.recycle({ path, bytes: segment.capacity });
    this.#compactions++;
    return true;
  }

  async #copyForward(segment: Segment, index: Buffer): Promise<boolean> {
    const { liveness } = this.#options;
    const cursor = new IndexCursor(index);
    let window: Wanted[] = [];
    for (let count = 1; cursor.next(); count++) {
      if (count % SLICE_RECORDS === 0) await this.#otherWork();
      const { id, offset, length } = cursor;
      if (!liveness.isIn(id, segment.slot) || !liveness.isLive(id)) continue;
      if (window.length > 0 && offset + length - (window[0] as Wanted).offset > WINDOW_BYTES) {
        if (!(await this.#copyWindow(segment, window))) return false;
        window = [];
      }
      window.push({ id, offset, length });
    }
    return window.length === 0 || this.#copyWindow(segment, window);
  }

  async #copyWindow(segment: Segment, window: readonly Wanted[]): Promise<boolean> {
    const { segments, liveness, copy, flushed } = this.#options;
    const first = window[0] as Wanted;
    const last = window.at(-1) as Wanted;
    const bytes = Buffer.allocUnsafeSlow(last.offset + last.length - first.offset);
    await segments.read(segment, { into: bytes, offset: first.offset });
    for (const { id, offset, length } of window) {
      const start = offset - first.offset;
      if (frameEnd(bytes, start, segment.seed) !== start + length) {
        throw corrupt(segments.path(segment), offset, 'a record fails its checksum');
      }
      // It may have died while the window was read.
      if (liveness.isLive(id) && !copy(id, bytes.subarray(start, start + length))) return false;
    }
    await flushed();
    return !this.#closed;
  }

  /** New gones for what dead changes and gones of this segment keep dead elsewhere. */
  async #takeOver(segment: Segment, index: Buffer): Promise<boolean> {
    const { liveness, takeOver } = this.#options;
    const { slot } = segment;
    const cursor = new IndexCursor(index);
    let victims: number[] = [];
    const flush = (): boolean => {
      const left = victims;
      victims = [];
      return left.length === 0 || takeOver(left);
    };
    for (let count = 1; cursor.next(); count++) {
      const { id, kind, refCount } = cursor;
      if (count % SLICE_RECORDS === 0) {
        if (!flush()) return false;
        await this.#otherWork();
      }
      if (!liveness.isIn(id, slot) || !liveness.isNeeded(id)) continue;
      const from = kind === RecordKind.gone ? 0 : kind === RecordKind.change ? 1 : refCount;
      for (let at = from; at < refCount; at++) {
        const victim = cursor.ref(at);
        if (!liveness.keepsDead(id, { id: victim, slot })) continue;
        victims.push(victim);
        if (victims.length >= MAX_TAKEN_OVER && !flush()) return false;
      }
    }
    return flush();
  }

  async #removeName(segment: Segment): Promise<string> {
    const { disk, folder, segments, spares } = this.#options;
    await segments.readersGone(segment);
    await segments.closeFile(segment);
    const path = spares.nextPartialPath();
    await disk.rename(segments.path(segment), path);
    await disk.remove(`${folder}/${sidecarName(segment.number)}`);
    await disk.syncFolder(folder);
    return path;
  }

  #otherWork(): Promise<void> {
    return new Promise((resolve) => this.#options.clock.soon(resolve));
  }
}
