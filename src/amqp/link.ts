import { RetrainError } from '../errors.ts';
import {
  DETACH,
  type ATTACH,
  type AmqpError,
  type Attach,
  type Coordinator,
  type DeliveryState,
  type Detach,
  type Encodable,
  type Source,
  type Target,
} from './composites.ts';
import { CONDITION } from './conditions.ts';
import { OutgoingDelivery, type IncomingDelivery, type OutgoingMessage } from './delivery.ts';
import { ABSENT } from './fields-in-place.ts';
import { Fifo } from './fifo.ts';
import type { FlowFields, LinkFlow } from './flow-frame.ts';
import { IncomingTransfers } from './incoming-transfers.ts';
import { LIMITS } from './limits.ts';
import type { WaitingDelivery } from './outgoing-transfers.ts';
import { described, ownError } from './protocol-error.ts';
import { serialAdd, serialBefore, serialDistance, type SerialNumber } from './serial-number.ts';
import type { Session } from './session.ts';
import type { TransferFields } from './transfer-frame.ts';
import type { Fields } from './value.ts';

/** snd-settle-mode (2.8.2). */
export const SENDER_SETTLE_MODE = { unsettled: 0, settled: 1, mixed: 2 } as const;
/** rcv-settle-mode (2.8.3). */
export const RECEIVER_SETTLE_MODE = { first: 0, second: 1 } as const;

/** The answer to an attach; what is absent echoes the peer's attach, an absent `properties` is an empty map. */
export interface AcceptOptions {
  readonly source?: Source | undefined;
  readonly target?: Target | Coordinator | undefined;
  readonly sndSettleMode?: number;
  readonly rcvSettleMode?: number;
  /** Sender: 0 unless given. */
  readonly initialDeliveryCount?: number;
  /** Receiver: bytes; 0 or absent: no maximum but the connection's. */
  readonly maxMessageSize?: number;
  readonly offeredCapabilities?: readonly string[];
  readonly desiredCapabilities?: readonly string[];
  readonly properties?: Fields;
}

export interface AttachOptions extends AcceptOptions {
  readonly name: string;
  /** What we are. */
  readonly role: 'sender' | 'receiver';
  readonly context?: unknown;
}

/**
 * attach-received: the peer's attach waits for `accept` or `refuse`. attach-sent: ours waits for the peer's. attached: both are
 * there. detach-sent: ours has gone out; what still comes is thrown away until the peer's detach. refused: the same, and
 * the owner knows already (`refuse`, link stealing). detached: nothing comes any more.
 */
type LinkState = 'new' | 'attach-received' | 'attach-sent' | 'attached' | 'detach-sent' | 'refused' | 'detached';

/** The most credit that is taken from a peer: serial numbers further apart have no order. */
const MAX_CREDIT = 0x7fff_ffff;

/** One link of a session, seen from our side (2.6). */
export class Link {
  readonly session: Session;
  readonly name: string;
  readonly role: 'sender' | 'receiver';
  /** The peer's attach; undefined until it has answered ours. */
  remoteAttach: Attach | undefined = undefined;
  /** Modes agreed on. */
  sndSettleMode: number = SENDER_SETTLE_MODE.mixed;
  rcvSettleMode: number = RECEIVER_SETTLE_MODE.first;
  /** Bytes that a message may have: ours for a receiver, the peer's for a sender; 0 is no maximum. */
  maxMessageSize = 0;
  /** Sender: the receiver wants its credit used up or given back (see `drained`). Receiver: we have asked for that. */
  drain = false;
  /** Receiver: messages that the sender has said to have, if it has. */
  available: number | undefined = undefined;
  /** Deliveries that are not settled. */
  unsettled = 0;
  /** For the owner. */
  context: unknown = undefined;

  // What follows is for the engine.
  localHandle = -1;
  remoteHandle = -1;
  flowsSent = 0;
  readonly waiting = new Fifo<WaitingDelivery>();
  readonly #incoming: IncomingTransfers;
  #state: LinkState = 'new';
  /** Deliveries sent or received, and how far that number may go. */
  #deliveryCount: SerialNumber = 0;
  #creditLimit: SerialNumber = 0;
  /** Sender: the delivery-count that a receiver means which has not seen our attach. */
  #initialCount: SerialNumber = 0;
  /** Receiver: the furthest limit ever granted. A sender that has not seen a lower one yet may still go that far. */
  #grantedLimit: SerialNumber = 0;
  #flowQueued = false;
  #drainedLater = false;

  constructor(session: Session, name: string, role: 'sender' | 'receiver') {
    this.session = session;
    this.name = name;
    this.role = role;
    this.#incoming = new IncomingTransfers(this);
  }

  /** Both sides have attached and none has detached. */
  get attached(): boolean {
    return this.#state === 'attached';
  }

  /**
   * Sender: deliveries that may be sent now: the receiver's credit, but no more than the limits on unsettled and on waiting
   * deliveries allow. Receiver: deliveries that the sender may still send.
   */
  get credit(): number {
    const credit = Math.max(0, serialDistance(this.#deliveryCount, this.#creditLimit));
    if (this.role === 'receiver') return credit;
    const { failing, maxUnsettled } = this.session.connection;
    if (this.#state !== 'attached' || failing) return 0;
    return Math.max(0, Math.min(credit, maxUnsettled - this.unsettled, LIMITS.waitingDeliveries - this.waiting.length));
  }

  /** Answers the peer's attach. Without effect when the link is gone or answered. */
  accept(options: AcceptOptions = {}): void {
    const remote = this.remoteAttach;
    if (this.#state !== 'attach-received' || remote === undefined || !this.#takeHandle()) return;
    this.sndSettleMode = options.sndSettleMode ?? remote.sndSettleMode;
    this.rcvSettleMode = options.rcvSettleMode ?? remote.rcvSettleMode;
    this.#sendAttach({ source: remote.source, target: remote.target, ...options });
    this.#state = 'attached';
    // Credit that came before the answer counts from the delivery-count that we have stated only now.
    if (this.role === 'sender') this.#countFrom(options.initialDeliveryCount ?? 0);
  }

  /** Answers the peer's attach with one that lacks the terminus of our side, and a detach with the error (2.6.3). */
  refuse(error: AmqpError): void {
    if (this.#state !== 'attach-received') return;
    this.#refuse(error);
    this.#state = 'refused';
  }

  #refuse(error: AmqpError | undefined): void {
    const remote = this.remoteAttach;
    if (!remote || !this.#takeHandle()) return;
    this.#sendAttach(this.role === 'sender' ? { target: remote.target } : { source: remote.source });
    this.session.send(DETACH, { handle: this.localHandle, closed: true, error });
  }

  /** Detaches from our side; `onDetach` follows with the peer's answer. */
  detach(error?: AmqpError, closed = true): void {
    if (this.#state === 'attach-received') {
      this.#refuse(error);
      this.#state = 'detach-sent';
    } else if (this.#state === 'attached' || this.#state === 'attach-sent') {
      this.session.flushDispositions();
      this.session.send(DETACH, { handle: this.localHandle, closed, error });
      this.#state = 'detach-sent';
    }
    this.#stop();
  }

  /** Receiver: grants `count` deliveries more. Flows of one turn leave as one. */
  addCredit(count: number): void {
    this.setCredit(this.credit + count);
  }

  /** Receiver: lets the sender send `count` deliveries from now on. */
  setCredit(count: number): void {
    this.#assertRole('receiver');
    this.#creditLimit = serialAdd(this.#deliveryCount, Math.min(count, MAX_CREDIT));
    if (serialBefore(this.#grantedLimit, this.#creditLimit)) this.#grantedLimit = this.#creditLimit;
    this.#queueFlow();
  }

  /** Receiver: asks the sender to use up its credit or give it back; `onDrained` follows. */
  drainCredit(): void {
    this.#assertRole('receiver');
    this.drain = true;
    this.#queueFlow();
  }

  #queueFlow(): void {
    if (this.#flowQueued || (this.#state !== 'attached' && this.#state !== 'attach-sent')) return;
    this.#flowQueued = true;
    this.session.queueFlow(this);
  }

  /** Receiver: settles with an outcome. Consecutive deliveries with an equal outcome in one turn leave as one disposition. */
  settle(delivery: IncomingDelivery, state: DeliveryState | undefined): void {
    if (this.session.unsettled.settleIncoming(delivery)) this.session.dispose(true, delivery.id, true, state);
  }

  /** Receiver: states an outcome without settling (receiver settle mode second); `onSettled` tells of the sender's answer. */
  dispose(delivery: IncomingDelivery, state: DeliveryState): void {
    if (!delivery.settled && this.session.open) this.session.dispose(true, delivery.id, false, state);
  }

  /**
   * Sender: sends a message; needs `credit` above 0. What the session's window does not allow yet waits and leaves later.
   * Throws `ARGUMENT_INVALID` without credit or with a tag over 32 bytes.
   */
  send(message: OutgoingMessage): OutgoingDelivery {
    this.#assertRole('sender');
    if (this.credit <= 0)
      throw new RetrainError('ARGUMENT_INVALID', `link ${this.name} has no credit: wait for onFlow`);
    if (message.tag.length > LIMITS.deliveryTagBytes) {
      throw new RetrainError(
        'ARGUMENT_INVALID',
        `a delivery tag of ${message.tag.length} bytes is over the limit of ${LIMITS.deliveryTagBytes}: use a shorter one`,
      );
    }
    const delivery = new OutgoingDelivery(this, message.tag, message.settled, message.context);
    this.#deliveryCount = serialAdd(this.#deliveryCount, 1);
    if (!message.settled) this.unsettled += 1;
    this.session.outgoing.send(this, delivery, message);
    return delivery;
  }

  /** Sender: settles a delivery, as the answer to the receiver's disposition; ranged like `settle`. */
  settleOutgoing(delivery: OutgoingDelivery, state: DeliveryState | undefined): void {
    if (this.session.unsettled.settleOutgoing(delivery)) this.session.dispose(false, delivery.id, true, state);
  }

  /**
   * Sender: there is nothing more to send for a drain. Gives the credit back and says so (2.6.7), once what still waits and has credit
   * has left. Else without effect.
   */
  drained(): void {
    if (!this.drain || this.#state !== 'attached' || this.role !== 'sender') return;
    // What waits without credit, because that was lowered, goes on waiting after the drain.
    if (this.waiting.peek()?.started || (this.waiting.length > 0 && this.mayStart)) {
      this.#drainedLater = true;
      return;
    }
    this.#drainedLater = false;
    if (serialBefore(this.#deliveryCount, this.#creditLimit)) this.#deliveryCount = this.#creditLimit;
    this.session.sendFlow(this.flow());
    this.drain = false;
  }

  #assertRole(role: 'sender' | 'receiver'): void {
    if (this.role !== role)
      throw new RetrainError('ARGUMENT_INVALID', `link ${this.name} is a ${this.role}, not a ${role}`);
  }

  /** Takes a handle of ours; ends the session when the peer's handle-max allows none. */
  #takeHandle(): boolean {
    if (this.localHandle >= 0) return true;
    if (this.session.takeHandle(this)) return true;
    this.session.violate(CONDITION.resourceLimitExceeded, 'handle-max allows no further link');
    return false;
  }

  #sendAttach(options: AcceptOptions): void {
    const { maxMessageSize = 0 } = options;
    if (this.role === 'receiver') this.maxMessageSize = maxMessageSize;
    const attach: Encodable<typeof ATTACH> = {
      name: this.name,
      handle: this.localHandle,
      role: this.role === 'receiver',
      sndSettleMode: this.sndSettleMode,
      rcvSettleMode: this.rcvSettleMode,
      source: options.source,
      target: options.target,
      initialDeliveryCount: this.role === 'sender' ? (options.initialDeliveryCount ?? 0) : undefined,
      maxMessageSize: maxMessageSize > 0 ? BigInt(maxMessageSize) : undefined,
      offeredCapabilities: options.offeredCapabilities,
      desiredCapabilities: options.desiredCapabilities,
      properties: options.properties,
    };
    this.session.sendAttach(attach);
  }

  /** Sends our attach first. */
  attach(options: AttachOptions): void {
    this.context = options.context;
    if (!this.#takeHandle()) return;
    this.sndSettleMode = options.sndSettleMode ?? this.sndSettleMode;
    this.rcvSettleMode = options.rcvSettleMode ?? this.rcvSettleMode;
    this.#sendAttach(options);
    if (this.role === 'sender') this.#countFrom(options.initialDeliveryCount ?? 0);
    this.#state = 'attach-sent';
  }

  #countFrom(initial: SerialNumber): void {
    this.#creditLimit = serialAdd(this.#creditLimit, initial);
    this.#deliveryCount = initial;
    this.#initialCount = initial;
  }

  /** The peer's attach, first or as the answer to ours. */
  onAttach(attach: Attach): void {
    this.remoteAttach = attach;
    this.remoteHandle = attach.handle;
    if (this.role === 'sender') this.maxMessageSize = Number(attach.maxMessageSize ?? 0n);
    else {
      // Credit may have been granted before the sender's delivery-count was known.
      this.#countFrom(attach.initialDeliveryCount ?? 0);
      this.#grantedLimit = this.#creditLimit;
    }
    if (this.#state === 'attach-sent') {
      this.#state = 'attached';
      this.sndSettleMode = attach.sndSettleMode;
      this.rcvSettleMode = attach.rcvSettleMode;
    } else if (this.#state === 'new') this.#state = 'attach-received';
  }

  onDetach(detach: Detach): void {
    const state = this.#state;
    if (state === 'attached') {
      this.session.flushDispositions();
      this.session.send(DETACH, { handle: this.localHandle, closed: detach.closed });
    } else if (state === 'attach-received') this.#refuse(undefined);
    this.drop();
    this.session.release(this);
    if (state !== 'refused') this.session.connection.handler.onDetach(this, detach);
  }

  /** Nothing comes or goes any more. */
  drop(): void {
    this.#stop();
    this.#state = 'detached';
    this.session.connection.linkNames.forget(this);
  }

  #stop(): void {
    this.session.unsettled.dropLink(this);
    this.waiting.clear();
    this.#drainedLater = false;
    this.#incoming.drop();
  }

  /** What a flow says of this link. */
  flow(): LinkFlow {
    this.flowsSent += 1;
    const seen = this.role === 'sender' || this.remoteAttach !== undefined;
    const count = this.role === 'sender' ? this.#sentCount : this.#deliveryCount;
    return {
      handle: this.localHandle,
      deliveryCount: seen ? count : ABSENT,
      linkCredit: Math.max(0, serialDistance(count, this.#creditLimit)),
      available: this.role === 'sender' ? this.waiting.length : ABSENT,
      drain: this.drain,
    };
  }

  /** We have attached and the peer has not answered; we may have detached meanwhile. */
  get unanswered(): boolean {
    return this.#state === 'attach-sent' || (this.#state === 'detach-sent' && this.remoteAttach === undefined);
  }

  /** A flow can name our handle. */
  get answerable(): boolean {
    return this.#state === 'attached' || this.#state === 'attach-sent';
  }

  flushFlow(): void {
    this.#flowQueued = false;
    if (this.answerable) this.session.sendFlow(this.flow());
  }

  /** Deliveries of which at least the first frame has left. */
  get #sentCount(): SerialNumber {
    const { length } = this.waiting;
    const started = length > 0 && this.waiting.peek()?.started === true;
    return serialAdd(this.#deliveryCount, started ? 1 - length : -length);
  }

  /** The receiver's credit allows a waiting delivery to begin; it may have been lowered since. */
  get mayStart(): boolean {
    return serialDistance(this.#sentCount, this.#creditLimit) > 0;
  }

  /** A delivery that waited has left. */
  onLeft(): void {
    if (this.#state !== 'attached') return;
    if (this.#drainedLater) this.drained();
    else if (this.waiting.length === 0) this.session.connection.handler.onFlow(this);
  }

  /** The link's part of a flow of the peer. */
  takeFlow(fields: FlowFields): void {
    if (this.role === 'sender') {
      const count = fields.deliveryCount === ABSENT ? this.#initialCount : fields.deliveryCount;
      if (fields.linkCredit !== ABSENT) this.#creditLimit = serialAdd(count, Math.min(fields.linkCredit, MAX_CREDIT));
      this.drain = fields.drain;
      if (!this.drain) this.#drainedLater = false;
      return;
    }
    if (fields.available !== ABSENT) this.available = fields.available;
    if (fields.deliveryCount !== ABSENT && serialBefore(this.#deliveryCount, fields.deliveryCount)) {
      this.#deliveryCount = fields.deliveryCount;
    }
  }

  /** Tells the owner of a flow. */
  reportFlow(): void {
    if (this.#state !== 'attached') return;
    const { handler } = this.session.connection;
    if (this.role === 'sender') handler.onFlow(this);
    else if (this.drain && this.credit === 0) {
      this.drain = false;
      handler.onDrained(this);
    }
  }

  onTransfer(fields: TransferFields, buffer: Buffer, start: number, end: number): void {
    if (this.#state !== 'attached') return;
    if (this.role === 'receiver') this.#incoming.onTransfer(fields, buffer, start, end);
    else this.session.violate(CONDITION.notAllowed, `a transfer came on link ${this.name}, whose sender we are`);
  }

  /** Receiver: counts a delivery that begins; false when the sender was never granted as many. */
  countDelivery(): boolean {
    if (serialDistance(this.#deliveryCount, this.#grantedLimit) <= 0) return false;
    this.#deliveryCount = serialAdd(this.#deliveryCount, 1);
    return true;
  }

  /** The peer has attached another link of this name. Its answer to our detach may never come: the owner is told at once. */
  steal(): void {
    const { handler, options } = this.session.connection;
    const error = described(ownError(CONDITION.stolen, 'the link was attached again'), options.describe);
    const isKnown = this.#state !== 'refused';
    this.detach(error);
    this.#state = 'refused';
    if (isKnown) handler.onDetach(this, { handle: this.remoteHandle, closed: true, error });
  }

  /** The peer broke a rule of the link: detaches it with an error. */
  violate(condition: string, description: string): void {
    this.detach(described(ownError(condition, description), this.session.connection.options.describe));
  }
}
