import { join } from 'node:path';

/** Where a worker keeps what must survive it, unless told otherwise. */
export const DEFAULT_STATE_FOLDER = '.retrain/worker';

/** The parts of a worker's state folder; the outcome log lies in the folder itself. */
export function stateFolders(state: string): { readonly registry: string; readonly runs: string } {
  return { registry: join(state, 'registry'), runs: join(state, 'runs') };
}
