import { Fifo } from '../amqp/index.ts';
import type { DeliveryState, Link, OutgoingDelivery } from '../amqp/index.ts';
import type { Delivery, MessageLock, Queue, ReceiveMode, Receiver, SessionLock, Subqueue } from '../broker/index.ts';
import type { CancelTimer } from '../runtime/clock.ts';
import type { Exit } from './barrier.ts';
import type { ClientConnection } from './client-connection.ts';
import { DeliveryWindow } from './delivery-window.ts';
import { failure, failureOf, refusalOf } from './error-mapping.ts';
import type { Failure } from './error-mapping.ts';
import { LIMITS } from './limits.ts';
import { LinkEndpoint } from './link-endpoint.ts';
import type { Claim } from './link-endpoint.ts';
import { swapGuidOrder } from './lock-token.ts';
import { encodeMessage } from './message-encoder.ts';
import { watchQueue } from './queue-watch.ts';
import { settlementOf } from './settlement.ts';
import type { Settlement } from './settlement.ts';
import { isFailure } from './transactions.ts';
import { deadLetterUnreadable } from './undeliverable.ts';

type Body = Buffer | Promise<Buffer>;

interface Waiting {
  readonly delivery: Delivery;
  body: Buffer | undefined;
}

/** Tag of a pre-settled transfer: nobody refers to it. */
const NO_TAG = Buffer.alloc(1);

/**
 * A link on which a client receives from a queue, a dead-letter queue or a session.
 *
 * A message goes three steps: *taken* from the broker for a credit (from then on its lock burns), through the barrier, *sent*
 * when its bytes are read. `#taken` counts those on the way; the broker is given credit for what the client has granted less
 * what is on the way, within `DeliveryWindow`, and none while the peer does not take its output. `#pump` alone decides that.
 */
export class ReceiverEndpoint extends LinkEndpoint {
  readonly #client: ClientConnection;
  readonly #subqueue: Subqueue;
  readonly #session: SessionLock | undefined;
  readonly #receiver: Receiver;
  readonly #mode: ReceiveMode;
  readonly #window = new DeliveryWindow();
  readonly #deliveries: Exit<Delivery, Body>;
  readonly #settlements: Exit<OutgoingDelivery, DeliveryState>;
  readonly #stopWatching: () => void;
  /** Durable messages whose bytes are still being read, or that stand behind such a one, or that wait for credit. */
  readonly #reading = new Fifo<Waiting>();
  #taken = 0;
  /** Of the messages that still wait for the disk, the first so many go back when they come: those before them have. */
  #recalled = 0;
  #cancelDetach: CancelTimer | undefined;
  #pumping = false;

  constructor(options: {
    readonly client: ClientConnection;
    readonly link: Link;
    readonly claim: Claim;
    readonly queue: Queue;
    readonly subqueue: Subqueue;
    readonly mode: ReceiveMode;
    readonly session?: SessionLock;
  }) {
    super(options.link, options.claim);
    const { client, queue, subqueue, mode, session } = options;
    this.#client = client;
    this.#subqueue = subqueue;
    this.#session = session;
    this.#mode = mode;
    const fault = (cause: unknown): void => client.fault(cause);
    this.#deliveries = { held: 0, leave: (delivery, body) => this.#leave(delivery, body), fault };
    this.#settlements = { held: 0, leave: (delivery, echo) => this.#answer(delivery, echo), fault };
    const onDelivery = (delivery: Delivery): void => this.#take(delivery);
    this.#receiver = subqueue.openReceiver(session ? { mode, session, onDelivery } : { mode, onDelivery });
    this.#stopWatching = watchQueue(client, this, { queue, check: () => queue.mustAllowReceive(subqueue) });
    client.add(this);
  }

  /** The link has been accepted. */
  begin(): void {
    this.#pump();
  }

  /** The session's lock is gone: whatever comes for it is refused, and after a moment the link goes, too. */
  loseSession(lost: Failure): void {
    const { clock } = this.#client.service;
    this.#cancelDetach ??= clock.after(LIMITS.lostSessionGraceMs, () => this.#client.detach(this, lost));
  }

  override onFlow(): void {
    if (this.#reading.length > 0) this.#sendRead();
    this.#pump();
  }

  override onWritable(): void {
    this.#pump();
  }

  override onDisposition(delivery: OutgoingDelivery, state: DeliveryState | undefined, settled: boolean): void {
    const lock = delivery.context as MessageLock | undefined;
    if (!lock || !state) return;
    if (state.kind === 'transactional') return this.#enlist(delivery, lock, { ...state, settled });
    const { service } = this.#client;
    const settlement = this.#settlementOf(lock, state);
    if (!settlement) return;
    try {
      const { position } = this.#subqueue.settle(lock, settlement.outcome);
      // Decided: what the client says of it again before it has our answer changes nothing, and the answer stays the first.
      delivery.context = undefined;
      if (!settled) service.barrier.hold(position, this.#settlements, delivery, settlement.echo);
    } catch (error) {
      const refusal = failureOf(error);
      if (!refusal) throw error;
      if (!settled) this.#refuse(delivery, refusal);
    }
  }

  #settlementOf(lock: MessageLock, state: DeliveryState): Settlement | undefined {
    // Only these two add to what earlier settlements made of the message's properties.
    const adds = state.kind === 'modified' || state.kind === 'rejected';
    return settlementOf(state, adds ? this.#subqueue.view(lock.slot, lock.lockedUntilMs).overlay : undefined);
  }

  /** The settlement waits in the transaction. It is answered at once; whether it is durable is answered at the transaction's end. */
  #enlist(
    delivery: OutgoingDelivery,
    lock: MessageLock,
    { txnId, outcome, settled }: { txnId: Buffer; outcome?: DeliveryState | undefined; settled: boolean },
  ): void {
    const settlement = outcome && this.#settlementOf(lock, outcome);
    const transaction = this.#client.transactions.find(txnId);
    if (!settlement) return;
    const refusal = isFailure(transaction)
      ? transaction
      : refusalOf(() => transaction.settle(this.#subqueue, lock, settlement.outcome));
    if (refusal) {
      if (settled) this.#client.transactions.doom(txnId, refusal);
      else this.#refuse(delivery, refusal);
      return;
    }
    delivery.context = undefined;
    if (!settled) this.link.settleOutgoing(delivery, { kind: 'transactional', txnId, outcome: settlement.echo });
  }

  override close(): void {
    super.close();
    this.#cancelDetach?.();
    this.#stopWatching();
    this.#receiver.close();
    // A session goes with its link; locks of other messages run on, so that `$management` may still settle them (§6.5).
    this.#session?.release();
    this.#giveBackAll();
  }

  #refuse(delivery: OutgoingDelivery, refusal: Failure): void {
    const error = this.#client.service.errorOf(refusal, this.claim?.path);
    this.link.settleOutgoing(delivery, { kind: 'rejected', error });
  }

  #answer(delivery: OutgoingDelivery, echo: DeliveryState): void {
    if (this.open) this.link.settleOutgoing(delivery, echo);
  }

  #take(delivery: Delivery): void {
    this.#taken++;
    const { body } = delivery;
    // A read that fails before the delivery is durable must not count as unhandled: `#leave` deals with it.
    if (!Buffer.isBuffer(body)) body.catch(() => undefined);
    this.#client.service.barrier.hold(delivery.position, this.#deliveries, delivery, body);
  }

  /** The delivery is durable: it goes, behind those before it. */
  #leave(delivery: Delivery, body: Body): void {
    if (!this.open || this.#recalled > 0) {
      if (this.#recalled > 0) this.#recalled--;
      this.#giveBack(delivery);
      if (this.open) this.#pumpIfLow();
      return;
    }
    if (Buffer.isBuffer(body) && this.#reading.length === 0 && this.link.credit > 0) {
      this.#send(delivery, body);
      this.#pumpIfLow();
      return;
    }
    const waiting: Waiting = { delivery, body: Buffer.isBuffer(body) ? body : undefined };
    this.#reading.push(waiting);
    if (Buffer.isBuffer(body)) return this.#sendRead();
    body
      .then(
        (bytes) => {
          waiting.body = bytes;
          this.#sendRead();
        },
        (fault: unknown) => {
          this.#client.service.onFault(fault);
          this.#client.detach(this, failure('amqp:internal-error', 'The bytes of a message could not be read.'));
        },
      )
      .catch((cause: unknown) => this.#client.fault(cause));
  }

  #sendRead(): void {
    for (let first = this.#reading.peek(); first?.body && this.open; first = this.#reading.peek()) {
      if (this.link.credit === 0) {
        if (!this.#keeps(first.delivery)) this.#recall();
        break;
      }
      this.#reading.shift();
      this.#send(first.delivery, first.body);
    }
    this.#pumpIfLow();
  }

  /**
   * Whether a message that has been taken waits when the client takes credit back. One of a session does, for nobody else may
   * have it while the session is locked and its place is before all that follow; one that was deleted has nowhere to go.
   */
  #keeps(delivery: Delivery): boolean {
    return this.#session !== undefined || delivery.lock === undefined;
  }

  /** Gives back all that has been taken, in order: what is behind must not overtake what is before. */
  #recall(): void {
    this.#receiver.setCredit(0);
    this.#recalled = this.#deliveries.held;
    this.#giveBackAll();
  }

  #giveBackAll(): void {
    for (let waiting = this.#reading.shift(); waiting; waiting = this.#reading.shift())
      this.#giveBack(waiting.delivery);
  }

  #send(delivery: Delivery, body: Buffer): void {
    const { link } = this;
    this.#taken--;
    this.#window.note(body.length);
    this.used = true;
    let payload: Buffer[];
    try {
      payload = encodeMessage(body, delivery);
    } catch (fault) {
      this.#client.service.onFault(fault);
      return deadLetterUnreadable(this.#subqueue, delivery);
    }
    link.send({
      tag: delivery.lock ? swapGuidOrder(delivery.lock.token) : NO_TAG,
      payload,
      settled: this.#mode === 'receive-and-delete',
      // Not the delivery: it would keep the message's bytes in memory until it is settled.
      context: delivery.lock,
    });
  }

  /** A message that cannot be sent returns to its place, as if it had not been taken; one that was deleted is lost. */
  #giveBack(delivery: Delivery): void {
    this.#taken--;
    if (!delivery.lock) return;
    try {
      this.#subqueue.settle(delivery.lock, { kind: 'release' });
    } catch (error) {
      // The lock has gone in the meantime, and the message is back already.
      if (!failureOf(error)) throw error;
    }
  }

  /** Asks for more only when half of the window has left: not once for each message. A drain is answered when all of it has. */
  #pumpIfLow(): void {
    const isLow = this.#taken * 2 <= this.#window.messages && this.#receiver.credit === 0;
    if (isLow || (this.link.drain && this.#mayEndDrain)) this.#pump();
  }

  /** Nothing is on the way, or what is has no credit to go on. */
  get #mayEndDrain(): boolean {
    return this.#taken === 0 || this.link.credit === 0;
  }

  #pump(): void {
    if (this.#pumping || !this.open || !this.link.attached) return;
    this.#pumping = true;
    try {
      this.#pumpOnce();
    } finally {
      this.#pumping = false;
    }
  }

  #pumpOnce(): void {
    const { link } = this;
    const receiver = this.#receiver;
    for (;;) {
      const { writable } = this.#client;
      // A receiver that the broker has closed, because its session is lost, gives nothing more.
      const room = writable && !receiver.closed ? Math.min(link.credit, this.#window.messages) - this.#taken : 0;
      receiver.setCredit(Math.max(0, room));
      if (!this.open || !writable) return;
      // All that was asked for came, and some of it has left while it was handed out: there is room for more at once.
      const mayHaveMore = room > 0 && receiver.credit === 0 && link.credit > 0;
      if (mayHaveMore && this.#taken * 2 <= this.#window.messages) continue;
      if (!link.drain || !this.#mayEndDrain) return;
      receiver.setCredit(0);
      link.drained();
      return;
    }
  }
}
