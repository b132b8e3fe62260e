import type { ErrorCode } from '../errors.ts';

/** What a producer tells whoever operates it: one value per fact. */
export type ProducerFact =
  /** The request could not be kept on disk; it is sent all the same. */
  | { readonly fact: 'outbox-unusable'; readonly folder: string; readonly code: ErrorCode; readonly reason: string }
  /** It is on disk; the broker did not take it now. */
  | { readonly fact: 'request-queued'; readonly model: string; readonly id: string; readonly reason: string }
  | { readonly fact: 'outbox-flushed'; readonly sent: number; readonly expired: number }
  /** What is in the outbox cannot be sent now. */
  | { readonly fact: 'outbox-waiting'; readonly code?: ErrorCode; readonly reason: string; readonly retryInMs: number }
  /** An entry that stays where it is until somebody looks at it; told once. */
  | { readonly fact: 'outbox-entry-failed'; readonly name: string; readonly reason: string };

export type ProducerLog = (fact: ProducerFact) => void;
