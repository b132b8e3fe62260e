import type { ServiceBusClient, ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import { Command } from 'commander';
import { RetrainError } from '../errors.ts';
import { systemClock } from '../runtime/clock.ts';
import { answered, entityPlace, withOpenClient } from './connection.ts';
import type { Place } from './connection.ts';
import { drain } from './dead-letter-drain.ts';
import { addFilterOptions } from './dead-letter-filter.ts';
import { DeadLetterReport, deadLettersText } from './dead-letter-report.ts';
import { DeadLetterReplay } from './dead-letter-replay.ts';
import {
  addDeadLetterOptions,
  deadLetterPlace,
  openDeadLetters,
  refuseUnknownRequest,
  select,
  SELECTION_MAX,
} from './dead-letter-selection.ts';
import type { DeadLetterFlags } from './dead-letter-selection.ts';
import { ENTITY_ARGUMENT } from './entity-address.ts';
import type { EntityAddress } from './entity-address.ts';
import { Interrupt } from './interrupt.ts';
import { idOfReplay, replayedMessage, REPLAY_FOR, REPLAY_OF } from './replayed-message.ts';

interface ReplayFlags extends DeadLetterFlags {
  readonly to?: string;
  readonly toTopic?: true;
  readonly dryRun?: true;
  readonly json?: true;
}

export function dlqReplayCommand(): Command {
  return addFilterOptions(addDeadLetterOptions(new Command('replay')))
    .description('Sends dead letters again, then completes them in the dead-letter queue.')
    .argument('<entity>', ENTITY_ARGUMENT)
    .option('--to <entity>', 'send them to this queue or topic (default: the queue whose dead letters they are)')
    .option(
      '--to-topic',
      "send a subscription's dead letters to its topic: all its subscriptions get them, not this one alone",
    )
    .option('--dry-run', 'show what would be replayed, and do nothing')
    .option('--json', 'print a line of JSON for every dead letter, and one at the end')
    .addHelpText(
      'after',
      `
Those are replayed that are there when it begins, ${SELECTION_MAX} at most. Each is sent first and completed then: a crash in between leaves it
in both places, never in none. It gets a fresh MessageId, made of the old one and its sequence number: duplicate detection does
not swallow it, but swallows the second one after a crash. The old id is in the application property ${REPLAY_OF}, the
subscription in ${REPLAY_FOR}. Session, partition key, properties, body and time to live stay.

Examples:
  retrain dlq replay orders --dry-run
  retrain dlq replay orders --reason MaxDeliveryCountExceeded --limit 10
  retrain dlq replay events/audit --to audit-repair --enqueued-after 2026-01-31T06:00:00Z`,
    )
    .action(runReplay);
}

async function runReplay(entity: string, flags: ReplayFlags): Promise<void> {
  const given = deadLetterPlace(entity, flags);
  await withOpenClient(given.place, async (client) => {
    const { address, from, place, receiver } = await openDeadLetters(client, given);
    const target = targetOf(address, flags);
    const route = { source: address.path, subscription: address.subscription?.name, target: target.queue };
    await answered(client.createSender(target.queue).createMessageBatch(), target);
    const report = new DeadLetterReport({ from, json: flags.json === true });
    if (flags.dryRun) await dryRun({ receiver, flags, place, report, route });
    else await replay({ client, receiver, flags, place, target, report, route });
  });
}

/** @throws RetrainError `ARGUMENT_INVALID` for a subscription without a word of where to */
function targetOf({ path, subscription }: EntityAddress, flags: ReplayFlags): Place {
  if (flags.to !== undefined && flags.toTopic)
    throw new RetrainError('ARGUMENT_INVALID', '--to and --to-topic: leave out one of the two');
  if (flags.to !== undefined) return entityPlace(flags, flags.to);
  if (subscription === undefined) {
    if (flags.toTopic) throw new RetrainError('ARGUMENT_INVALID', `--to-topic: "${path}" is a queue; leave it out`);
    return entityPlace(flags, path);
  }
  if (flags.toTopic) return entityPlace(flags, subscription.topic);
  throw new RetrainError(
    'ARGUMENT_INVALID',
    `nothing can be sent to subscription "${subscription.name}" alone: give --to QUEUE, or --to-topic, by which every subscription of ` +
      `"${subscription.topic}" whose rules match gets it again`,
  );
}

interface Replaying {
  readonly receiver: ServiceBusReceiver;
  readonly flags: ReplayFlags;
  readonly place: Place;
  readonly report: DeadLetterReport;
  readonly route: { readonly source: string; readonly subscription: string | undefined; readonly target: string };
}

async function dryRun({ receiver, flags, place, report, route }: Replaying): Promise<void> {
  const nowMs = systemClock.wallMs();
  const onSelected = (message: ServiceBusReceivedMessage): void =>
    report.planned(message, idOfReplay(replayedMessage(message, { ...route, nowMs })));
  const { wanted, more } = await select(receiver, flags, { place, onSelected });
  refuseUnknownRequest(flags, wanted.size, place.queue);
  report.endPlan(`${deadLettersText(wanted.size, more)} would be sent to ${route.target}; nothing was done`);
}

async function replay(options: Replaying & { client: ServiceBusClient; target: Place }): Promise<void> {
  const { client, receiver, flags, place, target, report, route } = options;
  const selection = await select(receiver, flags, { place });
  refuseUnknownRequest(flags, selection.wanted.size, place.queue);
  using interrupt = new Interrupt(() => report.stopping());
  report.begin(selection.wanted.size);
  const replaying = new DeadLetterReplay({
    receiver,
    sender: client.createSender(target.queue),
    route,
    place,
    target,
    onReplayed: (replayed) => report.replayed(replayed),
  });
  try {
    const { missing } = await drain(receiver, selection, {
      place,
      signal: interrupt.signal,
      handle: (messages) => replaying.handle(messages),
    });
    report.missing = interrupt.signal.aborted ? 0 : missing;
  } finally {
    report.end(`replayed to ${route.target}`, { more: selection.more, limited: flags.limit !== undefined });
  }
  report.raise(interrupt.signal.aborted);
}
