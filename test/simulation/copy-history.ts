/** What a receiver decided about a message, and what it knows about the broker's answer. */
export interface Settlement {
  readonly kind: 'complete' | 'abandon' | 'defer' | 'dead-letter';
  /** `refused`: the broker said that it did not do it. `open` and `lost`: it may have. */
  result: 'open' | 'done' | 'refused' | 'lost';
}

export type Part = 'queue' | 'dead-letter queue' | 'transfer dead-letter queue';

/** A queue as the history of a message sees it. */
export interface Place {
  readonly name: string;
  /** Messages are forwarded to queues with a higher rank only. */
  readonly rank: number;
  /** Its dead letters are forwarded, at times. */
  readonly forwardsDead: boolean;
}

/** One delivery of a message, as the receiver saw it. */
export interface DeliveryRecord {
  readonly copy: CopyHistory;
  readonly place: Place;
  readonly from: Part;
  /** In this queue. */
  readonly sequenceNumber: number;
  /** The broker's life that made it, and when its lock was to end: these order deliveries as the broker made them. */
  readonly life: number;
  readonly lockedUntilMs: number;
  readonly deliveryCount: number;
  /** It was deferred, and fetched by its number. */
  readonly fetched: boolean;
  /** The broker had deleted it before it sent it. */
  readonly deleted: boolean;
  readonly deadLetterReason: string | undefined;
  settlement: Settlement | undefined;
}

/** A message in one of the queues that it came through. */
export interface Station {
  readonly sequenceNumber: number;
  readonly enqueuedMs: number;
}

const PARTS: readonly Part[] = ['queue', 'dead-letter queue', 'transfer dead-letter queue'];

/**
 * What is known of one message that was taken, under the number that it got then: all its deliveries in the order in which the broker made
 * them, in all queues that it came through. Clients may learn of them in another order, because the connections have nothing to do with each
 * other.
 */
export class CopyHistory {
  readonly uid: string;
  readonly sessionId: string | undefined;
  readonly originalNumber: number;
  /** By the names of the queues. */
  readonly stations = new Map<string, Station>();
  readonly deliveries: DeliveryRecord[] = [];

  constructor(options: { uid: string; sessionId: string | undefined; originalNumber: number }) {
    this.uid = options.uid;
    this.sessionId = options.sessionId;
    this.originalNumber = options.originalNumber;
  }

  add(delivery: Omit<DeliveryRecord, 'copy' | 'settlement'>): DeliveryRecord {
    const record: DeliveryRecord = { ...delivery, copy: this, settlement: undefined };
    this.deliveries.push(record);
    this.deliveries.sort((a, b) => a.life - b.life || a.lockedUntilMs - b.lockedUntilMs);
    return record;
  }

  get last(): DeliveryRecord {
    return this.deliveries.at(-1) as DeliveryRecord;
  }

  numberIn(queue: string): number {
    return this.stations.get(queue)?.sequenceNumber ?? 0;
  }

  /** The first rule that the history breaks, or undefined. */
  flaw(): string | undefined {
    let over: string | undefined;
    let lowestCount = 0;
    let part = 0;
    let deferred = false;
    let before: Place | undefined;
    for (const { deliveryCount, place, from, fetched, deleted, settlement } of this.deliveries) {
      if (over) return `${this.#name} came again after ${over}`;
      if (before && place !== before) {
        if (place.rank < before.rank)
          return `${this.#name} came from ${place.name} after it had come from ${before.name}`;
        if (part > 0 && !before.forwardsDead) return `${this.#name} left the dead-letter queue of ${before.name}`;
        lowestCount = part = 0;
        deferred = false;
      }
      before = place;
      if (deliveryCount < lowestCount)
        return `${this.#name} came with delivery count ${deliveryCount}, which must be ${lowestCount} at least`;
      if (PARTS.indexOf(from) < part) return `${this.#name} came back from the ${PARTS[part]}`;
      part = PARTS.indexOf(from);
      if (deferred && !fetched && part === 0) return `${this.#name} was delivered although it was deferred`;
      lowestCount = deliveryCount;
      if (deleted) over = 'it was received and deleted';
      if (settlement?.result !== 'done') continue;
      if (settlement.kind === 'complete') over = 'its completion was acknowledged';
      else if (settlement.kind === 'dead-letter') part = Math.max(part, 1);
      else lowestCount = deliveryCount + 1;
      if (settlement.kind === 'defer') deferred = true;
    }
    return undefined;
  }

  /** Whether the broker may be done with it: it was deleted, or its completion was asked for and not refused. */
  get mayBeOver(): boolean {
    const { deleted, settlement } = this.last;
    return deleted || (settlement?.kind === 'complete' && settlement.result !== 'refused');
  }

  /** Whether the broker is done with it, as it has said. */
  get isOver(): boolean {
    const { deleted, settlement } = this.last;
    return deleted || (settlement?.kind === 'complete' && settlement.result === 'done');
  }

  /** Whether it is in the dead-letter queue of the place where it was seen last, or was moved there. */
  get isDead(): boolean {
    const { place } = this.last;
    return this.deliveries.some(
      ({ place: other, from, settlement }) =>
        other === place && (from !== 'queue' || (settlement?.kind === 'dead-letter' && settlement.result === 'done')),
    );
  }

  /** Whether it certainly waits in its queue for the next receiver, once its lock is over. */
  waitsSurely(maxDeliveryCount: number): boolean {
    if (this.mayBeOver) return false;
    return this.deliveries.every(({ from, fetched, settlement, deliveryCount }) => {
      if (from !== 'queue' || fetched || deliveryCount + 1 >= maxDeliveryCount) return false;
      const kind = settlement && settlement.result !== 'refused' ? settlement.kind : undefined;
      return kind !== 'dead-letter' && kind !== 'defer';
    });
  }

  /** Whether it was deferred in this queue, or may have been, and is not known to have gone on from there. */
  mayBeDeferredIn(queue: string): boolean {
    const { settlement, place } = this.last;
    if (place.name !== queue || (settlement?.kind === 'complete' && settlement.result === 'done')) return false;
    const here = this.deliveries.filter((delivery) => delivery.place === place);
    if (here.some(({ from }) => from !== 'queue')) return false;
    return here.some(({ settlement }) => settlement?.kind === 'defer' && settlement.result !== 'refused');
  }

  get #name(): string {
    return `message ${this.uid} (sequence number ${this.originalNumber})`;
  }
}
