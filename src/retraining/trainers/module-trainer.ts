import { systemClock } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import { files as systemFiles } from '../../runtime/files.ts';
import type { Files } from '../../runtime/files.ts';
import { systemRandom } from '../../runtime/random.ts';
import type { Random } from '../../runtime/random.ts';
import type { TrainerExit } from './exit-code.ts';
import { DEFAULT_GRACE_MS, DEFAULT_MAX_RUN_MS, LocalRun, inheritedEnvironment, runVariables } from './local-run.ts';
import type { LocalRunOptions, RunningProcess } from './local-run.ts';
import { ModuleProcess } from './module-process.ts';
import type { OutputSinks } from './module-process.ts';
import type { TrainOrder } from './module-protocol.ts';
import { settleRunFolders } from './run-folder.ts';
import type { SettledPlan, Trainer, TrainerHandle, TrainerRun } from './trainer.ts';

/** Idle processes that are kept for later runs; each ends itself after five minutes. */
const IDLE_MAX = 16;

export interface ModuleTrainerOptions extends LocalRunOptions {
  /** Absolute path of an ES module that exports a `TrainFunction`. */
  readonly module: string;
  /** The name of the function. Default `train`. */
  readonly exportName?: string;
  /** The working directory of the processes; the worker's own when absent. */
  readonly cwd?: string;
  readonly random?: Random;
}

interface Idle {
  readonly process: ModuleProcess;
  /** Of the module's file when the process took it up. */
  readonly digest: string | undefined;
}

/**
 * Calls a module's function for every plan, in a child process under the same supervisor as a command. A process that ended a
 * run cleanly is used for the next one, which spares the start of two processes: it left no timer, socket or child behind, is
 * not too big, and the module's file is the same.
 */
export class ModuleTrainer implements Trainer {
  readonly #options: ModuleTrainerOptions & { files: Files; clock: Clock; random: Random };
  readonly #idle: Idle[] = [];

  constructor(options: ModuleTrainerOptions) {
    const { files = systemFiles, clock = systemClock, random = systemRandom } = options;
    this.#options = { ...options, files, clock, random };
  }

  start(run: TrainerRun): TrainerHandle {
    const { folder, keep, files, clock, module, exportName = 'train' } = this.#options;
    const { graceMs = DEFAULT_GRACE_MS, maxRunMs = DEFAULT_MAX_RUN_MS } = this.#options;
    return new LocalRun(run, {
      folder,
      graceMs,
      maxRunMs,
      keep,
      files,
      clock,
      named: `module ${JSON.stringify(module)}`,
      begin: (place, sinks) => {
        const order = { module, exportName, env: runVariables(run, place), processFile: place.process };
        return new ModuleRun({ order, sinks, take: () => this.#take(), keep: (idle) => this.#keep(idle) });
      },
    });
  }

  settled(plan: SettledPlan): Promise<void> {
    return settleRunFolders(plan, this.#options);
  }

  /** Ends the idle processes. Those that still run end with their runs. */
  async close(): Promise<void> {
    const idle = this.#idle.splice(0);
    for (const { process } of idle) {
      process.hold(true);
      process.stop(0);
    }
    await Promise.all(idle.map(({ process }) => process.exit));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The process that was idle the shortest, or a new one. */
  async #take(): Promise<Idle> {
    const { cwd = process.cwd(), env = inheritedEnvironment(), extraEnv, module } = this.#options;
    const { graceMs = DEFAULT_GRACE_MS, files, clock, random } = this.#options;
    const digest = await files.digest(module);
    for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) {
      if (idle.digest === digest && idle.process.isReusable) {
        idle.process.hold(true);
        return idle;
      }
      idle.process.stop(0);
    }
    const fresh = new ModuleProcess({ cwd, env: { ...env, ...extraEnv }, graceMs, clock, random });
    return { process: fresh, digest };
  }

  #keep(idle: Idle): void {
    if (this.#idle.length >= IDLE_MAX) return idle.process.stop(0);
    idle.process.hold(false);
    this.#idle.push(idle);
    void idle.process.exit.then(() => {
      const at = this.#idle.indexOf(idle);
      if (at >= 0) this.#idle.splice(at, 1);
    });
  }
}

interface ModuleRunOptions {
  readonly order: Omit<TrainOrder, 'marker'>;
  readonly sinks: OutputSinks;
  readonly take: () => Promise<Idle>;
  readonly keep: (idle: Idle) => void;
}

class ModuleRun implements RunningProcess {
  readonly exit: Promise<TrainerExit>;
  readonly #options: ModuleRunOptions;
  #process: ModuleProcess | undefined;
  #graceMs: number | undefined;

  constructor(options: ModuleRunOptions) {
    this.#options = options;
    this.exit = this.#perform();
  }

  stop(graceMs: number): void {
    this.#graceMs = graceMs;
    this.#process?.stop(graceMs);
  }

  async #perform(): Promise<TrainerExit> {
    const { order, sinks, take, keep } = this.#options;
    for (;;) {
      const idle = await take();
      const { process } = idle;
      if (this.#graceMs !== undefined) {
        process.stop(this.#graceMs);
        return process.exit;
      }
      this.#process = process;
      const isFirst = process.performed === 0;
      const exit = await process.perform(order, sinks);
      this.#process = undefined;
      // It ended itself for idleness at the very moment the order was on its way.
      if (exit === 'not-begun' && !isFirst && this.#graceMs === undefined) continue;
      if (exit === 'not-begun') return process.exit;
      if (process.isReusable) keep(idle);
      return exit;
    }
  }
}
