import { spawn } from 'node:child_process';
import type { CommandResult, PulumiSdk } from './deploy-automation.ts';

/** Bytes that a call of the CLI may print; the state of a stack is never asked for. */
const PRINTED_MAX_BYTES = 64 * 1024 * 1024;
/** What the SDK has for a call that did not come to an exit code. */
const NO_EXIT_CODE = -2;

/** How the Automation API calls the Pulumi CLI. */
export interface PulumiCommand {
  readonly command: string;
  /** Of the SDK's own class; null when the check of it is switched off. */
  readonly version: unknown;
  run(args: readonly string[], cwd: string, env: Readonly<Record<string, string>>): Promise<CommandResult>;
}

/**
 * Calls the CLI in a process group of its own. The SDK's own way leaves it in ours: there a Ctrl-C reaches it from the terminal
 * and a second time from the SDK, and the second one ends it in the middle of its work.
 *
 * @param signal asks a running call to end in order; should this process end before, it is told to end at once
 */
export function pulumiCommand(
  { command, version }: Pick<PulumiCommand, 'command' | 'version'>,
  { sdk, signal }: { sdk: PulumiSdk; signal: AbortSignal },
): PulumiCommand {
  return {
    command,
    version,
    run: async (args, cwd, env) => {
      const words = args.includes('--non-interactive') ? args : [...args, '--non-interactive'];
      const result = await call(command, words, { cwd, env, signal });
      if (result.code === 0) return result;
      // What was printed may have secrets, and an error is shown.
      throw sdk.commandError({ ...result, stdout: '' });
    },
  };
}

function call(
  command: string,
  args: readonly string[],
  { cwd, env, signal }: { cwd: string; env: Readonly<Record<string, string>>; signal: AbortSignal },
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(command, [...args], {
      cwd,
      env: { ...process.env, ...env, PULUMI_AUTOMATION_API: 'true', PULUMI_SKIP_UPDATE_CHECK: 'true' },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: process.platform !== 'win32',
    });
    const printed = { stdout: new Printed(), stderr: new Printed() };
    child.stdout.on('data', (bytes: Buffer) => printed.stdout.add(bytes));
    child.stderr.on('data', (bytes: Buffer) => printed.stderr.add(bytes));
    const interrupt = (): void => void child.kill('SIGINT');
    const listening = new AbortController();
    signal.addEventListener('abort', interrupt, { signal: listening.signal });
    // A second SIGINT would be one with the first while that is pending; to the CLI, SIGTERM is another of the same.
    const leave = (): void => void child.kill(signal.aborted ? 'SIGTERM' : 'SIGINT');
    process.on('exit', leave);
    const end = (code: number, err?: Error): void => {
      listening.abort();
      process.off('exit', leave);
      resolve(resultOf({ code, err, stdout: printed.stdout.text, stderr: err?.message ?? printed.stderr.text }));
    };
    child.on('error', (error) => end(NO_EXIT_CODE, error));
    child.on('close', (code) => end(code ?? NO_EXIT_CODE));
    if (signal.aborted) interrupt();
  });
}

function resultOf({ err, ...rest }: Omit<CommandResult, 'err'> & { err: Error | undefined }): CommandResult {
  return { ...rest, ...(err && { err }), toString: () => `code: ${rest.code}\n stderr: ${rest.stderr}\n` };
}

/** The beginning of what a program prints. */
class Printed {
  readonly #parts: Buffer[] = [];
  #bytes = 0;

  add(part: Buffer): void {
    if (this.#bytes + part.length > PRINTED_MAX_BYTES) return;
    this.#parts.push(part);
    this.#bytes += part.length;
  }

  get text(): string {
    return Buffer.concat(this.#parts).toString('utf8');
  }
}
