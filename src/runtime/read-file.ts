import { open, readdir, stat } from 'node:fs/promises';

/** What tells a file from another one that has its name now, and whether it has changed since. */
export interface FileGlance {
  readonly size: number;
  /** Device and inode: stays when the file is renamed. */
  readonly identity: string;
  /** Changes with every write; nothing else is to be read from it. */
  readonly touched: string;
}

/** A file that somebody else writes, opened for reading. */
export interface ReadFile extends FileGlance {
  /** Up to `length` bytes from `position`; fewer at the end of the file. */
  read(position: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

/** Files of others, which grow and are replaced while they are looked at. */
export interface FileReader {
  /** Undefined when there is no such file. */
  glance(path: string): Promise<FileGlance | undefined>;
  /** Undefined when there is no such file. The handle stays with the file that had the name at this moment. */
  open(path: string): Promise<ReadFile | undefined>;
  /** Names in a folder, sorted; empty when there is no such folder. */
  list(folder: string): Promise<string[]>;
}

export const fileReader: FileReader = {
  async glance(path) {
    const info = await unlessMissing(stat(path, { bigint: true }));
    return info?.isFile() ? glanceOf(info) : undefined;
  },

  async open(path) {
    const file = await unlessMissing(open(path, 'r'));
    if (!file) return undefined;
    try {
      const info = await file.stat({ bigint: true });
      return {
        ...glanceOf(info),
        async read(position, length) {
          const buffer = Buffer.alloc(length);
          let read = 0;
          while (read < length) {
            const { bytesRead } = await file.read(buffer, read, length - read, position + read);
            if (bytesRead === 0) break;
            read += bytesRead;
          }
          return buffer.subarray(0, read);
        },
        close: () => file.close(),
      };
    } catch (error) {
      await file.close();
      throw error;
    }
  },

  async list(folder) {
    return ((await unlessMissing(readdir(folder))) ?? []).sort();
  },
};

function glanceOf(info: { size: bigint; dev: bigint; ino: bigint; mtimeNs: bigint; ctimeNs: bigint }): FileGlance {
  return {
    size: Number(info.size),
    identity: `${info.dev}:${info.ino}`,
    touched: `${info.mtimeNs}:${info.ctimeNs}`,
  };
}

async function unlessMissing<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
