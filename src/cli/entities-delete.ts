import type { ServiceBusAdministrationClient } from '@azure/service-bus';
import { Command } from 'commander';
import { withAdmin } from './admin-client.ts';
import { countsOf, findAdminEntity } from './admin-entity.ts';
import type { AdminEntity, EntityCounts } from './admin-entity.ts';
import { confirmed } from './confirmation.ts';
import { addConnectionOption, connectionOf } from './connection.ts';
import type { ConnectionOptions } from './connection.ts';
import { counted } from './counted.ts';

interface DeleteFlags extends Pick<ConnectionOptions, 'connection'> {
  readonly yes?: true;
  readonly json?: true;
}

export function entitiesDeleteCommand(): Command {
  return addConnectionOption(new Command('delete'))
    .description('Deletes a queue, a topic with its subscriptions, or a subscription, with all messages.')
    .argument('<entity>', 'QUEUE, TOPIC or TOPIC/SUBSCRIPTION')
    .option('--yes', 'do not ask')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
It asks on the terminal, unless --yes is given.

Examples:
  retrain entities delete orders
  retrain entities delete events/audit --yes`,
    )
    .action(runDelete);
}

async function runDelete(text: string, flags: DeleteFlags): Promise<void> {
  const { kind, path } = await withAdmin(connectionOf(flags), async (admin) => {
    const entity = await findAdminEntity(admin, text);
    if (!flags.yes) await confirmed(`Delete ${entity.kind} ${entity.path}${withWhat(await countsOf(admin, entity))}?`);
    await remove(admin, entity);
    return entity;
  });
  console.log(flags.json ? JSON.stringify({ kind, path, result: 'deleted' }) : `${kind} ${path} is deleted`);
}

function withWhat({ active = 0, deadLettered = 0, scheduled = 0, subscriptions = 0 }: EntityCounts): string {
  const messages = active + deadLettered + scheduled;
  const parts = [
    ...(subscriptions > 0 ? [counted(subscriptions, 'subscription')] : []),
    ...(messages > 0 ? [counted(messages, 'message')] : []),
  ];
  return parts.length === 0 ? '' : ` with ${parts.join(' and ')}`;
}

async function remove(admin: ServiceBusAdministrationClient, { kind, description }: AdminEntity): Promise<void> {
  if (kind === 'queue') await admin.deleteQueue(description.name);
  else if (kind === 'topic') await admin.deleteTopic(description.name);
  else await admin.deleteSubscription(description.topicName, description.name);
}
