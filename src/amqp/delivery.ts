import type { DeliveryState } from './composites.ts';
import type { Link } from './link.ts';
import type { SerialNumber } from './serial-number.ts';

/** A message that the peer sent us. */
export class IncomingDelivery {
  readonly link: Link;
  readonly id: SerialNumber;
  readonly tag: Buffer;
  readonly messageFormat: number;
  /** The sender does not wait for an outcome, or one of the two has settled. */
  settled: boolean;
  /** The state that came with the transfer (a transaction's), or the sender's latest disposition. */
  state: DeliveryState | undefined;
  /** The encoded message: a view of received bytes when it came in one frame. Empty when `oversize`. */
  payload: Buffer = EMPTY;
  /** The message was over the link's max-message-size; its bytes were thrown away. */
  oversize = false;
  /** For the owner. */
  context: unknown = undefined;

  constructor(
    link: Link,
    id: SerialNumber,
    tag: Buffer,
    messageFormat: number,
    settled: boolean,
    state: DeliveryState | undefined,
  ) {
    this.link = link;
    this.id = id;
    this.tag = tag;
    this.messageFormat = messageFormat;
    this.settled = settled;
    this.state = state;
  }
}

const EMPTY = Buffer.alloc(0);

export interface OutgoingMessage {
  /** Up to 32 bytes, unique among the unsettled deliveries of the link. */
  readonly tag: Buffer;
  /** The encoded message in pieces. Pieces over a few KiB are not copied: they must not change until they are written. */
  readonly payload: readonly Buffer[];
  /** 0 unless given. */
  readonly messageFormat?: number;
  readonly settled: boolean;
  readonly state?: DeliveryState;
  readonly context?: unknown;
}

/** A message that we sent, or will send when the session's window opens. */
export class OutgoingDelivery {
  readonly link: Link;
  /** The delivery id, or -1 until the first frame has left. */
  id: SerialNumber = -1;
  readonly tag: Buffer;
  /** Sent settled, or settled since by one of the two. */
  settled: boolean;
  /** The receiver's latest state. */
  state: DeliveryState | undefined = undefined;
  /** For the owner. */
  context: unknown;

  constructor(link: Link, tag: Buffer, settled: boolean, context: unknown) {
    this.link = link;
    this.tag = tag;
    this.settled = settled;
    this.context = context;
  }
}
