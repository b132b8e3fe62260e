import { AmqpDescribed } from '../amqp/index.ts';
import type { AmqpValue, Source } from '../amqp/index.ts';
import { RetrainError } from '../errors.ts';
import { checkId } from './message-limits.ts';

const SESSION_FILTER = 'com.microsoft:session-filter';

/** Which session a receiver asks for; `undefined` is the next one that is free. */
export interface SessionFilter {
  readonly sessionId: string | undefined;
  /**
   * The client's source with the granted id in its filter, in the shape in which the client wrote it: the plain value or the
   * described one (service-bus-protocol.md §6.2).
   */
  granted(sessionId: string): Source;
}

/** The session filter of a receiver's source, or undefined when it has none. @throws RetrainError `ARGUMENT_INVALID` */
export function sessionFilterOf(source: Source): SessionFilter | undefined {
  const value = source.filter?.get(SESSION_FILTER);
  if (value === undefined) return undefined;
  const described = value instanceof AmqpDescribed ? value : undefined;
  const wanted: AmqpValue = described ? described.value : value;
  if (wanted !== null && typeof wanted !== 'string')
    throw new RetrainError(
      'ARGUMENT_INVALID',
      `The filter ${SESSION_FILTER} must be a session id as string, or null for the next session`,
    );
  // No message can have a longer one, but a state would be kept under it.
  checkId('SessionId', wanted);
  return {
    sessionId: wanted ?? undefined,
    granted(sessionId) {
      const filter = new Map(source.filter);
      filter.set(SESSION_FILTER, described ? new AmqpDescribed(described.descriptor, sessionId) : sessionId);
      return { ...source, filter };
    },
  };
}
