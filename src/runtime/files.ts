import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { copyFile, link, lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { RetrainError } from '../errors.ts';
import { makeFolder } from './make-folder.ts';
import { systemRandom } from './random.ts';

/** The default limit of `readText`: whatever is read whole is meant to be small. */
export const READ_MAX_BYTES = 16 * 1024 * 1024;

/** Of a full bounded file, this share (the newest lines) stays; trimming thus costs one rewrite per many lines. */
const KEPT_SHARE = 0.5;

/** The form of a temporary name: `.<target>.<12 hex digits>.tmp`. */
const TEMPORARY = /^\..+\.[0-9a-f]{12}\.tmp$/;

export interface TreeEntry {
  /** Relative to the folder, its parts parted by `/`. */
  readonly path: string;
  readonly kind: 'file' | 'folder';
  /** Of a folder 0. */
  readonly bytes: number;
}

/**
 * Plain files and folders. "Durable" means: after the promise resolves, a power cut does not undo it (content and the
 * folder's entry are synced). Temporary files are hidden names beside their target, and `list` does not show them.
 */
export interface Files {
  /**
   * Replaces the file durably; a reader sees the old content or the new one, never a part. Makes the folder when missing.
   * `mode`: permissions of the file, 0666 less the process's umask unless given.
   */
  writeAtomic(path: string, content: string | Uint8Array, options?: { mode?: number }): Promise<void>;
  /** Like `writeAtomic`, but only when nothing has the name: of several callers at once, exactly one gets true. */
  create(path: string, content: string | Uint8Array): Promise<boolean>;
  /** The text, or undefined when there is no file. A file over `maxBytes` raises `DATA_CORRUPT`: it is not what was expected. */
  readText(path: string, options?: { maxBytes?: number }): Promise<string | undefined>;
  /** The bytes of a file in order, a part at a time. */
  read(path: string): AsyncIterable<Buffer>;
  /** Writes parts in order to a new file, durably: nothing may have its name. Makes the folder when missing. */
  write(path: string, parts: AsyncIterable<Uint8Array>): Promise<void>;
  /**
   * A file, as one entry with the path '', or all that is in a folder at any depth, in the order of their names; undefined
   * when there is neither.
   */
  tree(path: string): Promise<TreeEntry[] | undefined>;
  /** Names in a folder, sorted; empty when there is no such folder. */
  list(folder: string): Promise<string[]>;
  /** Removes a file, or a folder with all it holds, and syncs the folder; nothing there is fine. */
  remove(path: string): Promise<void>;
  /** Moves durably within one file system. */
  rename(from: string, to: string): Promise<void>;
  /** Makes a folder and its parents. */
  makeFolder(path: string): Promise<void>;
  /** Appends without syncing: for logs and caches. Makes the folder when missing. */
  append(path: string, bytes: string | Uint8Array): Promise<void>;
  /** Appends `line` and a newline without syncing; at `maxBytes` the older half of the lines is dropped. */
  appendLine(path: string, line: string, options: { maxBytes: number }): Promise<void>;
  /** Copies a file or a folder durably to a name that is free. */
  copy(from: string, to: string): Promise<void>;
  /** Bytes of a file, or of all files of a folder; undefined when there is neither. */
  size(path: string): Promise<number | undefined>;
  /**
   * SHA-256 as 64 hex digits: of a file's bytes; of a folder: over each entry's relative path, kind, size and bytes, in
   * the order of their names. Undefined when there is neither.
   */
  digest(path: string): Promise<string | undefined>;
}

export const files: Files = {
  async writeAtomic(path, content, { mode } = {}) {
    const temporary = await writeTemporary(path, content, mode);
    try {
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await syncFolder(dirname(path));
  },

  async create(path, content) {
    const temporary = await writeTemporary(path, content);
    try {
      // A hard link fails when the name is taken, unlike a rename, and shows the content all at once, unlike open('wx').
      await link(temporary, path);
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      throw error;
    } finally {
      await rm(temporary, { force: true });
    }
    await syncFolder(dirname(path));
    return true;
  },

  async readText(path, { maxBytes = READ_MAX_BYTES } = {}) {
    const file = await unlessMissing(open(path, 'r'));
    if (!file) return undefined;
    try {
      const { size } = await file.stat();
      if (size > maxBytes)
        throw new RetrainError(
          'DATA_CORRUPT',
          `${path} has ${size} bytes, over the limit of ${maxBytes}: put a smaller one in its place, or remove it`,
        );
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  },

  async *read(path) {
    // Opened with the first part that is asked for: a stream that nobody reads yet has nobody to tell of its error.
    for await (const chunk of createReadStream(path)) yield chunk as Buffer;
  },

  async write(path, parts) {
    await files.makeFolder(dirname(path));
    const file = await open(path, 'wx');
    try {
      for await (const part of parts) await file.writeFile(part);
      await file.sync();
    } finally {
      await file.close();
    }
    await syncFolder(dirname(path));
  },

  async tree(path) {
    const info = await unlessMissing(lstat(path));
    if (!info) return undefined;
    if (info.isDirectory()) return entriesIn(path, '');
    if (!info.isFile()) throw notPlain(path);
    return [{ path: '', kind: 'file', bytes: info.size }];
  },

  async list(folder) {
    const names = (await unlessMissing(readdir(folder))) ?? [];
    return names.filter((name) => !TEMPORARY.test(name)).sort();
  },

  async remove(path) {
    await rm(path, { recursive: true, force: true });
    await unlessMissing(syncFolder(dirname(path)));
  },

  async rename(from, to) {
    await rename(from, to);
    await syncFolder(dirname(to));
    if (dirname(from) !== dirname(to)) await syncFolder(dirname(from));
  },

  async makeFolder(path) {
    // Every new folder's entry lives in its parent.
    for (const made of await makeFolder(path)) await syncFolder(dirname(made));
  },

  async append(path, bytes) {
    await files.makeFolder(dirname(path));
    const file = await open(path, 'a');
    try {
      await file.appendFile(bytes);
    } finally {
      await file.close();
    }
  },

  async appendLine(path, line, { maxBytes }) {
    const text = `${line}\n`;
    const size = (await files.size(path)) ?? 0;
    if (size > 0 && size + Buffer.byteLength(text) > maxBytes) await dropOldLines(path, maxBytes);
    await files.append(path, text);
  },

  async copy(from, to) {
    await files.makeFolder(dirname(to));
    await copyTree(from, to);
    await syncFolder(dirname(to));
  },

  async size(path) {
    const info = await unlessMissing(lstat(path));
    if (!info) return undefined;
    if (!info.isDirectory()) return info.size;
    let bytes = 0;
    for (const name of await readdir(path)) bytes += (await files.size(join(path, name))) ?? 0;
    return bytes;
  },

  async digest(path) {
    const info = await unlessMissing(lstat(path));
    if (!info) return undefined;
    const hash = createHash('sha256');
    if (info.isDirectory()) await hashTree(hash, path, '');
    else await hashFile(hash, path);
    return hash.digest('hex');
  },
};

async function writeTemporary(path: string, content: string | Uint8Array, mode = 0o666): Promise<string> {
  await files.makeFolder(dirname(path));
  const temporary = join(dirname(path), `.${basename(path)}.${systemRandom.bytes(6).toString('hex')}.tmp`);
  const file = await open(temporary, 'wx', mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return temporary;
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function dropOldLines(path: string, maxBytes: number): Promise<void> {
  const text = (await files.readText(path, { maxBytes: Number.MAX_SAFE_INTEGER })) ?? '';
  const bytes = Buffer.from(text);
  const from = Math.max(0, bytes.length - Math.floor(maxBytes * KEPT_SHARE));
  const start = from === 0 ? 0 : bytes.indexOf('\n', from - 1) + 1;
  await files.writeAtomic(path, start === 0 && from > 0 ? '' : bytes.subarray(start));
}

async function copyTree(from: string, to: string): Promise<void> {
  const info = await lstat(from);
  if (info.isDirectory()) {
    await mkdir(to);
    for (const name of await readdir(from)) await copyTree(join(from, name), join(to, name));
    await syncFolder(to);
    return;
  }
  if (!info.isFile()) throw notPlain(from);
  await copyFile(from, to, constants.COPYFILE_EXCL);
  // 'r': an artifact may be read-only, and syncing needs no more.
  const file = await open(to, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function entriesIn(folder: string, prefix: string): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = [];
  for (const name of (await readdir(folder)).sort()) {
    const path = join(folder, name);
    const relative = `${prefix}${name}`;
    const info = await lstat(path);
    if (info.isDirectory())
      entries.push({ path: relative, kind: 'folder', bytes: 0 }, ...(await entriesIn(path, `${relative}/`)));
    else if (info.isFile()) entries.push({ path: relative, kind: 'file', bytes: info.size });
    else throw notPlain(path);
  }
  return entries;
}

async function hashTree(hash: Hash, folder: string, prefix: string): Promise<void> {
  for (const name of (await readdir(folder)).sort()) {
    const path = join(folder, name);
    const relative = `${prefix}${name}`;
    const info = await lstat(path);
    if (info.isDirectory()) {
      hash.update(`folder ${JSON.stringify(relative)}\n`);
      await hashTree(hash, path, `${relative}/`);
    } else {
      hash.update(`file ${JSON.stringify(relative)} ${info.size}\n`);
      await hashFile(hash, path);
    }
  }
}

async function hashFile(hash: Hash, path: string): Promise<void> {
  if (!(await lstat(path)).isFile()) throw notPlain(path);
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
}

function notPlain(path: string): RetrainError {
  return new RetrainError(
    'ARGUMENT_INVALID',
    `${path} is neither a file nor a folder: put the content itself there, not a link to it`,
  );
}

async function unlessMissing<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
