import { join } from 'node:path';
import { RetrainError } from '../errors.ts';
import type { FolderLock } from '../runtime/disk.ts';
import { files } from '../runtime/files.ts';
import { nodeDisk } from '../runtime/node-disk.ts';

/** Says that a folder was made by the demo and may be made anew. */
const MARKER = 'made-by-retrain-demo';
const LOCK = /^lock\./;

/** The demo's folder, held for one demo at a time. */
export class DemoFolder implements AsyncDisposable {
  readonly path: string;
  readonly broker: string;
  /** The worker's state folder. */
  readonly worker: string;
  readonly workerLog: string;
  readonly report: string;
  /** The first model, before the registry has it. */
  readonly firstModel: string;
  readonly #lock: FolderLock;

  private constructor(path: string, lock: FolderLock) {
    this.path = path;
    this.broker = join(path, 'broker');
    this.worker = join(path, 'worker');
    this.workerLog = join(path, 'worker.log');
    this.report = join(path, 'report.html');
    this.firstModel = join(path, 'first-model', 'births-model.json');
    this.#lock = lock;
  }

  /**
   * Takes a folder that is missing, empty, or was made by a demo, and removes what an earlier demo left in it.
   *
   * @throws RetrainError `ARGUMENT_INVALID` when the folder holds anything else, `DATA_LOCKED` when a demo runs in it
   */
  static async open(path: string): Promise<DemoFolder> {
    const names = (await files.list(path)).filter((name) => !LOCK.test(name));
    if (names.length > 0 && !names.includes(MARKER))
      throw new RetrainError(
        'ARGUMENT_INVALID',
        `folder ${path} is not empty and was not made by the demo: choose another with --data`,
      );
    await files.makeFolder(path);
    const folder = new DemoFolder(path, await nodeDisk.lock(path));
    for (const part of folder.#parts()) await files.remove(part);
    await files.writeAtomic(join(path, MARKER), 'The next retrain demo in this folder replaces what is in it.\n');
    return folder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lock.release();
  }

  #parts(): string[] {
    return [this.broker, this.worker, this.workerLog, this.report, join(this.firstModel, '..')];
  }
}
