import type { ExitMeaning, TrainerExit } from './exit-code.ts';
import type { Plan } from '../plan.ts';
import type { RunResult } from './run-result.ts';

/** One execution of a trainer, as the worker orders it. */
export interface TrainerRun {
  /** Carries model, run id and epoch: the epoch grows with every new execution, so that a trainer can fence its own writes. */
  readonly plan: Plan;
  /** Names what the run answers: the checkpoint folder of an earlier attempt with the same key is handed on. */
  readonly planKey: string;
  /** W3C trace context, handed on as `TRACEPARENT` and `TRACESTATE`, or in headers of these names. */
  readonly traceparent?: string;
  readonly tracestate?: string;
  /** Called for lines of stdout that tell progress, at most once per `PROGRESS_INTERVAL_MS`. */
  readonly onProgress?: (progress: TrainerProgress) => void;
}

export interface TrainerProgress {
  /** 0 to 1. */
  readonly progress?: number;
  readonly metrics?: Readonly<Record<string, unknown>>;
}

/**
 * Why a run is told to stop: the worker shuts down, it has lost the model's session to somebody else, or nobody wants the
 * run any more.
 */
export type StopCause = 'shutdown' | 'lost' | 'cancelled';

export type TrainerEnd =
  | { readonly kind: 'succeeded'; readonly result: RunResult; readonly logFile: string }
  | {
      readonly kind: 'failed';
      /** Never `success`: a clean exit without a usable result file is `retry`. */
      readonly meaning: Exclude<ExitMeaning, 'success'>;
      /** One line: why. */
      readonly reason: string;
      /** Absent when the end of the process is not what failed the run, or is not known. */
      readonly exit?: TrainerExit;
      /** The last lines of stderr, at most `STDERR_TAIL_LINES` and `STDERR_TAIL_BYTES`. */
      readonly stderrTail: string;
      readonly logFile: string;
      /** The run was only let go (then `meaning` is `interrupted`): it goes on elsewhere, and `start` finds it again. */
      readonly goesOn?: true;
    };

/** A trainer that was started. */
export interface TrainerHandle {
  /** Settles when nothing of the run is left running, or when it was let go. It never rejects. */
  readonly result: Promise<TrainerEnd>;
  /**
   * Asks the run to end: SIGTERM, `graceMs` milliseconds, SIGKILL. `result` then tells how it ended. A run that lives
   * elsewhere is ended only when it is `cancelled`; otherwise it is let go, and the next worker attaches to it.
   */
  stop(graceMs: number, cause: StopCause): void;
}

export interface SettledPlan {
  readonly model: string;
  /** As in `TrainerRun`. */
  readonly planKey: string;
}

/** Where runs are executed. */
export interface Trainer {
  /**
   * Whether its runs live elsewhere and outlive the worker. They are named by model and run id, never by the epoch, and
   * `start` of a run that is there attaches to it.
   */
  readonly reattaches?: boolean;
  start(run: TrainerRun): TrainerHandle;
  /**
   * The plan will not be tried again: its checkpoint, and old runs beyond what is kept, can go. Called once or more, perhaps
   * for a plan whose runs were elsewhere.
   */
  settled?(plan: SettledPlan): Promise<void>;
  /** Lets go of what it keeps for later runs; those that run are not touched. */
  close?(): Promise<void>;
}
