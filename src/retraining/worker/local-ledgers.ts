import { join } from 'node:path';
import type { Files } from '../../runtime/files.ts';
import { lockFolder } from '../../runtime/folder-lock.ts';
import { modelPath } from '../model-name.ts';
import { LEDGER_MAX_BYTES } from './ledger-codec.ts';

/**
 * Ledgers of models whose queue has no sessions, and so no session state: a file for each model. The folder is locked for as
 * long as they are open, which is all that keeps two workers from the same model; the lock reaches one host only.
 */
export class LocalLedgers {
  readonly #folder: string;
  readonly #files: Files;
  readonly #lock: Awaited<ReturnType<typeof lockFolder>>;

  private constructor(folder: string, files: Files, lock: Awaited<ReturnType<typeof lockFolder>>) {
    this.#folder = folder;
    this.#files = files;
    this.#lock = lock;
  }

  /** Raises `DATA_LOCKED` while another process has the folder. */
  static async open(folder: string, files: Files): Promise<LocalLedgers> {
    await files.makeFolder(folder);
    return new LocalLedgers(folder, files, await lockFolder(folder));
  }

  /** The ledger's text; undefined when there is none. */
  read(model: string): Promise<string | undefined> {
    return this.#files.readText(this.#path(model), { maxBytes: LEDGER_MAX_BYTES });
  }

  /** Resolves when a power cut would not undo it. */
  async write(model: string, ledger: Uint8Array): Promise<void> {
    await this.#files.writeAtomic(this.#path(model), ledger);
  }

  async close(): Promise<void> {
    await this.#lock.release();
  }

  #path(model: string): string {
    return join(this.#folder, `${modelPath(model)}.json`);
  }
}
