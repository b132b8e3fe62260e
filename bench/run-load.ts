import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Load, LoadResult } from './load-client.ts';

/** One load may take this long before the run is given up. */
const LOAD_TIMEOUT_MS = 300_000;

/** Runs a load in a process of its own. */
export async function runLoad(load: Load): Promise<LoadResult> {
  const program = join(import.meta.dirname, 'load-client.js');
  const { stdout } = await promisify(execFile)(process.execPath, [program, JSON.stringify(load)], {
    timeout: LOAD_TIMEOUT_MS,
  });
  return JSON.parse(stdout) as LoadResult;
}
