import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { files } from './files.ts';

/** A new file that grows durably. */
export interface AppendFile {
  readonly size: number;
  /** Durable when it resolves. After a failure nothing of it counts: close the file and begin another. */
  append(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Makes a file to append to, durably. A file that has the name already raises what the system says (`EEXIST`). */
export async function createAppendFile(path: string): Promise<AppendFile> {
  await files.makeFolder(dirname(path));
  const file = await open(path, 'ax');
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
  let size = 0;
  return {
    get size() {
      return size;
    },
    async append(bytes) {
      try {
        await file.appendFile(bytes);
        await file.datasync();
      } catch (error) {
        // Of a full disk: lines that got there whole would be read, and then read again when they are sent again.
        await file.truncate(size).catch(() => undefined);
        throw error;
      }
      size += bytes.byteLength;
    },
    close: () => file.close(),
  };
}
