import { Command } from 'commander';
import { RetrainError } from '../errors.ts';
import { assembleNotifier, notifySource } from '../retraining/configuration/assembly.ts';
import type { Connection } from '../retraining/connection.ts';
import type { NotifySource } from '../retraining/notify/notify-inbox.ts';
import { systemClock } from '../runtime/clock.ts';
import { partsOf } from './configured-parts.ts';
import { requireConfiguration } from './configured.ts';
import { addConnectionOption, answered, connectionOf, withOpenClient } from './connection.ts';
import type { ConnectionFlags } from './connection.ts';
import { receiverOf } from './entity-address.ts';
import type { EntityAddress } from './entity-address.ts';
import { factLogger } from './fact-logger.ts';
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
  await checkSource(connection, notifySource(configuration));
  const say = (line: string): void => {
    if (!flags.json) console.log(onOneLine(line));
  };
  using interrupt = new Interrupt(() => say('stopping; Ctrl-C again ends at once'));
  const log = factLogger((line) => console.log(line), systemClock);
  const { profile } = flags;
  await using notifier = assembleNotifier(partsOf(configuration), {
    connection,
    ...(profile !== undefined && { options: ['--profile', profile] }),
    log: (fact) => (flags.json ? log(fact) : say(notifyLine(fact))),
  });
  await notifier.start();
  await interrupt.happened;
}

/** A notifier waits for its subscription forever: a person who starts it is told at once when it cannot be had. */
async function checkSource(connection: Connection, from: NotifySource): Promise<void> {
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
