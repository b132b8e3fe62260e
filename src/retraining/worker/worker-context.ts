import type { ServiceBusMessage } from '@azure/service-bus';
import type { Clock } from '../../runtime/clock.ts';
import type { Files } from '../../runtime/files.ts';
import type { Random } from '../../runtime/random.ts';
import type { Backoff } from '../backoff.ts';
import type { GateRule } from '../gate.ts';
import type { Owner } from './ledger-record.ts';
import type { WorkerTelemetry } from '../telemetry/worker-telemetry.ts';
import type { Registry } from '../registries/registry.ts';
import type { Trainer } from '../trainers/trainer.ts';
import type { WorkerLog } from './worker-log.ts';
import type { Outcomes } from './worker-outcomes.ts';
import type { RunLimits } from './worker-sort.ts';

/** How one model is retrained. */
export interface ModelPolicy {
  readonly trainer: Trainer;
  readonly gate: GateRule;
  /** Failed runs after which a request is given up. Default 5. */
  readonly maxAttempts?: number;
  /** Of those, runs that were killed (exit code 137). Default 2. */
  readonly maxKills?: number;
  /** Milliseconds between the end of a run and the start of the next. Default 0. */
  readonly cooldownMs?: number;
  /** Runs that may start within one UTC day. Default: no limit. */
  readonly maxRunsPerDay?: number;
  /** Requests that one run answers, 1 to 100; more wait for the next run. Default 100, the most that the ledger can hold. */
  readonly maxRequests?: number;
  /** Between attempts. Default: the worker's. */
  readonly backoff?: Backoff;
}

const DEFAULT_MAX_ATTEMPTS = 5;
const DEFAULT_MAX_KILLS = 2;

/** One that is forgotten counts as never begun: its restart costs nothing. */
export const EXECUTED_MAX = 1000;

export function limitsOf({ maxAttempts = DEFAULT_MAX_ATTEMPTS, maxKills = DEFAULT_MAX_KILLS }: ModelPolicy): RunLimits {
  return { maxAttempts, maxKills };
}

/** What everything that works on a session shares. */
export interface WorkerContext {
  readonly me: Owner;
  readonly policyOf: (model: string) => ModelPolicy | undefined;
  readonly registry: Registry;
  readonly outcomes: Outcomes;
  /** The queue that the worker receives from. */
  readonly queue: string;
  /** Sends to that queue: clones. */
  readonly send: (message: ServiceBusMessage) => Promise<void>;
  readonly backoff: Backoff;
  /** Milliseconds between SIGTERM and SIGKILL for a trainer that has to stop. */
  readonly graceMs: number;
  /** Executions (run id and epoch) that this process has begun, at most `EXECUTED_MAX`: the oldest is forgotten first. */
  readonly executed: Set<string>;
  /** Aborts when the worker shuts down. */
  readonly shutdown: AbortSignal;
  readonly clock: Clock;
  readonly random: Random;
  readonly files: Files;
  readonly log: WorkerLog;
  readonly telemetry: WorkerTelemetry;
}
