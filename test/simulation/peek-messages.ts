import { AmqpTyped, lookup, type AmqpList, type AmqpMap, type AmqpValue } from '../../src/amqp/index.ts';
import type { ManagementLink } from './management-link.ts';
import { readMessage, type ReceivedContent } from './wire-message.ts';

const MANY = 1000;
const NO_CONTENT = 204;

/** The first messages of an entity, in whatever state, by ascending sequence numbers. Undefined when there was no answer. */
export async function peekMessages(management: ManagementLink): Promise<ReceivedContent[] | undefined> {
  const body = new Map<string, AmqpValue>([
    ['from-sequence-number', new AmqpTyped('long', 0n)],
    ['message-count', new AmqpTyped('int', MANY)],
  ]);
  const reply = await management.request('peek-message', body);
  if (reply.kind !== 'ok') return undefined;
  if (reply.status === NO_CONTENT) return [];
  return (lookup(reply.body, 'messages') as AmqpList).map((item) =>
    readMessage(lookup(item as AmqpMap, 'message') as Buffer),
  );
}
