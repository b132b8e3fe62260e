import type { Delivery, Subqueue } from '../broker/index.ts';
import { failureOf } from './error-mapping.ts';

/** `DeadLetterReason` of a message that we have taken and cannot put into a transfer. */
export const UNREADABLE = 'MessageUnreadable';

/**
 * Takes a message that cannot be encoded out of the way of those behind it. In a dead-letter queue it stays under its lock and
 * comes again when that has expired; one that was deleted with its delivery is lost.
 */
export function deadLetterUnreadable(subqueue: Subqueue, delivery: Delivery): void {
  if (!delivery.lock) return;
  try {
    subqueue.settle(delivery.lock, {
      kind: 'dead-letter',
      reason: UNREADABLE,
      description: 'The stored message cannot be decoded, so it cannot be delivered.',
    });
  } catch (error) {
    if (!failureOf(error)) throw error;
  }
}
