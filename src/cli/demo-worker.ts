import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { RetrainError } from '../errors.ts';
import type { GateRule } from '../retraining/gate.ts';
import { pause, systemClock } from '../runtime/clock.ts';
import { files } from '../runtime/files.ts';
import { CONNECTION_VARIABLE } from './connection.ts';

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url));
const TRAINER = fileURLToPath(new URL('../demo/trainer.js', import.meta.url));

/** What the worker's trainer gets between SIGTERM and SIGKILL; it has nothing to save. */
const GRACE_MS = 1_000;
/** After SIGTERM, what the worker gets to end in order. */
const STOP_MS = 10_000;
/** Characters of the worker's stderr that are kept for a message. */
const STDERR_MAX_CHARS = 2_000;

export interface DemoWorkerOptions {
  readonly connectionString: string;
  readonly queue: string;
  readonly outcomes: string;
  readonly model: string;
  readonly gate: GateRule;
  readonly stateFolder: string;
  /** Takes the worker's events, a line of JSON each. */
  readonly logFile: string;
}

/** A `retrain worker` of the demo's own, in a process of its own, with the births trainer. */
export class DemoWorker implements AsyncDisposable {
  /** Rejects when the worker ends although nobody told it to; otherwise it stays pending. */
  readonly failed: Promise<never>;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #killWithUs: () => void;
  #stopping = false;
  #stderr = '';

  constructor(options: DemoWorkerOptions) {
    // Not in our process group: a Ctrl-C of the terminal reaches us alone, and we end the worker in order.
    const child = fork(MAIN, workerArguments(options), {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, [CONNECTION_VARIABLE]: options.connectionString },
    });
    this.#child = child;
    this.#exited = once(child, 'exit').catch(() => undefined);
    this.failed = this.#watch(options.logFile);
    this.failed.catch(() => undefined);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_MAX_CHARS);
    });
    void keep(child.stdout, options.logFile);
    // Its supervisor notices and ends the trainer.
    this.#killWithUs = () => child.kill('SIGKILL');
    process.on('exit', this.#killWithUs);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    this.#child.kill('SIGTERM');
    const ended = new AbortController();
    void this.#exited.then(() => ended.abort());
    await pause(systemClock, STOP_MS, ended.signal);
    this.#child.kill('SIGKILL');
    await this.#exited;
    process.off('exit', this.#killWithUs);
  }

  async #watch(logFile: string): Promise<never> {
    await this.#exited;
    if (this.#stopping) return new Promise(() => undefined);
    const { exitCode, signalCode } = this.#child;
    const said = this.#stderr.trim().split('\n').at(-1) || `see ${logFile}`;
    throw new RetrainError('TRAINER_FAILED', `the worker process ended (${signalCode ?? exitCode}): ${said}`);
  }
}

function workerArguments(options: DemoWorkerOptions): string[] {
  const { queue, outcomes, model, gate, stateFolder } = options;
  const { metric, direction, minImprovement } = gate;
  const flags = {
    queue,
    outcomes,
    model,
    metric,
    direction,
    'min-improvement': String(minImprovement),
    state: stateFolder,
    grace: `${GRACE_MS}ms`,
  };
  return [
    'worker',
    '--json',
    ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]),
    '--',
    process.execPath,
    TRAINER,
  ];
}

async function keep(output: NodeJS.ReadableStream | null, logFile: string): Promise<void> {
  for await (const chunk of output ?? []) await files.append(logFile, chunk);
}
