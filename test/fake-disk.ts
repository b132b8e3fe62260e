import { RetrainError } from '../src/errors.ts';
import type { Clock } from '../src/runtime/clock.ts';
import type { Disk, DiskFile, FolderLock, OpenMode } from '../src/runtime/disk.ts';

/** What a disk writes whole or not at all. */
const SECTOR_BYTES = 512;

export interface FakeDiskOptions {
  /** Operations complete through it, never by themselves. */
  readonly clock: Clock;
  /** Decides what a power cut keeps, and how long operations take. */
  readonly seed: number;
  /** Each operation takes a random time in between; without it, it completes by `clock.soon`. */
  readonly latencyMs?: { readonly min: number; readonly max: number };
  /** Sum of the sizes of all files, beyond which writes are refused with ENOSPC. */
  readonly capacityBytes?: number;
  /** `sync` and `syncFolder` do nothing: for the test that proves that lost data is found. */
  readonly syncLies?: boolean;
}

export type FakeOperation = 'write' | 'sync' | 'syncFolder' | 'read' | 'rename';

interface UnsyncedWrite {
  readonly order: number;
  readonly position: number;
  readonly bytes: Buffer;
}

/** A file without its name: it lives on while it is open. */
class FakeInode {
  /** What reads see. */
  content: Buffer = Buffer.alloc(0);
  /** What a power cut leaves for certain. */
  durable: Buffer = Buffer.alloc(0);
  unsynced: UnsyncedWrite[] = [];
}

/** A change to a folder that is not durable yet. */
interface UnsyncedEntry {
  readonly order: number;
  readonly folder: string;
  readonly apply: (names: Map<string, FakeInode>) => void;
}

/**
 * A disk in memory that knows what is durable and what is not, and loses on purpose what is not.
 *
 * Its state and all that happens to it follow from the seed and the order of the calls. A write counts as unsynced from the moment it is
 * called; `sync` makes durable what was written before it was called, when it completes.
 */
export class FakeDisk implements Disk {
  readonly clock: Clock;
  readonly #options: FakeDiskOptions;
  readonly #fraction: () => number;
  readonly #names = new Map<string, FakeInode>();
  readonly #durableNames = new Map<string, FakeInode>();
  readonly #folders = new Set<string>();
  readonly #locks = new Set<string>();
  #unsyncedEntries: UnsyncedEntry[] = [];
  #order = 0;
  #dead = false;
  readonly #failures: { operation: FakeOperation; left: number; code: string }[] = [];
  /** Operations called so far, by kind. */
  readonly calls: Record<FakeOperation, number> = { write: 0, sync: 0, syncFolder: 0, read: 0, rename: 0 };
  capacityBytes: number;

  constructor(options: FakeDiskOptions) {
    this.#options = options;
    this.clock = options.clock;
    this.#fraction = seededFraction(options.seed);
    this.capacityBytes = options.capacityBytes ?? Infinity;
  }

  /** Sum of the sizes of all files. */
  get usedBytes(): number {
    let sum = 0;
    for (const { content } of new Set(this.#names.values())) sum += content.length;
    return sum;
  }

  /** Paths of all files, sorted. */
  get paths(): string[] {
    return [...this.#names.keys()].sort();
  }

  /** Lets the nth operation of this kind from now on (1: the next one) fail. */
  failNth(operation: FakeOperation, nth: number, code = 'EIO'): void {
    this.#failures.push({ operation, left: nth, code });
  }

  /** What a file holds now; changing it is damage done behind everybody's back, to what is durable too. */
  damage(path: string, change: (content: Buffer) => void): void {
    const inode = this.#names.get(path);
    if (!inode) throw new Error(`no file ${path}`);
    for (const { position, bytes } of inode.unsynced.splice(0)) inode.durable = overlay(inode.durable, bytes, position);
    change(inode.content);
    inode.durable = Buffer.from(inode.content);
  }

  /**
   * The disk as the next process finds it; this one is dead: whatever is under way on it never completes.
   *
   * After the death of the process alone all that was written is still there, synced or not. After a power cut each sector of what was
   * not synced is lost or kept, in any order, and so is each unsynced change of a folder.
   */
  crash(cause: 'power' | 'process' = 'power'): FakeDisk {
    this.#dead = true;
    const seed = Math.floor(this.#fraction() * 2 ** 32);
    const next = new FakeDisk({ ...this.#options, seed, capacityBytes: this.capacityBytes });
    for (const folder of this.#folders) next.#folders.add(folder);
    if (cause === 'process') {
      for (const [path, inode] of this.#names) next.#names.set(path, inode);
      for (const [path, inode] of this.#durableNames) next.#durableNames.set(path, inode);
      next.#unsyncedEntries = this.#unsyncedEntries;
      next.#order = this.#order;
      return next;
    }
    const keep = this.#keeper();
    for (const { apply } of this.#unsyncedEntries) if (keep()) apply(this.#durableNames);
    const survivors = new Map<FakeInode, FakeInode>();
    for (const [path, inode] of this.#durableNames) {
      const survivor = survivors.get(inode) ?? this.#afterPowerCut(inode);
      survivors.set(inode, survivor);
      next.#names.set(path, survivor);
      next.#durableNames.set(path, survivor);
    }
    return next;
  }

  async makeFolder(folder: string): Promise<void> {
    await this.#begin();
    this.#folders.add(folder);
    await this.#complete();
  }

  async list(folder: string): Promise<string[]> {
    await this.#complete();
    if (!this.#folders.has(folder)) throw failure('ENOENT', `no folder ${folder}`);
    return this.paths.filter((path) => folderOf(path) === folder).map((path) => path.slice(folder.length + 1));
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    await this.#begin();
    let inode = this.#names.get(path);
    if (mode === 'create') {
      const created = new FakeInode();
      inode = created;
      this.#names.set(path, created);
      this.#changeFolder(path, (names) => names.set(path, created));
    }
    await this.#complete();
    if (!inode) throw failure('ENOENT', `no file ${path}`);
    return this.#file(inode, mode !== 'read');
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#begin();
    this.#fail('rename');
    const inode = this.#names.get(from);
    if (!inode) throw failure('ENOENT', `no file ${from}`);
    this.#names.delete(from);
    this.#names.set(to, inode);
    this.#changeFolder(to, (names) => {
      if (names.get(from) === inode) names.delete(from);
      names.set(to, inode);
    });
    await this.#complete();
  }

  async remove(path: string): Promise<void> {
    await this.#begin();
    const inode = this.#names.get(path);
    this.#names.delete(path);
    this.#changeFolder(path, (names) => {
      if (names.get(path) === inode) names.delete(path);
    });
    await this.#complete();
  }

  async syncFolder(folder: string): Promise<void> {
    await this.#begin();
    const until = this.#order;
    this.#fail('syncFolder');
    await this.#complete();
    if (this.#options.syncLies) return;
    const left: UnsyncedEntry[] = [];
    for (const entry of this.#unsyncedEntries) {
      if (entry.folder === folder && entry.order <= until) entry.apply(this.#durableNames);
      else left.push(entry);
    }
    this.#unsyncedEntries = left;
  }

  async lock(folder: string): Promise<FolderLock> {
    await this.#complete();
    if (this.#locks.has(folder)) throw new RetrainError('DATA_LOCKED', `data folder ${folder} is in use by process 1`);
    this.#locks.add(folder);
    return {
      release: async () => {
        this.#locks.delete(folder);
      },
    };
  }

  #file(inode: FakeInode, writable: boolean): DiskFile {
    const write = async (parts: readonly Buffer[], position: number): Promise<void> => {
      if (!writable) throw failure('EBADF', 'the file is open for reading only');
      const bytes = Buffer.concat(parts);
      await this.#begin();
      this.#fail('write');
      const growth = position + bytes.length - inode.content.length;
      if (growth > 0 && this.usedBytes + growth > this.capacityBytes) {
        await this.#complete();
        throw failure('ENOSPC', 'no space left on device');
      }
      inode.content = overlay(inode.content, bytes, position);
      inode.unsynced.push({ order: ++this.#order, position, bytes });
      await this.#complete();
    };
    const sync = async (): Promise<void> => {
      await this.#begin();
      const until = this.#order;
      this.#fail('sync');
      await this.#complete();
      if (this.#options.syncLies) return;
      const left: UnsyncedWrite[] = [];
      for (const entry of inode.unsynced) {
        if (entry.order <= until) inode.durable = overlay(inode.durable, entry.bytes, entry.position);
        else left.push(entry);
      }
      inode.unsynced = left;
    };
    return {
      size: async () => {
        await this.#complete();
        return inode.content.length;
      },
      read: async (into, position) => {
        this.#fail('read');
        await this.#complete();
        return inode.content.copy(into, 0, position);
      },
      write,
      writeDurably: async (parts, position) => {
        await write(parts, position);
        await sync();
      },
      sync,
      close: () => this.#complete(),
    };
  }

  #changeFolder(path: string, apply: UnsyncedEntry['apply']): void {
    this.#unsyncedEntries.push({ order: ++this.#order, folder: folderOf(path), apply });
  }

  #fail(operation: FakeOperation): void {
    this.calls[operation]++;
    for (const planned of this.#failures) {
      if (planned.operation === operation && --planned.left === 0) throw failure(planned.code, `${operation} failed`);
    }
  }

  /** A dead process begins nothing. */
  #begin(): Promise<void> | undefined {
    return this.#dead ? new Promise(() => {}) : undefined;
  }

  /** Waits for the clock; forever, when the disk is dead by then. */
  #complete(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        if (!this.#dead) resolve();
      };
      const latency = this.#options.latencyMs;
      if (latency) this.clock.after(latency.min + this.#fraction() * (latency.max - latency.min), done);
      else this.clock.soon(done);
    });
  }

  /** Now and then a cut keeps all or nothing; most often something of each. */
  #keeper(): () => boolean {
    const dice = this.#fraction();
    const share = dice < 0.15 ? 0 : dice < 0.3 ? 1 : this.#fraction();
    return () => this.#fraction() < share;
  }

  #afterPowerCut(inode: FakeInode): FakeInode {
    const survivor = new FakeInode();
    const keep = this.#keeper();
    let content = inode.durable;
    for (const { position, bytes } of inode.unsynced) {
      const end = position + bytes.length;
      for (let at = position; at < end;) {
        const sectorEnd = Math.min(end, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES);
        if (keep()) content = overlay(content, bytes.subarray(at - position, sectorEnd - position), at);
        at = sectorEnd;
      }
    }
    survivor.content = Buffer.from(content);
    survivor.durable = Buffer.from(content);
    return survivor;
  }
}

/** Numbers in [0, 1) that follow from the seed: a counter through a mixing function of 32 bits. */
export function seededFraction(seed: number): () => number {
  let counter = seed >>> 0;
  return () => {
    counter = (counter + 0x9e3779b9) >>> 0;
    let mixed = counter;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

function overlay(under: Buffer, bytes: Buffer, position: number): Buffer {
  const end = position + bytes.length;
  let whole = under;
  if (end > under.length) {
    whole = Buffer.alloc(end);
    under.copy(whole);
  }
  bytes.copy(whole, position);
  return whole;
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

function failure(code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}
