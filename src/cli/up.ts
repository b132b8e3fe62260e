import { Command } from 'commander';
import type { Configuration } from '../retraining/configuration/configuration.ts';
import { parseConnection } from '../retraining/connection.ts';
import type { Connection } from '../retraining/connection.ts';
import { systemClock } from '../runtime/clock.ts';
import { files } from '../runtime/files.ts';
import { startServer } from '../server/index.ts';
import type { RunningServer } from '../server/index.ts';
import { CONFIGURATION_FILE } from './configuration-file.ts';
import { readConnection, requireConfiguration } from './configured.ts';
import { checkQueue, checkTarget, PROFILE_OPTION } from './connection.ts';
import { embeddedEntities } from './embedded-entities.ts';
import { stackOf } from './failure.ts';
import { Interrupt } from './interrupt.ts';
import { forgetRunning, tellRunning } from './running-broker.ts';
import { outcomeTarget } from '../retraining/configuration/assembly.ts';
import { upOutput } from './up-output.ts';
import type { UpFact } from './up-output.ts';
import type { WorkerOutput } from './worker-output.ts';
import { startParts } from './up-parts.ts';

interface UpFlags {
  readonly config?: string;
  readonly profile?: string;
  readonly json?: true;
  readonly verbose?: true;
}

export function upCommand(): Command {
  return new Command('up')
    .description('Runs everything on this machine: broker, monitors, intake, worker and notices, by one configuration.')
    .option('--config <file>', `configuration (default: ${CONFIGURATION_FILE})`)
    .option('--profile <name>', PROFILE_OPTION)
    .option('--json', 'print every fact as a line of JSON')
    .addHelpText(
      'after',
      `
Without a connection in the configuration, and without a profile, it runs the embedded broker, and the other commands, called beside the
same file, find it.
Ctrl-C drains: nothing new is taken, runs get their grace period, and what is not finished waits in the queue for the next start.

Examples:
  retrain up
  retrain up --config births/retrain.yaml --verbose
  retrain up --profile dev`,
    )
    .action(runUp);
}

async function runUp(flags: UpFlags): Promise<void> {
  const configuration = await configurationOf(flags);
  const output = upOutput((line) => console.log(line), {
    json: flags.json === true,
    verbose: flags.verbose === true,
    clock: systemClock,
  });
  using interrupt = new Interrupt(() => output.say('stopping; Ctrl-C again ends at once'));
  await using broker = configuration.connection ? undefined : await embedBroker(configuration, { flags, output });
  const connection = broker ? parseConnection(broker.connectionString) : await readConnection(configuration);
  if (!broker) await checkPlaces(configuration, connection);
  if (interrupt.signal.aborted) return;
  const { profile } = flags;
  await using parts = await startParts(configuration, {
    connection,
    output,
    ...(profile !== undefined && { options: ['--profile', profile] }),
  });
  // Nobody is to be told that it is ready by what stops already.
  if (interrupt.signal.aborted) return;
  output.say(`ready: ${parts.summary}; Ctrl-C stops in order`);
  const failure = await Promise.race([broker?.failed ?? new Promise<never>(() => undefined), interrupt.happened]);
  if (failure) throw failure;
}

async function configurationOf({ config, profile }: UpFlags): Promise<Configuration> {
  if (profile === undefined) return requireConfiguration(config);
  const { readProfiled } = await import('./profiled.ts');
  const { configured } = await readProfiled({ profile, config, side: 'worker' });
  // Without a configuration there is nothing to run, and this says so.
  return configured?.configuration ?? requireConfiguration(config);
}

/** The broker, and a note for the other commands where it is. */
async function embedBroker(
  configuration: Configuration,
  { flags, output }: { flags: UpFlags; output: WorkerOutput<UpFact> },
): Promise<AsyncDisposable & Pick<RunningServer, 'connectionString' | 'failed'>> {
  const { broker: ports, folders } = configuration;
  const broker = await startServer({
    dataFolder: folders.broker,
    ...ports,
    ...embeddedEntities(configuration),
    onFault: (fault) =>
      console.error(`retrain: fault in the broker: ${flags.verbose ? stackOf(fault) : String(fault)}`),
  });
  const { connectionString, amqpPort, failed } = broker;
  try {
    await tellRunning(folders.state, { connectionString, pid: process.pid }, files);
  } catch (error) {
    await broker.close();
    throw error;
  }
  output.say(`broker on port ${amqpPort}, data in ${folders.broker}`);
  return {
    connectionString,
    failed,
    async [Symbol.asyncDispose]() {
      await forgetRunning(folders.state, files);
      await broker.close();
    },
  };
}

/** What is wrong with a broker elsewhere is said at the start, not tried for ever. */
async function checkPlaces(configuration: Configuration, connection: Connection): Promise<void> {
  const { requests, sessions } = configuration.queues;
  await checkQueue({ connection, queue: requests }, { sessions });
  await checkTarget({ connection, queue: outcomeTarget(configuration) });
}
