import { join } from 'node:path';
import { z } from 'zod';
import { RetrainError } from '../errors.ts';
import type { Files } from '../runtime/files.ts';

const FILE = 'broker.json';
const MAX_BYTES = 64 * 1024;

const runningSchema = z.object({ connectionString: z.string().min(1), pid: z.int().positive() });

/** What `retrain up` leaves in its state folder while its broker runs, for the other commands on this machine. */
export type RunningBroker = z.output<typeof runningSchema>;

/** The embedded broker of a state folder; undefined when none runs. */
export async function runningBroker(stateFolder: string, files: Files): Promise<RunningBroker | undefined> {
  const path = join(stateFolder, FILE);
  const text = await files.readText(path, { maxBytes: MAX_BYTES });
  if (text === undefined) return undefined;
  try {
    const running = runningSchema.parse(JSON.parse(text));
    return isAlive(running.pid) ? running : undefined;
  } catch (cause) {
    throw new RetrainError('DATA_CORRUPT', `${path} is not what retrain up writes: remove it and start retrain up`, {
      cause,
    });
  }
}

/** Tells the other commands where the broker is; only this user can read it. */
export async function tellRunning(stateFolder: string, running: RunningBroker, files: Files): Promise<void> {
  await files.writeAtomic(join(stateFolder, FILE), JSON.stringify(running), { mode: 0o600 });
}

export async function forgetRunning(stateFolder: string, files: Files): Promise<void> {
  await files.remove(join(stateFolder, FILE));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is alive, too.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
