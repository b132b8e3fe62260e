import { resolve } from 'node:path';
import { RetrainError } from '../errors.ts';
import { foldersIn } from '../retraining/configuration/configuration.ts';
import { parseGateRule } from '../retraining/gate.ts';
import type { GateRule } from '../retraining/gate.ts';
import { checkModelName } from '../retraining/model-name.ts';
import { FileRegistry } from '../retraining/registries/file-registry.ts';
import { CommandTrainer } from '../retraining/trainers/command-trainer.ts';
import type { ModelPolicy } from '../retraining/worker/worker-context.ts';
import type { WorkerOptions } from '../retraining/worker/worker.ts';
import { systemClock } from '../runtime/clock.ts';
import { files } from '../runtime/files.ts';
import { systemRandom } from '../runtime/random.ts';
import type { ConnectionOptions, Place } from './connection.ts';
import { DEFAULT_STATE_FOLDER, stateFolders } from './state-folder.ts';

/** How models are retrained, as flags say it: for one trainer, without a configuration. */
export interface TrainerFlags {
  readonly model?: readonly string[];
  readonly metric?: string;
  readonly direction?: GateRule['direction'];
  readonly minImprovement?: number;
  readonly state?: string;
  readonly maxRuntime?: number;
  readonly attempts?: number;
  readonly coolDown?: number;
  readonly budget?: number;
  readonly outcomes?: string;
}

export interface WorkerFlags extends ConnectionOptions, TrainerFlags {
  readonly grace?: number;
  readonly concurrency?: number;
  readonly once?: true;
  readonly acceptFor?: number;
  readonly idleExit?: number;
  readonly probePort?: number;
  readonly probeHost?: string;
  readonly json?: true;
  readonly verbose?: true;
}

/** Each flag that a configuration has another place for. */
const IN_CONFIGURATION: Readonly<Record<keyof TrainerFlags, string>> = {
  model: 'models',
  metric: 'models.NAME.gate.metric',
  direction: 'models.NAME.gate.direction',
  minImprovement: 'models.NAME.gate.minImprovement',
  state: 'folders.state',
  maxRuntime: 'models.NAME.maxRuntime',
  attempts: 'models.NAME.attempts',
  coolDown: 'models.NAME.coolDown',
  budget: 'models.NAME.budgetPerDay',
  outcomes: 'outcomes',
};

/** With a configuration, what it says is not said a second time, by flags. */
export function refuseTrainerFlags(flags: WorkerFlags, file: string): void {
  for (const [name, place] of Object.entries(IN_CONFIGURATION))
    if (flags[name as keyof TrainerFlags] !== undefined)
      throw new RetrainError(
        'ARGUMENT_INVALID',
        `--${name.replace(/[A-Z]/g, (sign) => `-${sign.toLowerCase()}`)} goes with a trainer after --: without one, ${file} says it (${place})`,
      );
}

/** Refuses flags that cannot work, whatever the broker. */
export function checkWorkerFlags(trainer: readonly string[], { metric, once, acceptFor, idleExit }: WorkerFlags): void {
  if (trainer.length > 0 && metric === undefined)
    throw new RetrainError('ARGUMENT_INVALID', '--metric is missing: name the metric that the gate compares');
  if (once && idleExit !== undefined)
    throw new RetrainError('ARGUMENT_INVALID', '--once ends by itself: take --idle-exit away');
  if (acceptFor !== undefined && !once)
    throw new RetrainError(
      'ARGUMENT_INVALID',
      '--accept-for goes with --once: add it, or take --accept-for away (a worker that stays accepts until it is stopped)',
    );
  if (acceptFor === 0)
    throw new RetrainError(
      'ARGUMENT_INVALID',
      '--accept-for is 0: nothing would ever be accepted, give it such as 10m',
    );
}

/** The options of a worker with one trainer, given by flags and by what follows `--`. */
export function workerOptionsOf(
  [command, ...args]: readonly string[],
  { place, flags, graceMs }: { place: Place; flags: WorkerFlags; graceMs: number },
): WorkerOptions {
  if (command === undefined)
    throw new RetrainError(
      'ARGUMENT_INVALID',
      'no trainer: give its command after --, as in retrain worker --metric mape -- python train.py, or write a retrain.yaml',
    );
  const { metric, direction = 'minimize', minImprovement = 0, model } = flags;
  const { registry: folder, runs, state } = stateFolders(resolve(flags.state ?? DEFAULT_STATE_FOLDER));
  const { profile } = flags.profiled ?? {};
  const outcomes = flags.outcomes ?? profile?.outcomes?.topic;
  const { attempts, coolDown, budget, maxRuntime } = flags;
  const policy: ModelPolicy = {
    trainer: new CommandTrainer({
      command: [command, ...args],
      folder: runs,
      graceMs,
      ...(maxRuntime !== undefined && { maxRunMs: maxRuntime }),
    }),
    gate: parseGateRule({ metric, direction, minImprovement }),
    ...(attempts !== undefined && { maxAttempts: attempts }),
    ...(coolDown !== undefined && { cooldownMs: coolDown }),
    ...(budget !== undefined && { maxRunsPerDay: budget }),
  };
  // Every model has the same policy; one that is not named is not this worker's business.
  const names = model?.map(checkModelName);
  return {
    connection: place.connection,
    queue: place.queue,
    policyOf: (name) => (names && !names.includes(name) ? undefined : policy),
    registry: new FileRegistry({ folder, files, clock: systemClock, random: systemRandom }),
    outcomeFolder: state,
    ...(outcomes !== undefined && { outcomes }),
    ...(profile?.queues.sessions === false && { sessions: false, ledgerFolder: foldersIn(state).ledgers }),
    graceMs,
  };
}
