import { resolve } from 'node:path';
import { Command } from 'commander';
import { RetrainError } from '../errors.ts';
import type { Configuration } from '../retraining/configuration/configuration.ts';
import type { Connection } from '../retraining/connection.ts';
import { Notifier } from '../retraining/notify/notifier.ts';
import type { NotifierOptions } from '../retraining/notify/notifier.ts';
import { systemClock } from '../runtime/clock.ts';
import { requireConfiguration } from './configured.ts';
import { addConnectionOption, answered, connectionOf, withOpenClient } from './connection.ts';
import type { ConnectionFlags } from './connection.ts';
import { receiverOf } from './entity-address.ts';
import type { EntityAddress } from './entity-address.ts';
import { Interrupt } from './interrupt.ts';
import { notifyLine } from './notify-output.ts';
import { onOneLine } from './printable.ts';

interface NotifyFlags extends ConnectionFlags {
  readonly json?: true;
}

export function notifyCommand(): Command {
  return addConnectionOption(new Command('notify'))
    .description('Tells people and programs about outcomes, by the rules of the configuration.')
    .option('--json', 'print every fact as a line of JSON')
    .addHelpText(
      'after',
      `
It takes from its own subscription of the outcomes, each event until every rule that it meets has told it. One notifier at a time for a
subscription. Ctrl-C stops it in order. See docs/notify.md for the rules.

Example:
  retrain notify --config retrain.yaml`,
    )
    .action(runNotify);
}

async function runNotify(flags: NotifyFlags): Promise<void> {
  const configuration = flags.configured?.configuration ?? (await requireConfiguration(flags.config));
  if (configuration.notify.length === 0)
    throw new RetrainError(
      'CONFIGURATION_INVALID',
      `${configuration.file} has no rules under notify: add one (see docs/notify.md)`,
    );
  const connection = connectionOf(flags);
  const options = notifierOptions(configuration, connection);
  await checkSource(connection, options);
  const say = (line: string): void => {
    if (!flags.json) console.log(onOneLine(line));
  };
  using interrupt = new Interrupt(() => say('stopping; Ctrl-C again ends at once'));
  await using notifier = new Notifier({
    ...options,
    log: (fact) => {
      if (flags.json) console.log(JSON.stringify({ time: new Date(systemClock.wallMs()).toISOString(), ...fact }));
      else say(notifyLine(fact));
    },
  });
  await notifier.start();
  await interrupt.happened;
}

/** What a `Notifier` takes of a configuration; the lines that it tells people name the same file. */
export function notifierOptions(configuration: Configuration, connection: Connection): NotifierOptions {
  const { outcomes, queues, folders, baseFolder, notify, file } = configuration;
  return {
    connection,
    from:
      'queue' in outcomes
        ? { queue: outcomes.queue }
        : { topic: outcomes.topic, subscription: outcomes.notifySubscription },
    requests: queues.requests,
    rules: notify,
    folder: folders.notify,
    baseFolder,
    replayOptions: ['--config', resolve(file)],
  };
}

/** A notifier waits for its subscription forever: a person who starts it is told at once when it cannot be had. */
async function checkSource(connection: Connection, { from }: NotifierOptions): Promise<void> {
  const address: EntityAddress =
    'queue' in from
      ? { path: from.queue }
      : {
          path: `${from.topic}/Subscriptions/${from.subscription}`,
          subscription: { topic: from.topic, name: from.subscription },
        };
  const place = { connection, queue: address.path };
  await withOpenClient(place, (client) => answered(receiverOf(client, address).peekMessages(1), place));
}
