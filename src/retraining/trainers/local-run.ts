import type { Clock } from '../../runtime/clock.ts';
import type { Files } from '../../runtime/files.ts';
import { describeExit, meaningOf } from './exit-code.ts';
import type { ExitMeaning, TrainerExit } from './exit-code.ts';
import { prepareRunFolder } from './run-folder.ts';
import type { RunFolder } from './run-folder.ts';
import type { RunKeep } from './run-retention.ts';
import { ProgressReader, RunLog, StderrTail } from './run-output.ts';
import { MAX_RESULT_BYTES, parseRunResult } from './run-result.ts';
import type { StopCause, TrainerEnd, TrainerHandle, TrainerRun } from './trainer.ts';

/** What the trainers that run on the worker's own host have in common. */
export interface LocalRunOptions {
  /** Where run folders are made. It must outlive the worker, and be shared if several hosts are to share checkpoints. */
  readonly folder: string;
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
  /** What is kept of a model's runs: logs, artifacts, results. Defaults: 10 runs, 10 GiB, 90 days. */
  readonly keep?: RunKeep;
  readonly files?: Files;
  readonly clock?: Clock;
}

export const DEFAULT_GRACE_MS = 30_000;
export const DEFAULT_MAX_RUN_MS = 24 * 3600 * 1000;

/** A process at work on a run. */
export interface RunningProcess {
  /** Settles when nothing of the run is left running and its output was read. It never rejects. */
  readonly exit: Promise<TrainerExit>;
  /** SIGTERM, `graceMs` milliseconds, SIGKILL. */
  stop(graceMs: number): void;
}

export interface LocalRunParts {
  readonly folder: string;
  readonly graceMs: number;
  readonly maxRunMs: number;
  readonly keep?: RunKeep | undefined;
  readonly files: Files;
  readonly clock: Clock;
  /** How the end of a run that could not be started is introduced, such as `trainer "python"`. */
  readonly named: string;
  /** Both sinks are awaited before more is read: a fast trainer waits for the log, not the memory for the trainer. */
  readonly begin: (
    place: RunFolder,
    sinks: { onStdout: (chunk: Buffer) => Promise<void>; onStderr: (chunk: Buffer) => Promise<void> },
  ) => RunningProcess;
}

/** A run on the worker's own host: folder, process, output, time limit, and what its end means. */
export class LocalRun implements TrainerHandle {
  readonly result: Promise<TrainerEnd>;
  readonly #run: TrainerRun;
  readonly #parts: LocalRunParts;
  readonly #stderr = new StderrTail();
  #process: RunningProcess | undefined;
  #stopped: StopCause | 'too-long' | undefined;

  constructor(run: TrainerRun, parts: LocalRunParts) {
    this.#run = run;
    this.#parts = parts;
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
    let place: RunFolder;
    try {
      place = await prepareRunFolder(this.#run, this.#parts);
    } catch (error) {
      return this.#failed('retry', `the run folder could not be made: ${(error as Error).message}`, '');
    }
    if (this.#stopped) return this.#failed('interrupted', 'stopped before the trainer was started', place.log);
    const exit = await this.#supervise(place);
    return this.#judge(exit, place);
  }

  async #supervise(place: RunFolder): Promise<TrainerExit> {
    const { files, clock, maxRunMs, graceMs, begin } = this.#parts;
    const log = new RunLog(place.log, { files });
    const progress = new ProgressReader({ clock, tell: (told) => this.#run.onProgress?.(told) });
    this.#process = begin(place, {
      onStdout: (chunk) => {
        progress.write(chunk);
        return log.append(chunk);
      },
      onStderr: (chunk) => {
        this.#stderr.write(chunk);
        return log.append(chunk);
      },
    });
    const cancelLimit = clock.after(maxRunMs, () => this.#stop(graceMs, 'too-long'));
    try {
      return await this.#process.exit;
    } finally {
      cancelLimit();
      progress.end();
    }
  }

  async #judge(exit: TrainerExit, place: RunFolder): Promise<TrainerEnd> {
    const meaning = meaningOf(exit);
    if (meaning === 'success') {
      try {
        const text = await this.#parts.files.readText(place.result, { maxBytes: MAX_RESULT_BYTES });
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
    const named = exit.kind === 'not-started' ? this.#parts.named : 'trainer';
    return this.#failed(meaning, `${named}: ${describeExit(exit)}`, place.log, exit);
  }

  #failed(meaning: Exclude<ExitMeaning, 'success'>, reason: string, logFile: string, exit?: TrainerExit): TrainerEnd {
    const stderrTail = this.#stderr.text();
    return { kind: 'failed', meaning, reason, ...(exit && { exit }), stderrTail, logFile };
  }
}

/** What the trainer contract puts into the environment of a run on this host. */
export function runVariables({ plan, traceparent, tracestate }: TrainerRun, place: RunFolder): Record<string, string> {
  return {
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

/** Without what is the worker's own: its settings, and the trace that it was itself started in. */
export function inheritedEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env).filter(([name]) => !/^(RETRAIN_.*|TRACEPARENT|TRACESTATE)$/.test(name));
  return Object.fromEntries(entries) as Record<string, string>;
}
