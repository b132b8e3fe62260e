import { RetrainError } from '../../errors.ts';
import { systemClock } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import { files as systemFiles } from '../../runtime/files.ts';
import type { Files } from '../../runtime/files.ts';
import { nodeDisk } from '../../runtime/node-disk.ts';
import type { FolderLock } from '../../runtime/disk.ts';
import { diskError } from '../disk-error.ts';
import { observationSchema } from './observation.ts';
import type { ObservationInput } from './observation.ts';
import { JournalWriter, journalFiles, journalFolder } from './observation-journal.ts';
import { timeOf } from './observed-row.ts';
import { RECORD_MAX_BYTES } from './record-bounds.ts';

/** Observations in one call. */
export const OBSERVATIONS_MAX = 1_000;
/** Bytes of a model's observations that its monitors have not read yet. */
export const JOURNAL_MAX_BYTES = 64 * 1024 * 1024;
/** Ids of observations of a model that are remembered, the newest. */
export const IDS_REMEMBERED = 10_000;

export interface ObservationSinkOptions {
  /** Folder of the journals, one for each model; monitors are given the same. */
  readonly folder: string;
  /** Models that have a monitor for pushed observations: those of others would wait for ever. */
  readonly models: Iterable<string>;
  readonly clock?: Clock;
  readonly files?: Files;
  readonly maxJournalBytes?: number;
}

/** What became of the observations of one call. */
export interface AcceptedObservations {
  /** Kept durably, to be read by the monitors of their models. */
  readonly accepted: number;
  /** Their ids had come before. */
  readonly duplicates: number;
}

interface Journal {
  readonly writer: JournalWriter;
  /** Ids in the order in which they came. */
  readonly ids: Set<string>;
}

/** Observations of one model that are ready to be written. */
interface Batch {
  readonly journal: Journal;
  readonly ids: ReadonlySet<string>;
  readonly bytes: Buffer;
  readonly count: number;
}

/**
 * Takes observations that are pushed, over HTTP or by a program, and keeps them on the disk until the monitors of their models have read them. Every
 * observation that was accepted is watched at least once; with an id, and within the newest `IDS_REMEMBERED` of its model, once.
 */
export class ObservationSink {
  readonly #folder: string;
  readonly #models: ReadonlySet<string>;
  readonly #clock: Clock;
  readonly #files: Files;
  readonly #maxJournalBytes: number;
  readonly #lock: FolderLock;
  readonly #journals = new Map<string, Journal>();
  #tail: Promise<unknown> = Promise.resolve();

  private constructor(options: ObservationSinkOptions, lock: FolderLock) {
    const { folder, models, clock = systemClock, files = systemFiles, maxJournalBytes = JOURNAL_MAX_BYTES } = options;
    this.#folder = folder;
    this.#models = new Set(models);
    this.#clock = clock;
    this.#files = files;
    this.#maxJournalBytes = maxJournalBytes;
    this.#lock = lock;
  }

  /** @throws RetrainError `DATA_LOCKED` when another process writes to the folder. */
  static async open(options: ObservationSinkOptions): Promise<ObservationSink> {
    await (options.files ?? systemFiles).makeFolder(options.folder);
    return new ObservationSink(options, await nodeDisk.lock(options.folder));
  }

  /**
   * Takes 1 to `OBSERVATIONS_MAX` observations. When it resolves they are durable. When it rejects none was taken, unless the disk failed between two models.
   *
   * @throws RetrainError `ARGUMENT_INVALID` for what is no observation, or of a model without a monitor for it, naming its place in the list; nothing
   * was taken then. `DISK_FULL` when monitors have not read what came before, or the disk has no room, `DISK_FAILED` when it cannot be written to; the same call may be made again later.
   */
  accept(observations: readonly unknown[]): Promise<AcceptedObservations> {
    const done = this.#tail.then(() => this.#accept(observations));
    this.#tail = done.catch(() => undefined);
    return done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tail;
    for (const { writer } of this.#journals.values()) await writer.close();
    await this.#lock.release();
  }

  async #accept(observations: readonly unknown[]): Promise<AcceptedObservations> {
    if (observations.length === 0 || observations.length > OBSERVATIONS_MAX)
      throw new RetrainError(
        'ARGUMENT_INVALID',
        `observations has ${observations.length} items: give 1 to ${OBSERVATIONS_MAX}`,
      );
    const now = new Date(this.#clock.wallMs()).toISOString();
    const byModel = new Map<string, ObservationInput[]>();
    for (const [index, value] of observations.entries()) {
      const observation = this.#checked(value, index);
      const list = byModel.get(observation.model);
      if (list) list.push(observation);
      else byModel.set(observation.model, [observation]);
    }
    // Everything that can be refused is, before anything is written.
    const batches: Batch[] = [];
    for (const [model, list] of byModel) batches.push(await this.#prepare(model, list, now));
    let accepted = 0;
    for (const batch of batches) accepted += await this.#keep(batch);
    return { accepted, duplicates: observations.length - accepted };
  }

  #checked(value: unknown, index: number): ObservationInput {
    const place = `observations[${index}]`;
    const { data, error } = observationSchema.safeParse(value);
    const issue = error?.issues[0];
    if (!data) {
      const field = [place, ...(issue?.path ?? []).map(String)].join('.');
      throw new RetrainError('ARGUMENT_INVALID', `${field}: ${issue?.message ?? 'is no observation'}`);
    }
    if (!this.#models.has(data.model))
      throw new RetrainError(
        'ARGUMENT_INVALID',
        `${place}.model = ${JSON.stringify(data.model)}: no monitor of it takes pushed observations; give it one with the source pushed`,
      );
    return data;
  }

  async #prepare(model: string, observations: readonly ObservationInput[], now: string): Promise<Batch> {
    const journal = await this.#journalOf(model);
    const ids = new Set<string>();
    const lines: string[] = [];
    for (const { id, time, values } of observations) {
      if (id !== undefined && (journal.ids.has(id) || ids.has(id))) continue;
      if (id !== undefined) ids.add(id);
      const timeMs = time === undefined ? undefined : timeOf(time);
      const at = timeMs === undefined ? now : new Date(timeMs).toISOString();
      const line = JSON.stringify({ ...(id !== undefined && { id }), time: at, ...values });
      if (Buffer.byteLength(line) >= RECORD_MAX_BYTES)
        throw new RetrainError(
          'ARGUMENT_INVALID',
          `an observation of ${model} takes ${Buffer.byteLength(line)} bytes as JSON, the limit is ${RECORD_MAX_BYTES - 1}: leave out what no monitor watches`,
        );
      lines.push(line);
    }
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
    await this.#checkRoom(model, journal.writer, bytes.length);
    return { journal, ids, bytes, count: lines.length };
  }

  async #keep({ journal, ids, bytes, count }: Batch): Promise<number> {
    if (count === 0) return 0;
    try {
      await journal.writer.append(bytes);
    } catch (error) {
      throw diskError(error, { what: 'the observations', where: this.#folder });
    }
    for (const id of ids) journal.ids.add(id);
    for (const id of journal.ids) {
      if (journal.ids.size <= IDS_REMEMBERED) break;
      journal.ids.delete(id);
    }
    return count;
  }

  async #checkRoom(model: string, writer: JournalWriter, bytes: number): Promise<void> {
    if (writer.bytes + bytes <= this.#maxJournalBytes) return;
    const held = await writer.measure(this.#files);
    if (held + bytes <= this.#maxJournalBytes) return;
    throw new RetrainError(
      'DISK_FULL',
      `${held} bytes of observations of ${model} have not been read yet, the limit is ${this.#maxJournalBytes}: get its monitors to run, then send again`,
    );
  }

  async #journalOf(model: string): Promise<Journal> {
    const known = this.#journals.get(model);
    if (known) return known;
    const folder = journalFolder(this.#folder, model);
    const journal = {
      ids: await rememberedIds(folder, this.#files),
      writer: await JournalWriter.open(folder, this.#files),
    };
    this.#journals.set(model, journal);
    return journal;
  }
}

/** The newest ids in a journal. What monitors have read and removed is forgotten: a restart may let an old double through. */
async function rememberedIds(folder: string, files: Files): Promise<Set<string>> {
  const ids: string[] = [];
  for (const name of (await journalFiles(folder, files)).toReversed()) {
    const text = (await files.readText(`${folder}/${name}`)) ?? '';
    ids.unshift(...text.split('\n').flatMap(idOf));
    if (ids.length >= IDS_REMEMBERED) break;
  }
  return new Set(ids.slice(-IDS_REMEMBERED));
}

function idOf(line: string): string[] {
  try {
    const { id } = JSON.parse(line) as { id?: unknown };
    return typeof id === 'string' ? [id] : [];
  } catch {
    return [];
  }
}
