import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/**
 * Makes a folder and the parents that it lacks; returns what was made, from the top down. Node's own way to do so never comes back below a folder
 * that takes no entries, such as `/proc`.
 *
 * @throws what the system says when one of them cannot be made, or has the name of a file
 */
export async function makeFolder(folder: string, mode?: number): Promise<string[]> {
  const missing: string[] = [];
  for (let at = resolve(folder); !(await exists(at)); at = dirname(at)) missing.unshift(at);
  const made: string[] = [];
  for (const path of missing) {
    try {
      await mkdir(path, mode === undefined ? {} : { mode });
      made.push(path);
    } catch (error) {
      // Another process may have been faster.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  return made;
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory() || notAFolder(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

function notAFolder(path: string): never {
  throw Object.assign(new Error(`ENOTDIR: '${path}' is a file, not a folder`), { code: 'ENOTDIR', path });
}
