import { Command } from 'commander';
import { withOpenClient } from './connection.ts';
import { addFilterOptions } from './dead-letter-filter.ts';
import { addDeadLetterOptions, deadLetterPlace, openDeadLetters, matching } from './dead-letter-selection.ts';
import type { DeadLetterFlags } from './dead-letter-selection.ts';
import { ENTITY_ARGUMENT } from './entity-address.ts';
import { messageBlock } from './message-block.ts';
import { messageJson } from './message-json.ts';
import { Terminal } from './terminal.ts';

interface ShowFlags extends DeadLetterFlags {
  readonly json?: true;
}

/** Dead letters unless the command says how many. */
const DEFAULT_LIMIT = 20;

export function dlqShowCommand(): Command {
  return addFilterOptions(addDeadLetterOptions(new Command('show')))
    .description('Shows dead letters with reason, properties and body, without taking them.')
    .argument('<entity>', ENTITY_ARGUMENT)
    .option('--json', 'print every message as a line of JSON')
    .addHelpText(
      'after',
      `
Without --limit the first ${DEFAULT_LIMIT} are shown.

Examples:
  retrain dlq show orders
  retrain dlq show orders --reason MaxDeliveryCountExceeded --json`,
    )
    .action(runShow);
}

async function runShow(entity: string, flags: ShowFlags): Promise<void> {
  const given = deadLetterPlace(entity, flags);
  const terminal = new Terminal(process.stdout);
  await withOpenClient(given.place, async (client) => {
    const { from, place, receiver } = await openDeadLetters(client, given);
    let seen = 0;
    for await (const message of matching(receiver, { limit: DEFAULT_LIMIT, ...flags }, place)) {
      seen += 1;
      if (flags.json) console.log(JSON.stringify(messageJson(message)));
      else for (const line of messageBlock(message, terminal)) terminal.line(line);
    }
    if (seen === 0 && !flags.json) terminal.line(`no such dead letters in ${from}`);
  });
}
