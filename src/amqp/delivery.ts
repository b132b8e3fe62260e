import type { DeliveryState } from './composites.ts';
import type { SerialNumber } from './serial-number.ts';

/** A message that the peer sent us. */
export class IncomingDelivery {
  readonly id: SerialNumber;
  readonly tag: Buffer;
  readonly messageFormat: number;
  /** The sender does not wait for an outcome, or we have settled. */
  settled: boolean;
  /** The state that came with the transfer (a transaction's), or the sender's latest disposition. */
  state: DeliveryState | undefined;
  /** The encoded message: a view of received bytes when it came in one frame. Empty when `oversize`. */
  payload: Buffer;
  /** The message was over the link's max-message-size; its bytes were thrown away. */
  oversize: boolean;
  /** For the owner. */
  context: unknown;

  constructor(id: SerialNumber, tag: Buffer, messageFormat: number, settled: boolean) {
    this.id = id;
    this.tag = tag;
    this.messageFormat = messageFormat;
    this.settled = settled;
    this.state = undefined;
    this.payload = tag;
    this.oversize = false;
    this.context = undefined;
  }
}

export interface OutgoingMessage {
  /** Up to 32 bytes, unique among the unsettled deliveries of the link. */
  readonly tag: Buffer;
  /** The encoded message in pieces. */
  readonly payload: readonly Buffer[];
  /** 0 unless given. */
  readonly messageFormat?: number;
  readonly settled: boolean;
  readonly state?: DeliveryState;
  readonly context?: unknown;
}

/** A message that we sent, or will send when the session's window opens. */
export class OutgoingDelivery {
  /** The delivery id, or -1 until the first frame has left. */
  id: SerialNumber;
  readonly tag: Buffer;
  settled: boolean;
  /** The receiver's latest state. */
  state: DeliveryState | undefined;
  /** For the owner. */
  context: unknown;

  constructor(tag: Buffer, settled: boolean, context: unknown) {
    this.id = -1;
    this.tag = tag;
    this.settled = settled;
    this.state = undefined;
    this.context = context;
  }
}
