import { readFile } from 'node:fs/promises';

/** Files and sockets that this process may have open at a time (proc_pid_limits(5)); undefined where the system does not tell, or sets no limit. */
export async function maxOpenFiles(): Promise<number | undefined> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const [, soft] = /^Max open files\s+(\d+)/m.exec(limits) ?? [];
  return soft === undefined ? undefined : Number(soft);
}
