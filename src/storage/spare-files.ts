import type { Clock, CancelTimer } from '../runtime/clock.ts';
import type { Disk } from '../runtime/disk.ts';
import { PARTIAL } from './segment-file.ts';

// Room is taken from the file system before it is needed, by writing zeros: the next segment, so that a write never has to allocate, and
// a reserve, so that settlements and compaction go on when the disk is full. A file is zero when it bears one of these names:
//
//   spare-<n>.zero   a future segment            reserve-<n>.zero   the reserve
//   *.partial        being filled: removed at the next start
//
// No name is used twice: a file that has been taken keeps its name until it gets that of a segment.

const RESERVE_NAME = /^reserve-(\d+)\.zero$/;
const SPARE_NAME = /^spare-(\d+)\.zero$/;

/** One is the next segment; one more saves allocating anew when segments come and go at the same pace. */
const MAX_SPARES = 2;

/** How often a full disk is tried again. */
const RETRY_MS = 10_000;

/** Zeros are made durable piece by piece: a long flush would keep the log's own writes waiting. */
const ZEROS = Buffer.alloc(1024 * 1024);

/** Before the log is open it has no writes that could wait, and each flush costs. */
const PIECE_BYTES_AT_OPEN = 16 * ZEROS.length;

export interface SpareFile {
  readonly path: string;
  readonly bytes: number;
}

export interface SpareFilesOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly folder: string;
  readonly segmentBytes: number;
  readonly reserveBytes: number;
  /** A write or sync failed for another reason than a full disk. */
  readonly onFailed: (cause: unknown) => void;
}

/** The prepared files of a log. */
export class SpareFiles {
  readonly #options: SpareFilesOptions;
  readonly #spares: SpareFile[] = [];
  #reserve: SpareFile | undefined;
  /** Recycled segments, to be zeroed or removed. */
  readonly #used: SpareFile[] = [];
  #claim: { readonly resolve: (file: SpareFile) => void; readonly reject: (cause: unknown) => void } | undefined;
  #names = 0;
  #full = false;
  #busy = false;
  #opening = false;
  #filling: Promise<void> | undefined;
  #cancelRetry: CancelTimer | undefined;
  #closed = false;

  constructor(options: SpareFilesOptions) {
    this.#options = options;
  }

  get hasReserve(): boolean {
    return this.#reserve !== undefined;
  }

  /** Whether the disk refused room for the reserve or the next segment. */
  get full(): boolean {
    return this.#full;
  }

  /** Bytes that the log can still take without asking the file system. */
  get readyBytes(): number {
    return this.#spares.reduce((sum, { bytes }) => sum + bytes, this.#reserve?.bytes ?? 0);
  }

  get bytes(): number {
    return this.#used.reduce((sum, { bytes }) => sum + bytes, this.readyBytes);
  }

  get files(): number {
    return this.#spares.length + this.#used.length + (this.#reserve ? 1 : 0);
  }

  /**
   * Keeps what an earlier run prepared, and sees to it that there is a reserve, if there is room for one. The next segment is prepared
   * behind the user's back: whoever needs it earlier waits for it.
   */
  async open(names: readonly string[]): Promise<void> {
    const { disk, folder, segmentBytes, reserveBytes } = this.#options;
    for (const name of names) {
      const path = `${folder}/${name}`;
      const reserve = RESERVE_NAME.exec(name)?.[1];
      const spare = SPARE_NAME.exec(name)?.[1];
      const number = reserve ?? spare;
      if (number === undefined) {
        if (name.endsWith(PARTIAL)) await disk.remove(path);
        continue;
      }
      this.#names = Math.max(this.#names, Number(number));
      const bytes = await sizeOf(disk, path);
      if (reserve !== undefined && !this.#reserve && bytes === reserveBytes) this.#reserve = { path, bytes };
      else if (spare !== undefined && this.#spares.length < MAX_SPARES && bytes === segmentBytes)
        this.#spares.push({ path, bytes });
      else await disk.remove(path);
    }
    await disk.syncFolder(folder);
    if (!this.#reserve) {
      this.#opening = true;
      this.#fill();
      await this.#filling;
      this.#opening = false;
    }
    this.#fill();
  }

  /**
   * A file for the next segment, at once or as soon as it is ready; undefined when there is no room. Only with `useReserve` it may
   * be the reserve. At most one claim waits at a time, and when it turns out that there is no room the reserve serves it. It is rejected when the
   * disk fails or the files are closed.
   */
  claim({ useReserve }: { useReserve: boolean }): SpareFile | Promise<SpareFile> | undefined {
    if (this.#claim) return undefined;
    const spare = this.#spares.shift();
    if (spare) {
      this.#fill();
      return spare;
    }
    if (!this.#full && this.#reserve) {
      const claimed = new Promise<SpareFile>((resolve, reject) => (this.#claim = { resolve, reject }));
      // Whoever needs the file may come later than the failure, or never.
      claimed.catch(() => undefined);
      this.#fill();
      return claimed;
    }
    return useReserve ? this.#takeReserve() : undefined;
  }

  /** Takes a file that is no longer a segment: its old name is durably gone. */
  recycle(file: SpareFile): void {
    this.#used.push(file);
    this.#full = false;
    this.#fill();
  }

  /** The name under which a segment waits to be recycled. */
  nextPartialPath(): string {
    return `${this.#options.folder}/file-${++this.#names}${PARTIAL}`;
  }

  /** Resolves when nothing is under way any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry?.();
    await this.#filling;
    this.#refuseClaim(new Error('the log is closed'));
  }

  #refuseClaim(cause: unknown): void {
    const claim = this.#claim;
    this.#claim = undefined;
    claim?.reject(cause);
  }

  #takeReserve(): SpareFile | undefined {
    const reserve = this.#reserve;
    this.#reserve = undefined;
    this.#fill();
    return reserve;
  }

  #fill(): void {
    if (this.#busy || this.#closed) return;
    this.#busy = true;
    this.#cancelRetry?.();
    this.#filling = this.#work().catch((cause: unknown) => {
      this.#options.onFailed(cause);
      this.#refuseClaim(cause);
    });
  }

  async #work(): Promise<void> {
    while (!this.#closed && this.#wanting()) {
      try {
        await this.#step();
      } catch (error) {
        if (!isFull(error)) throw error;
        await this.#yieldToFullDisk();
        if (this.#used.length === 0) break;
        await this.#removeUsed();
      }
    }
    // In the turn of the last look, so that no claim falls between.
    this.#busy = false;
  }

  #wanting(): boolean {
    if (this.#opening) return !this.#reserve;
    return !this.#reserve || this.#claim !== undefined || this.#spares.length === 0 || this.#used.length > 0;
  }

  /** One file: the reserve first, then the next segment. */
  async #step(): Promise<void> {
    const { segmentBytes, reserveBytes } = this.#options;
    const used = this.#used[0];
    if (!this.#reserve) {
      if (used?.bytes === reserveBytes) this.#used.shift();
      this.#reserve = await this.#prepare('reserve', {
        used: used?.bytes === reserveBytes ? used : undefined,
        bytes: reserveBytes,
      });
      return;
    }
    if (used && (used.bytes !== segmentBytes || (!this.#claim && this.#spares.length >= MAX_SPARES))) {
      await this.#removeUsed();
      return;
    }
    if (used) this.#used.shift();
    const spare = await this.#prepare('spare', { used, bytes: segmentBytes });
    this.#full = false;
    const claim = this.#claim;
    this.#claim = undefined;
    if (claim) claim.resolve(spare);
    else this.#spares.push(spare);
  }

  /** Fills a used or a new file with zeros, durably, and gives it the name that says so. */
  async #prepare(
    what: 'spare' | 'reserve',
    { used, bytes }: { used: SpareFile | undefined; bytes: number },
  ): Promise<SpareFile> {
    const { disk, folder } = this.#options;
    const partial = used?.path ?? this.nextPartialPath();
    const file = await disk.open(partial, used ? 'write' : 'create');
    try {
      const pieceBytes = this.#opening ? PIECE_BYTES_AT_OPEN : ZEROS.length;
      for (let at = 0; at < bytes; at += pieceBytes) {
        await file.writeDurably(zeros(Math.min(pieceBytes, bytes - at)), at);
      }
    } catch (error) {
      if (isFull(error)) await disk.remove(partial);
      throw error;
    } finally {
      await file.close();
    }
    const path = `${folder}/${what}-${++this.#names}.zero`;
    await disk.rename(partial, path);
    await disk.syncFolder(folder);
    return { path, bytes };
  }

  async #removeUsed(): Promise<void> {
    const { disk, folder } = this.#options;
    await disk.remove((this.#used.shift() as SpareFile).path);
    await disk.syncFolder(folder);
  }

  /** There is no room: whoever waits for a segment gets the reserve, and the disk is tried again after a while. */
  async #yieldToFullDisk(): Promise<void> {
    const { disk, clock, folder } = this.#options;
    this.#full = true;
    await disk.syncFolder(folder);
    if (this.#used.length > 0 || this.#closed) return;
    const claim = this.#claim;
    const reserve = this.#reserve;
    if (claim && reserve) {
      this.#claim = undefined;
      this.#reserve = undefined;
      claim.resolve(reserve);
    }
    this.#cancelRetry?.();
    this.#cancelRetry = clock.after(RETRY_MS, () => this.#fill());
  }
}

function zeros(bytes: number): Buffer[] {
  const parts: Buffer[] = [];
  for (let left = bytes; left > 0; left -= ZEROS.length) parts.push(ZEROS.subarray(0, Math.min(ZEROS.length, left)));
  return parts;
}

async function sizeOf(disk: Disk, path: string): Promise<number> {
  const file = await disk.open(path, 'read');
  try {
    return await file.size();
  } finally {
    await file.close();
  }
}

export function isFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT';
}
