import type { Cause } from './message-records.ts';
import type { MessageChange } from './records.ts';

/** What a subqueue asks of its queue, which keeps the records. Positions are those of what was written. */
export interface SubqueueOwner {
  /** Writes, as one, that the messages are settled for good; `forget` follows for each. */
  kill(slots: readonly number[], cause: Cause): number;
  /** Frees the slot of a message that is in no subqueue any more. */
  forget(slot: number): void;
  /** Writes delivery count, deferral, overlay and dead-letter info of a message, and keeps them. */
  change(slot: number, change: MessageChange, cause: Cause): number;
  /** Takes over a message that has left here with its dead-letter info written. */
  toDeadLetterQueue(slot: number): void;
  /** The message may have outlived its time to live; if so it has expired and is gone from here. */
  expireIfOver(slot: number): boolean;
  mustAllowReceive(): void;
}
