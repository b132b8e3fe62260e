import type { ServiceBusAdministrationClient } from '@azure/service-bus';
import { Command } from 'commander';
import { RetrainError } from '../errors.ts';
import { changeQueueDescription, changeSubscriptionDescription, changeTopicDescription } from '../topology/index.ts';
import { withAdmin } from './admin-client.ts';
import { findAdminEntity } from './admin-entity.ts';
import type { AdminEntity } from './admin-entity.ts';
import { addConnectionOption, connectionOf } from './connection.ts';
import type { ConnectionOptions } from './connection.ts';
import { addPropertyFlags, givenProperties } from './property-flag.ts';
import type { GivenProperties } from './property-flag.ts';

interface UpdateFlags extends Pick<ConnectionOptions, 'connection'> {
  readonly json?: true;
}

export function entitiesUpdateCommand(): Command {
  const command = addConnectionOption(new Command('update'))
    .description('Changes properties of a queue, a topic or a subscription.')
    .argument('<entity>', 'QUEUE, TOPIC or TOPIC/SUBSCRIPTION')
    .option('--json', 'print JSON');
  return addPropertyFlags(command)
    .addHelpText(
      'after',
      `
What is not given stays as it is.

Examples:
  retrain entities update orders --max-delivery-count 5
  retrain entities update orders --status SendDisabled
  retrain entities update events/audit --no-forward-to`,
    )
    .action(runUpdate);
}

async function runUpdate(text: string, flags: UpdateFlags): Promise<void> {
  const { kind, path, changes } = await withAdmin(connectionOf(flags), async (admin) => {
    const entity = await findAdminEntity(admin, text);
    const given = givenProperties({ ...flags }, entity.kind);
    if (Object.keys(given).length === 0)
      throw new RetrainError('ARGUMENT_INVALID', 'nothing to change: give a property, such as --lock-duration 30s');
    checkChange(entity, given);
    await update(admin, entity, given);
    return { kind: entity.kind, path: entity.path, changes: given };
  });
  console.log(flags.json ? JSON.stringify({ kind, path, result: 'updated', changes }) : `${kind} ${path} is changed`);
}

/** Our own words for what is wrong, before anything is asked. @throws RetrainError `CONFIGURATION_INVALID` */
function checkChange(entity: AdminEntity, given: GivenProperties): void {
  if (entity.kind === 'queue') changeQueueDescription(entity.description, given);
  else if (entity.kind === 'topic') changeTopicDescription(entity.description, given);
  else changeSubscriptionDescription(entity.description, given);
}

/** What the client said of the entity goes back to it, with the changes: an update replaces all properties. */
async function update(
  admin: ServiceBusAdministrationClient,
  { kind, properties }: AdminEntity,
  given: GivenProperties,
): Promise<void> {
  const next = Object.entries({ ...properties, ...given }).filter(([, value]) => value !== undefined);
  const changed = Object.fromEntries(next) as never;
  if (kind === 'queue') await admin.updateQueue(changed);
  else if (kind === 'topic') await admin.updateTopic(changed);
  else await admin.updateSubscription(changed);
}
