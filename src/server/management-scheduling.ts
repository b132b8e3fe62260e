import { AmqpArray } from '../amqp/index.ts';
import { RetrainError } from '../errors.ts';
import type { Operation } from './management-node.ts';
import { readMessage } from './message-intake.ts';
import type { NodeReply } from './request-node.ts';

/** `schedule-message`: the time stands in each encoded message's annotation; the answer has their sequence numbers in order. */
export function scheduleMessages({ client, arguments: given, queue, subqueue, transaction }: Operation): NodeReply {
  mustBeQueue(queue.active === subqueue);
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
export function cancelScheduledMessages({ arguments: given, queue, subqueue }: Operation): NodeReply {
  mustBeQueue(queue.active === subqueue);
  const { position } = queue.cancelScheduled(given.integers('sequence-numbers'));
  return { statusCode: 200, description: 'OK', position };
}

function mustBeQueue(isQueue: boolean): void {
  if (!isQueue)
    throw new RetrainError(
      'ARGUMENT_INVALID',
      'Messages cannot be scheduled on a dead-letter queue; use the queue itself.',
    );
}
