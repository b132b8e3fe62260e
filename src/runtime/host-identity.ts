import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';

/** Of the host's name; with what follows it, an identity stays under 255 characters. */
const NAME_MAX_LENGTH = 180;

/**
 * What names the set of processes among which a pid is unique, so that the pids of two places are never compared. A host's
 * name alone does not: images and containers are made from one template. On Linux the boot id and the pid namespace
 * (proc_sys_kernel(5), pid_namespaces(7)) follow it; a restarted container counts as another place. Elsewhere: the name.
 */
export async function hostIdentity(): Promise<string> {
  const parts = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => ''),
    readlink('/proc/self/ns/pid').catch(() => ''),
  ]);
  const [boot = '', namespace = ''] = parts.map((part) => part.trim());
  return [hostname().slice(0, NAME_MAX_LENGTH), boot, namespace.replace(/\D/g, '')].filter(Boolean).join('/');
}
