import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { systemClock } from '../../runtime/clock.ts';
import { files } from '../../runtime/files.ts';
import type { Plan } from '../plan.ts';
import { CHANNEL_FD, parseTrainOrder } from './module-protocol.ts';
import type { TrainOrder, TrainReport } from './module-protocol.ts';
import { startOf } from './run-process.ts';
import type { TrainContext, TrainFunction, TrainResult } from './train-function.ts';
import type { TrainerProgress } from './trainer.ts';

// A program of its own, started under a supervisor: it imports a module and calls its function, run after run. States: idle,
// running, ended. It ends itself when it was idle for a while, and after a run that left something behind.

/** Idle for so long, it ends. */
const IDLE_END_MS = 300_000;
/** Runs of one process, so that what each leaks has an end. */
const RUNS_MAX = 100;
/** A process that holds more after a run leaves the next one less room than a new process would. */
const REUSE_RSS_MAX_BYTES = 512 * 1024 * 1024;

/** Exit codes of the trainer contract. */
const EXIT = { success: 0, retry: 1, permanent: 42, config: 78, terminated: 143 } as const;

/** Errors of an import that the same files will give again. */
const IMPORT_ERRORS: ReadonlySet<unknown> = new Set(['ERR_MODULE_NOT_FOUND', 'ERR_UNSUPPORTED_DIR_IMPORT']);

/** What comes and goes by itself, and is no work that a run left behind. */
const PASSING_RESOURCES: ReadonlySet<string> = new Set(['CloseReq', 'FSReqCallback', 'FSReqPromise', 'TTYWrap']);

const channel = new Socket({ fd: CHANNEL_FD, readable: true, writable: true });
channel.on('error', () => undefined);

function say(report: TrainReport): Promise<void> {
  return new Promise((resolve) => {
    if (channel.destroyed) resolve();
    else channel.write(`${JSON.stringify(report)}\n`, () => resolve());
  });
}

class ModuleRunner {
  readonly #folder = process.cwd();
  #running: AbortController | undefined;
  #terminated = false;
  #runs = 0;
  #cancelIdle: () => void = () => undefined;

  idle(): void {
    this.#cancelIdle = systemClock.after(IDLE_END_MS, () => process.exit(EXIT.success));
  }

  async perform(order: TrainOrder): Promise<void> {
    this.#cancelIdle();
    await say({ report: 'began' });
    this.#runs++;
    const start = await startOf(process.pid);
    await files.append(order.processFile, JSON.stringify({ pid: process.pid, start })).catch(() => undefined);
    applyEnvironment(order.env);
    const before = resources();
    const code = await this.#train(order);
    await files.remove(order.processFile).catch(() => undefined);
    await new Promise<void>((resolve) => systemClock.soon(resolve));
    const reusable = !this.#terminated && code !== EXIT.config && this.#isClean(before);
    if (reusable) process.chdir(this.#folder);
    for (const stream of [process.stdout, process.stderr])
      await new Promise((resolve) => stream.write(order.marker, resolve));
    await say({ report: 'ended', code, reusable });
    if (!reusable) process.exit(code);
    this.idle();
  }

  /** SIGTERM. */
  terminate(): void {
    this.#terminated = true;
    if (this.#running) this.#running.abort(new Error('the run was told to stop'));
    else process.exit(EXIT.terminated);
  }

  async #train({ module, exportName, env }: TrainOrder): Promise<number> {
    const running = new AbortController();
    this.#running = running;
    // A signal that came before the order did.
    if (this.#terminated) running.abort();
    try {
      const train = await load(module, exportName);
      const plan = JSON.parse((await files.readText(env['RETRAIN_REQUEST'] ?? '')) ?? '') as Plan;
      const result = await train(plan, contextOf(env, running.signal));
      if (result !== undefined) await writeResult(env['RETRAIN_RESULT'] ?? '', result);
      return EXIT.success;
    } catch (error) {
      process.stderr.write(`${describe(error)}\n`);
      return running.signal.aborted ? EXIT.terminated : codeOf(error);
    } finally {
      this.#running = undefined;
    }
  }

  #isClean(before: readonly string[]): boolean {
    if (this.#runs >= RUNS_MAX || process.memoryUsage.rss() > REUSE_RSS_MAX_BYTES) return false;
    const left = [...before];
    return resources().every((resource) => {
      const at = left.indexOf(resource);
      if (at >= 0) left.splice(at, 1);
      return at >= 0;
    });
  }
}

/** The module or the export is not what the configuration says: no attempt will heal it. */
class ModuleUnfit extends Error {}

async function load(module: string, exportName: string): Promise<TrainFunction> {
  let namespace: Record<string, unknown>;
  try {
    namespace = (await import(pathToFileURL(module).href)) as Record<string, unknown>;
  } catch (error) {
    if (error instanceof SyntaxError || IMPORT_ERRORS.has((error as NodeJS.ErrnoException).code))
      throw new ModuleUnfit(`${module} cannot be imported`, { cause: error });
    throw error;
  }
  const train = namespace[exportName];
  if (typeof train === 'function') return train as TrainFunction;
  const names = Object.keys(namespace).join(', ') || 'nothing';
  throw new ModuleUnfit(`${module} exports no function ${exportName}, it exports ${names}: set export to one of them`);
}

/** Not durably: a power cut ends the run, too. */
async function writeResult(path: string, result: TrainResult): Promise<void> {
  const text = JSON.stringify(result);
  await files.remove(path);
  await files.append(path, text);
}

function contextOf(env: Readonly<Record<string, string>>, signal: AbortSignal): TrainContext {
  return {
    signal,
    output: env['RETRAIN_OUTPUT'] ?? '',
    checkpoint: env['RETRAIN_CHECKPOINT'] ?? '',
    runId: env['RETRAIN_RUN_ID'] ?? '',
    epoch: Number(env['RETRAIN_EPOCH']),
    progress(told) {
      const { progress, metrics }: TrainerProgress = typeof told === 'number' ? { progress: told } : told;
      process.stdout.write(`${JSON.stringify({ progress, metrics })}\n`);
    },
    log: (line) => void process.stdout.write(`${line}\n`),
  };
}

function applyEnvironment(env: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(process.env))
    if (/^(RETRAIN_.*|TRACEPARENT|TRACESTATE)$/.test(name)) delete process.env[name];
  Object.assign(process.env, env);
}

function resources(): string[] {
  return process.getActiveResourcesInfo().filter((name) => !PASSING_RESOURCES.has(name));
}

function codeOf(error: unknown): number {
  if (error instanceof ModuleUnfit) return EXIT.config;
  const { permanent } = (typeof error === 'object' && error !== null ? error : {}) as { permanent?: unknown };
  return permanent === true ? EXIT.permanent : EXIT.retry;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `the train function threw ${String(error)}`;
  const cause = error.cause instanceof Error ? `\ncaused by ${error.cause.stack ?? error.cause.message}` : '';
  return `${error instanceof ModuleUnfit ? error.message : (error.stack ?? error.message)}${cause}`;
}

// Made now, not at the first print, so that they are not taken for something a run left behind; and whoever read them may be
// gone, which must not end a run before its time.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

const runner = new ModuleRunner();
const orders = createInterface({ input: channel, crlfDelay: Infinity });
orders.on('line', (line) => void runner.perform(parseTrainOrder(line)));
// The worker is gone; what runs is ended by the supervisor, too, which knows the grace period.
orders.on('close', () => runner.terminate());
process.on('SIGTERM', () => runner.terminate());
process.on('uncaughtException', (error) => {
  process.stderr.write(`${describe(error)}\n`);
  process.exit(codeOf(error));
});
runner.idle();
