import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../runtime/clock.ts';
import { pause } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { TrainerExit } from './exit-code.ts';
import { MarkedOutput } from './marked-output.ts';
import { parseTrainReport } from './module-protocol.ts';
import type { TrainOrder } from './module-protocol.ts';
import { SupervisedProcess } from './supervisor-process.ts';

/** How long what a run has printed may take to arrive after its end was reported. */
const OUTPUT_END_MS = 2000;
const MARKER_BYTES = 16;

const RUNNER = fileURLToPath(new URL('./module-runner.js', import.meta.url));

export interface OutputSinks {
  readonly onStdout: (chunk: Buffer) => Promise<void>;
  readonly onStderr: (chunk: Buffer) => Promise<void>;
}

export interface ModuleProcessOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly graceMs: number;
  readonly clock: Clock;
  readonly random: Random;
}

/** Why a run of the process did not end there: it had ended before it was given the order. */
export type NotBegun = 'not-begun';

/** A process that performs runs of modules one after the other, seen from the worker. */
export class ModuleProcess {
  readonly #supervised: SupervisedProcess;
  readonly #options: ModuleProcessOptions;
  readonly #stdout = new MarkedOutput();
  readonly #stderr = new MarkedOutput();
  #onReport: (line: string) => void = () => undefined;
  #performed = 0;
  #isReusable = true;

  constructor(options: ModuleProcessOptions) {
    const { cwd, env, graceMs, clock } = options;
    this.#options = options;
    this.#supervised = new SupervisedProcess({
      order: { command: process.execPath, args: [RUNNER], cwd, env, graceMs, channel: true },
      clock,
      onStdout: (chunk) => this.#stdout.write(chunk),
      onStderr: (chunk) => this.#stderr.write(chunk),
    });
    const { channel } = this.#supervised;
    channel?.on('error', () => undefined);
    if (channel) createInterface({ input: channel, crlfDelay: Infinity }).on('line', (line) => this.#onReport(line));
  }

  /** Settles when the process group is gone. */
  get exit(): Promise<TrainerExit> {
    return this.#supervised.exit;
  }

  /** Runs that it has performed. */
  get performed(): number {
    return this.#performed;
  }

  get isReusable(): boolean {
    return this.#isReusable;
  }

  /** Whether waiting for the process keeps the worker's process alive. */
  hold(held: boolean): void {
    this.#supervised.hold(held);
  }

  /** The end of the run, once its output was read. When the process cannot be used again, once its group is gone. */
  async perform(order: Omit<TrainOrder, 'marker'>, sinks: OutputSinks): Promise<TrainerExit | NotBegun> {
    // A zero byte begins it, which hardly any output holds.
    const marker = Buffer.from(`\0${this.#options.random.bytes(MARKER_BYTES).toString('hex')}\n`);
    const output = Promise.all([
      this.#stdout.expect(marker, sinks.onStdout),
      this.#stderr.expect(marker, sinks.onStderr),
    ]);
    let hasBegun = false;
    const reported = new Promise<{ code: number; reusable: boolean }>((resolve) => {
      this.#onReport = (line) => {
        const report = parseTrainReport(line);
        if (report.report === 'began') hasBegun = true;
        else resolve(report);
      };
    });
    this.#supervised.channel?.write(`${JSON.stringify({ ...order, marker: marker.toString() })}\n`);
    const end = await Promise.race([reported, this.#supervised.exit]);
    this.#performed++;
    if ('kind' in end) {
      this.#isReusable = false;
      await Promise.all([this.#stdout.end(), this.#stderr.end()]);
      return hasBegun ? end : 'not-begun';
    }
    if (!end.reusable) this.#isReusable = false;
    else if (!(await this.#within(OUTPUT_END_MS, output))) this.stop(0);
    if (!this.#isReusable) await this.#supervised.exit;
    return { kind: 'exited', code: end.code };
  }

  /** SIGTERM to the run, `graceMs` milliseconds, SIGKILL. */
  stop(graceMs: number): void {
    this.#isReusable = false;
    this.#supervised.stop(graceMs);
  }

  async #within(ms: number, done: Promise<unknown>): Promise<boolean> {
    const waiting = new AbortController();
    const inTime = await Promise.race([
      done.then(() => true),
      pause(this.#options.clock, ms, waiting.signal).then(() => false),
    ]);
    waiting.abort();
    return inTime;
  }
}
