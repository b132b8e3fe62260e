import { join } from 'node:path';
import { Command } from 'commander';
import { RetrainError } from '../errors.ts';
import { settingsOf } from '../retraining/configuration/configuration.ts';
import type { Configuration } from '../retraining/configuration/configuration.ts';
import { MonitorRunner } from '../retraining/monitors/monitor-runner.ts';
import type { MonitorRunnerOptions } from '../retraining/monitors/monitor-runner.ts';
import type { MonitorSettings } from '../retraining/monitors/monitor-settings.ts';
import type { SendRequest } from '../retraining/monitors/monitor.ts';
import { RetrainingProducer } from '../retraining/producer.ts';
import { createRegistry } from '../retraining/registries/registry-settings.ts';
import { systemClock } from '../runtime/clock.ts';
import { requireConfiguration } from './configured.ts';
import { addConnectionOptions, checkQueue, placeOf } from './connection.ts';
import type { ConnectionOptions, Place } from './connection.ts';
import { EXIT } from './exit-code.ts';
import { Interrupt } from './interrupt.ts';
import { MonitorOutput } from './monitor-output.ts';
import { collect } from './option.ts';

interface MonitorFlags extends ConnectionOptions {
  readonly model?: readonly string[];
  readonly once?: true;
  readonly dryRun?: true;
  readonly json?: true;
  readonly verbose?: true;
}

/** How often the outbox is looked at. */
const FLUSH_MS = 5_000;

export function monitorCommand(): Command {
  return addConnectionOptions(new Command('monitor'))
    .description('Watches metrics and data of the models, and asks for a retraining when they decay or drift.')
    .option('--model <name>', 'only monitors of this model; repeatable (default: all)', collect)
    .option('--once', 'read what is there now, then end')
    .option('--dry-run', 'print what would be requested; send nothing, remember nothing')
    .option('--json', 'print every fact as a line of JSON')
    .addHelpText(
      'after',
      `
The monitors are those of the configuration. They go on where they stopped; Ctrl-C stops them in order. With --verbose there is a line
for every window. With --once the exit code is 1 when a monitor could not do its work, and the next call makes up for it.

Examples:
  retrain monitor
  retrain monitor --once --dry-run --verbose --model births`,
    )
    .action(runMonitor);
}

async function runMonitor(flags: MonitorFlags): Promise<void> {
  const configuration = flags.configured?.configuration ?? (await requireConfiguration(flags.config));
  const models = monitorsOf(configuration, flags.model);
  const output = new MonitorOutput((line) => console.log(line), {
    json: flags.json === true,
    verbose: flags.verbose === true,
    clock: systemClock,
  });
  using interrupt = new Interrupt(() => output.say('stopping; Ctrl-C again ends at once'));
  const place = flags.dryRun ? undefined : placeOf(flags);
  if (place) await checkQueue(place);
  await using producer = place && producerOf(place, configuration, { flags, output });
  const send: SendRequest | undefined = producer && (async (_, request) => await producer.submit(request));
  await using runner = new MonitorRunner({
    ...runnerOptions(configuration, models),
    ...(send && { send }),
    log: (fact) => output.tell(fact),
  });
  if (flags.once) {
    void interrupt.happened.then(() => runner.stop());
    const { failed } = await runner.once();
    await sayHowItEnded(runner, output);
    if (interrupt.signal.aborted) throw new RetrainError('INTERRUPTED', 'stopped before everything was read');
    if (failed > 0) process.exitCode = EXIT.failed;
    return;
  }
  await runner.start();
  const count = [...models.values()].reduce((sum, { length }) => sum + length, 0);
  output.say(`watching with ${count} monitors of ${models.size} models; Ctrl-C stops in order`);
  await interrupt.happened;
}

/** What a `MonitorRunner` takes of a configuration. */
export function runnerOptions(
  configuration: Configuration,
  models: ReadonlyMap<string, readonly MonitorSettings[]>,
): Pick<MonitorRunnerOptions, 'models' | 'folder' | 'observationFolder' | 'baseFolder' | 'championEpoch'> {
  const { folders, baseFolder } = configuration;
  const registry = createRegistry(configuration.registry, { folder: folders.registry, baseFolder });
  return {
    models,
    folder: folders.monitors,
    observationFolder: join(folders.state, 'observations'),
    baseFolder,
    championEpoch: async (model) => (await registry.read(model)).epoch,
  };
}

function producerOf(
  { connection, queue }: Place,
  configuration: Configuration,
  { flags, output }: { flags: MonitorFlags; output: MonitorOutput },
): RetrainingProducer {
  return new RetrainingProducer({
    connection,
    queue,
    gatherWindowMs: (model) => settingsOf(configuration, model)?.gatherWindow ?? 0,
    // Who ends at once leaves a request that was not taken to the next call, which comes to the same one.
    ...(!flags.once && { outboxFolder: configuration.folders.outbox, flushEveryMs: FLUSH_MS }),
    log: (fact) => output.tell(fact),
  });
}

function monitorsOf(
  configuration: Configuration,
  wanted: readonly string[] | undefined,
): ReadonlyMap<string, readonly MonitorSettings[]> {
  for (const model of wanted ?? [])
    if (!configuration.models.has(model))
      throw new RetrainError('ARGUMENT_INVALID', `--model ${model}: ${configuration.file} has no such model`);
  const models = new Map<string, readonly MonitorSettings[]>();
  for (const [model, { monitors }] of configuration.models)
    if (monitors.length > 0 && (wanted?.includes(model) ?? true)) models.set(model, monitors);
  if (models.size > 0) return models;
  throw new RetrainError(
    'CONFIGURATION_INVALID',
    `${configuration.file} has no monitors: give a model some under models.<name>.monitors (see docs/monitor.md)`,
  );
}

async function sayHowItEnded(runner: MonitorRunner, output: MonitorOutput): Promise<void> {
  for (const { model, monitor, rows, badRows, late, requests } of runner.status)
    output.say(`${model} ${monitor}: ${rows} observations, ${badRows} bad, ${late} late, ${requests} requests in all`);
  const bytes = await runner.behind();
  if (bytes > 0) output.say(`${bytes} bytes are left: lines that are not finished, or sources that could not be read`);
}
