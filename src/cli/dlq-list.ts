import type { ServiceBusReceiver } from '@azure/service-bus';
import { Command } from 'commander';
import { withAdmin } from './admin-client.ts';
import { adminCounts } from './admin-entity.ts';
import { connectionOf, withOpenClient } from './connection.ts';
import type { Place } from './connection.ts';
import { addDeadLetterOptions, deadLetterPlace, openDeadLetters } from './dead-letter-selection.ts';
import type { DeadLetterFlags } from './dead-letter-selection.ts';
import { ENTITY_ARGUMENT } from './entity-address.ts';
import { peeked } from './peeked.ts';
import { onOneLine } from './printable.ts';
import { table, Terminal } from './terminal.ts';
import { plainText } from './typed-value.ts';

interface ListFlags extends Pick<DeadLetterFlags, 'connection' | 'transfer'> {
  readonly json?: true;
}

/** Dead letters of one entity that are counted by their reasons. */
const COUNTED_MAX = 100_000;

interface ReasonCount {
  readonly reason: string;
  readonly count: number;
  /** When the oldest was enqueued, RFC 3339. */
  readonly oldest: string;
  readonly newest: string;
}

/** What `--json` prints for an entity. */
interface DeadLetterCounts {
  readonly entity: string;
  readonly count: number;
  /** Whether there are more than were counted. */
  readonly more: boolean;
  /** The most frequent first. */
  readonly reasons: readonly ReasonCount[];
}

export function dlqListCommand(): Command {
  return addDeadLetterOptions(new Command('list'))
    .description('Counts dead letters by their reasons.')
    .argument(
      '[entity]',
      `${ENTITY_ARGUMENT} (default: all that have dead letters, for which the key has to give the right to manage)`,
    )
    .option('--json', 'print every entity as a line of JSON')
    .addHelpText(
      'after',
      `
Examples:
  retrain dlq list
  retrain dlq list orders --json`,
    )
    .action(runList);
}

async function runList(entity: string | undefined, flags: ListFlags): Promise<void> {
  const entities = entity === undefined ? await withDeadLetters(flags) : [entity];
  const terminal = new Terminal(process.stdout);
  if (entities.length === 0 && !flags.json) terminal.line('there are no dead letters');
  for (const [i, each] of entities.entries()) {
    const given = deadLetterPlace(each, flags);
    await withOpenClient(given.place, async (client) => {
      const { from, place, receiver } = await openDeadLetters(client, given);
      const counts = await countReasons(receiver, { entity: from, place });
      if (flags.json) console.log(JSON.stringify(counts));
      else {
        if (i > 0) terminal.line();
        show(counts, terminal);
      }
    });
  }
}

/** Their addresses, from what the admin API counts. */
async function withDeadLetters(flags: ListFlags): Promise<string[]> {
  const found: string[] = [];
  await withAdmin(connectionOf(flags), async (admin) => {
    for await (const { kind, path, deadLettered = 0, transferDeadLettered = 0 } of adminCounts(admin))
      if ((flags.transfer ? transferDeadLettered : deadLettered) > 0)
        found.push(kind === 'subscription' ? path.replace(/\/([^/]+)$/, '/Subscriptions/$1') : path);
  });
  return found;
}

async function countReasons(
  receiver: ServiceBusReceiver,
  { entity, place }: { entity: string; place: Place },
): Promise<DeadLetterCounts> {
  const reasons = new Map<string, ReasonCount>();
  let count = 0;
  let more = false;
  for await (const message of peeked(receiver, { place, withoutBody: true })) {
    if (count === COUNTED_MAX) {
      more = true;
      break;
    }
    count += 1;
    const reason = plainText(message.deadLetterReason);
    const at = message.enqueuedTimeUtc?.toISOString() ?? '';
    const known = reasons.get(reason) ?? { reason, count: 0, oldest: at, newest: at };
    reasons.set(reason, {
      reason,
      count: known.count + 1,
      oldest: at < known.oldest ? at : known.oldest,
      newest: at > known.newest ? at : known.newest,
    });
  }
  return { entity, count, more, reasons: [...reasons.values()].sort((a, b) => b.count - a.count) };
}

function show({ entity, count, more, reasons }: DeadLetterCounts, terminal: Terminal): void {
  terminal.line(terminal.paint('bold', `${entity}: ${more ? 'more than ' : ''}${count}`));
  if (reasons.length === 0) return;
  const rows = reasons.map(({ reason, count: each, oldest, newest }) => [
    String(each),
    reason === '' ? '(no reason given)' : onOneLine(reason),
    oldest,
    newest,
  ]);
  for (const line of table([' Count', 'Reason', 'Oldest enqueued', 'Newest enqueued'], rows)) terminal.line(line);
}
