import { Command } from 'commander';
import { pause, systemClock } from '../runtime/clock.ts';
import { withAdmin } from './admin-client.ts';
import { adminCounts, countsOf, findAdminEntity } from './admin-entity.ts';
import type { EntityCounts } from './admin-entity.ts';
import { addConnectionOption, connectionOf } from './connection.ts';
import type { ConnectionOptions } from './connection.ts';
import { countsTable } from './counts-table.ts';
import { Interrupt } from './interrupt.ts';
import { span } from './option.ts';
import { table, Terminal } from './terminal.ts';
import { written } from './written.ts';

interface CountsFlags extends Pick<ConnectionOptions, 'connection'> {
  /** Milliseconds, or true without a value. */
  readonly watch?: number | true;
  readonly json?: true;
}

const DEFAULT_WATCH_MS = 2_000;
/** Cursor to the upper left corner, and everything below it cleared. */
const CLEAR = '\u001b[H\u001b[J';

export function entitiesCountsCommand(): Command {
  return addConnectionOption(new Command('counts'))
    .description('Shows how many messages queues, topics and subscriptions hold.')
    .argument('[entity]', 'one of them (default: all)')
    .option('--watch [span]', 'go on until Ctrl-C, anew after so long (default: 2s)', span)
    .option('--json', 'print every entity as a line of JSON')
    .addHelpText(
      'after',
      `
Examples:
  retrain entities counts
  retrain entities counts orders --json
  retrain entities counts --watch 5s`,
    )
    .action(runCounts);
}

async function runCounts(entity: string | undefined, flags: CountsFlags): Promise<void> {
  const connection = connectionOf(flags);
  const terminal = new Terminal(process.stdout);
  using interrupt = new Interrupt();
  const { signal } = interrupt;
  for (;;) {
    const counts = await withAdmin(connection, async (admin) => {
      if (entity !== undefined) return [await countsOf(admin, await findAdminEntity(admin, entity))];
      const all: EntityCounts[] = [];
      for await (const each of adminCounts(admin)) all.push(each);
      return all;
    });
    if (flags.watch === undefined) return show(counts, { json: flags.json === true, terminal });
    const time = new Date(systemClock.wallMs()).toISOString();
    if (flags.json) for (const each of counts) await written(`${JSON.stringify({ time, ...each })}\n`);
    else {
      if (terminal.interactive) await written(CLEAR);
      terminal.line(terminal.paint('dim', `${time}  ${connection.host}  Ctrl-C ends`));
      show(counts, { json: false, terminal });
    }
    await pause(systemClock, flags.watch === true ? DEFAULT_WATCH_MS : flags.watch, signal);
    if (signal.aborted) return;
  }
}

function show(counts: readonly EntityCounts[], { json, terminal }: { json: boolean; terminal: Terminal }): void {
  if (json) for (const each of counts) console.log(JSON.stringify(each));
  else if (counts.length === 0) terminal.line('there are no queues and no topics');
  else {
    const { titles, rows } = countsTable(counts);
    const [head = '', ...lines] = table(titles, rows);
    terminal.line(terminal.paint('bold', head));
    for (const line of lines) terminal.line(line);
  }
}
