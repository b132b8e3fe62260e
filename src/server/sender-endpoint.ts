import { ACCEPTED } from '../amqp/index.ts';
import type { IncomingDelivery, Link } from '../amqp/index.ts';
import type { IncomingMessage, Queue } from '../broker/index.ts';
import type { Exit } from './barrier.ts';
import type { ClientConnection } from './client-connection.ts';
import { failure, failureOf } from './error-mapping.ts';
import type { Failure } from './error-mapping.ts';
import { LIMITS } from './limits.ts';
import { LinkEndpoint } from './link-endpoint.ts';
import type { Claim } from './link-endpoint.ts';
import { BATCH_MESSAGE_FORMAT, readBatch, readMessage } from './message-intake.ts';
import { watchQueue } from './queue-watch.ts';
import { isFailure } from './transactions.ts';

const NO_BYTES = Buffer.alloc(0);

/** A link on which a client sends messages to a queue. Each delivery is accepted once its messages are durable. */
export class SenderEndpoint extends LinkEndpoint implements Exit<IncomingDelivery, number> {
  /** Deliveries that wait for the disk; the barrier counts them. */
  held = 0;
  readonly #client: ClientConnection;
  readonly #queue: Queue;
  readonly #stopWatching: () => void;
  /** Deliveries answered since credit was last given. */
  #answered = 0;

  constructor(options: {
    readonly client: ClientConnection;
    readonly link: Link;
    readonly claim: Claim;
    readonly queue: Queue;
  }) {
    super(options.link, options.claim);
    this.#client = options.client;
    this.#queue = options.queue;
    const { client, queue } = options;
    this.#stopWatching = watchQueue(client, this, { queue, check: () => queue.mustAllowSend() });
    this.#client.add(this);
  }

  accept(): void {
    this.#client.accept(this.link, { maxMessageSize: this.#queue.maxMessageSizeBytes });
    this.link.addCredit(LIMITS.senderCredit);
  }

  override onTransfer(delivery: IncomingDelivery): void {
    const { payload } = delivery;
    // Held until the delivery is durable, the delivery must not keep the received bytes alive.
    delivery.payload = NO_BYTES;
    const { service } = this.#client;
    let position: number;
    try {
      if (delivery.oversize) {
        this.#refuse(
          delivery,
          failure(
            'amqp:link:message-size-exceeded',
            `The received message (delivery-id:${delivery.id}) exceeds the limit (${this.#queue.maxMessageSizeBytes} bytes) currently allowed on the link.`,
          ),
        );
        return;
      }
      const messages =
        delivery.messageFormat === BATCH_MESSAGE_FORMAT
          ? readBatch(payload, service.random)
          : [readMessage(payload, service.random)];
      if (delivery.state?.kind === 'transactional') return this.#enlist(delivery, delivery.state.txnId, messages);
      position = this.#queue.send(messages).position;
    } catch (error) {
      const refusal = failureOf(error);
      if (!refusal) throw error;
      this.#refuse(delivery, refusal);
      return;
    }
    service.intake.take(payload.length);
    service.barrier.hold(position, this, delivery, payload.length);
  }

  /** The messages of `delivery` are durable. */
  leave(delivery: IncomingDelivery, bytes: number): void {
    this.#client.service.intake.giveBack(bytes);
    if (!this.open) return;
    if (!delivery.settled) this.link.settle(delivery, ACCEPTED);
    this.#giveCredit();
  }

  fault(cause: unknown): void {
    this.#client.fault(cause);
  }

  override close(): void {
    super.close();
    this.#stopWatching();
  }

  /** The messages wait in the transaction; whether they are durable is answered at its end. */
  #enlist(delivery: IncomingDelivery, txnId: Buffer, messages: readonly IncomingMessage[]): void {
    const transaction = this.#client.transactions.find(txnId);
    if (isFailure(transaction)) return this.#refuse(delivery, transaction);
    transaction.send(this.#queue, messages);
    if (!delivery.settled) this.link.settle(delivery, { kind: 'transactional', txnId, outcome: ACCEPTED });
    this.#giveCredit();
  }

  #refuse(delivery: IncomingDelivery, refusal: Failure): void {
    if (!this.open) return;
    if (!delivery.settled) {
      const error = this.#client.service.errorOf(refusal, this.claim?.path);
      this.link.settle(delivery, { kind: 'rejected', error });
    }
    // Also when it is answered: the official Java client does not look at the answer, and would commit without the message.
    if (delivery.state?.kind === 'transactional') this.#client.transactions.doom(delivery.state.txnId, refusal);
    this.#giveCredit();
  }

  #giveCredit(): void {
    if (++this.#answered < LIMITS.senderCredit / 2) return;
    this.link.addCredit(this.#answered);
    this.#answered = 0;
  }
}
