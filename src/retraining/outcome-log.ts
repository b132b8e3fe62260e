import { join } from 'node:path';
import { files as systemFiles } from '../runtime/files.ts';
import type { Files } from '../runtime/files.ts';
import { outcomeEventSchema } from './outcome.ts';
import type { OutcomeEvent } from './outcome.ts';

/** Bytes of an outcome log; beyond it the older half is dropped. */
export const OUTCOME_LOG_MAX_BYTES = 8 * 1024 * 1024;

export interface OutcomeLogOptions {
  /** A worker's `outcomeFolder`; the log is a file in it. */
  readonly folder: string;
  readonly files?: Files;
  readonly maxBytes?: number;
}

/**
 * A local cache of outcome events, one line of JSON each, from which `retrain status` tells about runs and models. It is a
 * projection: the truth of a run is its model's ledger, that of a champion the registry. So it is bounded, not synced, and
 * a line that a crash tore is skipped.
 */
export class OutcomeLog {
  readonly #path: string;
  readonly #files: Files;
  readonly #maxBytes: number;
  #tail: Promise<void> = Promise.resolve();

  constructor({ folder, files = systemFiles, maxBytes = OUTCOME_LOG_MAX_BYTES }: OutcomeLogOptions) {
    this.#path = join(folder, 'outcomes.jsonl');
    this.#files = files;
    this.#maxBytes = maxBytes;
  }

  /** Resolves when the event is written, after all that were appended before it. */
  append(event: OutcomeEvent): Promise<void> {
    const written = this.#tail.then(() =>
      this.#files.appendLine(this.#path, JSON.stringify(event), { maxBytes: this.#maxBytes }),
    );
    this.#tail = written.catch(() => undefined);
    return written;
  }

  /** The events that are kept, in the order in which they were appended, and how many lines could not be read. */
  async read(): Promise<{ events: OutcomeEvent[]; skipped: number }> {
    // Twice the limit: another process may be appending at this moment.
    const text = (await this.#files.readText(this.#path, { maxBytes: 2 * this.#maxBytes })) ?? '';
    const lines = text.split('\n').filter((line) => line !== '');
    const events = lines.flatMap((line) => parseLine(line) ?? []);
    return { events, skipped: lines.length - events.length };
  }
}

function parseLine(line: string): OutcomeEvent | undefined {
  try {
    return outcomeEventSchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}
