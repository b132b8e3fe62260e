import { systemClock } from '../../runtime/clock.ts';
import type { CancelTimer, Clock } from '../../runtime/clock.ts';
import { files as systemFiles } from '../../runtime/files.ts';
import type { Files } from '../../runtime/files.ts';
import { describeExit, meaningOf } from './exit-code.ts';
import type { TrainerExit } from './exit-code.ts';
import { prepareRunFolder } from './run-folder.ts';
import type { RunFolder } from './run-folder.ts';
import { ProgressReader, RunLog, StderrTail } from './run-output.ts';
import { MAX_RESULT_BYTES, parseRunResult } from './run-result.ts';
import { SupervisedProcess } from './supervisor-process.ts';
import type { StopCause, Trainer, TrainerEnd, TrainerHandle, TrainerRun } from './trainer.ts';

export interface CommandTrainerOptions {
  /** The program and its arguments, as an argument vector: no shell ever reads it. */
  readonly command: readonly [string, ...string[]];
  /** Where run folders are made. It must outlive the worker, and be shared if several hosts are to share checkpoints. */
  readonly folder: string;
  /** The command's working directory; the worker's own when absent. */
  readonly cwd?: string;
  /**
   * The environment before `RETRAIN_*` is added. When absent: the worker's own without its `RETRAIN_*` variables, which may
   * hold the connection string.
   */
  readonly env?: Readonly<Record<string, string>>;
  /** Added to that. */
  readonly extraEnv?: Readonly<Record<string, string>>;
  /** Milliseconds between SIGTERM and SIGKILL when the worker is gone or the run takes too long. Default 30,000. */
  readonly graceMs?: number;
  /** Milliseconds after which a run is ended and counts as failed. Default 24 hours. */
  readonly maxRunMs?: number;
  readonly files?: Files;
  readonly clock?: Clock;
}

type Settings = CommandTrainerOptions & { readonly files: Files; readonly clock: Clock };

const DEFAULT_GRACE_MS = 30_000;
const DEFAULT_MAX_RUN_MS = 24 * 3600 * 1000;

/** Runs a command for every plan: the trainer contract of the documentation. */
export class CommandTrainer implements Trainer {
  readonly #options: Settings;

  constructor(options: CommandTrainerOptions) {
    const { files = systemFiles, clock = systemClock } = options;
    this.#options = { ...options, files, clock };
  }

  start(run: TrainerRun): TrainerHandle {
    return new CommandRun(run, this.#options);
  }
}

class CommandRun implements TrainerHandle {
  readonly result: Promise<TrainerEnd>;
  readonly #run: TrainerRun;
  readonly #options: Settings;
  readonly #stderr = new StderrTail();
  #process: SupervisedProcess | undefined;
  #stopped: StopCause | 'too-long' | undefined;

  constructor(run: TrainerRun, options: Settings) {
    this.#run = run;
    this.#options = options;
    this.result = this.#execute();
  }

  /** Whatever the cause is: a process of this host that nobody holds would be a zombie. */
  stop(graceMs: number, cause: StopCause): void {
    this.#stop(graceMs, cause);
  }

  #stop(graceMs: number, cause: StopCause | 'too-long'): void {
    this.#stopped ??= cause;
    this.#process?.stop(graceMs);
  }

  async #execute(): Promise<TrainerEnd> {
    const { files, clock, folder, graceMs = DEFAULT_GRACE_MS } = this.#options;
    let place: RunFolder;
    try {
      place = await prepareRunFolder(this.#run, { folder, graceMs, files, clock });
    } catch (error) {
      return this.#failed('retry', `the run folder could not be made: ${(error as Error).message}`, '');
    }
    if (this.#stopped) return this.#failed('interrupted', 'stopped before the trainer was started', place.log);
    const exit = await this.#supervise(place);
    return this.#judge(exit, place);
  }

  async #supervise(place: RunFolder): Promise<TrainerExit> {
    const { files, clock, maxRunMs = DEFAULT_MAX_RUN_MS, graceMs = DEFAULT_GRACE_MS } = this.#options;
    const [command, ...args] = this.#options.command;
    const log = new RunLog(place.log, { files });
    const progress = new ProgressReader({ clock, tell: (told) => this.#run.onProgress?.(told) });
    this.#process = new SupervisedProcess({
      order: {
        command,
        args,
        cwd: this.#options.cwd ?? process.cwd(),
        env: this.#environment(place),
        graceMs,
        processFile: place.process,
      },
      clock,
      onStdout: (chunk) => {
        progress.write(chunk);
        return log.append(chunk);
      },
      onStderr: (chunk) => {
        this.#stderr.write(chunk);
        return log.append(chunk);
      },
    });
    const cancelLimit: CancelTimer = clock.after(maxRunMs, () => this.#stop(graceMs, 'too-long'));
    try {
      return await this.#process.exit;
    } finally {
      cancelLimit();
      progress.end();
    }
  }

  #environment(place: RunFolder): Record<string, string> {
    const { plan, traceparent, tracestate } = this.#run;
    return {
      ...(this.#options.env ?? inheritedEnvironment()),
      ...this.#options.extraEnv,
      RETRAIN_REQUEST: place.request,
      RETRAIN_RESULT: place.result,
      RETRAIN_OUTPUT: place.output,
      RETRAIN_CHECKPOINT: place.checkpoint,
      RETRAIN_MODEL: plan.model.name,
      RETRAIN_RUN_ID: plan.runId,
      RETRAIN_EPOCH: String(plan.epoch),
      ...(traceparent !== undefined && { TRACEPARENT: traceparent }),
      ...(tracestate !== undefined && { TRACESTATE: tracestate }),
    };
  }

  async #judge(exit: TrainerExit, place: RunFolder): Promise<TrainerEnd> {
    const meaning = meaningOf(exit);
    if (meaning === 'success') {
      try {
        const text = await this.#options.files.readText(place.result, { maxBytes: MAX_RESULT_BYTES });
        return { kind: 'succeeded', result: parseRunResult(text, place.output), logFile: place.log };
      } catch (error) {
        // Code 0 and no result is a trainer that does not keep the contract, or a disk that was full for a while.
        return this.#failed('retry', (error as Error).message, place.log, exit);
      }
    }
    if (this.#stopped === 'too-long')
      return this.#failed(
        'retry',
        `the trainer ran longer than maxRunMs and was ended: ${describeExit(exit)}`,
        place.log,
        exit,
      );
    // Whatever a trainer makes of SIGTERM, even exit code 1 or SIGKILL after the grace period, it ended because it was told to.
    if (this.#stopped) return this.#failed('interrupted', `stopped: ${describeExit(exit)}`, place.log, exit);
    const named = exit.kind === 'not-started' ? ` ${JSON.stringify(this.#options.command[0])}` : '';
    return this.#failed(meaning, `trainer${named}: ${describeExit(exit)}`, place.log, exit);
  }

  #failed(
    meaning: Extract<TrainerEnd, { kind: 'failed' }>['meaning'],
    reason: string,
    logFile: string,
    exit?: TrainerExit,
  ): TrainerEnd {
    const stderrTail = this.#stderr.text();
    return { kind: 'failed', meaning, reason, ...(exit && { exit }), stderrTail, logFile };
  }
}

/** Without what is the worker's own: its settings, and the trace that it was itself started in. */
function inheritedEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env).filter(([name]) => !/^(RETRAIN_.*|TRACEPARENT|TRACESTATE)$/.test(name));
  return Object.fromEntries(entries) as Record<string, string>;
}
