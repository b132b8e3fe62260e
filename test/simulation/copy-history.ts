/** What a receiver decided about a message, and what it knows about the broker's answer. */
export interface Settlement {
  readonly kind: 'complete' | 'abandon' | 'defer' | 'dead-letter';
  /** `refused`: the broker said that it did not do it. `open` and `lost`: it may have. */
  result: 'open' | 'done' | 'refused' | 'lost';
}

/** One delivery of a message, as the receiver saw it. */
export interface DeliveryRecord {
  readonly copy: CopyHistory;
  /** The broker's life that made it, and when its lock was to end: these order deliveries as the broker made them. */
  readonly life: number;
  readonly lockedUntilMs: number;
  readonly deliveryCount: number;
  readonly from: 'queue' | 'dead-letter queue';
  /** It was deferred, and fetched by its number. */
  readonly fetched: boolean;
  /** The broker had deleted it before it sent it. */
  readonly deleted: boolean;
  settlement: Settlement | undefined;
}

/**
 * What is known of one message under one sequence number: all its deliveries in the order in which the broker made them. Clients may
 * learn of them in another order, because the connections have nothing to do with each other.
 */
export class CopyHistory {
  readonly sequenceNumber: number;
  readonly uid: string;
  readonly enqueuedMs: number;
  readonly deliveries: DeliveryRecord[] = [];

  constructor(options: { sequenceNumber: number; uid: string; enqueuedMs: number }) {
    this.sequenceNumber = options.sequenceNumber;
    this.uid = options.uid;
    this.enqueuedMs = options.enqueuedMs;
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

  /** The first rule that the history breaks, or undefined. */
  flaw(): string | undefined {
    let over: string | undefined;
    let lowestCount = 0;
    let inDeadLetterQueue = false;
    let deferred = false;
    for (const { deliveryCount, from, fetched, deleted, settlement } of this.deliveries) {
      if (over) return `${this.#name} came again after ${over}`;
      if (deliveryCount < lowestCount)
        return `${this.#name} came with delivery count ${deliveryCount}, which must be ${lowestCount} at least`;
      if (inDeadLetterQueue && from === 'queue') return `${this.#name} came back from the dead-letter queue`;
      if (from === 'dead-letter queue') inDeadLetterQueue = true;
      if (deferred && !fetched && !inDeadLetterQueue) return `${this.#name} was delivered although it was deferred`;
      lowestCount = deliveryCount;
      if (deleted) over = 'it was received and deleted';
      if (settlement?.result !== 'done') continue;
      if (settlement.kind === 'complete') over = 'its completion was acknowledged';
      else if (settlement.kind === 'dead-letter') inDeadLetterQueue = true;
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

  /** Whether it certainly waits in its queue for the next receiver, once its lock is over. */
  waitsSurely(maxDeliveryCount: number): boolean {
    if (this.mayBeOver) return false;
    return this.deliveries.every(({ from, fetched, settlement, deliveryCount }) => {
      if (from === 'dead-letter queue' || fetched || deliveryCount + 1 >= maxDeliveryCount) return false;
      const kind = settlement && settlement.result !== 'refused' ? settlement.kind : undefined;
      return kind !== 'dead-letter' && kind !== 'defer';
    });
  }

  /** Whether it was deferred, or may have been, and is not known to have gone on from there. */
  get mayBeDeferred(): boolean {
    const { settlement } = this.last;
    if (settlement?.kind === 'complete' && settlement.result === 'done') return false;
    if (this.deliveries.some(({ from }) => from === 'dead-letter queue')) return false;
    return this.deliveries.some(({ settlement }) => settlement?.kind === 'defer' && settlement.result !== 'refused');
  }

  get #name(): string {
    return `message ${this.uid} (sequence number ${this.sequenceNumber})`;
  }
}
