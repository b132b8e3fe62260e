import { randomBytes } from 'node:crypto';
import { chmod, link, open, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Only the owner may read or write it. */
const OWNER_ONLY = 0o600;

/**
 * Reads the secret kept at `path`, or keeps there what `generate` gives when there is none; of several processes that start
 * at once all get the same. The file has mode 0600 before the secret is written, and is set back to it when somebody has
 * widened it. Text without surrounding space.
 */
export async function readOrCreateSecret(path: string, generate: () => string): Promise<string> {
  const kept = await readSecret(path);
  if (kept) return kept;
  // A file without content is not ours: the secret is there as soon as the name is.
  if (kept === '') await rm(path);
  // Written under another name: nobody may find a file that has no secret yet. A link does not replace what another process made.
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await writeSecret(draft, generate());
    await link(draft, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(draft, { force: true });
  }
  await syncFolder(dirname(path));
  return (await readSecret(path)) ?? '';
}

async function writeSecret(path: string, secret: string): Promise<void> {
  const file = await open(path, 'wx', OWNER_ONLY);
  try {
    await file.chmod(OWNER_ONLY);
    await file.writeFile(`${secret}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function readSecret(path: string): Promise<string | undefined> {
  try {
    const secret = (await readFile(path, 'utf8')).trim();
    await chmod(path, OWNER_ONLY);
    return secret;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
