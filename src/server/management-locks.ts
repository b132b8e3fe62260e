import { AmqpArray, AmqpTimestamp } from '../amqp/index.ts';
import { messageLockLost } from '../broker/index.ts';
import type { MessageLock, Outcome } from '../broker/index.ts';
import { RetrainError } from '../errors.ts';
import type { Operation } from './management-node.ts';
import type { NodeReply } from './request-node.ts';
import { mergeOverlay } from './overlay.ts';

/** `renew-lock`: locks of messages outside sessions get their whole duration again. Locks are volatile: nothing to wait for. */
export function renewLocks(operation: Operation): NodeReply {
  const locks = heldLocks(operation);
  const expirations = locks.map(
    (lock) => new AmqpTimestamp(Math.floor(operation.subqueue.renewLock(lock).lockedUntilMs)),
  );
  return {
    statusCode: 200,
    description: 'OK',
    body: new Map([['expirations', new AmqpArray('timestamp', expirations)]]),
  };
}

/** `update-disposition`: settles locked messages whose link is gone, or that were fetched by sequence number, all or none. */
export function updateDisposition(operation: Operation): NodeReply {
  const { arguments: given, subqueue, transaction } = operation;
  const status = given.string('disposition-status');
  const properties = given.optionalMap('properties-to-modify');
  const reason = given.optionalString('deadletter-reason');
  const description = given.optionalString('deadletter-description');
  // A token that is named twice is settled once.
  const settlements = [...new Set(heldLocks(operation))].map((lock) => {
    const overlay = properties && mergeOverlay(subqueue.view(lock.slot, lock.lockedUntilMs).overlay, properties);
    const detail = overlay ? { overlay } : {};
    const outcome = outcomeOf(status, {
      ...detail,
      ...(reason === undefined ? {} : { reason }),
      ...(description === undefined ? {} : { description }),
    });
    return { lock, outcome };
  });
  if (!transaction) return { statusCode: 200, description: 'OK', position: subqueue.settleAll(settlements).position };
  transaction.settleAll(subqueue, settlements);
  return { statusCode: 200, description: 'OK' };
}

function heldLocks({ arguments: given, subqueue }: Operation): MessageLock[] {
  return given.uuids('lock-tokens').map((token) => {
    const lock = subqueue.lockedMessage(token);
    if (!lock) throw messageLockLost();
    return lock;
  });
}

function outcomeOf(status: string, detail: { overlay?: Buffer; reason?: string; description?: string }): Outcome {
  const overlay = detail.overlay ? { overlay: detail.overlay } : {};
  switch (status) {
    case 'completed':
      return { kind: 'complete' };
    case 'abandoned':
      return { kind: 'abandon', ...overlay };
    case 'defered':
    case 'deferred':
      return { kind: 'defer', ...overlay };
    case 'suspended':
      return { kind: 'dead-letter', ...detail };
    default:
      throw new RetrainError(
        'ARGUMENT_INVALID',
        `The field 'disposition-status' is '${status}'; it must be completed, abandoned, defered or suspended.`,
      );
  }
}
