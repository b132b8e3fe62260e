import { Command } from 'commander';
import { RetrainError } from '../errors.ts';
import { assembleMonitorRunner, assembleProducer, monitorsIn } from '../retraining/configuration/assembly.ts';
import type { Configuration } from '../retraining/configuration/configuration.ts';
import type { MonitorRunner } from '../retraining/monitors/monitor-runner.ts';
import type { MonitorSettings } from '../retraining/monitors/monitor-settings.ts';
import type { SendRequest } from '../retraining/monitors/monitor.ts';
import { systemClock } from '../runtime/clock.ts';
import { configuredRegistry, partsOf } from './configured-parts.ts';
import { requireConfiguration } from './configured.ts';
import { addConnectionOptions, checkTarget, placeOf } from './connection.ts';
import type { ConnectionOptions } from './connection.ts';
import { EXIT } from './exit-code.ts';
import { Interrupt } from './interrupt.ts';
import { FactOutput } from './fact-output.ts';
import { monitorLine } from './monitor-output.ts';
import type { MonitorOutputFact } from './monitor-output.ts';
import { collect } from './option.ts';
import { counted } from './counted.ts';

interface MonitorFlags extends ConnectionOptions {
  readonly model?: readonly string[];
  readonly once?: true;
  readonly dryRun?: true;
  readonly json?: true;
  readonly verbose?: true;
}

export function monitorCommand(): Command {
  return addConnectionOptions(new Command('monitor'), { side: 'producer' })
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
  const output = new FactOutput((line) => console.log(line), monitorLine, {
    json: flags.json === true,
    verbose: flags.verbose === true,
    clock: systemClock,
  });
  using interrupt = new Interrupt(() => output.say('stopping; Ctrl-C again ends at once'));
  const place = flags.dryRun ? undefined : placeOf(flags);
  // It only sends: its key need not give the right to listen.
  if (place) await checkTarget(place);
  const parts = partsOf(configuration);
  const log = output.tell.bind(output);
  // Who ends at once leaves a request that was not taken to the next call, which comes to the same one.
  await using producer = place && assembleProducer(parts, { ...place, outbox: !flags.once, log });
  const send: SendRequest | undefined = producer && (async (_, request) => await producer.submit(request));
  await using runner = assembleMonitorRunner(parts, {
    registry: await configuredRegistry(configuration),
    models,
    ...(send && { send }),
    log,
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
  output.say(`watching with ${counted(count, 'monitor')} of ${counted(models.size, 'model')}; Ctrl-C stops in order`);
  await interrupt.happened;
}

function monitorsOf(
  configuration: Configuration,
  wanted: readonly string[] | undefined,
): ReadonlyMap<string, readonly MonitorSettings[]> {
  for (const model of wanted ?? [])
    if (!configuration.models.has(model))
      throw new RetrainError('ARGUMENT_INVALID', `--model ${model}: ${configuration.file} has no such model`);
  const models = new Map([...monitorsIn(configuration)].filter(([model]) => wanted?.includes(model) ?? true));
  if (models.size > 0) return models;
  throw new RetrainError(
    'CONFIGURATION_INVALID',
    `${configuration.file} has no monitors: give a model some under models.<name>.monitors (see docs/monitor.md)`,
  );
}

async function sayHowItEnded(runner: MonitorRunner, output: FactOutput<MonitorOutputFact>): Promise<void> {
  for (const { model, monitor, rows, badRows, late, requests } of runner.status)
    output.say(
      `${model} ${monitor}: ${counted(rows, 'observation')}, ${badRows} bad, ${late} late, ${counted(requests, 'request')} in all`,
    );
  const bytes = await runner.behind();
  if (bytes > 0)
    output.say(
      `${bytes === 1 ? '1 byte is' : `${bytes} bytes are`} left: lines that are not finished, or sources that could not be read`,
    );
}
