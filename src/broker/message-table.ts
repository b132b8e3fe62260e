import type { DeadLetterInfo, ForwardedInfo } from './message.ts';
import type { Place } from './records.ts';

/** Where a message stands. `ready` and `returned` messages can be delivered; a returned one has been delivered before. */
export const MessageState = { free: 0, ready: 1, returned: 2, locked: 3, deferred: 4, scheduled: 5 } as const;
export type MessageState = (typeof MessageState)[keyof typeof MessageState];

/** No slot, no session. */
export const NONE = -1;

/** What few messages have, kept beside the table. */
export interface MessageExtra {
  /** The change record that holds the message's present delivery count, deferral, overlay and dead-letter info. */
  changeId?: number;
  overlay?: Buffer;
  /** The subqueue; absent: the active messages. */
  place?: Place;
  deadLetter?: DeadLetterInfo;
  forwarded?: ForwardedInfo;
  /** Of a scheduled message: it begins to count when the message becomes active. */
  timeToLiveMs?: number;
}

const FIRST_CAPACITY = 1024;
/** Slots are 32-bit and signed. */
export const MAX_MESSAGES = 2 ** 30;

/**
 * Every message that the broker holds, as columns of typed arrays: 63 bytes a message and nothing for the garbage collector to walk, where
 * an object a message would cost three times as much. A message is known by its slot, which is used again when the message is gone.
 */
export class MessageTable {
  entryId = new Float64Array(FIRST_CAPACITY);
  bodyId = new Float64Array(FIRST_CAPACITY);
  sequenceNumber = new Float64Array(FIRST_CAPACITY);
  enqueuedTimeMs = new Float64Array(FIRST_CAPACITY);
  /** Infinity: never. For a scheduled message, the time it becomes active instead. */
  dueMs = new Float64Array(FIRST_CAPACITY);
  sizeBytes = new Uint32Array(FIRST_CAPACITY);
  deliveryCount = new Uint32Array(FIRST_CAPACITY);
  state = new Uint8Array(FIRST_CAPACITY);
  /** 1 when the message was scheduled once. */
  wasScheduled = new Uint8Array(FIRST_CAPACITY);
  /** 0 unless the queue is partitioned. */
  partition = new Uint8Array(FIRST_CAPACITY);
  /** Index of the message's session in its queue's directory. */
  session = new Int32Array(FIRST_CAPACITY);
  /** Neighbours in the lane of ready messages; `next` also chains the free slots. */
  next = new Int32Array(FIRST_CAPACITY);
  previous = new Int32Array(FIRST_CAPACITY);

  /** The sequence number that a message had in its topic, 0 for none. There is no such column before the first one. */
  origin: Float64Array | undefined;

  readonly extras = new Map<number, MessageExtra>();
  #capacity = FIRST_CAPACITY;
  #used = 0;
  #freeHead = NONE;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Slots ever used: those of a replay are 0 to `used - 1`, in the order of their entry ids. */
  get used(): number {
    return this.#used;
  }

  allocate(): number {
    let slot = this.#freeHead;
    if (slot === NONE) {
      if (this.#used === this.#capacity) this.#grow();
      slot = this.#used++;
    } else {
      this.#freeHead = this.next[slot] as number;
    }
    this.#count++;
    this.state[slot] = MessageState.locked;
    this.deliveryCount[slot] = 0;
    this.wasScheduled[slot] = 0;
    this.partition[slot] = 0;
    this.session[slot] = NONE;
    if (this.origin) this.origin[slot] = 0;
    this.next[slot] = NONE;
    this.previous[slot] = NONE;
    return slot;
  }

  free(slot: number): void {
    // A slot that is freed twice would be given to two messages.
    if (this.state[slot] === MessageState.free) throw new Error(`slot ${slot} is free already`);
    this.state[slot] = MessageState.free;
    this.entryId[slot] = 0;
    if (this.extras.size > 0) this.extras.delete(slot);
    this.next[slot] = this.#freeHead;
    this.#freeHead = slot;
    this.#count--;
  }

  setOrigin(slot: number, sequenceNumber: number): void {
    this.origin ??= new Float64Array(this.#capacity);
    this.origin[slot] = sequenceNumber;
  }

  extra(slot: number): MessageExtra {
    let extra = this.extras.get(slot);
    if (!extra) this.extras.set(slot, (extra = {}));
    return extra;
  }

  #grow(): void {
    const capacity = (this.#capacity = Math.min(MAX_MESSAGES, this.#capacity * 2));
    const grow = <T extends Float64Array | Uint32Array | Int32Array | Uint8Array>(column: T, grown: T): T => {
      grown.set(column);
      return grown;
    };
    this.entryId = grow(this.entryId, new Float64Array(capacity));
    this.bodyId = grow(this.bodyId, new Float64Array(capacity));
    this.sequenceNumber = grow(this.sequenceNumber, new Float64Array(capacity));
    this.enqueuedTimeMs = grow(this.enqueuedTimeMs, new Float64Array(capacity));
    this.dueMs = grow(this.dueMs, new Float64Array(capacity));
    this.sizeBytes = grow(this.sizeBytes, new Uint32Array(capacity));
    this.deliveryCount = grow(this.deliveryCount, new Uint32Array(capacity));
    this.state = grow(this.state, new Uint8Array(capacity));
    this.wasScheduled = grow(this.wasScheduled, new Uint8Array(capacity));
    this.partition = grow(this.partition, new Uint8Array(capacity));
    this.session = grow(this.session, new Int32Array(capacity));
    if (this.origin) this.origin = grow(this.origin, new Float64Array(capacity));
    this.next = grow(this.next, new Int32Array(capacity));
    this.previous = grow(this.previous, new Int32Array(capacity));
  }
}
