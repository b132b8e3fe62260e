import { Command } from 'commander';
import { withAdmin } from './admin-client.ts';
import { adminEntities } from './admin-entity.ts';
import type { AdminEntity } from './admin-entity.ts';
import { addConnectionOption, connectionOf } from './connection.ts';
import type { ConnectionOptions } from './connection.ts';
import { table, Terminal } from './terminal.ts';

interface ListFlags extends Pick<ConnectionOptions, 'connection'> {
  readonly json?: true;
}

export function entitiesListCommand(): Command {
  return addConnectionOption(new Command('list'))
    .description('Lists queues, topics and subscriptions.')
    .option('--json', 'print every entity as a line of JSON, with all its properties')
    .addHelpText(
      'after',
      `
Examples:
  retrain entities list
  retrain entities list --json | jq -r .path`,
    )
    .action(runList);
}

async function runList(flags: ListFlags): Promise<void> {
  const entities: AdminEntity[] = [];
  await withAdmin(connectionOf(flags), async (admin) => {
    for await (const entity of adminEntities(admin)) {
      if (flags.json) console.log(JSON.stringify(entityJson(entity)));
      else entities.push(entity);
    }
  });
  if (flags.json) return;
  const terminal = new Terminal(process.stdout);
  if (entities.length === 0) terminal.line('there are no queues and no topics');
  else {
    const [head = '', ...lines] = table(['Kind', 'Entity', 'Status', 'Notable'], entities.map(row));
    terminal.line(terminal.paint('bold', head));
    for (const line of lines) terminal.line(line);
  }
}

/** What `--json` prints of an entity. */
export function entityJson({ kind, path, description }: AdminEntity): object {
  return { kind, path, ...description };
}

function row({ kind, path, description }: AdminEntity): string[] {
  return [kind, path, description.status, notable({ ...description }).join(', ')];
}

/** What makes it different from most. */
function notable(description: Readonly<Record<string, unknown>>): string[] {
  const { forwardTo, forwardDeadLetteredMessagesTo: dead } = description;
  return [
    ...(description['requiresSession'] === true ? ['sessions'] : []),
    ...(description['requiresDuplicateDetection'] === true ? ['duplicates'] : []),
    ...(description['enablePartitioning'] === true ? ['partitions'] : []),
    ...(typeof forwardTo === 'string' ? [`forwards to ${forwardTo}`] : []),
    ...(typeof dead === 'string' ? [`dead letters to ${dead}`] : []),
  ];
}
