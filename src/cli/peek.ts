import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { Command, Option } from 'commander';
import { addConnectionOption, entityPlace, withOpenClient } from './connection.ts';
import type { ConnectionOptions } from './connection.ts';
import {
  ENTITY_ARGUMENT,
  findEntity,
  placeText,
  receiverOf,
  receiverOptions,
  splitSubqueue,
} from './entity-address.ts';
import type { Subqueue } from './entity-address.ts';
import { messageBlock } from './message-block.ts';
import { messageJson } from './message-json.ts';
import { messageTable } from './message-table.ts';
import { count, sequenceNumber } from './option.ts';
import { peeked } from './peeked.ts';
import { table, Terminal } from './terminal.ts';

interface PeekFlags extends Pick<ConnectionOptions, 'connection'> {
  readonly count: number;
  readonly from?: string;
  readonly session?: string;
  readonly deadLetter?: true;
  readonly transferDeadLetter?: true;
  readonly body?: true;
  readonly json?: true;
}

/** Messages unless the command says how many. */
const DEFAULT_COUNT = 20;

export function peekCommand(): Command {
  return addConnectionOption(new Command('peek'))
    .description('Shows messages without taking them: active, locked, deferred and scheduled ones.')
    .argument('<entity>', ENTITY_ARGUMENT)
    .option('--count <n>', 'messages at most', count, DEFAULT_COUNT)
    .option('--from <n>', 'begin at this sequence number', sequenceNumber)
    .option('--session <id>', 'those of this session; its lock is not needed')
    .addOption(new Option('--dead-letter', 'look into the dead-letter queue').conflicts('transferDeadLetter'))
    .option('--transfer-dead-letter', 'look into the transfer dead-letter queue')
    .option('--body', 'show every message with all its properties and the whole body')
    .option('--json', 'print every message as a line of JSON')
    .addHelpText(
      'after',
      `
Examples:
  retrain peek orders
  retrain peek orders --dead-letter --body
  retrain peek events/audit --from 4711 --count 100 --json`,
    )
    .action(runPeek);
}

async function runPeek(entity: string, flags: PeekFlags): Promise<void> {
  const { entity: name, subqueue: named } = splitSubqueue(entity);
  const subqueue: Subqueue = flags.deadLetter
    ? 'deadLetter'
    : flags.transferDeadLetter
      ? 'transferDeadLetter'
      : (named ?? 'active');
  const place = entityPlace(flags, name);
  const terminal = new Terminal(process.stdout);
  const shown: ServiceBusReceivedMessage[] = [];
  await withOpenClient(place, async (client) => {
    const address = await findEntity(client, name, place);
    const receiver = receiverOf(client, address, receiverOptions(subqueue));
    const batch = flags.session === undefined ? flags.count : undefined;
    const at = { ...place, queue: placeText(address, subqueue) };
    const range = { place: at, from: flags.from, ...(batch !== undefined && { batch }) };
    let seen = 0;
    for await (const message of peeked(receiver, range)) {
      if (flags.session !== undefined && message.sessionId !== flags.session) continue;
      if (flags.json) console.log(JSON.stringify(messageJson(message)));
      else if (flags.body) for (const line of messageBlock(message, terminal)) terminal.line(line);
      else shown.push(message);
      seen += 1;
      if (seen >= flags.count) break;
    }
    if (flags.json || flags.body) return;
    if (seen === 0) terminal.line(`no messages in ${placeText(address, subqueue)}`);
    else showTable(shown, terminal);
  });
}

function showTable(messages: readonly ServiceBusReceivedMessage[], terminal: Terminal): void {
  const { titles, rows } = messageTable(messages, terminal.columns);
  const [head = '', ...lines] = table(titles, rows);
  terminal.line(terminal.paint('bold', head));
  for (const line of lines) terminal.line(line);
}
