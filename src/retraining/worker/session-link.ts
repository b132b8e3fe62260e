import type { ServiceBusSessionReceiver } from '@azure/service-bus';

/**
 * What the worker asks of a model's session: the official client's session receiver, or what stands in for one on a queue
 * without sessions.
 */
export type SessionLink = Pick<
  ServiceBusSessionReceiver,
  | 'sessionId'
  | 'sessionLockedUntilUtc'
  | 'isClosed'
  | 'getSessionState'
  | 'setSessionState'
  | 'renewSessionLock'
  | 'receiveMessages'
  | 'peekMessages'
  | 'completeMessage'
  | 'deadLetterMessage'
  | 'close'
>;

export type NextSession =
  | { readonly kind: 'session'; readonly receiver: SessionLink }
  /** No session has anything to do. */
  | { readonly kind: 'idle' };

/** Where the slots of a worker get their sessions from. */
export interface SessionSource {
  /** Waits for the next session that has something to do; raises whatever keeps it from being asked for. */
  acceptNext(): Promise<NextSession>;
  /** Accepts this very session; rejects when another link has it. */
  accept(model: string): Promise<SessionLink>;
  /** A new client in place of one that is stuck; sessions of the old one are lost, and accepted again over the new one. */
  replace(): Promise<void>;
}
