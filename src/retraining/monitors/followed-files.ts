import { basename, dirname, join } from 'node:path';
import { RetrainError } from '../../errors.ts';
import type { FileGlance, FileReader, ReadFile } from '../../runtime/read-file.ts';
import { comparePosition, positionAt } from './file-position.ts';
import type { FilePosition } from './file-position.ts';
import { recordsIn } from './record-bounds.ts';
import { HEAD_MAX_BYTES, readingOf } from './row-format.ts';
import type { RowFormat } from './row-format.ts';
import type { SourceRow } from './source-row.ts';

/** Files that one `*` may stand for. */
export const FILES_MAX = 1_000;
/** Bytes that are read at a time; memory is a small multiple of it. */
export const CHUNK_BYTES = 1024 * 1024;

/** How far each file has been read, by its name in the folder. */
export type FilePositions = Readonly<Record<string, FilePosition>>;

/** The next rows of one file. */
export interface RowBatch {
  readonly path: string;
  readonly rows: readonly SourceRow[];
  /** The file is read from its beginning although it was read before, and why. */
  readonly restarted?: 'truncated' | 'replaced';
  /** There may be more to read at once, in this file or in another one. */
  readonly more: boolean;
  /** The positions of all files when the rows up to the one that ends at `end` have been taken; without it, all of them. */
  positionsAt(end?: number): Promise<FilePositions>;
  close(): Promise<void>;
}

export interface FollowedFilesOptions {
  /** Absolute; a `*` in its last part takes all files whose names fit. */
  readonly path: string;
  readonly format: RowFormat;
  /** Columns without which rows are of no use. */
  readonly needed: readonly string[];
  readonly reader: FileReader;
  /** Files do not grow: a last line without a line feed is a row, too. */
  readonly complete?: boolean;
}

interface Candidate {
  readonly name: string;
  readonly glance: FileGlance;
  readonly position: FilePosition | undefined;
  /** The file that had this name was read before. */
  readonly known: boolean;
}

/**
 * Follows a file that grows, or files that appear one after the other, by what has been read of each. A file is recognised by its first bytes and by
 * the last ones that were read: one that was renamed (rotated) is read to its end under its new name, one that was written anew with
 * more rows goes on behind those that are known, and one that says something else is read from its beginning.
 *
 * Only lines that end are rows: the last one may be half written.
 */
export class FollowedFiles {
  readonly #options: FollowedFilesOptions;
  /** What each file looked like when there was nothing more to read in it. */
  readonly #exhausted = new Map<string, string>();

  constructor(options: FollowedFilesOptions) {
    this.#options = options;
  }

  /**
   * The next rows, at most about `CHUNK_BYTES`; undefined when there are none. The batch must be closed.
   *
   * @throws RetrainError `CONFIGURATION_INVALID` when a file cannot be what is meant; what the system says when it cannot be read.
   */
  async next(positions: FilePositions): Promise<RowBatch | undefined> {
    const candidates = await this.#candidates(positions);
    const names = new Set(candidates.map(({ name }) => name));
    for (const name of this.#exhausted.keys()) if (!names.has(name)) this.#exhausted.delete(name);
    for (const [index, candidate] of candidates.entries()) {
      const { name, glance } = candidate;
      if (this.#exhausted.get(name) === seenAs(candidate)) continue;
      const batch = await this.#read(candidate, candidates);
      if (batch && (batch.rows.length > 0 || batch.restarted))
        return { ...batch, more: batch.more || index + 1 < candidates.length };
      await batch?.close();
      this.#exhausted.set(name, `${glance.touched}:${glance.size}:${candidate.position?.offset ?? 0}`);
    }
    return undefined;
  }

  /** Bytes that are known not to have been read, such as a half-written last line. */
  async behind(positions: FilePositions): Promise<number> {
    const candidates = await this.#candidates(positions);
    return candidates.reduce(
      (sum, { glance, position }) => sum + Math.max(0, glance.size - (position?.offset ?? 0)),
      0,
    );
  }

  async #candidates(positions: FilePositions): Promise<Candidate[]> {
    const { path, reader } = this.#options;
    const folder = dirname(path);
    const names = basename(path).includes('*') ? await this.#fittingNames(folder) : [basename(path)];
    const glances = new Map<string, FileGlance>();
    for (const name of names) {
      const glance = await reader.glance(join(folder, name));
      if (glance) glances.set(name, glance);
    }
    await this.#addRotated(positions, glances);
    const byIdentity = new Map(Object.values(positions).map((position) => [position.identity, position]));
    const candidates = [...glances].map(([name, glance]): Candidate => {
      // The same file under another name keeps its position; another file under the same name is compared with what was read.
      const renamedAway = [...glances].some(
        ([other, { identity }]) => other !== name && identity === positions[name]?.identity,
      );
      const position = byIdentity.get(glance.identity) ?? (renamedAway ? undefined : positions[name]);
      return { name, glance, position, known: positions[name] !== undefined && !renamedAway };
    });
    // A rotated file is older than the one that has its name now.
    const rotated = candidates.filter(({ name }) => !names.includes(name));
    return [...rotated, ...candidates.filter(({ name }) => names.includes(name))];
  }

  async #fittingNames(folder: string): Promise<string[]> {
    const { path, reader } = this.#options;
    const [before = '', ...after] = basename(path).split('*');
    const pattern = new RegExp(`^${[before, ...after].map(escaped).join('.*')}$`, 's');
    const names = (await reader.list(folder)).filter((name) => pattern.test(name));
    if (names.length <= FILES_MAX) return names;
    throw new RetrainError(
      'CONFIGURATION_INVALID',
      `${path} fits ${names.length} files, the limit is ${FILES_MAX}: move the old ones away, or use a narrower name`,
    );
  }

  /** Finds a file that was renamed before it was read to its end. */
  async #addRotated(positions: FilePositions, glances: Map<string, FileGlance>): Promise<void> {
    const { path, reader } = this.#options;
    const known = new Set([...glances.values()].map(({ identity }) => identity));
    const lost = new Set(Object.values(positions).map(({ identity }) => identity));
    for (const identity of known) lost.delete(identity);
    if (lost.size === 0 || glances.size === 0) return;
    const folder = dirname(path);
    for (const name of (await reader.list(folder)).slice(0, FILES_MAX)) {
      if (glances.has(name)) continue;
      const glance = await reader.glance(join(folder, name));
      if (glance && lost.has(glance.identity)) glances.set(name, glance);
    }
  }

  async #read(candidate: Candidate, candidates: readonly Candidate[]): Promise<RowBatch | undefined> {
    const { path: pattern, format, needed, reader, complete = false } = this.#options;
    const path = join(dirname(pattern), candidate.name);
    const file = await reader.open(path);
    if (!file) return undefined;
    try {
      const state = candidate.position ? await comparePosition(file, candidate.position) : 'same';
      const from = state === 'same' ? (candidate.position?.offset ?? 0) : 0;
      const head = await file.read(0, HEAD_MAX_BYTES);
      const reading = readingOf(format, head, { path, needed, atEnd: complete });
      const start = Math.max(from, reading?.firstRow ?? 0);
      const bytes = reading ? await file.read(start, CHUNK_BYTES) : Buffer.alloc(0);
      const whole = start + bytes.length >= file.size;
      const records = reading ? recordsIn(bytes, reading.recordEnd, { atEnd: complete && whole }) : [];
      const rows = reading?.rows(bytes, records).map((row) => ({ ...row, end: row.end + start })) ?? [];
      return {
        path,
        rows,
        ...(state !== 'same' && candidate.known && { restarted: state }),
        more: !whole,
        positionsAt: (end = rows.at(-1)?.end ?? start) => positionsOf(file, { candidate, candidates, end }),
        close: () => file.close(),
      };
    } catch (error) {
      await file.close();
      throw error;
    }
  }
}

/** The positions of the files that still exist. One that is gone is forgotten: nobody can read on in it. */
async function positionsOf(
  file: ReadFile,
  { candidate, candidates, end }: { candidate: Candidate; candidates: readonly Candidate[]; end: number },
): Promise<FilePositions> {
  const positions: Record<string, FilePosition> = {};
  for (const { name, position } of candidates) if (position) positions[name] = position;
  positions[candidate.name] = await positionAt(file, end);
  return positions;
}

function seenAs({ glance, position }: Candidate): string {
  return `${glance.touched}:${glance.size}:${position?.offset ?? 0}`;
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
