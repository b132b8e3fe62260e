import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../runtime/clock.ts';
import { pause } from '../../runtime/clock.ts';
import type { TrainerExit } from './exit-code.ts';
import { endGroup } from './run-process.ts';
import { REPORT_FD, TRAINER_CHANNEL_FD, parseReport } from './supervisor-protocol.ts';
import type { StartOrder, SupervisorOrder } from './supervisor-protocol.ts';

/** Once the group is gone, how long its output may stay open (a process that left the group holds it) before it is let go. */
const OUTPUT_CLOSE_MS = 2000;

const SUPERVISOR = fileURLToPath(new URL('./supervisor.js', import.meta.url));

export interface SupervisedOptions {
  readonly order: Omit<StartOrder, 'order'>;
  readonly clock: Clock;
  /** Both are awaited before more is read: a fast trainer waits for the log, not the memory for the trainer. */
  readonly onStdout: (chunk: Buffer) => Promise<void>;
  readonly onStderr: (chunk: Buffer) => Promise<void>;
}

/** A trainer's process under its supervisor, seen from the worker. */
export class SupervisedProcess {
  /** Settles when the process group is gone and its output was read. It never rejects. */
  readonly exit: Promise<TrainerExit>;
  readonly #supervisor: ChildProcess;
  readonly #options: SupervisedOptions;
  #groupId: number | undefined;

  constructor(options: SupervisedOptions) {
    this.#options = options;
    // In a session of its own: a signal to the worker's process group (a terminal's Ctrl-C, a service manager) must not take
    // the supervisor along before it has ended the trainer. Its environment is nearly empty: the trainer's travels in the order.
    this.#supervisor = spawn(process.execPath, [SUPERVISOR], {
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe', ...(options.order.channel ? (['pipe'] as const) : [])],
      env: { PATH: process.env['PATH'] ?? '' },
    });
    this.#supervisor.stdin?.on('error', () => undefined);
    this.exit = this.#watch();
    this.#send({ order: 'start', ...options.order });
  }

  /** Asks the trainer to end: SIGTERM, `graceMs` milliseconds, SIGKILL; 0 kills at once, also after an earlier `stop`. */
  stop(graceMs: number): void {
    this.#send({ order: 'stop', graceMs });
  }

  /** The worker's end of the channel to the trainer, when the order asked for one. */
  get channel(): Socket | undefined {
    return (this.#supervisor.stdio as (Socket | null | undefined)[])[TRAINER_CHANNEL_FD] ?? undefined;
  }

  /** Whether waiting for this process keeps the worker's process alive; at first it does. */
  hold(held: boolean): void {
    const parts = [this.#supervisor, ...(this.#supervisor.stdio as (Socket | null | undefined)[])];
    for (const part of parts)
      if (held) part?.ref();
      else part?.unref();
  }

  #send(order: SupervisorOrder): void {
    if (this.#supervisor.stdin?.writable) this.#supervisor.stdin.write(`${JSON.stringify(order)}\n`);
  }

  async #watch(): Promise<TrainerExit> {
    const supervisor = this.#supervisor;
    const { clock, onStdout, onStderr } = this.#options;
    const output = [supervisor.stdout, supervisor.stderr] as [Readable, Readable];
    const read = Promise.all([consume(output[0], onStdout), consume(output[1], onStderr)]);
    const ended = new Promise<string>((resolve) => {
      supervisor.once('error', (error) => resolve(error.message));
      supervisor.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    const exit = (await this.#reported()) ?? (await this.#unsupervised(await ended));
    supervisor.stdin?.destroy();
    const done = new AbortController();
    await Promise.race([read, pause(clock, OUTPUT_CLOSE_MS, done.signal)]);
    done.abort();
    for (const stream of output) stream.destroy();
    this.channel?.destroy();
    await ended;
    return exit;
  }

  async #reported(): Promise<TrainerExit | undefined> {
    const stream = this.#supervisor.stdio[REPORT_FD] as Readable | null | undefined;
    if (!stream) return undefined;
    stream.on('error', () => undefined);
    const lines = createInterface({ input: stream, crlfDelay: Infinity });
    const closed = once(lines, 'close');
    let exit: TrainerExit | undefined;
    lines.on('line', (line) => {
      const fact = parseReport(line);
      if (fact.report === 'started') this.#groupId = fact.pid;
      else {
        exit = fact.exit;
        lines.close();
      }
    });
    await closed;
    return exit;
  }

  /** The supervisor ended first, killed or crashed. As it is no longer there to end the group, this does. */
  async #unsupervised(how: string): Promise<TrainerExit> {
    if (this.#groupId !== undefined)
      await endGroup(this.#groupId, { graceMs: this.#options.order.graceMs, clock: this.#options.clock });
    return { kind: 'lost', detail: `the supervisor ended first (${how})` };
  }
}

async function consume(stream: Readable, take: (chunk: Buffer) => Promise<void>): Promise<void> {
  try {
    for await (const chunk of stream) await take(chunk as Buffer);
  } catch {
    // The stream was let go.
  }
}
