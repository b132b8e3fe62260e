import { RetrainError } from '../errors.ts';
import type { AmqpError, Attach, Coordinator, DeliveryState, Source, Target } from './composites.ts';
import type { IncomingDelivery, OutgoingDelivery, OutgoingMessage } from './delivery.ts';
import type { Session } from './session.ts';
import type { Fields } from './value.ts';

/** snd-settle-mode (2.8.2). */
export const SENDER_SETTLE_MODE = { unsettled: 0, settled: 1, mixed: 2 } as const;
/** rcv-settle-mode (2.8.3). */
export const RECEIVER_SETTLE_MODE = { first: 0, second: 1 } as const;

export interface AttachOptions {
  readonly name: string;
  /** What we are. */
  readonly role: 'sender' | 'receiver';
  readonly source?: Source;
  readonly target?: Target | Coordinator;
  readonly sndSettleMode?: number;
  readonly rcvSettleMode?: number;
  /** Sender: 0 unless given. */
  readonly initialDeliveryCount?: number;
  /** Bytes; 0 or absent: no maximum but the connection's. */
  readonly maxMessageSize?: number;
  readonly offeredCapabilities?: readonly string[];
  readonly desiredCapabilities?: readonly string[];
  readonly properties?: Fields;
  readonly context?: unknown;
}

/** The answer to an attach; what is absent echoes the peer's attach, an absent `properties` is an empty map. */
export interface AcceptOptions {
  readonly source?: Source;
  readonly target?: Target | Coordinator;
  readonly sndSettleMode?: number;
  readonly rcvSettleMode?: number;
  readonly initialDeliveryCount?: number;
  /** Bytes; 0 or absent: no maximum but the connection's. */
  readonly maxMessageSize?: number;
  readonly offeredCapabilities?: readonly string[];
  readonly desiredCapabilities?: readonly string[];
  readonly properties?: Fields;
}

/** One link of a session, seen from our side. */
export class Link {
  readonly session: Session;
  readonly name: string;
  readonly role: 'sender' | 'receiver';
  /** The peer's attach; undefined until it has answered ours. */
  remoteAttach: Attach | undefined;
  /** Modes agreed on: the peer's when it attached, its answer's when we did. */
  sndSettleMode: number;
  rcvSettleMode: number;
  /** Bytes that a message may have: ours for a receiver, the peer's for a sender; 0 is no maximum. */
  maxMessageSize: number;
  /** Sender: the receiver wants its credit used up or given back (see `drained`). Receiver: we have asked for that. */
  drain: boolean;
  /** For the owner. */
  context: unknown;

  constructor(session: Session, name: string, role: 'sender' | 'receiver') {
    this.session = session;
    this.name = name;
    this.role = role;
    this.remoteAttach = undefined;
    this.sndSettleMode = 2;
    this.rcvSettleMode = 0;
    this.maxMessageSize = 0;
    this.drain = false;
    this.context = undefined;
  }

  /** Both sides have attached and none has detached. */
  get attached(): boolean {
    return false;
  }

  /** Sender: deliveries that may be sent now. Receiver: deliveries that the sender may still send. */
  get credit(): number {
    return 0;
  }

  /** Deliveries that are not settled. */
  get unsettled(): number {
    return 0;
  }

  /** Answers the peer's attach. Without effect when the link is gone. */
  accept(_options: AcceptOptions = {}): void {
    throw new RetrainError('ARGUMENT_INVALID', 'not written yet');
  }

  /** Answers the peer's attach with one that has no source or target, and a detach with the error (2.6.3). */
  refuse(_error: AmqpError): void {}

  detach(_error?: AmqpError, _closed = true): void {}

  /** Receiver: grants `count` deliveries more. Flows of one turn leave as one. */
  addCredit(_count: number): void {}

  /** Receiver: lets the sender send `count` deliveries from now on. */
  setCredit(_count: number): void {}

  /** Receiver: asks the sender to use up its credit or give it back; `onDrained` follows. */
  drainCredit(): void {}

  /** Receiver: settles with an outcome. Consecutive deliveries with an equal outcome in one turn leave as one disposition. */
  settle(_delivery: IncomingDelivery, _state: DeliveryState | undefined): void {}

  /** Receiver: states an outcome without settling (receiver settle mode second); `onSettled` tells of the sender's answer. */
  dispose(_delivery: IncomingDelivery, _state: DeliveryState): void {}

  /** Sender: sends a message; needs `credit` above 0. What the session's window does not allow yet waits and leaves later. */
  send(_message: OutgoingMessage): OutgoingDelivery {
    throw new RetrainError('ARGUMENT_INVALID', 'not written yet');
  }

  /** Sender: settles a delivery, as the answer to the receiver's disposition; ranged like `settle`. */
  settleOutgoing(_delivery: OutgoingDelivery, _state: DeliveryState | undefined): void {}

  /** Sender: nothing more to send on a drain. Gives the credit back and says so. */
  drained(): void {}
}
