import { spawn } from 'node:child_process';
import type { NotifyRule } from './notify-settings.ts';
import type { Notification } from './notify-text.ts';
import type { Delivery, DeliveryOptions } from './webhook.ts';

/** Characters of stderr that a reason repeats, the last. */
const STDERR_SHOWN = 300;
/** Between SIGTERM and SIGKILL for a command that takes too long, milliseconds. */
const GRACE_MS = 2_000;

/**
 * Starts a command without a shell, gives it the notification as JSON on stdin, and waits for exit code 0. It is the leader of
 * a process group, so that what it has started ends with it when the time is over. Our own `RETRAIN_*` variables, which may hold
 * the connection string, are not handed on.
 */
export function runNotifyCommand(
  { command: argv = [], env, baseFolder }: Pick<NotifyRule, 'command' | 'env'> & { baseFolder?: string | undefined },
  notification: Notification,
  { clock, timeoutMs, signal }: DeliveryOptions,
): Promise<Delivery> {
  const [command = '', ...args] = argv;
  return new Promise((resolve) => {
    let stderr = '';
    let stopped: string | undefined;
    const child = spawn(command, args, {
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe'],
      env: { ...ownEnvironment(), ...env, RETRAIN_MODEL: notification.model, RETRAIN_RULE: notification.rule },
      ...(baseFolder !== undefined && { cwd: baseFolder }),
    });
    let cancelKill = (): void => undefined;
    const end = (why: string): void => {
      stopped ??= why;
      endGroup(child.pid, 'SIGTERM');
      cancelKill = clock.after(GRACE_MS, () => endGroup(child.pid, 'SIGKILL'));
    };
    const onAbort = (): void => end('the notifier stops');
    const cancelLimit = clock.after(timeoutMs, () => end(`it took more than ${timeoutMs} ms`));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const finish = (delivery: Delivery): void => {
      cancelLimit();
      cancelKill();
      signal.removeEventListener('abort', onAbort);
      resolve(delivery);
    };
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-STDERR_SHOWN)));
    child.on('error', (error: NodeJS.ErrnoException) =>
      finish({ kind: 'failed', reason: `${command} could not be started (${error.code ?? error.message})` }),
    );
    child.on('close', (code, exitSignal) => {
      if (code === 0 && stopped === undefined) finish({ kind: 'told' });
      else finish({ kind: 'failed', reason: `${command}: ${stopped ?? exitText(code, exitSignal)}${said(stderr)}` });
    });
    // A command need not read what it is told.
    child.stdin.on('error', () => undefined);
    child.stdin.end(JSON.stringify(notification));
  });
}

function ownEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('RETRAIN_')));
}

function endGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It is gone already.
  }
}

function exitText(code: number | null, signal: NodeJS.Signals | null): string {
  return code === null ? `ended by ${signal ?? 'a signal'}` : `exit code ${code}`;
}

function said(stderr: string): string {
  const text = stderr.replace(/[\p{Cc}\s]+/gu, ' ').trim();
  return text === '' ? '' : ` (${text})`;
}
