import { chmod, open, readFile } from 'node:fs/promises';

/** Only the owner may read or write it. */
const OWNER_ONLY = 0o600;

/**
 * Reads the secret kept at `path`, or keeps there what `generate` gives when there is none. The file is created with mode
 * 0600 before the secret is written, and is set back to it when somebody has widened it. Text without surrounding space.
 */
export async function readOrCreateSecret(path: string, generate: () => string): Promise<string> {
  const kept = await readSecret(path);
  if (kept) return kept;
  const secret = generate();
  const file = await open(path, 'w', OWNER_ONLY);
  try {
    await file.chmod(OWNER_ONLY);
    await file.writeFile(`${secret}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  return secret;
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
