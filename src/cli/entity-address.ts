import type { ServiceBusClient, ServiceBusReceiver, ServiceBusReceiverOptions } from '@azure/service-bus';
import { RetrainError } from '../errors.ts';
import { subscriptionPath } from '../topology/index.ts';
import type { Place } from './connection.ts';
import { answered } from './connection.ts';

export type Subqueue = 'active' | 'deadLetter' | 'transferDeadLetter';

/** What can be received from: a queue, or a subscription of a topic. */
export interface EntityAddress {
  /** As it is addressed: `orders`, or `events/Subscriptions/audit`. */
  readonly path: string;
  readonly subscription?: { readonly topic: string; readonly name: string };
}

const SUBSCRIPTION = /^(.+)\/subscriptions\/([^/]+)$/i;
const SUBQUEUES: readonly (readonly [RegExp, Subqueue])[] = [
  [/\/\$Transfer\/\$DeadLetterQueue$/i, 'transferDeadLetter'],
  [/\/\$DeadLetterQueue$/i, 'deadLetter'],
];

/** For the argument of a command. */
export const ENTITY_ARGUMENT = 'QUEUE or TOPIC/SUBSCRIPTION';

/** Both as the address of an entity names them; `subqueue` is undefined when it does not name one. */
export function splitSubqueue(text: string): { readonly entity: string; readonly subqueue?: Subqueue } {
  for (const [ending, subqueue] of SUBQUEUES)
    if (ending.test(text)) return { entity: text.replace(ending, ''), subqueue };
  return { entity: text };
}

/**
 * What a text can mean, the likelier first: queues, too, may have a `/` in their names.
 *
 * @throws RetrainError `ARGUMENT_INVALID`
 */
export function possibleAddresses(text: string): readonly [EntityAddress, ...EntityAddress[]] {
  if (text === '' || text.startsWith('/') || text.endsWith('/'))
    throw new RetrainError(
      'ARGUMENT_INVALID',
      `entity "${text}": name a queue, or a subscription as TOPIC/SUBSCRIPTION`,
    );
  const explicit = SUBSCRIPTION.exec(text);
  if (explicit) return [addressOf(explicit[1] ?? '', explicit[2] ?? '')];
  const slash = text.lastIndexOf('/');
  if (slash < 0) return [{ path: text }];
  return [addressOf(text.slice(0, slash), text.slice(slash + 1)), { path: text }];
}

function addressOf(topic: string, name: string): EntityAddress {
  return { path: subscriptionPath(topic, name), subscription: { topic, name } };
}

/**
 * Which of the possible addresses exists, by peeking.
 *
 * @throws RetrainError `ENTITY_NOT_FOUND`, and whatever else a client meets
 */
export async function findEntity(client: ServiceBusClient, text: string, place: Place): Promise<EntityAddress> {
  const addresses = possibleAddresses(text);
  const [only] = addresses;
  if (addresses.length === 1) return only;
  for (const address of addresses) {
    const receiver = receiverOf(client, address);
    try {
      await answered(receiver.peekMessages(1), place);
      return address;
    } catch (error) {
      if (!(error instanceof RetrainError) || error.code !== 'ENTITY_NOT_FOUND') throw error;
    } finally {
      await receiver.close();
    }
  }
  throw new RetrainError(
    'ENTITY_NOT_FOUND',
    `there is neither a subscription ${text} nor a queue of that name at ${place.connection.host}: create it or correct its name`,
  );
}

/** A receiver of an entity; the client takes the parts of a subscription's path, so that it can compare them with an EntityPath. */
export function receiverOf(
  client: ServiceBusClient,
  { path, subscription }: EntityAddress,
  options: ServiceBusReceiverOptions = {},
): ServiceBusReceiver {
  return subscription
    ? client.createReceiver(subscription.topic, subscription.name, options)
    : client.createReceiver(path, options);
}

/** Options of a receiver that gives messages as they are: the body as bytes, times as times. */
export function receiverOptions(subqueue: Subqueue): ServiceBusReceiverOptions {
  return {
    ...(subqueue !== 'active' && { subQueueType: subqueue }),
    skipParsingBodyAsJson: true,
    skipConvertingDate: true,
  };
}

/** For people: the entity and which part of it. */
export function placeText(address: EntityAddress, subqueue: Subqueue): string {
  if (subqueue === 'active') return address.path;
  return `${address.path}/${subqueue === 'deadLetter' ? '$DeadLetterQueue' : '$Transfer/$DeadLetterQueue'}`;
}
