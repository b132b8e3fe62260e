import type { MessageRecords } from './message-records.ts';
import type { Place } from './records.ts';
import type { Subqueue } from './subqueue.ts';

/** What a subqueue asks of its queue, which keeps the records. */
export interface SubqueueOwner {
  readonly records: MessageRecords;
  /** Frees the slot of a message that is in no subqueue any more. */
  forget(slot: number): void;
  /** Takes over a message that has left here for another subqueue, with that written. */
  admitDead(slot: number, place: Exclude<Place, 'active'>): void;
  /** The message may have outlived its time to live; if so it has expired and is gone from here. */
  expireIfOver(slot: number): boolean;
  /** @throws BrokerRefusal `entity-not-found` when the queue was deleted */
  mustExist(): void;
  /** @throws BrokerRefusal `entity-not-found`, `entity-disabled`, `not-allowed` when messages of the subqueue are forwarded */
  mustAllowReceive(subqueue: Subqueue): void;
  /** Somebody uses the subqueue. */
  use(): void;
}
