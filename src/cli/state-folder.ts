import { join } from 'node:path';

/** Where everything is kept that must survive, unless told otherwise. */
export const DEFAULT_STATE_FOLDER = '.retrain';

/** The parts of a worker's state folder; the outcome log lies in the folder itself. */
export function stateFolders(state: string): {
  readonly state: string;
  readonly registry: string;
  readonly runs: string;
} {
  return { state, registry: join(state, 'registry'), runs: join(state, 'runs') };
}
