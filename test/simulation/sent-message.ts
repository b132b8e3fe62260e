import type { CopyHistory } from './copy-history.ts';
import type { SendResult } from './sending-link.ts';

/** One time that a message was sent. Moments are counted in events of the model: they order, and do not measure. */
export interface Attempt {
  readonly startedAt: number;
  readonly startedMs: number;
  /** By the wall clock. */
  readonly startedWallMs: number;
  endedAt: number | undefined;
  endedMs: number | undefined;
  result: 'open' | SendResult['kind'];
}

/** A message as its sender knows it. Its uid is its message-id, too. */
export interface SentMessage {
  readonly uid: string;
  /** The queue that it is sent to. */
  readonly queue: string;
  readonly sender: string;
  readonly sessionId: string | undefined;
  readonly bodyBytes: number;
  /** Milliseconds since 1970; undefined when it is not scheduled. */
  readonly scheduledMs: number | undefined;
  /** Its own time to live, in milliseconds. */
  readonly ttlMs: number | undefined;
  /** None as long as it waits in a transaction. */
  readonly attempts: Attempt[];
  cancelled: 'no' | 'maybe' | 'yes';
  /**
   * What was delivered of it, by the number that it got when it was taken. More than one when it was sent again and the queue does not
   * detect duplicates.
   */
  readonly copies: CopyHistory[];
}

/** The attempts that the broker may have taken. */
export function takenAttempts({ attempts }: SentMessage): Attempt[] {
  return attempts.filter(({ result }) => result !== 'refused');
}

/** Monotonic milliseconds; Infinity when it was not sent yet. */
export function firstSentMs({ attempts }: SentMessage): number {
  return attempts[0]?.startedMs ?? Infinity;
}
