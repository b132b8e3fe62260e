import type { Metrics } from '../gate.ts';
import type { Plan } from '../plan.ts';
import type { TrainerProgress } from './trainer.ts';

/** What a train function is given besides the plan. */
export interface TrainContext {
  /** Aborts when the run has to end: keep a checkpoint, and return or throw within the grace period. */
  readonly signal: AbortSignal;
  /** Folder for artifacts. */
  readonly output: string;
  /** Folder that survives to the next attempt of the same plan. */
  readonly checkpoint: string;
  readonly runId: string;
  /** Put it beside everything that is written elsewhere, and refuse lower ones. */
  readonly epoch: number;
  /** Tells how far the run is: 0 to 1, or with metrics. */
  readonly progress: (told: number | TrainerProgress) => void;
  /** Writes a line to the run's log, as `console.log` does. */
  readonly log: (line: string) => void;
}

/** What a train function gives back: what a command writes to `RETRAIN_RESULT`. */
export interface TrainResult {
  /** Of challenger and champion, on the same newest window. */
  readonly metrics: Metrics;
  /** A path within the output folder, or a URI. */
  readonly artifact: string;
  readonly notes?: string;
}

/**
 * The function that a module exports for the trainer `{ module, export }`. It runs in a child process. An error that it throws
 * costs an attempt, and one with a property `permanent: true` dead-letters the request, as trying again cannot help.
 */
export type TrainFunction = (plan: Plan, context: TrainContext) => TrainResult | Promise<TrainResult>;
