import { chmod, stat } from 'node:fs/promises';
import { files } from './files.ts';

/** Only the owner may read or write it. */
const OWNER_ONLY = 0o600;
const OWNER_ONLY_FOLDER = 0o700;
/** By group and others. */
const OTHERS_READ = 0o044;
const OTHERS_WRITE = 0o022;

/**
 * The text of a file that holds secrets, or undefined when there is none. Its mode is set back to 0600 first, should somebody
 * have widened it. A file over `maxBytes` raises `DATA_CORRUPT`.
 */
export async function readSecretFile(path: string, options: { maxBytes: number }): Promise<string | undefined> {
  try {
    await chmod(path, OWNER_ONLY);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return files.readText(path, options);
}

/** Replaces the file durably; it has mode 0600 before it has content, and a reader sees the old content or the new one. */
export function writeSecretFile(path: string, text: string): Promise<void> {
  return files.writeAtomic(path, text, { mode: OWNER_ONLY });
}

/** Makes a folder whose names only the owner may see, or makes it so. */
export async function makeSecretFolder(path: string): Promise<void> {
  await files.makeFolder(path);
  await chmod(path, OWNER_ONLY_FOLDER);
}

/** What others than its owner may do with a file. Windows keeps that elsewhere: there nothing. */
export async function openToOthers(path: string): Promise<{ readonly read: boolean; readonly write: boolean }> {
  if (process.platform === 'win32') return { read: false, write: false };
  const { mode } = await stat(path);
  return { read: (mode & OTHERS_READ) !== 0, write: (mode & OTHERS_WRITE) !== 0 };
}
