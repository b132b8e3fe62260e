import type { ServiceBusAdministrationClient } from '@azure/service-bus';
import { Command, Option } from 'commander';
import { RetrainError } from '../errors.ts';
import { parseQueueDescription, parseSubscriptionDescription, parseTopicDescription } from '../topology/index.ts';
import type { RuleDescription } from '../topology/index.ts';
import { isNotFound, withEntityAdmin } from './admin-entity.ts';
import { ruleForClient } from './admin-rule.ts';
import { AdminRules } from './admin-rules.ts';
import { sendable } from './admin-values.ts';
import { addConnectionOption, connectionOf } from './connection.ts';
import type { ConnectionOptions } from './connection.ts';
import { possibleAddresses } from './entity-address.ts';
import type { EntityAddress } from './entity-address.ts';
import { addPropertyFlags, givenProperties } from './property-flag.ts';
import type { GivenProperties } from './property-flag.ts';
import { addRuleFlags, rulesOf } from './rule-flag.ts';
import type { RuleFlags } from './rule-flag.ts';

interface CreateFlags extends Pick<ConnectionOptions, 'connection'>, RuleFlags {
  readonly queue?: true;
  readonly topic?: true;
  readonly json?: true;
}

export function entitiesCreateCommand(): Command {
  const command = addConnectionOption(new Command('create'))
    .description('Makes a queue, a topic or a subscription.')
    .argument('<entity>', 'QUEUE, TOPIC (with --topic) or TOPIC/SUBSCRIPTION')
    .addOption(new Option('--topic', 'make a topic').conflicts('queue'))
    .option('--queue', 'make a queue, although its name has a /')
    .option('--json', 'print JSON');
  return addPropertyFlags(addRuleFlags(command))
    .addHelpText(
      'after',
      `
What is not given has the default of the service. A subscription without a rule gets everything; one with rules what any of them lets through.

Examples:
  retrain entities create orders --lock-duration 30s --max-delivery-count 3
  retrain entities create jobs --requires-session --requires-duplicate-detection
  retrain entities create events --topic
  retrain entities create events/audit --forward-to archive
  retrain entities create events/eu --rule "eu: region = 'eu' AND amount > 100" --rule-action 'eu: SET checked = 0'`,
    )
    .action(runCreate);
}

async function runCreate(text: string, flags: CreateFlags): Promise<void> {
  const [likely, other] = possibleAddresses(text);
  const wanted: EntityAddress = flags.queue || flags.topic ? (other ?? likely) : likely;
  if ((flags.queue || flags.topic) && wanted.subscription)
    throw new RetrainError('ARGUMENT_INVALID', `"${text}" names a subscription: leave out --queue and --topic`);
  const kind = wanted.subscription ? 'subscription' : flags.topic ? 'topic' : 'queue';
  const given = givenProperties({ ...flags }, kind);
  check(wanted, kind, given);
  const rules = rulesOf(flags);
  if (rules.length > 0 && !wanted.subscription)
    throw new RetrainError('ARGUMENT_INVALID', `rules: a ${kind} has none, subscriptions have: leave them out`);
  await withEntityAdmin(connectionOf(flags), (admin) => create(admin, { wanted, kind, given, rules }));
  console.log(flags.json ? JSON.stringify({ kind, path: text, result: 'created' }) : `${kind} ${text} is made`);
}

interface Wanted {
  readonly wanted: EntityAddress;
  readonly kind: 'queue' | 'topic' | 'subscription';
  readonly given: GivenProperties;
  readonly rules: readonly RuleDescription[];
}

/** Our own words for what is wrong, before anything is asked. @throws RetrainError `CONFIGURATION_INVALID` */
function check({ path, subscription }: EntityAddress, kind: Wanted['kind'], given: GivenProperties): void {
  if (subscription) parseSubscriptionDescription({ topicName: subscription.topic, name: subscription.name, ...given });
  else if (kind === 'topic') parseTopicDescription({ name: path, ...given });
  else parseQueueDescription({ name: path, ...given });
}

async function create(admin: ServiceBusAdministrationClient, { wanted, kind, given, rules }: Wanted): Promise<void> {
  const { path, subscription } = wanted;
  const options = sendable(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)));
  if (subscription) await createSubscription(admin, { ...subscription, options, rules });
  else if (kind === 'topic') await admin.createTopic(path, options);
  else await admin.createQueue(path, options);
}

interface NewSubscription {
  readonly topic: string;
  readonly name: string;
  readonly options: object;
  readonly rules: readonly RuleDescription[];
}

/** The first rule comes with the subscription, so that nothing that it keeps out comes in. One that cannot have all its rules is not made. */
async function createSubscription(admin: ServiceBusAdministrationClient, given: NewSubscription): Promise<void> {
  const { topic, name, options, rules } = given;
  const of = new AdminRules(admin, { topic, name });
  const [first, ...others] = rules;
  const withFirst = { ...options, ...(first && { defaultRuleOptions: ruleForClient(first) }) };
  await admin.createSubscription(topic, name, withFirst).catch((error: unknown) => {
    throw isNotFound(error) ? withoutTopic(topic) : error;
  });
  try {
    for (const rule of others) await of.create(rule);
  } catch (error) {
    await admin.deleteSubscription(topic, name);
    throw error;
  }
}

function withoutTopic(topic: string): RetrainError {
  return new RetrainError(
    'ENTITY_NOT_FOUND',
    `topic "${topic}" does not exist: make it first, as by retrain entities create ${topic} --topic`,
  );
}
