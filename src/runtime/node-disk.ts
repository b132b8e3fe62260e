import { constants, type FileHandle, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Disk, DiskFile, FolderLock, OpenMode } from './disk.ts';
import { lockFolder } from './folder-lock.ts';
import { makeFolder } from './make-folder.ts';

/** Only the owner may read what is stored. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/**
 * One `pwritev` onto a file opened with O_DSYNC takes two thirds of the time of a `pwritev` and an `fdatasync`, each of which goes through the
 * thread pool, and no more than the pair done by a worker thread. Only Linux keeps the promise: elsewhere O_DSYNC may leave
 * data in the drive's cache, which libuv's `fdatasync` does flush.
 */
const SYNCS_EACH_WRITE = process.platform === 'linux';

const FLAGS: Record<OpenMode, number> = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR | (SYNCS_EACH_WRITE ? constants.O_DSYNC : 0),
  create: constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC,
};

/** The operating system's file system. */
export const nodeDisk: Disk = {
  async makeFolder(folder: string): Promise<void> {
    // Every new folder is an entry of its parent.
    for (const made of await makeFolder(folder, FOLDER_MODE)) await this.syncFolder(dirname(made));
  },

  list: (folder: string): Promise<string[]> => readdir(folder),

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    return new NodeFile(await open(path, FLAGS[mode], FILE_MODE), SYNCS_EACH_WRITE && mode === 'write');
  },

  rename,

  remove: (path: string): Promise<void> => rm(path, { force: true }),

  async syncFolder(folder: string): Promise<void> {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },

  lock: (folder: string): Promise<FolderLock> => lockFolder(folder),
};

class NodeFile implements DiskFile {
  readonly #handle: FileHandle;
  readonly #syncsEachWrite: boolean;

  constructor(handle: FileHandle, syncsEachWrite: boolean) {
    this.#handle = handle;
    this.#syncsEachWrite = syncsEachWrite;
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async read(into: Buffer, position: number): Promise<number> {
    let done = 0;
    while (done < into.length) {
      const { bytesRead } = await this.#handle.read(into, done, into.length - done, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  async write(parts: readonly Buffer[], position: number): Promise<void> {
    let left = parts;
    let at = position;
    while (left.length > 0) {
      const { bytesWritten } = await this.#handle.writev(left, at);
      at += bytesWritten;
      left = without(left, bytesWritten);
    }
  }

  async writeDurably(parts: readonly Buffer[], position: number): Promise<void> {
    await this.write(parts, position);
    if (!this.#syncsEachWrite) await this.#handle.datasync();
  }

  sync(): Promise<void> {
    return this.#handle.datasync();
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** What is left to write after a write that the system cut short. */
function without(parts: readonly Buffer[], written: number): readonly Buffer[] {
  let skip = written;
  let first = 0;
  while (first < parts.length && skip >= (parts[first] as Buffer).length) skip -= (parts[first++] as Buffer).length;
  if (skip === 0) return parts.slice(first);
  return [(parts[first] as Buffer).subarray(skip), ...parts.slice(first + 1)];
}
