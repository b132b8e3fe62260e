import type { ServiceBusAdministrationClient } from '@azure/service-bus';
import { Command } from 'commander';
import { RetrainError } from '../errors.ts';
import { changeQueueDescription, changeSubscriptionDescription, changeTopicDescription } from '../topology/index.ts';
import type { RuleDescription, SubscriptionDescription } from '../topology/index.ts';
import { findAdminEntity, withEntityAdmin } from './admin-entity.ts';
import type { AdminEntity } from './admin-entity.ts';
import { AdminRules } from './admin-rules.ts';
import { sendable } from './admin-values.ts';
import { addConnectionOption, connectionOf } from './connection.ts';
import type { ConnectionOptions } from './connection.ts';
import { collect } from './option.ts';
import { addPropertyFlags, givenProperties } from './property-flag.ts';
import type { GivenProperties } from './property-flag.ts';
import { addRuleFlags, rulesOf } from './rule-flag.ts';
import type { RuleFlags } from './rule-flag.ts';

interface UpdateFlags extends Pick<ConnectionOptions, 'connection'>, RuleFlags {
  readonly removeRule?: readonly string[];
  readonly json?: true;
}

export function entitiesUpdateCommand(): Command {
  const command = addConnectionOption(new Command('update'))
    .description('Changes properties of a queue, a topic or a subscription.')
    .argument('<entity>', 'QUEUE, TOPIC or TOPIC/SUBSCRIPTION')
    .option('--remove-rule <name>', 'take this rule from a subscription; repeatable', collect)
    .option('--json', 'print JSON');
  return addPropertyFlags(addRuleFlags(command))
    .addHelpText(
      'after',
      `
What is not given stays as it is. A rule takes the place of one of the same name, or comes to the others; then those that are to go are removed.

Examples:
  retrain entities update orders --max-delivery-count 5
  retrain entities update orders --status SendDisabled
  retrain entities update events/audit --no-forward-to
  retrain entities update events/audit --rule "eu: region = 'eu'" --remove-rule '$Default'`,
    )
    .action(runUpdate);
}

async function runUpdate(text: string, flags: UpdateFlags): Promise<void> {
  const rules = rulesOf(flags);
  const removed = flags.removeRule ?? [];
  const { kind, path, changes } = await withEntityAdmin(connectionOf(flags), async (admin) => {
    const entity = await findAdminEntity(admin, text);
    const given = givenProperties({ ...flags }, entity.kind);
    const changesRules = rules.length + removed.length > 0;
    if (Object.keys(given).length === 0 && !changesRules)
      throw new RetrainError('ARGUMENT_INVALID', 'nothing to change: give a property, such as --lock-duration 30s');
    if (changesRules && entity.kind !== 'subscription')
      throw new RetrainError(
        'ARGUMENT_INVALID',
        `rules: a ${entity.kind} has none, subscriptions have: leave them out`,
      );
    checkChange(entity, given);
    if (Object.keys(given).length > 0) await update(admin, entity, given);
    if (changesRules) await updateRules(admin, entity, { rules, removed });
    return { kind: entity.kind, path: entity.path, changes: { ...given, ...(changesRules && { rules, removed }) } };
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
  const changed = sendable(Object.fromEntries(next)) as never;
  if (kind === 'queue') await admin.updateQueue(changed);
  else if (kind === 'topic') await admin.updateTopic(changed);
  else await admin.updateSubscription(changed);
}

/** New ones first: in between, the subscription gets too much rather than too little. */
async function updateRules(
  admin: ServiceBusAdministrationClient,
  { description }: AdminEntity,
  { rules, removed }: { rules: readonly RuleDescription[]; removed: readonly string[] },
): Promise<void> {
  const { topicName: topic, name } = description as SubscriptionDescription;
  const of = new AdminRules(admin, { topic, name });
  const present = (await of.list()).map((rule) => rule.name.toLowerCase());
  for (const each of removed)
    if (!present.includes(each.toLowerCase()))
      throw new RetrainError(
        'ENTITY_NOT_FOUND',
        `--remove-rule "${each}": subscription ${topic}/${name} has no such rule; retrain entities show lists them`,
      );
  for (const rule of rules) await (present.includes(rule.name.toLowerCase()) ? of.replace(rule) : of.create(rule));
  for (const each of removed) await of.delete(each);
}
