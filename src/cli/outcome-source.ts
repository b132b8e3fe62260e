import { resolve } from 'node:path';
import type { ServiceBusClient } from '@azure/service-bus';
import type { Command } from 'commander';
import { RetrainError } from '../errors.ts';
import { OutcomeHistory } from '../retraining/outcome-history.ts';
import { OutcomeLog } from '../retraining/outcome-log.ts';
import type { OutcomeEvent } from '../retraining/outcome.ts';
import { inOrder } from '../retraining/projection.ts';
import { files } from '../runtime/files.ts';
import { subscriptionPath } from '../topology/index.ts';
import { addConnectionOptions, answered, CONNECTION_VARIABLE, placeOf, withOpenClient } from './connection.ts';
import type { ConnectionOptions, Place } from './connection.ts';
import { receiverOf } from './entity-address.ts';
import type { EntityAddress } from './entity-address.ts';
import { DEFAULT_STATE_FOLDER } from './state-folder.ts';
import { Terminal } from './terminal.ts';
import { counted } from './counted.ts';

/** Where workers tell outcomes unless told otherwise, and the subscription that is looked into. */
const DEFAULT_SUBSCRIPTION = 'status';

export interface OutcomeFlags extends ConnectionOptions {
  readonly state?: string;
  readonly outcomes?: string;
  readonly subscription?: string;
}

/** Options of every command that tells from outcome events. */
export function addOutcomeOptions(command: Command): Command {
  return addConnectionOptions(command)
    .option('--outcomes <name>', 'topic or queue that workers tell outcomes to (default: as configured)')
    .option(
      '--subscription <name>',
      `subscription of the topic to look into; nothing is taken from it (default: as configured, or ${DEFAULT_SUBSCRIPTION})`,
    )
    .option(
      '--state <dir>',
      `a worker's state folder: its log of outcomes, and what was read before (default: as configured, or ${DEFAULT_STATE_FOLDER})`,
    );
}

/** What the flags leave open, from the configuration. */
export function settledFlags<F extends OutcomeFlags>(flags: F): F & { readonly state: string } {
  const { configuration } = flags.configured ?? {};
  const { folders } = configuration ?? {};
  const place = configuration?.outcomes ?? flags.profiled?.profile.outcomes;
  const outcomes = flags.outcomes ?? (place && ('queue' in place ? place.queue : place.topic));
  const subscription =
    flags.subscription ??
    // A topic that is named is not the configured one.
    (flags.outcomes === undefined && place && 'topic' in place ? place.statusSubscription : undefined);
  return {
    ...flags,
    state: resolve(flags.state ?? folders?.state ?? DEFAULT_STATE_FOLDER),
    ...(outcomes !== undefined && { outcomes }),
    ...(subscription !== undefined && { subscription }),
  };
}

/** Where a command's outcome events come from. */
export interface Outcomes {
  /** In the order in which things happened, doubles dropped. */
  readonly events: readonly OutcomeEvent[];
  /** What could not be read. */
  readonly skipped: number;
  /** For people: `topic/status at host`, or the folder. */
  readonly from: string;
}

export function isConnected({ connection, profiled, configured }: ConnectionOptions): boolean {
  return (
    connection !== undefined ||
    profiled !== undefined ||
    process.env[CONNECTION_VARIABLE] !== undefined ||
    configured?.connection !== undefined
  );
}

/** What is known: from the subscription by looking, from what was read of it before, and from the log of a worker of this host. */
export async function readOutcomes(given: OutcomeFlags): Promise<Outcomes> {
  const flags = settledFlags(given);
  const folder = flags.state;
  const local = await new OutcomeLog({ folder, files }).read();
  if (flags.outcomes === undefined || !isConnected(flags))
    return { events: inOrder(local.events), skipped: local.skipped, from: folder };
  const place = placeOf(flags);
  return withOpenClient(place, async (client) => {
    const { address, at } = await findOutcomes(client, flags, place);
    const receiver = receiverOf(client, address);
    const progress = new Terminal(process.stderr);
    const history = new OutcomeHistory({
      receiver: { peekMessages: (count, options) => answered(receiver.peekMessages(count, options), at) },
      place: `${place.connection.host}/${address.path}`,
      folder,
      files,
      onProgress: (read) => progress.live(`${counted(read, 'event')} read`),
    });
    const events = [...local.events];
    let skipped = local.skipped;
    try {
      for (let more = true; more;) {
        const read = await history.read();
        events.push(...read.events);
        skipped += read.skipped;
        more = read.more;
      }
    } finally {
      progress.endLive();
    }
    return { events: inOrder(events), skipped, from: `${address.path} (${place.connection.host})` };
  });
}

/** The subscription, or the queue of that name; @throws RetrainError `ENTITY_NOT_FOUND` when there is neither */
export async function findOutcomes(
  client: ServiceBusClient,
  { outcomes = '', subscription }: OutcomeFlags,
  place: Place,
): Promise<{ readonly address: EntityAddress; readonly at: Place }> {
  const name = subscription ?? DEFAULT_SUBSCRIPTION;
  const path = subscriptionPath(outcomes, name);
  const inTopic: EntityAddress = { path, subscription: { topic: outcomes, name } };
  const addresses = subscription === undefined ? [inTopic, { path: outcomes }] : [inTopic];
  for (const address of addresses) {
    const at = { ...place, queue: address.path };
    try {
      await answered(receiverOf(client, address).peekMessages(1), at);
      return { address, at };
    } catch (error) {
      if (!(error instanceof RetrainError) || error.code !== 'ENTITY_NOT_FOUND') throw error;
    }
  }
  throw new RetrainError(
    'ENTITY_NOT_FOUND',
    `there is neither a subscription "${name}" of a topic "${outcomes}" nor a queue of that name at ${place.connection.host}: ` +
      `create it, as by retrain entities create subscription, or name another with --subscription`,
  );
}
