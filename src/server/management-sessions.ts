import { AmqpArray, AmqpTimestamp, AmqpTyped } from '../amqp/index.ts';
import type { AmqpMap } from '../amqp/index.ts';
import type { SessionLock } from '../broker/index.ts';
import { RetrainError } from '../errors.ts';
import { LIMITS } from './limits.ts';
import type { Operation } from './management-node.ts';
import type { NodeReply } from './request-node.ts';

/** `renew-session-lock`: volatile, nothing to wait for. */
export function renewSessionLock(operation: Operation): NodeReply {
  const { lockedUntilMs } = heldSession(operation).renew();
  return {
    statusCode: 200,
    description: 'OK',
    body: new Map([['expiration', new AmqpTimestamp(Math.floor(lockedUntilMs))]]),
  };
}

export function getSessionState(operation: Operation): NodeReply {
  const { bytes, position } = heldSession(operation).state();
  return { statusCode: 200, description: 'OK', body: new Map([['session-state', bytes ?? null]]), position };
}

/** `set-session-state`: null clears it, and so do no bytes, which is how the Go client writes nil. */
export function setSessionState(operation: Operation): NodeReply {
  const state = operation.arguments.optionalBinary('session-state');
  const { position } = heldSession(operation).setState(state?.length === 0 ? undefined : state);
  return { statusCode: 200, description: 'OK', position };
}

/** .NET's end of time, in milliseconds since 1970, rounded down to a second. */
const END_OF_TIME_MS = 253_402_300_799_000;

/**
 * `get-message-sessions`: a page of the sessions that have messages or a state. That is what the end of time as `last-updated-time`
 * asks for; an earlier time asks for the states that were set since.
 */
export function listSessions({ arguments: given, subqueue, client }: Operation): NodeReply {
  const skip = Math.max(0, given.optionalInteger('skip') ?? 0);
  const top = Math.min(LIMITS.requestItems, Math.max(0, given.optionalInteger('top') ?? LIMITS.requestItems));
  const updatedAfterMs = given.optionalTimestamp('last-updated-time') ?? END_OF_TIME_MS;
  const ids = subqueue.sessionIds({ skip, top, ...(updatedAfterMs < END_OF_TIME_MS && { updatedAfterMs }) });
  const position = client.service.journal.appended;
  if (ids.length === 0) return { statusCode: 204, description: 'There are no further sessions.', position };
  const body: AmqpMap = new Map<string, AmqpTyped | AmqpArray>([
    ['skip', new AmqpTyped('int', skip + ids.length)],
    ['sessions-ids', new AmqpArray('string', ids)],
  ]);
  return { statusCode: 200, description: 'OK', body, position };
}

/** The lock of the session that the request names, which the link that it comes from must hold. */
function heldSession({ arguments: given, subqueue, linkName, client }: Operation): SessionLock {
  const sessionId = given.string('session-id');
  const lock = subqueue.session(sessionId);
  if (!lock || (linkName !== undefined && lock.holder !== linkName))
    throw new RetrainError(
      'LOCK_LOST',
      `The session lock has expired on the MessageSession '${sessionId}'. Accept a new MessageSession.`,
    );
  // Not every client names the link.
  client.use(lock.holder);
  return lock;
}
