import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Command } from './languages.ts';

export interface Run {
  readonly command: Command;
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The command and all its children are killed after this time. */
  readonly maxMs: number;
  /** Every line of standard output. */
  readonly onLine?: (line: string) => void;
  /** Every line of standard error. */
  readonly onError?: (line: string) => void;
}

/** Why a command did not succeed; undefined when it did. */
export type Failure = string | undefined;

/** Commands under way, so that an interrupted runner leaves nothing behind. */
export class Programs {
  readonly #running = new Set<ChildProcess>();
  interrupted = false;

  async run({ command: [program, ...args], cwd, env, maxMs, onLine, onError }: Run): Promise<Failure> {
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // a group of its own, so that what a build tool starts ends with it
      detached: true,
    });
    this.#running.add(child);
    createInterface({ input: child.stdout }).on('line', (line) => onLine?.(line));
    createInterface({ input: child.stderr }).on('line', (line) => onError?.(line));
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      kill(child);
    }, maxMs);
    try {
      const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
      if (late) return `took longer than ${maxMs / 1000} s`;
      return code === 0 ? undefined : `ended with ${signal ?? `exit code ${code}`}`;
    } catch (error) {
      return (error as Error).message;
    } finally {
      clearTimeout(timer);
      this.#running.delete(child);
    }
  }

  /** Ends what runs; nothing should be run afterwards. */
  interrupt(): void {
    this.interrupted = true;
    for (const child of this.#running) kill(child);
  }
}

function kill(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // it ended by itself
  }
}
