import { systemClock } from '../../runtime/clock.ts';
import { files as systemFiles } from '../../runtime/files.ts';
import { DEFAULT_GRACE_MS, DEFAULT_MAX_RUN_MS, LocalRun, inheritedEnvironment, runVariables } from './local-run.ts';
import type { LocalRunOptions } from './local-run.ts';
import { settleRunFolders } from './run-folder.ts';
import { SupervisedProcess } from './supervisor-process.ts';
import type { SettledPlan, Trainer, TrainerHandle, TrainerRun } from './trainer.ts';

export interface CommandTrainerOptions extends LocalRunOptions {
  /** The program and its arguments, as an argument vector: no shell ever reads it. */
  readonly command: readonly [string, ...string[]];
  /** The command's working directory; the worker's own when absent. */
  readonly cwd?: string;
}

/** Runs a command for every plan: the trainer contract of the documentation. */
export class CommandTrainer implements Trainer {
  readonly #options: CommandTrainerOptions;

  constructor(options: CommandTrainerOptions) {
    this.#options = options;
  }

  start(run: TrainerRun): TrainerHandle {
    const { folder, cwd = process.cwd(), env = inheritedEnvironment(), extraEnv } = this.#options;
    const { graceMs = DEFAULT_GRACE_MS, maxRunMs = DEFAULT_MAX_RUN_MS } = this.#options;
    const { keep, files = systemFiles, clock = systemClock } = this.#options;
    const [command, ...args] = this.#options.command;
    return new LocalRun(run, {
      folder,
      graceMs,
      maxRunMs,
      keep,
      files,
      clock,
      named: `trainer ${JSON.stringify(command)}`,
      begin: (place, sinks) =>
        new SupervisedProcess({
          order: {
            command,
            args,
            cwd,
            env: { ...env, ...extraEnv, ...runVariables(run, place) },
            graceMs,
            processFile: place.process,
          },
          clock,
          ...sinks,
        }),
    });
  }

  settled(plan: SettledPlan): Promise<void> {
    const { folder, keep, files = systemFiles, clock = systemClock } = this.#options;
    return settleRunFolders(plan, { folder, keep, files, clock });
  }
}
