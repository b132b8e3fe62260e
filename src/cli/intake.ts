import { Command } from 'commander';
import { RetrainError } from '../errors.ts';
import { assembleProducer } from '../retraining/configuration/assembly.ts';
import type { Configuration } from '../retraining/configuration/configuration.ts';
import { startIntake, startRequestListener, takeWaitingEvents } from '../retraining/configuration/intake-assembly.ts';
import { systemClock } from '../runtime/clock.ts';
import { metricsText, partsOf } from './configured-parts.ts';
import { requireConfiguration } from './configured.ts';
import { addConnectionOptions, checkQueue, placeOf, withClient } from './connection.ts';
import type { ConnectionOptions, Place } from './connection.ts';
import { FactOutput } from './fact-output.ts';
import { intakeLine } from './intake-output.ts';
import type { IntakeOutputFact } from './intake-output.ts';
import { Interrupt } from './interrupt.ts';
import { Readiness } from './readiness.ts';
import { StartedParts } from './started-parts.ts';

interface IntakeFlags extends ConnectionOptions {
  readonly events?: string;
  readonly once?: true;
  readonly json?: true;
  readonly verbose?: true;
}

export function intakeCommand(): Command {
  return addConnectionOptions(new Command('intake'))
    .description(
      'Takes events of Azure and others from the intake queue, and requests by HTTP, and asks for retrainings.',
    )
    .option('--events <queue>', "queue that the events come in by (default: the configuration's)")
    .option('--once', 'take the events that wait, then end, without HTTP: for jobs that are started when events wait')
    .option('--json', 'print every fact as a line of JSON')
    .addHelpText(
      'after',
      `
What it takes stands in the configuration: the rules under intake, and where it listens for HTTP under listen; either will do. It works
in front of Azure Service Bus as well as of the embedded broker. Ctrl-C stops it in order; what is not done waits in the queue.

Examples:
  retrain intake
  retrain intake --once
  retrain intake --config deploy/retrain.yaml --json`,
    )
    .action(runIntake);
}

async function runIntake(flags: IntakeFlags): Promise<void> {
  const configuration = flags.configured?.configuration ?? (await requireConfiguration(flags.config));
  if (!configuration.intake && !configuration.listen)
    throw new RetrainError(
      'CONFIGURATION_INVALID',
      `${configuration.file} has nothing to take: give rules under intake, or listen for HTTP (see docs/intake.md)`,
    );
  if (flags.once && !configuration.intake)
    throw new RetrainError(
      'CONFIGURATION_INVALID',
      `${configuration.file} has no rules under intake, so that --once has nothing to take: add some (see docs/intake.md), or leave --once out to listen for HTTP`,
    );
  const place = placeOf(flags);
  const events = flags.events ?? configuration.queues.intake;
  const output = new FactOutput((line) => console.log(line), intakeLine, {
    json: flags.json === true,
    verbose: flags.verbose === true,
    clock: systemClock,
  });
  using interrupt = new Interrupt(() => output.say('stopping, some seconds; Ctrl-C again ends at once'));
  const once = flags.once === true;
  await check(place, { events: configuration.intake ? events : undefined, queues: configuration.queues, once, output });
  if (once) return await takeOnce(configuration, { place, events, output, interrupt });
  await using started = new StartedParts();
  const summaries = await start(configuration, { place, events, output, started });
  output.say(`taking ${summaries.join(', ')}; Ctrl-C stops in order`);
  await interrupt.happened;
}

async function takeOnce(
  configuration: Configuration,
  {
    place,
    events,
    output,
    interrupt,
  }: { place: Place; events: string; output: FactOutput<IntakeOutputFact>; interrupt: Interrupt },
): Promise<void> {
  const places = { connection: place.connection, requests: place.queue, events };
  const log = (fact: IntakeOutputFact): void => output.tell(fact);
  const options = { log, until: interrupt.signal };
  const result = await takeWaitingEvents(partsOf(configuration), places, options);
  const { end, messages, requests, reason = '', code = 'UNREACHABLE' } = result;
  if (end === 'unreachable') throw new RetrainError(code, reason);
  const done =
    messages === 0
      ? 'nothing to take'
      : `${counted(messages, 'message')} taken, ${counted(requests, 'request')} accepted`;
  output.say(end === 'stopped' ? `stopped after ${done}` : done);
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

async function start(
  configuration: Configuration,
  {
    place,
    events,
    output,
    started,
  }: { place: Place; events: string; output: FactOutput<IntakeOutputFact>; started: StartedParts },
): Promise<string[]> {
  const parts = partsOf(configuration);
  const { connection, queue } = place;
  const readiness = new Readiness();
  const log = (fact: IntakeOutputFact): void => {
    readiness.see(fact);
    output.tell(fact);
  };
  const { intake, listen: settings } = configuration;
  const summaries: string[] = [];
  // Before whatever measures.
  const metrics = settings && (await metricsText());
  if (intake) {
    const places = { connection, requests: queue, events };
    summaries.push(started.add(await startIntake(parts, places, log)).summary);
  }
  if (settings) {
    const producer = started.add(assembleProducer(parts, { connection, queue, log }));
    const checks = { broker: () => readiness.check() };
    const listener = await startRequestListener(parts, {
      settings,
      producer,
      checks,
      ...(metrics && { metrics }),
      log,
    });
    summaries.push(started.add(listener).summary);
  }
  return summaries;
}

/** What is wrong with key or queues is said at the start. A broker that is away ends a job only: else what comes in meanwhile is kept. */
async function check(
  place: Place,
  {
    events,
    queues,
    once,
    output,
  }: {
    events: string | undefined;
    queues: Configuration['queues'];
    once: boolean;
    output: FactOutput<IntakeOutputFact>;
  },
): Promise<void> {
  try {
    await checkQueue(place, queues);
    if (events !== undefined)
      await withClient({ ...place, queue: events }, (client) => client.createReceiver(events).peekMessages(1));
  } catch (error) {
    if (once || !(error instanceof RetrainError) || error.code !== 'UNREACHABLE') throw error;
    output.say(`${error.message}; going on, and trying again`);
  }
}
