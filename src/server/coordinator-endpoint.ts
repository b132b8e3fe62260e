import { ACCEPTED, AmqpDecodeError, AmqpDescribed, decode, plain, scanSections } from '../amqp/index.ts';
import type { AmqpValue, DeliveryState, IncomingDelivery, Link } from '../amqp/index.ts';
import type { Exit } from './barrier.ts';
import type { ClientConnection } from './client-connection.ts';
import { failureOf } from './error-mapping.ts';
import type { Failure } from './error-mapping.ts';
import { LIMITS } from './limits.ts';
import { LinkEndpoint } from './link-endpoint.ts';
import { isFailure } from './transactions.ts';

/** Bytes of a request to the coordinator: an id and a flag. */
const MAX_REQUEST_BYTES = 4096;

type Request =
  { readonly kind: 'declare' } | { readonly kind: 'discharge'; readonly txnId: Buffer; readonly fail: boolean };

/**
 * A link on which a client controls transactions (AMQP 1.0, part 4; service-bus-protocol.md §9): it declares one, names it in the state of
 * transfers and dispositions on other links of the connection, and discharges it. What it has not discharged when the link goes is rolled back.
 */
export class CoordinatorEndpoint extends LinkEndpoint implements Exit<IncomingDelivery, undefined> {
  held = 0;
  readonly #client: ClientConnection;
  #answered = 0;

  constructor(client: ClientConnection, link: Link) {
    super(link, undefined);
    this.#client = client;
    client.add(this);
  }

  accept(): void {
    this.#client.accept(this.link, { maxMessageSize: MAX_REQUEST_BYTES });
    this.link.addCredit(LIMITS.requestCredit);
  }

  override onTransfer(delivery: IncomingDelivery): void {
    try {
      if (delivery.oversize) throw new AmqpDecodeError('A request to the coordinator is a declare or a discharge');
      const request = readRequest(delivery.payload);
      if (request.kind === 'declare') this.#declare(delivery);
      else this.#discharge(delivery, request);
    } catch (error) {
      const refusal = failureOf(error);
      if (!refusal) throw error;
      this.#refuse(delivery, refusal);
    }
  }

  /** The commit is durable. */
  leave(delivery: IncomingDelivery): void {
    this.#answer(delivery, ACCEPTED);
  }

  fault(cause: unknown): void {
    this.#client.fault(cause);
  }

  override close(): void {
    super.close();
    this.#client.transactions.rollBackOf(this);
  }

  #declare(delivery: IncomingDelivery): void {
    const declared = this.#client.transactions.declare(this);
    if (Buffer.isBuffer(declared)) this.#answer(delivery, { kind: 'declared', txnId: declared });
    else this.#refuse(delivery, declared);
  }

  #discharge(delivery: IncomingDelivery, { txnId, fail }: { readonly txnId: Buffer; readonly fail: boolean }): void {
    const transaction = this.#client.transactions.take(txnId);
    if (isFailure(transaction)) return this.#refuse(delivery, transaction);
    if (fail) {
      transaction.rollBack();
      return this.#answer(delivery, ACCEPTED);
    }
    const { position } = transaction.commit();
    this.#client.service.barrier.hold(position, this, delivery, undefined);
  }

  #refuse(delivery: IncomingDelivery, refusal: Failure): void {
    this.#answer(delivery, { kind: 'rejected', error: this.#client.service.errorOf(refusal) });
  }

  #answer(delivery: IncomingDelivery, state: DeliveryState): void {
    if (!this.open) return;
    if (!delivery.settled) this.link.settle(delivery, state);
    if (++this.#answered < LIMITS.requestCredit / 2) return;
    this.link.addCredit(this.#answered);
    this.#answered = 0;
  }
}

/** @throws AmqpDecodeError */
function readRequest(payload: Buffer): Request {
  const sections = scanSections(payload);
  const body = sections.body === 'value' ? decode(payload, sections.bodyStart, 'typed').value : null;
  const value = body instanceof AmqpDescribed ? body.value : null;
  if (value instanceof AmqpDescribed && Array.isArray(value.value)) {
    const [txnId, fail] = value.value as readonly AmqpValue[];
    const descriptor = plain(value.descriptor);
    if (descriptor === 0x31n || descriptor === 'amqp:declare:list') return { kind: 'declare' };
    if ((descriptor === 0x32n || descriptor === 'amqp:discharge:list') && Buffer.isBuffer(txnId))
      return { kind: 'discharge', txnId: Buffer.from(txnId), fail: fail === true };
  }
  throw new AmqpDecodeError('A request to the coordinator has a declare or a discharge as its value');
}

/**
 * Accepts the link, also from a peer that has put no token yet: the official Java client begins a transaction before it puts its first one. A
 * transaction alone gives nobody a right; each send and each settlement is checked on its own link.
 */
export function attachCoordinator(client: ClientConnection, link: Link): void {
  new CoordinatorEndpoint(client, link).accept();
}
