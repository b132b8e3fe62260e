import type { Clock } from '../../runtime/clock.ts';
import { pause } from '../../runtime/clock.ts';
import type { Files } from '../../runtime/files.ts';
import type { Random } from '../../runtime/random.ts';
import { backoffMs } from '../backoff.ts';
import type { Backoff } from '../backoff.ts';
import { describeExit } from './exit-code.ts';
import type { ExitMeaning, TrainerExit } from './exit-code.ts';
import { prepareRunFolder } from './run-folder.ts';
import { ProgressReader, RunLog, StderrTail } from './run-output.ts';
import { remoteRunResult } from './run-result.ts';
import type { StopCause, TrainerEnd, TrainerHandle, TrainerProgress, TrainerRun } from './trainer.ts';

/** Between two tries at something that did not work. */
const RETRY: Backoff = { baseMs: 500, maxMs: 10_000 };
/** Looks in a row that are refused, or answered against the contract, after which the run is given up. */
const REFUSALS_MAX = 5;
/** Pause between two looks at a run that was told to end. */
const END_POLL_MS = 250;
/** How long past the grace period a run that was told to end may take to be seen as ended. */
const END_MARGIN_MS = 10_000;

/** What a look at a run elsewhere found, and what is new of its progress. */
export type Look = { readonly told?: TrainerProgress } & (
  | { readonly state: 'running'; readonly startedAtMs?: number }
  | { readonly state: 'succeeded'; readonly result: unknown }
  | {
      readonly state: 'failed';
      readonly meaning: Exclude<ExitMeaning, 'success'>;
      readonly reason: string;
      readonly exit?: TrainerExit;
    }
  /** Nobody there knows the run. */
  | { readonly state: 'gone'; readonly reason: string }
);

/** Something elsewhere did not do what it was asked for. */
export class RemoteFault extends Error {
  override readonly name = 'RemoteFault';
  /** `passing`: the same may succeed later. */
  readonly kind: 'passing' | 'refused';
  readonly retryAfterMs: number;

  constructor(
    kind: 'passing' | 'refused',
    message: string,
    { retryAfterMs = 0, cause }: { retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.kind = kind;
    this.retryAfterMs = retryAfterMs;
  }
}

/** One run that lives elsewhere. Every method raises `RemoteFault`. */
export interface RemoteWork {
  /** Starts the run, or finds it when it is there. */
  begin(signal: AbortSignal): Promise<void>;
  look(signal?: AbortSignal): Promise<Look>;
  /** Tells the run to end; one that is not there is fine. */
  end(graceMs: number): Promise<void>;
  /** No more is asked about the run. */
  close?(): Promise<void>;
}

export interface RemoteRunParts {
  /** Where run folders are made: for the log. */
  readonly folder: string;
  readonly graceMs: number;
  readonly maxRunMs: number;
  readonly pollMs: number;
  /** How long a start is tried again. */
  readonly startWithinMs: number;
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  /** `onLog` takes what the run prints, and is to be awaited. */
  readonly open: (onLog: (chunk: Buffer) => Promise<void>) => RemoteWork;
  /** Whether progress is told in lines of what it prints. */
  readonly progressInLog: boolean;
}

/**
 * A run that lives elsewhere. States: beginning (tried again for a while), watched (looked at until it ends or its time is
 * over), ending (cancelled or over its time: told to end, and looked at until it has), let go.
 */
export class RemoteRun implements TrainerHandle {
  readonly result: Promise<TrainerEnd>;
  readonly #run: TrainerRun;
  readonly #parts: RemoteRunParts;
  readonly #tail = new StderrTail();
  readonly #halt = new AbortController();
  #stopped: { readonly cause: StopCause; readonly graceMs: number } | undefined;
  #logFile = '';

  constructor(run: TrainerRun, parts: RemoteRunParts) {
    this.#run = run;
    this.#parts = parts;
    this.result = this.#execute();
  }

  stop(graceMs: number, cause: StopCause): void {
    this.#stopped ??= { cause, graceMs };
    this.#halt.abort();
  }

  async #execute(): Promise<TrainerEnd> {
    const { files, clock, open, progressInLog } = this.#parts;
    try {
      this.#logFile = (await prepareRunFolder(this.#run, this.#parts)).log;
    } catch (error) {
      return this.#failed('retry', `the run folder could not be made: ${(error as Error).message}`);
    }
    const log = new RunLog(this.#logFile, { files });
    const progress = new ProgressReader({ clock, tell: (told) => this.#run.onProgress?.(told) });
    const work = open((chunk) => {
      this.#tail.write(chunk);
      if (progressInLog) progress.write(chunk);
      return log.append(chunk);
    });
    try {
      return (await this.#begin(work)) ?? (await this.#watch(work));
    } finally {
      progress.end();
      await work.close?.();
    }
  }

  /** How the run ended before it could be watched. */
  async #begin(work: RemoteWork): Promise<TrainerEnd | undefined> {
    const { clock, startWithinMs } = this.#parts;
    const giveUpAtMs = clock.monotonicMs() + startWithinMs;
    for (let tries = 1; ; tries++) {
      if (this.#stopped) return this.#halted(work, this.#stopped);
      try {
        await work.begin(this.#halt.signal);
        return undefined;
      } catch (error) {
        if (this.#stopped) continue;
        const { kind, message, retryAfterMs } = faultOf(error);
        if (kind === 'refused') return this.#failed('permanent', `the run was refused: ${message}`);
        if (clock.monotonicMs() >= giveUpAtMs) {
          // It may have been started all the same: the answer was lost, and the next attempt has another name.
          await work.end(0).catch(() => undefined);
          return this.#failed('retry', `the run could not be started within ${seconds(startWithinMs)}: ${message}`);
        }
        await this.#pauseAfter(tries, retryAfterMs);
      }
    }
  }

  async #watch(work: RemoteWork): Promise<TrainerEnd> {
    const { clock, maxRunMs, pollMs } = this.#parts;
    let overAtMs = clock.monotonicMs() + maxRunMs;
    let refusals = 0;
    for (let failures = 0; ;) {
      if (this.#stopped) return this.#halted(work, this.#stopped);
      let waitMs = pollMs;
      try {
        const look = await work.look(this.#halt.signal);
        failures = refusals = 0;
        if (look.told) this.#run.onProgress?.(look.told);
        if (look.state !== 'running') return this.#ended(look);
        if (look.startedAtMs !== undefined) overAtMs = Math.min(overAtMs, this.#overAt(look.startedAtMs));
      } catch (error) {
        if (this.#stopped) continue;
        const { kind, message, retryAfterMs } = faultOf(error);
        // Whatever runs there cannot be seen; a second one beside it would be worse than to wait for it.
        waitMs = Math.max(pollMs, retryAfterMs, backoffMs(++failures, RETRY, this.#parts.random));
        refusals = kind === 'refused' ? refusals + 1 : 0;
        if (refusals >= REFUSALS_MAX)
          return this.#end(work, { meaning: 'retry', reason: `the run cannot be asked about: ${message}` });
      }
      const leftMs = overAtMs - clock.monotonicMs();
      if (leftMs <= 0)
        return this.#end(work, {
          meaning: 'retry',
          reason: `the run took longer than ${seconds(maxRunMs)} and was ended`,
        });
      await pause(clock, Math.min(waitMs, leftMs), this.#halt.signal);
    }
  }

  #overAt(startedAtMs: number): number {
    const { clock, maxRunMs } = this.#parts;
    return clock.monotonicMs() + maxRunMs - Math.max(0, clock.wallMs() - startedAtMs);
  }

  async #halted(work: RemoteWork, { cause, graceMs }: { cause: StopCause; graceMs: number }): Promise<TrainerEnd> {
    if (cause === 'cancelled') return this.#end(work, { meaning: 'interrupted', reason: 'stopped', graceMs });
    return { ...this.#failed('interrupted', `let go (${cause}): the run goes on elsewhere`), goesOn: true };
  }

  /** Tells the run to end, and looks until it has. */
  async #end(
    work: RemoteWork,
    {
      meaning,
      reason,
      graceMs = this.#parts.graceMs,
    }: { meaning: 'retry' | 'interrupted'; reason: string; graceMs?: number },
  ): Promise<TrainerEnd> {
    const { clock } = this.#parts;
    const giveUpAtMs = clock.monotonicMs() + graceMs + END_MARGIN_MS;
    let isTold = false;
    let last = 'it was not seen to end';
    while (clock.monotonicMs() < giveUpAtMs) {
      try {
        if (!isTold) await work.end(graceMs);
        isTold = true;
        const look = await work.look();
        if (look.state === 'succeeded') return this.#ended(look);
        if (look.state === 'gone') return this.#failed(meaning, reason);
        if (look.state === 'failed') return this.#failed(meaning, `${reason}: ${look.reason}`, look.exit);
      } catch (error) {
        last = faultOf(error).message;
      }
      await pause(clock, END_POLL_MS);
    }
    return this.#failed(meaning, `${reason}, but after ${seconds(graceMs + END_MARGIN_MS)} it may still run: ${last}`);
  }

  #ended(look: Exclude<Look, { state: 'running' }>): TrainerEnd {
    if (look.state === 'gone') return this.#failed('interrupted', look.reason);
    if (look.state === 'failed') return this.#failed(look.meaning, look.reason, look.exit);
    try {
      return { kind: 'succeeded', result: remoteRunResult(look.result), logFile: this.#logFile };
    } catch (error) {
      return this.#failed('retry', (error as Error).message);
    }
  }

  #pauseAfter(tries: number, retryAfterMs: number): Promise<void> {
    const { clock, random } = this.#parts;
    return pause(clock, Math.max(retryAfterMs, backoffMs(tries, RETRY, random)), this.#halt.signal);
  }

  #failed(
    meaning: Exclude<ExitMeaning, 'success'>,
    reason: string,
    exit?: TrainerExit,
  ): Extract<TrainerEnd, { kind: 'failed' }> {
    const how = exit && !reason.includes(describeExit(exit)) ? `${reason} (${describeExit(exit)})` : reason;
    const stderrTail = this.#tail.text();
    return { kind: 'failed', meaning, reason: how, ...(exit && { exit }), stderrTail, logFile: this.#logFile };
  }
}

function faultOf(error: unknown): RemoteFault {
  return error instanceof RemoteFault ? error : new RemoteFault('passing', String(error), { cause: error });
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}
