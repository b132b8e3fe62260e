import { join } from 'node:path';
import { createAppendFile } from '../../runtime/append-file.ts';
import type { AppendFile } from '../../runtime/append-file.ts';
import type { Files } from '../../runtime/files.ts';
import type { FileReader } from '../../runtime/read-file.ts';
import { modelPath } from '../model-name.ts';
import { RECORD_MAX_BYTES } from './record-bounds.ts';
import type { FilePositions } from './followed-files.ts';

/** Bytes after which a journal goes on in another file. */
export const SEGMENT_MAX_BYTES = 4 * 1024 * 1024;

const NAME = /^(\d{12})\.jsonl$/;
const LINE_FEED = 0x0a;

/** Where the observations of a model that were pushed wait for its monitors: lines of JSON in numbered files. */
export function journalFolder(folder: string, model: string): string {
  return join(folder, modelPath(model));
}

/** All files of a journal, as a monitor's source. */
export function journalPattern(folder: string, model: string): string {
  return join(journalFolder(folder, model), '*.jsonl');
}

/** Writes a model's journal. There is one writer at a time; every writer begins a file of its own, so that a line which a crash tore stays the last of its file. */
export class JournalWriter {
  readonly #folder: string;
  #number: number;
  #segment: AppendFile | undefined;
  /** Of all files of the journal, as far as this writer knows. */
  #bytes: number;

  private constructor(folder: string, { number, bytes }: { number: number; bytes: number }) {
    this.#folder = folder;
    this.#number = number;
    this.#bytes = bytes;
  }

  static async open(folder: string, files: Files): Promise<JournalWriter> {
    const names = await journalFiles(folder, files);
    const bytes = (await files.size(folder)) ?? 0;
    return new JournalWriter(folder, { number: Number(names.at(-1)?.slice(0, 12) ?? 0), bytes });
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Says how much there is after monitors have removed what they have read. */
  async measure(files: Files): Promise<number> {
    this.#bytes = (await files.size(this.#folder)) ?? 0;
    return this.#bytes;
  }

  /** Durable when it resolves; when it rejects, none of it counts. */
  async append(bytes: Buffer): Promise<void> {
    if (this.#segment && this.#segment.size + bytes.length > SEGMENT_MAX_BYTES) await this.close();
    if (!this.#segment) {
      this.#number += 1;
      this.#segment = await createAppendFile(join(this.#folder, `${String(this.#number).padStart(12, '0')}.jsonl`));
    }
    try {
      await this.#segment.append(bytes);
    } catch (error) {
      await this.close().catch(() => undefined);
      throw error;
    }
    this.#bytes += bytes.length;
  }

  async close(): Promise<void> {
    const segment = this.#segment;
    this.#segment = undefined;
    await segment?.close();
  }
}

/** The files of a journal, the oldest first. */
export async function journalFiles(folder: string, files: Pick<Files, 'list'>): Promise<string[]> {
  return (await files.list(folder)).filter((name) => NAME.test(name));
}

/** Removes the files of a journal that all its monitors have read, but never the newest one, which may be growing. */
export async function trimJournal(
  folder: string,
  { monitors, files, reader }: { monitors: readonly FilePositions[]; files: Files; reader: FileReader },
): Promise<void> {
  const names = await journalFiles(folder, files);
  for (const name of names.slice(0, -1)) {
    const offset = Math.min(...monitors.map((positions) => positions[name]?.offset ?? 0));
    if (!(await isReadUpTo(join(folder, name), offset, reader))) return;
    await files.remove(join(folder, name));
  }
}

/** What is left of it is at most a line that a crash tore. */
async function isReadUpTo(path: string, offset: number, reader: FileReader): Promise<boolean> {
  const file = await reader.open(path);
  if (!file) return true;
  try {
    if (file.size - offset > RECORD_MAX_BYTES) return false;
    return !(await file.read(offset, file.size - offset)).includes(LINE_FEED);
  } finally {
    await file.close();
  }
}
