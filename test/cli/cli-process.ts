import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { BrokerReady } from '../../src/cli/broker.ts';

/** The program under test, beside which the tests are built. */
export const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.js');

/** No command of a test takes longer; one that does is killed and fails its test. */
const MAX_COMMAND_MS = 60_000;
/** What runs until the test ends it, such as a broker under dozens of commands; shorter than a file of tests may take. */
const MAX_SERVICE_MS = 240_000;

/** The environment of the tests without what would change how the commands behave. */
const ENV = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(RETRAIN_.*|NODE_TEST_CONTEXT|NODE_OPTIONS|FORCE_COLOR)$/.test(name),
  ),
);

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Leaves stdin open for what the test writes. */
  readonly openStdin?: true;
  readonly maxMs?: number;
}

/** A running command of the real command line. */
export class Cli {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  stdout = '';
  stderr = '';

  constructor(args: readonly string[], { cwd, env, stdin = '', openStdin, maxMs = MAX_COMMAND_MS }: CliOptions = {}) {
    const child = spawn(process.execPath, [MAIN, ...args], {
      ...(cwd !== undefined && { cwd }),
      env: { ...ENV, ...env },
      timeout: maxMs,
      killSignal: 'SIGKILL',
    });
    child.stdout.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    child.stdin.on('error', () => undefined);
    if (!openStdin) child.stdin.end(stdin);
    this.child = child;
    this.finished = once(child, 'close').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
      stdout: this.stdout,
      stderr: this.stderr,
    }));
  }

  /** Resolves with what matched, once the command has printed it; fails when the command ends before. */
  async printed(pattern: RegExp, on: 'stdout' | 'stderr' = 'stdout'): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this[on]);
      if (match) return match;
      const stream = this.child[on];
      assert.ok(stream);
      const ended = await Promise.race([once(stream, 'data').then(() => undefined), this.finished]);
      if (ended && !pattern.test(this[on]))
        assert.fail(`ended (${ended.code}) without printing ${pattern}:\n${ended.stdout}\n${ended.stderr}`);
    }
  }
}

/** Runs a command to its end. */
export function runCli(args: readonly string[], options?: CliOptions): Promise<Finished> {
  return new Cli(args, options).finished;
}

/** A command that the test ends at the latest. */
export function startCli(t: TestContext, args: readonly string[], options?: CliOptions): Cli {
  const cli = new Cli(args, { maxMs: MAX_SERVICE_MS, ...options });
  atEnd(t, async () => {
    cli.child.kill('SIGKILL');
    await cli.finished;
  });
  return cli;
}

export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'retrain-cli-'));
  // A supervisor whose worker was killed may still be clearing up in it.
  atEnd(t, () => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }));
  return folder;
}

const cleanUps = new WeakMap<TestContext, (() => Promise<void>)[]>();

/** Like `t.after`, but the latest first: processes end before their folder goes. */
function atEnd(t: TestContext, cleanUp: () => Promise<void>): void {
  const known = cleanUps.get(t);
  if (known) known.unshift(cleanUp);
  else {
    const all = [cleanUp];
    cleanUps.set(t, all);
    t.after(async () => {
      for (const each of all) await each();
    });
  }
}

/** Processes that know of a folder, by their command line or their environment; Linux only, elsewhere none. */
export async function processesOf(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc').catch((): string[] => [])) {
    if (!/^\d+$/.test(pid) || pid === String(process.pid)) continue;
    for (const file of ['cmdline', 'environ']) {
      const text = await readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
      if (text.includes(folder)) found.push(`${pid} ${text.replaceAll('\0', ' ').slice(0, 200)}`);
    }
  }
  return found;
}

/** `withinMs`: a trainer whose worker was killed is ended by its supervisor within the grace period. */
export async function assertNoneLeft(folder: string, withinMs = 0): Promise<void> {
  const until = performance.now() + withinMs;
  let left = await processesOf(folder);
  while (left.length > 0 && performance.now() < until) {
    await delay(50);
    left = await processesOf(folder);
  }
  assert.deepEqual(left, []);
}

/** A broker of its own for a test, ready to be used. */
export async function startBroker(
  t: TestContext,
  { data, args = [] }: { data: string; args?: readonly string[] },
): Promise<BrokerReady & { readonly cli: Cli; readonly env: Record<string, string> }> {
  const cli = startCli(t, ['broker', '--data', data, '--amqp-port', '0', '--http-port', '0', '--json', ...args]);
  const [line] = await cli.printed(/^.*\n/);
  const ready = JSON.parse(line) as BrokerReady;
  return { ...ready, cli, env: { RETRAIN_CONNECTION_STRING: ready.connectionString } };
}

/** One line on stderr, that says what the pattern says, no stack, and the code. */
export function assertFailure(finished: Finished, code: number, line: RegExp): void {
  assert.equal(finished.code, code, finished.stderr);
  assert.match(finished.stderr, line);
  assert.match(finished.stderr, /^retrain: [^\n]+\n$/, 'exactly one line');
  assert.doesNotMatch(finished.stderr, /\bat .*:\d+:\d+/, 'no stack trace');
  assert.equal(finished.stdout, '');
}
