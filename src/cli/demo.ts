import { resolve } from 'node:path';
import type { ServiceBusClient } from '@azure/service-bus';
import { Command, InvalidArgumentError } from 'commander';
import { loadBirths } from '../demo/births-data.ts';
import { readChartLibrary } from '../demo/chart-library.ts';
import { forecastableDays } from '../demo/features.ts';
import { BIRTHS_GATE, replay } from '../demo/replay.ts';
import type { ReplayOutcome, ReplayRequest, ReplayResult } from '../demo/replay.ts';
import { renderReport } from '../demo/report.ts';
import { FIRST_SERVED_DAY, fitFirstModel } from '../demo/training.ts';
import { RetrainError } from '../errors.ts';
import { closeClient, createClient, parseConnection } from '../retraining/connection.ts';
import { FileRegistry } from '../retraining/registries/file-registry.ts';
import { PRODUCER_SOURCE, RetrainingProducer } from '../retraining/producer.ts';
import { systemClock } from '../runtime/clock.ts';
import { files } from '../runtime/files.ts';
import { systemRandom } from '../runtime/random.ts';
import { startServer } from '../server/index.ts';
import { DEFAULT_QUEUE, parseQueueFlag } from '../topology/index.ts';
import { DemoFolder } from './demo-folder.ts';
import { DemoProgress } from './demo-progress.ts';
import { promoteFirst, servingChampion } from './demo-registry.ts';
import { demoSummary, outcomeFrom, shownPath, showDemo } from './demo-result.ts';
import { DemoWorker } from './demo-worker.ts';
import { Interrupt } from './interrupt.ts';
import { decimal } from './option.ts';
import { OutcomeFeed } from './outcome-feed.ts';
import { stateFolders } from './state-folder.ts';
import { Terminal } from './terminal.ts';

interface DemoFlags {
  readonly threshold: number;
  readonly data: string;
  readonly report?: string;
  readonly json?: true;
}

const MODEL = 'us-births';
const OUTCOME_QUEUE = 'model-retraining-outcomes';
/** A request that is not answered by then is taken for lost. */
const ANSWER_MS = 120_000;

export function demoCommand(): Command {
  return new Command('demo')
    .description('Shows it all on this machine: models of 46 years of births decay, are retrained, and stay good.')
    .option('--threshold <ratio>', 'ask for a retraining when the error is so many times the reference', ratio, 1.5)
    .option('--data <dir>', 'folder for all that the demo makes; the next demo replaces it', 'retrain-demo')
    .option('--report <file>', 'where the HTML report goes (default: report.html in the data folder)')
    .option('--json', 'print one JSON object at the end, nothing else')
    .addHelpText(
      'after',
      `
It starts the embedded broker, a monitor that replays the births in windows of 91 days, a producer, and a worker process that starts a
trainer process for each run. It takes less than 90 seconds.

Examples:
  retrain demo
  retrain demo --threshold 1.3 --json`,
    )
    .action(runDemo);
}

async function runDemo(flags: DemoFlags): Promise<void> {
  const progress = new DemoProgress(new Terminal(flags.json ? process.stderr : process.stdout));
  const told = flags.json && !process.stderr.isTTY ? undefined : progress;
  using interrupt = new Interrupt(() => told?.say('stopping; a second Ctrl-C ends at once'));
  try {
    await using folder = await DemoFolder.open(resolve(flags.data));
    const { result, runs } = await runReplay(flags, { folder, interrupt, told });
    const report = flags.report === undefined ? folder.report : resolve(flags.report);
    await files.writeAtomic(report, renderReport(result, await readChartLibrary(files)));
    told?.end();
    const finished = { result, runs, report, stateFolder: folder.worker };
    if (flags.json) console.log(JSON.stringify(demoSummary(finished)));
    else showDemo(finished, process.stdout);
  } finally {
    told?.end();
  }
}

interface Setting {
  readonly folder: DemoFolder;
  readonly interrupt: Interrupt;
  readonly told: DemoProgress | undefined;
}

/** Sets everything up, replays the years, and takes everything down again, in the opposite order. */
async function runReplay(flags: DemoFlags, setting: Setting): Promise<{ result: ReplayResult; runs: number }> {
  const { folder, interrupt, told } = setting;
  await using broker = await startServer({
    dataFolder: folder.broker,
    amqpPort: 0,
    httpPort: 0,
    queues: [DEFAULT_QUEUE, parseQueueFlag(OUTCOME_QUEUE)],
  });
  const { connectionString } = broker;
  await using connected = connect(connectionString);
  const { client } = connected;
  await using producer = new RetrainingProducer({ client });
  await using feed = new OutcomeFeed(client, { queue: OUTCOME_QUEUE, onEvent: (event) => told?.worked(event) });
  await using worker = new DemoWorker({
    connectionString,
    queue: DEFAULT_QUEUE.name,
    outcomes: OUTCOME_QUEUE,
    model: MODEL,
    gate: BIRTHS_GATE,
    stateFolder: folder.worker,
    logFile: folder.workerLog,
  });
  told?.say(`broker on port ${broker.amqpPort}, worker process ${worker.pid}, folder ${shownPath(folder.path)}`);

  const trouble = Promise.race([
    worker.failed,
    feed.failed,
    broker.failed.then((error) => Promise.reject(error)),
    interrupt.happened.then(() => Promise.reject(interrupted())),
  ]);
  trouble.catch(() => undefined);
  const request = async ({ trigger, parameters }: ReplayRequest): Promise<ReplayOutcome> => {
    const { id } = await producer.request({ model: { name: MODEL }, trigger, parameters: { ...parameters } });
    const answer = feed.answerTo({ source: PRODUCER_SOURCE, id });
    return outcomeFrom(
      await withinAnswerTime(Promise.race([answer, trouble]), { id, log: folder.workerLog }),
      BIRTHS_GATE.metric,
    );
  };
  return { result: await replayYears(flags, { setting, request }), runs: feed.runs };
}

async function replayYears(
  { threshold }: DemoFlags,
  {
    setting: { folder, interrupt, told },
    request,
  }: { setting: Setting; request: (request: ReplayRequest) => Promise<ReplayOutcome> },
): Promise<ReplayResult> {
  const days = forecastableDays(loadBirths());
  const frozen = fitFirstModel(days);
  const registry = new FileRegistry({
    folder: stateFolders(folder.worker).registry,
    files,
    clock: systemClock,
    random: systemRandom,
  });
  const fittedOn = days.filter(({ day }) => day < FIRST_SERVED_DAY);
  await promoteFirst(registry, { name: MODEL, model: frozen, fittedOn, artifact: folder.firstModel });
  const champion = (): ReturnType<typeof servingChampion> => servingChampion(registry, MODEL);
  const steps = replay({ days, frozen, ratio: threshold, champion, request, signal: interrupt.signal });
  for (;;) {
    const step = await steps.next();
    if (interrupt.signal.aborted) throw interrupted();
    if (step.done) return step.value;
    told?.replayed(step.value);
  }
}

function connect(connectionString: string): AsyncDisposable & { readonly client: ServiceBusClient } {
  const client = createClient(parseConnection(connectionString));
  return { client, [Symbol.asyncDispose]: () => closeClient(client, { clock: systemClock }) };
}

function withinAnswerTime<T>(answer: Promise<T>, { id, log }: { id: string; log: string }): Promise<T> {
  return new Promise((resolve, reject) => {
    const what = `request ${id} was not answered in ${ANSWER_MS / 1000} s: see ${log}`;
    const cancel = systemClock.after(ANSWER_MS, () => reject(new RetrainError('TRAINER_FAILED', what)));
    void answer.then(resolve, reject).finally(cancel);
  });
}

function interrupted(): RetrainError {
  return new RetrainError('INTERRUPTED', 'the demo was stopped before its end; start it again with retrain demo');
}

function ratio(value: string): number {
  const number = decimal(value);
  if (number > 1) return number;
  throw new InvalidArgumentError('use a number above 1, such as 1.5');
}
