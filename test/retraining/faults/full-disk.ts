import { files as systemFiles } from '../../../src/runtime/files.ts';
import type { Files } from '../../../src/runtime/files.ts';

/** The operations that need room. */
const WRITING = ['writeAtomic', 'create', 'makeFolder', 'append', 'appendLine', 'copy'] as const;

/** Files of which some paths lie on a disk without room, until it is freed. Reading and removing work, as they do. */
export class FullDisk {
  readonly files: Files;
  #full = true;

  constructor(isOnIt: (path: string) => boolean) {
    const checked = { ...systemFiles };
    for (const operation of WRITING) {
      const write = systemFiles[operation] as (...args: unknown[]) => Promise<unknown>;
      Object.assign(checked, {
        [operation]: async (...args: string[]) => {
          // Of a copy, the target is what needs room.
          const path = operation === 'copy' ? args[1] : args[0];
          if (this.#full && isOnIt(`${path}/`)) throw noSpace(operation, path);
          return write(...args);
        },
      });
    }
    this.files = checked;
  }

  free(): void {
    this.#full = false;
  }
}

function noSpace(operation: string, path = ''): Error {
  const error = new Error(`ENOSPC: no space left on device, ${operation} '${path}'`);
  return Object.assign(error, { code: 'ENOSPC' });
}
