import { isServiceBusError } from '@azure/service-bus';
import { RetrainError } from '../../errors.ts';

/** Codes after which the session is no longer ours, whatever the link itself says. */
const LOCK_CODES: ReadonlySet<string> = new Set(['SessionLockLost', 'SessionCannotBeLocked', 'MessageLockLost']);

/** Codes that pass by themselves. */
const PASSING_CODES: ReadonlySet<string> = new Set(['ServiceTimeout', 'ServiceBusy', 'ServiceCommunicationProblem']);

/**
 * Thrown by a session's operation after the session was lost and accepted again: what was under way may have happened or
 * not, and the ledger was read anew. It never leaves the worker.
 */
export class SessionRenewed extends Error {
  override readonly name = 'SessionRenewed';
}

/** The broker did not answer in time: it may have done what it was asked or not, and is asked once more. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered';
}

/** Whether the broker says that the session's lock is gone. */
export function isLockLost(error: unknown): boolean {
  return isServiceBusError(error) && LOCK_CODES.has(error.code);
}

/** Whether the same operation may succeed when it is tried again. */
export function isPassing(error: unknown): boolean {
  if (error instanceof Unanswered) return true;
  return isServiceBusError(error) && (error.retryable || PASSING_CODES.has(error.code));
}

/** Whether a message is over the limit of the queue, and will be so again. */
export function isTooLarge(error: unknown): boolean {
  if (error instanceof RetrainError) return error.code === 'MESSAGE_TOO_LARGE';
  return isServiceBusError(error) && error.code === 'MessageSizeExceeded';
}

/** An error's text on one line, for logs. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s+/g, ' ').slice(0, 500);
}
