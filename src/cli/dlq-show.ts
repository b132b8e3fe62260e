import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { Command } from 'commander';
import { readRequest } from '../retraining/envelope.ts';
import { evidenceOf } from '../retraining/evidence.ts';
import { evidenceText } from '../retraining/explanation.ts';
import { replayCommand } from '../retraining/replay-command.ts';
import { withOpenClient } from './connection.ts';
import { addFilterOptions } from './dead-letter-filter.ts';
import {
  addDeadLetterOptions,
  deadLetterPlace,
  openDeadLetters,
  matching,
  refuseUnknownRequest,
} from './dead-letter-selection.ts';
import type { DeadLetterFlags } from './dead-letter-selection.ts';
import { ENTITY_ARGUMENT } from './entity-address.ts';
import { messageBlock } from './message-block.ts';
import { messageJson } from './message-json.ts';
import { onOneLine } from './printable.ts';
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
    const { address, from, place, receiver } = await openDeadLetters(client, given);
    const { path: name } = address;
    let seen = 0;
    for await (const message of matching(receiver, { limit: DEFAULT_LIMIT, ...flags }, place)) {
      seen += 1;
      if (flags.json) console.log(JSON.stringify(messageJson(message)));
      else for (const line of [...requestLines(message, name), ...messageBlock(message, terminal)]) terminal.line(line);
    }
    refuseUnknownRequest(flags, seen, from);
    if (seen === 0 && !flags.json) terminal.line(`no such dead letters in ${from}`);
  });
}

/** Of a retraining request: for which model, why it was asked for, and how it is tried again. */
function requestLines(message: ServiceBusReceivedMessage, queue: string): string[] {
  const read = readRequest(message);
  if (read.kind === 'invalid') return [];
  const { id, subject: model } = read.event;
  return [
    onOneLine(`request ${id} for ${model}: ${evidenceText(evidenceOf(read.event))}`),
    onOneLine(`again: ${replayCommand({ queue, requestId: id })}`),
  ];
}
