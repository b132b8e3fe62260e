import { Command, Option } from 'commander';
import { RetrainError } from '../errors.ts';
import type { RetrainListener } from '../retraining/listener/listener.ts';
import type { ListenerLog } from '../retraining/listener/listener-log.ts';
import { RetrainingWorker } from '../retraining/worker/worker.ts';
import type { WorkerOptions } from '../retraining/worker/worker.ts';
import { systemClock } from '../runtime/clock.ts';
import { CONFIGURATION_FILE } from './configuration-file.ts';
import { addConnectionOptions, checkQueue, checkTarget, placeOf } from './connection.ts';
import type { Place } from './connection.ts';
import { IdleWatch } from './idle-watch.ts';
import { Interrupt } from './interrupt.ts';
import { collect, count, decimal, port, span } from './option.ts';
import { Readiness } from './readiness.ts';
import { DEFAULT_STATE_FOLDER } from './state-folder.ts';
import { checkWorkerFlags, refuseTrainerFlags, workerOptionsOf } from './worker-flags.ts';
import type { WorkerFlags } from './worker-flags.ts';
import { workerLine, WorkerOutput } from './worker-output.ts';
import { counted } from './counted.ts';

const DEFAULT_GRACE_MS = 30_000;

export function workerCommand(): Command {
  return addConnectionOptions(new Command('worker'))
    .description('Takes requests from the queue, runs the trainer, and lets the gate promote or reject the result.')
    .argument('[trainer...]', "the trainer's command and its arguments, after --; without it, the configuration's")
    .option(
      '--model <name>',
      'take requests for this model only, dead-letter others; repeatable (default: any)',
      collect,
    )
    .option('--metric <name>', 'the metric that the gate compares')
    .addOption(
      new Option('--direction <which>', 'which way is better (default: minimize)').choices(['minimize', 'maximize']),
    )
    .option('--min-improvement <n>', "what a challenger must gain, in the metric's unit (default: 0)", decimal)
    .option('--state <dir>', `folder for registry, runs and outcome log (default: ${DEFAULT_STATE_FOLDER})`)
    .option('--max-runtime <span>', 'end a run that takes longer, such as 90m (default: 24h)', span)
    .option('--grace <span>', 'between SIGTERM and SIGKILL for a trainer (default: 30s)', span)
    .option('--attempts <n>', 'failed runs before a request is dead-lettered (default: 5)', count)
    .option('--cool-down <span>', 'pause between two runs of a model (default: none)', span)
    .option('--budget <n>', 'runs of a model a day (default: no limit)', count)
    .option(
      '--concurrency <n>',
      'models worked on at the same time (default: 1, or what the configuration says)',
      count,
    )
    .option('--outcomes <queue>', 'queue or topic for outcome events')
    .option('--once', 'take what is there, then end: for jobs that are started when requests wait')
    .option('--accept-for <span>', 'with --once: take nothing new after so long, such as 10m; runs go on', span)
    .option('--idle-exit <span>', 'end after so long without a request, such as 5m', span)
    .option('--probe-port <n>', 'serve /livez, /readyz and /metrics by HTTP on this port; 0 picks a free one', port)
    .option('--probe-host <host>', 'address for --probe-port (default: 127.0.0.1)')
    .option('--json', 'print every event as a line of JSON')
    .addHelpText(
      'after',
      `
Without a trainer after --, ${CONFIGURATION_FILE} says which models there are and how each is trained.
The trainer reads the plan from the file $RETRAIN_REQUEST, writes {"metrics": {"challenger": {…}, "champion": {…}}, "artifact": "…"}
to $RETRAIN_RESULT, and puts its files into $RETRAIN_OUTPUT. Ctrl-C stops it in order; what is not finished goes back to the queue.

Examples:
  retrain worker
  retrain worker --once
  retrain worker --once --accept-for 10m
  retrain worker --metric mape -- python train.py
  retrain worker --model births --metric auc --direction maximize --min-improvement 0.002 --max-runtime 2h -- ./train.sh`,
    )
    .action(runWorker);
}

async function runWorker(trainer: readonly string[], flags: WorkerFlags): Promise<void> {
  endWithParent();
  checkWorkerFlags(trainer, flags);
  const place = placeOf(flags);
  const options = await optionsOf(trainer, { place, flags });
  await checkQueue(place, { sessions: options.sessions !== false });
  if (options.outcomes !== undefined) await checkTarget({ ...place, queue: options.outcomes });

  const output = new WorkerOutput((line) => console.log(line), workerLine, {
    json: flags.json === true,
    verbose: flags.verbose === true,
    clock: systemClock,
  });
  const { graceMs = DEFAULT_GRACE_MS } = options;
  const running = new Set<string>();
  using interrupt = new Interrupt(() => {
    const runs = running.size === 0 ? 'the connection' : `${[...running].join(', ')}, up to ${graceMs / 1000} s`;
    output.say(`stopping: waiting for ${runs}; Ctrl-C again ends at once`);
  });
  const readiness = new Readiness();
  await using probes = await probesOf(flags, { readiness, output });
  const idle = new IdleWatch({ idleMs: flags.idleExit, clock: systemClock });
  await using worker = new RetrainingWorker({
    ...options,
    log: (fact) => {
      idle.see(fact);
      readiness.see(fact);
      if (fact.fact === 'run-started') running.add(fact.model);
      if (fact.fact === 'session-released') running.delete(fact.model);
      output.tell(fact);
    },
    onLedgerWrite: (moment, event, { model }) => {
      if (moment === 'after') output.written(event, model);
    },
  });
  if (flags.once) return await workOnce(worker, { output, interrupt, acceptForMs: flags.acceptFor });
  await worker.start();
  if (probes) output.say(`probes and metrics at ${probes.url}`);
  output.say(`working on ${place.queue} at ${place.connection.host}; Ctrl-C stops in order`);
  const ended = await Promise.race([interrupt.happened, idle.happened]);
  idle.stop();
  if (ended === 'unreachable')
    throw new RetrainError(
      'UNREACHABLE',
      `no broker answered at ${place.connection.host} for ${(flags.idleExit ?? 0) / 1000} s: start the worker again when it is back`,
    );
}

async function probesOf(
  { probePort, probeHost = '127.0.0.1' }: WorkerFlags,
  { readiness, output }: { readiness: Readiness; output: WorkerOutput },
): Promise<RetrainListener | undefined> {
  if (probePort === undefined) return undefined;
  const { startProbes } = await import('./probes.ts');
  // What a probe is refused is its own business.
  const log: ListenerLog = (fact) => {
    if (fact.fact === 'http-failed') output.say(`HTTP ${fact.path} answered with ${fact.status}: ${fact.reason}`);
  };
  return startProbes({ host: probeHost, port: probePort, readiness, log });
}

async function workOnce(
  worker: RetrainingWorker,
  { output, interrupt, acceptForMs }: { output: WorkerOutput; interrupt: Interrupt; acceptForMs: number | undefined },
): Promise<void> {
  void interrupt.happened.then(() => worker.stop());
  const options = acceptForMs === undefined ? {} : { acceptForMs };
  const { end, sessions, runs, reason = '', code = 'UNREACHABLE' } = await worker.runOnce(options);
  if (end === 'unreachable' || end === 'failed') throw new RetrainError(code, reason);
  const done = sessions === 0 ? 'nothing to do' : `${counted(runs, 'run')} for ${counted(sessions, 'model')}`;
  output.say(end === 'stopped' ? `stopped after ${done}` : done);
}

/** By flags when a trainer is given, otherwise by the configuration. */
async function optionsOf(
  trainer: readonly string[],
  { place, flags }: { place: Place; flags: WorkerFlags },
): Promise<WorkerOptions> {
  const { configured, concurrency } = flags;
  const graceMs = flags.grace ?? configured?.configuration.worker.grace ?? DEFAULT_GRACE_MS;
  const own = concurrency === undefined ? {} : { concurrency };
  if (trainer.length > 0 || !configured) return { ...workerOptionsOf(trainer, { place, flags, graceMs }), ...own };
  const { configuration } = configured;
  refuseTrainerFlags(flags, configuration.file);
  const { configuredWorker } = await import('./configured-parts.ts');
  return { ...(await configuredWorker(configuration, place.connection)), queue: place.queue, graceMs, ...own };
}

/** A worker that was started over an IPC channel, as by the demo, does not outlive who started it. */
function endWithParent(): void {
  if (process.connected) process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
}
