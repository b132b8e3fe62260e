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
      await file.appendFile(bytes);
      await file.datasync();
      size += bytes.byteLength;
    },
    close: () => file.close(),
  };
}
