import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { RetrainError } from '../errors.ts';
import { CommandTrainer } from '../retraining/trainers/command-trainer.ts';
import { FileRegistry } from '../retraining/registries/file-registry.ts';
import { parseGateRule } from '../retraining/gate.ts';
import type { GateRule } from '../retraining/gate.ts';
import { checkModelName } from '../retraining/model-name.ts';
import type { ModelPolicy } from '../retraining/worker/worker-context.ts';
import { RetrainingWorker } from '../retraining/worker/worker.ts';
import type { WorkerOptions } from '../retraining/worker/worker.ts';
import { systemClock } from '../runtime/clock.ts';
import { files } from '../runtime/files.ts';
import { systemRandom } from '../runtime/random.ts';
import { addConnectionOptions, checkQueue, checkTarget, placeOf } from './connection.ts';
import type { ConnectionOptions, Place } from './connection.ts';
import { IdleWatch } from './idle-watch.ts';
import { Interrupt } from './interrupt.ts';
import { collect, count, decimal, span } from './option.ts';
import { DEFAULT_STATE_FOLDER, stateFolders } from './state-folder.ts';
import { WorkerOutput } from './worker-output.ts';

interface WorkerFlags extends ConnectionOptions {
  readonly model?: readonly string[];
  readonly metric: string;
  readonly direction: GateRule['direction'];
  readonly minImprovement: number;
  readonly state: string;
  readonly maxRuntime?: number;
  readonly grace: number;
  readonly attempts?: number;
  readonly coolDown?: number;
  readonly budget?: number;
  readonly concurrency: number;
  readonly outcomes?: string;
  readonly idleExit?: number;
  readonly json?: true;
  readonly verbose?: true;
}

export function workerCommand(): Command {
  return addConnectionOptions(new Command('worker'))
    .description('Takes requests from the queue, runs the trainer, and lets the gate promote or reject the result.')
    .argument('[trainer...]', "the trainer's command and its arguments, after --")
    .option(
      '--model <name>',
      'take requests for this model only, dead-letter others; repeatable (default: any)',
      collect,
    )
    .requiredOption('--metric <name>', 'the metric that the gate compares')
    .addOption(
      new Option('--direction <which>', 'which way is better').choices(['minimize', 'maximize']).default('minimize'),
    )
    .option('--min-improvement <n>', "what a challenger must gain, in the metric's unit", decimal, 0)
    .option('--state <dir>', 'folder for registry, runs and outcome log', DEFAULT_STATE_FOLDER)
    .option('--max-runtime <span>', 'end a run that takes longer, such as 90m (default: 24h)', span)
    .addOption(
      new Option('--grace <span>', 'between SIGTERM and SIGKILL for a trainer').argParser(span).default(30_000, '30s'),
    )
    .option('--attempts <n>', 'failed runs before a request is dead-lettered (default: 5)', count)
    .option('--cool-down <span>', 'pause between two runs of a model (default: none)', span)
    .option('--budget <n>', 'runs of a model a day (default: no limit)', count)
    .option('--concurrency <n>', 'models worked on at the same time', count, 1)
    .option('--outcomes <queue>', 'queue or topic for outcome events')
    .option('--idle-exit <span>', 'end after so long without a request, such as 5m', span)
    .option('--json', 'print every event as a line of JSON')
    .addHelpText(
      'after',
      `
The trainer reads the plan from the file $RETRAIN_REQUEST, writes {"metrics": {"challenger": {…}, "champion": {…}}, "artifact": "…"}
to $RETRAIN_RESULT, and puts its files into $RETRAIN_OUTPUT. Ctrl-C stops it in order; what is not finished goes back to the queue.

Examples:
  retrain worker --metric mape -- python train.py
  retrain worker --model births --metric auc --direction maximize --min-improvement 0.002 --max-runtime 2h -- ./train.sh`,
    )
    .action(runWorker);
}

async function runWorker(trainer: readonly string[], flags: WorkerFlags): Promise<void> {
  endWithParent();
  const place = placeOf(flags);
  const policyOf = policies(trainer, flags);
  await checkQueue(place);
  if (flags.outcomes !== undefined) await checkTarget({ ...place, queue: flags.outcomes });

  const output = new WorkerOutput((line) => console.log(line), {
    json: flags.json === true,
    verbose: flags.verbose === true,
    clock: systemClock,
  });
  const running = new Set<string>();
  using interrupt = new Interrupt(() => {
    const runs = running.size === 0 ? 'the connection' : `${[...running].join(', ')}, up to ${flags.grace / 1000} s`;
    output.say(`stopping: waiting for ${runs}; Ctrl-C again ends at once`);
  });
  const idle = new IdleWatch({ idleMs: flags.idleExit, clock: systemClock });
  await using worker = new RetrainingWorker({
    ...workerOptions(place, flags),
    policyOf,
    log: (fact) => {
      idle.see(fact);
      if (fact.fact === 'run-started') running.add(fact.model);
      if (fact.fact === 'session-released') running.delete(fact.model);
      output.tell(fact);
    },
    onLedgerWrite: (moment, event, { model }) => {
      if (moment === 'after') output.written(event, model);
    },
  });
  await worker.start();
  output.say(`working on ${place.queue} at ${place.connection.host}; Ctrl-C stops in order`);
  const ended = await Promise.race([interrupt.happened, idle.happened]);
  idle.stop();
  if (ended === 'unreachable')
    throw new RetrainError(
      'UNREACHABLE',
      `no broker answered at ${place.connection.host} for ${(flags.idleExit ?? 0) / 1000} s: start the worker again when it is back`,
    );
}

function workerOptions(place: Place, flags: WorkerFlags): Omit<WorkerOptions, 'policyOf'> {
  const state = resolve(flags.state);
  const { registry: folder } = stateFolders(state);
  return {
    connection: place.connection,
    queue: place.queue,
    registry: new FileRegistry({ folder, files, clock: systemClock, random: systemRandom }),
    outcomeFolder: state,
    ...(flags.outcomes !== undefined && { outcomes: flags.outcomes }),
    concurrency: flags.concurrency,
    graceMs: flags.grace,
  };
}

/** Every model has the same policy; one that is not named is not this worker's business. */
function policies(trainer: readonly string[], flags: WorkerFlags): (model: string) => ModelPolicy | undefined {
  const [command, ...args] = trainer;
  if (command === undefined)
    throw new RetrainError(
      'ARGUMENT_INVALID',
      'no trainer: give its command after --, as in retrain worker --metric mape -- python train.py',
    );
  const names = flags.model?.map(checkModelName);
  const { metric, direction, minImprovement, attempts, coolDown, budget, maxRuntime, grace } = flags;
  const policy: ModelPolicy = {
    trainer: new CommandTrainer({
      command: [command, ...args],
      folder: stateFolders(resolve(flags.state)).runs,
      graceMs: grace,
      ...(maxRuntime !== undefined && { maxRunMs: maxRuntime }),
    }),
    gate: parseGateRule({ metric, direction, minImprovement }),
    ...(attempts !== undefined && { maxAttempts: attempts }),
    ...(coolDown !== undefined && { cooldownMs: coolDown }),
    ...(budget !== undefined && { maxRunsPerDay: budget }),
  };
  return (model) => (names && !names.includes(model) ? undefined : policy);
}

/** A worker that was started over an IPC channel, as by the demo, does not outlive who started it. */
function endWithParent(): void {
  if (process.connected) process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
}
