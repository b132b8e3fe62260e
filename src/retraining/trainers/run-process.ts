import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Clock } from '../../runtime/clock.ts';
import { pause } from '../../runtime/clock.ts';
import { files } from '../../runtime/files.ts';

/** How soon a group that was told to end is looked at, and the longest pause between two looks. */
const FIRST_POLL_MS = 10;
const MAX_POLL_MS = 200;
/** How long a group may take to vanish after SIGKILL (a process in an uninterruptible system call takes its time). */
const KILL_WAIT_MS = 5000;

const run = promisify(execFile);

/** A process, told apart from a later one that got the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** From `startOf`; compare it for equality only. */
  readonly start: string;
}

/**
 * What marks the start of process `pid`, or undefined when there is no such process (a zombie counts as none).
 *
 * Linux: boot id and field 22 of /proc/<pid>/stat, start time in clock ticks since boot (proc_pid_stat(5)); containers often
 * have no `ps`. Elsewhere: `ps -o lstart=`.
 */
export async function startOf(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    const stat = await linuxStat(pid);
    if (!stat || stat.state === 'Z' || stat.state === 'X') return undefined;
    const bootId = (await files.readText('/proc/sys/kernel/random/boot_id'))?.trim() ?? '';
    return `${bootId}:${stat.startTicks}`;
  }
  try {
    const { stdout } = await run('ps', ['-o', 'stat=', '-o', 'lstart=', '-p', String(pid)], { env: { LC_ALL: 'C' } });
    const [state = '', ...start] = stdout.trim().split(/\s+/);
    return state === '' || state.startsWith('Z') ? undefined : start.join(' ');
  } catch {
    return undefined;
  }
}

/** Whether exactly this process is still there. */
export async function isRunning({ pid, start }: ProcessIdentity): Promise<boolean> {
  return (await startOf(pid)) === start;
}

/** Ends a process group: SIGTERM, `graceMs` milliseconds, SIGKILL. Resolves when it is gone, or `false` when it would not go. */
export async function endGroup(
  groupId: number,
  { graceMs, clock }: { graceMs: number; clock: Clock },
): Promise<boolean> {
  signalGroup(groupId, 'SIGTERM');
  if (await groupEnds(groupId, graceMs, clock)) return true;
  signalGroup(groupId, 'SIGKILL');
  return groupEnds(groupId, KILL_WAIT_MS, clock);
}

/** Sends `signal` to every member; `false` when the group has no member that we may signal. */
export function signalGroup(groupId: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-groupId, signal);
  } catch {
    return false;
  }
}

async function groupEnds(groupId: number, withinMs: number, clock: Clock): Promise<boolean> {
  const deadlineMs = clock.monotonicMs() + withinMs;
  for (let pollMs = FIRST_POLL_MS; await groupLives(groupId); pollMs = Math.min(pollMs * 2, MAX_POLL_MS)) {
    const leftMs = deadlineMs - clock.monotonicMs();
    if (leftMs <= 0) return false;
    await pause(clock, Math.min(pollMs, leftMs));
  }
  return true;
}

/** Signal 0 also finds zombies, which nobody reaps in a container whose first process is no init: look closer on Linux. */
async function groupLives(groupId: number): Promise<boolean> {
  if (!signalGroup(groupId, 0)) return false;
  if (process.platform !== 'linux') return true;
  for (const name of await files.list('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await linuxStat(Number(name));
    if (stat && stat.group === groupId && stat.state !== 'Z' && stat.state !== 'X') return true;
  }
  return false;
}

/** The fields after the command's name, which is in parentheses and may hold anything, even a parenthesis. */
async function linuxStat(pid: number): Promise<{ state: string; group: number; startTicks: string } | undefined> {
  const text = await files.readText(`/proc/${pid}/stat`).catch(() => undefined);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', group: Number(fields[2]), startTicks: fields[19] ?? '' };
}
