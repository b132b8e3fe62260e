import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { systemClock } from '../../runtime/clock.ts';
import { files } from '../../runtime/files.ts';
import type { TrainerExit } from './exit-code.ts';
import { endGroup, signalGroup, startOf } from './run-process.ts';
import { REPORT_FD, TRAINER_CHANNEL_FD, parseOrder } from './supervisor-protocol.ts';
import type { StartOrder, SupervisorReport } from './supervisor-protocol.ts';

// A program of its own, started by the worker for every run: it stands between worker and trainer and outlives the worker by
// a grace period, so that a worker that was killed leaves no trainer behind. States: waiting for the order, running, ending
// (told to stop, the worker is gone, or the trainer has exited and its group is cleared), ended.

const reports = new Socket({ fd: REPORT_FD, readable: false, writable: true });
// The worker may be gone: what cannot be reported must not end the supervisor before the group is ended.
reports.on('error', () => undefined);

function report(fact: SupervisorReport): Promise<void> {
  return new Promise((resolve) => {
    if (reports.destroyed) resolve();
    else reports.write(`${JSON.stringify(fact)}\n`, () => resolve());
  });
}

class Supervision {
  #child: ChildProcess | undefined;
  #order: StartOrder | undefined;
  #ending: Promise<boolean> | undefined;

  async start(order: StartOrder): Promise<void> {
    if (this.#child) return;
    this.#order = order;
    const exit = await this.#run(order);
    // What the trainer left running when it exited goes too: the next run must find the field empty.
    await this.#end(order.graceMs);
    if (order.processFile !== undefined) await files.remove(order.processFile).catch(() => undefined);
    await report({ report: 'ended', exit });
    process.exit(0);
  }

  async #run(order: StartOrder): Promise<TrainerExit> {
    try {
      // `detached` makes the trainer the leader of a new process group (setsid(2)), so that its children are ended with it.
      const child = spawn(order.command, order.args, {
        cwd: order.cwd,
        env: order.env,
        detached: true,
        stdio: ['ignore', 'inherit', 'inherit', ...(order.channel ? [TRAINER_CHANNEL_FD] : [])],
      });
      this.#child = child;
      const exit = exitOf(child);
      if (child.pid === undefined) return await exit;
      void report({ report: 'started', pid: child.pid });
      const start = order.processFile === undefined ? undefined : await startOf(child.pid);
      if (start !== undefined && order.processFile !== undefined)
        await files.writeAtomic(order.processFile, JSON.stringify({ pid: child.pid, start }));
      return await exit;
    } catch (error) {
      // An argument that no process can be given, or no room for the process file: without it a left-over is not found again.
      return { kind: 'not-started', error: (error as NodeJS.ErrnoException).code ?? String(error) };
    }
  }

  /** Told to stop, or the worker is gone (no `graceMs`: the one of the order). */
  stop(graceMs?: number): void {
    const pid = this.#child?.pid;
    if (pid === undefined) {
      if (!this.#child) process.exit(0);
      return;
    }
    if (graceMs === 0) signalGroup(pid, 'SIGKILL');
    void this.#end(graceMs ?? this.#order?.graceMs ?? 0);
  }

  #end(graceMs: number): Promise<boolean> {
    const pid = this.#child?.pid;
    if (pid === undefined) return Promise.resolve(true);
    this.#ending ??= endGroup(pid, { graceMs, clock: systemClock });
    return this.#ending;
  }
}

function exitOf(child: ChildProcess): Promise<TrainerExit> {
  return new Promise((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) =>
      resolve({ kind: 'not-started', error: error.code ?? error.message }),
    );
    child.once('exit', (code, signal) =>
      resolve(signal ? { kind: 'signalled', signal } : { kind: 'exited', code: code ?? 1 }),
    );
  });
}

const supervision = new Supervision();
const orders = createInterface({ input: process.stdin, crlfDelay: Infinity });
orders.on('line', (line) => {
  const order = parseOrder(line);
  if (order.order === 'start') void supervision.start(order);
  else supervision.stop(order.graceMs);
});
orders.on('close', () => supervision.stop());
// A terminal's Ctrl-C and a service manager's SIGTERM reach every process; the worker decides what they mean for the run.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
