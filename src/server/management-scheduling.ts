import { AmqpArray } from '../amqp/index.ts';
import type { Entity } from '../broker/index.ts';
import { RetrainError } from '../errors.ts';
import type { Operation } from './management-node.ts';
import { readMessage } from './message-intake.ts';
import type { NodeReply } from './request-node.ts';

/** `schedule-message`: the time stands in each encoded message's annotation; the answer has their sequence numbers in order. */
export function scheduleMessages({ client, arguments: given, entity, queue, transaction }: Operation): NodeReply {
  mustTakeMessages(entity);
  const messages = given.maps('messages').map((item) => {
    const message = readMessage(item.binary('message'), client.service.random);
    if (message.scheduledEnqueueTimeMs === undefined)
      throw new RetrainError(
        'ARGUMENT_INVALID',
        'A message to schedule needs the annotation x-opt-scheduled-enqueue-time.',
      );
    return message;
  });
  const { position, sequenceNumbers } = transaction
    ? { position: 0, sequenceNumbers: transaction.schedule(queue, messages) }
    : queue.send(messages);
  const numbers = sequenceNumbers.map((sequenceNumber) => BigInt(sequenceNumber));
  return {
    statusCode: 200,
    description: 'OK',
    body: new Map([['sequence-numbers', new AmqpArray('long', numbers)]]),
    position,
  };
}

/** `cancel-scheduled-message`: all or none. */
export function cancelScheduledMessages({ arguments: given, entity, queue }: Operation): NodeReply {
  mustTakeMessages(entity);
  const { position } = queue.cancelScheduled(given.integers('sequence-numbers'));
  return { statusCode: 200, description: 'OK', position };
}

function mustTakeMessages({ kind, queue, subqueue }: Entity): void {
  if (kind === 'subscription')
    throw new RetrainError(
      'ARGUMENT_INVALID',
      'Messages cannot be scheduled on a subscription; use its topic, which they wait in until they are due.',
    );
  if (queue.active !== subqueue)
    throw new RetrainError(
      'ARGUMENT_INVALID',
      'Messages cannot be scheduled on a dead-letter queue; use the queue itself.',
    );
}
