import type { ServiceBusAdministrationClient } from '@azure/service-bus';
import { Command } from 'commander';
import { FOREVER } from '../topology/index.ts';
import type { RuleDescription, SubscriptionDescription } from '../topology/index.ts';
import { countsOf, findAdminEntity, withEntityAdmin } from './admin-entity.ts';
import type { AdminEntity, EntityCounts } from './admin-entity.ts';
import { AdminRules } from './admin-rules.ts';
import { addConnectionOption, connectionOf } from './connection.ts';
import type { ConnectionOptions } from './connection.ts';
import { entityJson } from './entities-list.ts';
import { onOneLine } from './printable.ts';
import { ruleText } from './rule-flag.ts';
import { Terminal } from './terminal.ts';

interface ShowFlags extends Pick<ConnectionOptions, 'connection'> {
  readonly json?: true;
}

export function entitiesShowCommand(): Command {
  return addConnectionOption(new Command('show'))
    .description('Shows all properties and counts of a queue, a topic or a subscription, and its rules.')
    .argument('<entity>', 'QUEUE, TOPIC or TOPIC/SUBSCRIPTION')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  retrain entities show orders
  retrain entities show events/audit --json`,
    )
    .action(runShow);
}

async function runShow(text: string, flags: ShowFlags): Promise<void> {
  const { entity, counts, subscriptions, rules } = await withEntityAdmin(connectionOf(flags), async (admin) => {
    const found = await findAdminEntity(admin, text);
    return {
      entity: found,
      counts: await countsOf(admin, found),
      subscriptions: found.kind === 'topic' ? await namesOf(admin, found.description.name) : undefined,
      rules: found.kind === 'subscription' ? await rulesOf(admin, found.description) : undefined,
    };
  });
  const { kind: _, path: __, subscriptions: ___, ...numbers } = counts;
  if (flags.json) console.log(JSON.stringify({ ...entityJson(entity), counts: numbers, subscriptions, rules }));
  else show({ entity, numbers, subscriptions, rules }, new Terminal(process.stdout));
}

function rulesOf(
  admin: ServiceBusAdministrationClient,
  { topicName: topic, name }: SubscriptionDescription,
): Promise<RuleDescription[]> {
  return new AdminRules(admin, { topic, name }).list();
}

async function namesOf(admin: ServiceBusAdministrationClient, topic: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { subscriptionName } of admin.listSubscriptions(topic)) names.push(subscriptionName);
  return names;
}

interface Shown {
  readonly entity: AdminEntity;
  readonly numbers: Partial<EntityCounts>;
  readonly subscriptions: readonly string[] | undefined;
  readonly rules: readonly RuleDescription[] | undefined;
}

function show({ entity, numbers, subscriptions, rules }: Shown, terminal: Terminal): void {
  const { name: _, topicName: __, ...properties } = entity.description as Record<string, unknown>;
  const known = Object.entries(properties).filter(([, value]) => value !== undefined);
  const width = Math.max(...[...known, ...Object.entries(numbers)].map(([name]) => name.length));
  const line = (name: string, value: unknown): void => {
    const text = value === FOREVER ? 'forever' : onOneLine(String(value));
    terminal.line(`  ${terminal.paint('dim', name.padEnd(width))}  ${text}`);
  };
  terminal.line(terminal.paint('bold', `${entity.kind} ${entity.path}`));
  for (const [name, value] of known) line(name, value);
  for (const [name, value] of Object.entries(numbers)) line(name, value);
  if (subscriptions) line('subscriptions', subscriptions.length === 0 ? 'none' : subscriptions.join(', '));
  for (const rule of rules ?? []) line(`rule ${rule.name}`, ruleText(rule));
}
