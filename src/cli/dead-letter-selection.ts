import type { ServiceBusClient, ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import { addConnectionOption, entityPlace } from './connection.ts';
import type { ConnectionOptions, Place } from './connection.ts';
import type { Command } from 'commander';
import { findEntity, placeText, receiverOf, receiverOptions, splitSubqueue } from './entity-address.ts';
import type { EntityAddress, Subqueue } from './entity-address.ts';
import { filterOf } from './dead-letter-filter.ts';
import type { FilterFlags } from './dead-letter-filter.ts';
import { peeked } from './peeked.ts';
import { onOneLine } from './printable.ts';
import { RetrainError } from '../errors.ts';

/** Dead letters that one command handles; where there are more, it is called again. */
export const SELECTION_MAX = 100_000;

export interface DeadLetterFlags extends FilterFlags, Pick<ConnectionOptions, 'connection'> {
  readonly transfer?: true;
}

/** Flags that a request may be left out by. */
const FILTERS = [
  'reason',
  'messageId',
  'sequenceNumber',
  'subject',
  'session',
  'model',
  'enqueuedAfter',
  'enqueuedBefore',
  'property',
] as const;

/** Which dead letters of a queue or subscription a command is about: those that there were when it began. */
export interface Selection {
  /** Sequence numbers, in order; those of deferred ones can only be asked for by number. */
  readonly wanted: Map<string, 'active' | 'deferred'>;
  /** Whether `limit` or `SELECTION_MAX` left some out. */
  readonly more: boolean;
}

/** Options that every command for dead letters has. */
export function addDeadLetterOptions(command: Command): Command {
  return addConnectionOption(command).option(
    '--transfer',
    'the transfer dead-letter queue: what could not be forwarded',
  );
}

interface DeadLetterPlace {
  readonly name: string;
  readonly place: Place;
  readonly subqueue: Subqueue;
}

export function deadLetterPlace(entity: string, flags: DeadLetterFlags): DeadLetterPlace {
  const { entity: name, subqueue = 'deadLetter' } = splitSubqueue(entity);
  return { name, place: entityPlace(flags, name), subqueue: flags.transfer ? 'transferDeadLetter' : subqueue };
}

/** The dead-letter queue of an entity: where it is and how it is called, also in errors. */
interface DeadLetters {
  readonly address: EntityAddress;
  readonly from: string;
  readonly place: Place;
  /** Locks are not renewed: what is not handled before its lock ends comes again. */
  readonly receiver: ServiceBusReceiver;
}

export async function openDeadLetters(client: ServiceBusClient, given: DeadLetterPlace): Promise<DeadLetters> {
  const { name, place, subqueue } = given;
  const address = await findEntity(client, name, place);
  const from = placeText(address, subqueue);
  const options = { ...receiverOptions(subqueue), maxAutoLockRenewalDurationInMs: 0 };
  return { address, from, place: { ...place, queue: from }, receiver: receiverOf(client, address, options) };
}

/** Dead letters that the flags name, by looking; at most `limit`. */
export async function* matching(
  receiver: ServiceBusReceiver,
  flags: DeadLetterFlags,
  place: Place,
): AsyncGenerator<ServiceBusReceivedMessage> {
  const matches = filterOf(flags);
  let left = flags.limit ?? SELECTION_MAX;
  for await (const message of peeked(receiver, { place })) {
    if (!matches(message)) continue;
    if (left === 0) return;
    yield message;
    left -= 1;
  }
}

/**
 * Nothing at all is fine for a filter, but not for a request that was named.
 *
 * @throws RetrainError `ENTITY_NOT_FOUND` when none of those that were named is there
 */
export function refuseUnknownRequest({ request: ids, ...others }: DeadLetterFlags, found: number, from: string): void {
  if (found > 0 || ids === undefined) return;
  const filtered = FILTERS.some((name) => others[name] !== undefined) ? ' that the other flags let through' : '';
  throw new RetrainError(
    'ENTITY_NOT_FOUND',
    `${from} has no request ${ids.map((id) => `"${onOneLine(id)}"`).join(' or ')}${filtered}: see retrain dlq show for those that are there`,
  );
}

/**
 * Only what is there now is wanted: a message that is replayed and becomes a dead letter again at once must not be replayed
 * for ever.
 */
export async function select(
  receiver: ServiceBusReceiver,
  flags: DeadLetterFlags,
  { place, onSelected }: { place: Place; onSelected?: (message: ServiceBusReceivedMessage) => void },
): Promise<Selection> {
  const matches = filterOf(flags);
  const limit = Math.min(flags.limit ?? SELECTION_MAX, SELECTION_MAX);
  const wanted: Selection['wanted'] = new Map();
  for await (const message of peeked(receiver, { place })) {
    if (message.sequenceNumber === undefined || !matches(message)) continue;
    if (wanted.size >= limit) return { wanted, more: true };
    wanted.set(message.sequenceNumber.toString(), message.state === 'deferred' ? 'deferred' : 'active');
    onSelected?.(message);
  }
  return { wanted, more: false };
}
