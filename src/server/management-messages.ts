import { AmqpTyped, AmqpUuid } from '../amqp/index.ts';
import type { AmqpMap, AmqpValue } from '../amqp/index.ts';
import type { Delivery, MessageView, Subqueue } from '../broker/index.ts';
import { RetrainError } from '../errors.ts';
import { LIMITS } from './limits.ts';
import type { Operation } from './management-node.ts';
import { encodeMessage } from './message-encoder.ts';
import type { NodeReply } from './request-node.ts';
import type { Service } from './service.ts';
import { deadLetterUnreadable } from './undeliverable.ts';

/** `receiver-settle-mode` of receive-by-sequence-number. */
const RECEIVE_AND_DELETE = 0;

const NOTHING_FOUND = {
  statusCode: 204,
  condition: 'com.microsoft:message-not-found',
  description: 'No messages were found.',
};

/** `peek-message`: messages in any state from a sequence number on, as many as fit one answer, with or without their bodies. */
export async function peekMessages({ arguments: given, subqueue, client }: Operation): Promise<NodeReply> {
  const sessionId = given.optionalString('session-id');
  const omitBody = given.optionalBoolean('omit-message-body') ?? false;
  const count = Math.min(LIMITS.replyMessages, Math.max(0, given.integer('message-count')));
  const fromSequenceNumber = Math.max(0, given.integer('from-sequence-number'));
  const { messages, position } = subqueue.peek({
    fromSequenceNumber,
    count,
    ...(sessionId === undefined ? {} : { sessionId }),
  });
  const views = fitting(messages);
  // All reads begin in this turn, in which no message can go.
  const bodies = await Promise.all(views.map(async (view) => client.service.journal.read(view.bodyId)));
  const items = views.flatMap((view, i) => {
    const encoded = encodeOrReport(client.service, () => encodeMessage(bodies[i] as Buffer, view, { omitBody }));
    return encoded ? [new Map([['message', encoded]])] : [];
  });
  return items.length === 0 ? { ...NOTHING_FOUND, position } : { ...found(items), position };
}

/** A message that cannot be encoded must not hide those beside it. */
function encodeOrReport(service: Service, encode: () => Buffer[]): Buffer | undefined {
  try {
    return Buffer.concat(encode());
  } catch (fault) {
    service.onFault(fault);
    return undefined;
  }
}

/** As many messages as one answer holds: the first always, further ones while the bytes last. */
function fitting(views: readonly MessageView[]): readonly MessageView[] {
  let bytes = 0;
  const end = views.findIndex((view, i) => (bytes += view.sizeBytes) > LIMITS.replyBytes && i > 0);
  return end === -1 ? views : views.slice(0, end);
}

/** `batch-delete-messages`: the oldest messages that were enqueued before a time; none deleted is an empty answer. */
export function deleteMessages({ arguments: given, subqueue }: Operation): NodeReply {
  const sessionId = given.optionalString('session-id');
  const { count, position } = subqueue.deleteMessages({
    count: Math.max(0, given.integer('message-count')),
    enqueuedBeforeMs: given.timestamp('enqueued-time-utc'),
    ...(sessionId === undefined ? {} : { sessionId }),
  });
  if (count === 0) return { ...NOTHING_FOUND, position };
  return {
    statusCode: 200,
    description: 'OK',
    body: new Map([['message-count', new AmqpTyped('int', count)]]),
    position,
  };
}

/** `receive-by-sequence-number`: fetches deferred messages, all or none, as many as fit one answer. */
export async function receiveBySequenceNumber({ arguments: given, subqueue, client }: Operation): Promise<NodeReply> {
  const sessionId = given.optionalString('session-id');
  const mode = given.integer('receiver-settle-mode') === RECEIVE_AND_DELETE ? 'receive-and-delete' : 'peek-lock';
  const sequenceNumbers = given.integers('sequence-numbers');
  checkFetchedBytes(subqueue, sequenceNumbers);
  const { deliveries, position } = subqueue.receiveBySequenceNumber({
    sequenceNumbers,
    mode,
    ...(sessionId === undefined ? {} : { sessionId }),
  });
  const bodies = await Promise.all(deliveries.map(async (delivery) => delivery.body));
  const items = deliveries.flatMap((delivery, i) => {
    const token = delivery.lock?.token;
    const encoded = encodeOrReport(client.service, () =>
      encodeMessage(bodies[i] as Buffer, delivery, token ? { lockToken: token } : {}),
    );
    if (encoded) return [fetched(delivery, encoded)];
    deadLetterUnreadable(subqueue, delivery);
    return [];
  });
  return items.length === 0 ? { ...NOTHING_FOUND, position } : { ...found(items), position };
}

/** Before any message is locked or deleted. @throws RetrainError `ARGUMENT_INVALID` */
function checkFetchedBytes(subqueue: Subqueue, sequenceNumbers: readonly number[]): void {
  let bytes = 0;
  for (const [i, sequenceNumber] of [...new Set(sequenceNumbers)].entries()) {
    const [found] = subqueue.peek({ fromSequenceNumber: sequenceNumber, count: 1 }).messages;
    if (found?.sequenceNumber === sequenceNumber) bytes += found.sizeBytes;
    if (bytes > LIMITS.fetchedBytes && i > 0)
      throw new RetrainError(
        'ARGUMENT_INVALID',
        `The first ${i + 1} of these messages have ${bytes} bytes; the limit for one answer is ${LIMITS.fetchedBytes}. Ask for fewer at a time.`,
      );
  }
}

/** Go and Python take the token from the message's own annotation, the others from the map (service-bus-protocol.md §8.2). */
function fetched(delivery: Delivery, encoded: Buffer): AmqpMap {
  const token = delivery.lock?.token;
  const item = new Map<AmqpValue, AmqpValue>([
    ['message', encoded],
    ['sequence-number', new AmqpTyped('long', BigInt(delivery.sequenceNumber))],
  ]);
  if (token) item.set('lock-token', new AmqpUuid(token));
  return item;
}

function found(items: readonly AmqpMap[]): NodeReply {
  return { statusCode: 200, description: 'OK', body: new Map([['messages', items]]) };
}
