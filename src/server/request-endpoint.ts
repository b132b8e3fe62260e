import {
  ACCEPTED,
  AmqpDescribed,
  AmqpSymbol,
  AmqpTyped,
  PROPERTIES,
  Writer,
  decode,
  lookup,
  readComposite,
  scanSections,
  writeComposite,
} from '../amqp/index.ts';
import type { AmqpMap, AmqpValue, IncomingDelivery, Link } from '../amqp/index.ts';
import type { Queue } from '../broker/index.ts';
import type { Exit } from './barrier.ts';
import type { ClientConnection } from './client-connection.ts';
import { failure, failureOf } from './error-mapping.ts';
import type { Failure } from './error-mapping.ts';
import { LIMITS } from './limits.ts';
import { LinkEndpoint } from './link-endpoint.ts';
import type { Claim } from './link-endpoint.ts';
import { readAnnotations } from './annotations.ts';
import { watchQueue } from './queue-watch.ts';
import { findReplyLink } from './reply-endpoint.ts';
import type { ReplyEndpoint } from './reply-endpoint.ts';
import type { NodeReply, NodeRequest, RequestNode } from './request-node.ts';
import { isFailure } from './transactions.ts';

const APPLICATION_PROPERTIES = 0x74;
const AMQP_VALUE = 0x77;

interface Request extends NodeRequest {
  /** Echoed with its type as correlation-id. */
  readonly messageId: AmqpValue | undefined;
  readonly replyTo: string | undefined;
}

/** A link on which a client sends requests to a node. Each is accepted when it comes, and answered on a reply link. */
export class RequestEndpoint extends LinkEndpoint implements Exit<ReplyEndpoint, Buffer> {
  held = 0;
  readonly #client: ClientConnection;
  readonly #node: RequestNode;
  readonly #maxMessageSizeBytes: number;
  readonly #stopWatching: (() => void) | undefined;
  #answered = 0;

  constructor(options: {
    readonly client: ClientConnection;
    readonly link: Link;
    readonly claim: Claim | undefined;
    readonly node: RequestNode;
    readonly maxMessageSizeBytes: number;
    /** The queue that the node belongs to. */
    readonly queue?: Queue;
  }) {
    super(options.link, options.claim);
    this.#client = options.client;
    this.#node = options.node;
    this.#maxMessageSizeBytes = options.maxMessageSizeBytes;
    this.#stopWatching = options.queue && watchQueue(options.client, this, { queue: options.queue });
    this.#client.add(this);
  }

  accept(): void {
    this.#client.accept(this.link, { maxMessageSize: this.#maxMessageSizeBytes });
    this.link.addCredit(LIMITS.requestCredit);
  }

  override onTransfer(delivery: IncomingDelivery): void {
    try {
      if (delivery.oversize) {
        const text = `The request exceeds the limit (${this.#maxMessageSizeBytes} bytes) currently allowed on the link.`;
        // Nobody can tell which request it was. Clients wait for a reply and hear of a rejection no more than of nothing; a detach they
        // hear of: the JavaScript client would wait a minute.
        return this.#client.detach(this, failure('amqp:link:message-size-exceeded', text));
      }
      const request = readRequest(delivery.payload);
      const replies = findReplyLink(this.#client.replies, {
        replyTo: request.replyTo,
        node: this.#node.address,
        session: this.link.session,
      });
      if (!replies) {
        const text = `No link takes the reply: attach a receiver to '${this.#node.address}' and name its target in reply-to.`;
        return this.#reject(delivery, failure('amqp:not-allowed', text));
      }
      const { state } = delivery;
      if (state?.kind !== 'transactional') {
        if (!delivery.settled) this.link.settle(delivery, ACCEPTED);
        return this.#answer(request, replies);
      }
      const { txnId } = state;
      const transaction = this.#client.transactions.find(txnId);
      if (isFailure(transaction)) {
        // As a reply: no client hears of a rejected request, it would wait for its time-out.
        if (!delivery.settled) this.link.settle(delivery, ACCEPTED);
        return this.#send(request, replies, this.#failed(transaction));
      }
      if (!delivery.settled) this.link.settle(delivery, { kind: 'transactional', txnId, outcome: ACCEPTED });
      this.#answer({ ...request, transaction }, replies);
    } catch (error) {
      const refusal = failureOf(error);
      if (!refusal) throw error;
      this.#reject(delivery, refusal);
    }
  }

  /** The reply is durable. */
  leave(replies: ReplyEndpoint, payload: Buffer): void {
    replies.reply(payload);
    this.#giveCredit();
  }

  fault(cause: unknown): void {
    this.#client.fault(cause);
  }

  override close(): void {
    super.close();
    this.#stopWatching?.();
  }

  #answer(request: Request, replies: ReplyEndpoint): void {
    let reply: NodeReply | Promise<NodeReply>;
    try {
      reply = this.#node.answer(request);
    } catch (error) {
      reply = this.#replyOf(error);
    }
    if (!(reply instanceof Promise)) return this.#send(request, replies, reply);
    reply
      .then(
        (answer) => this.#send(request, replies, answer),
        (error: unknown) => this.#send(request, replies, this.#replyOf(error)),
      )
      .catch((cause: unknown) => this.fault(cause));
  }

  #send(request: Request, replies: ReplyEndpoint, reply: NodeReply): void {
    this.#client.service.barrier.hold(reply.position ?? 0, this, replies, writeReply(request, reply));
  }

  #replyOf(error: unknown): NodeReply {
    let said = failureOf(error);
    if (!said) {
      this.#client.service.onFault(error);
      said = failure('amqp:internal-error', 'The server has met a fault of its own.');
    }
    return this.#failed(said);
  }

  #failed({ statusCode, condition, description }: Failure): NodeReply {
    return { statusCode, condition, description: this.#client.service.describe(description, this.claim?.path) };
  }

  #reject(delivery: IncomingDelivery, refusal: Failure): void {
    const error = this.#client.service.errorOf(refusal, this.claim?.path);
    if (!delivery.settled) this.link.settle(delivery, { kind: 'rejected', error });
    this.#giveCredit();
  }

  #giveCredit(): void {
    if (!this.open || ++this.#answered < LIMITS.requestCredit / 2) return;
    this.link.addCredit(this.#answered);
    this.#answered = 0;
  }
}

function readRequest(payload: Buffer): Request {
  const sections = scanSections(payload);
  const properties =
    sections.propertiesEnd > sections.propertiesStart
      ? readComposite(PROPERTIES, payload, sections.propertiesStart).value
      : undefined;
  const application: AmqpMap =
    sections.applicationPropertiesEnd > sections.applicationPropertiesStart
      ? readAnnotations(payload, sections.applicationPropertiesStart)
      : new Map();
  const operation = lookup(application, 'operation');
  const body = sections.body === 'value' ? decode(payload, sections.bodyStart, 'typed').value : null;
  return {
    messageId: properties?.messageId,
    replyTo: properties?.replyTo,
    operation: typeof operation === 'string' ? operation : '',
    properties: application,
    body: body instanceof AmqpDescribed ? body.value : null,
  };
}

/** Both spellings of the status, because every client reads its own (service-bus-protocol.md §2.3, §8.1). */
function writeReply(request: Request, reply: NodeReply): Buffer {
  const writer = new Writer();
  writeComposite(writer, PROPERTIES, { correlationId: request.messageId });
  const status = new AmqpTyped('int', reply.statusCode);
  const application = new Map<AmqpValue, AmqpValue>([
    ['statusCode', status],
    ['status-code', status],
    ['statusDescription', reply.description],
    ['status-description', reply.description],
  ]);
  if (reply.condition !== undefined) {
    application.set('errorCondition', new AmqpSymbol(reply.condition));
    application.set('error-condition', new AmqpSymbol(reply.condition));
  }
  writer.writeDescriptor(APPLICATION_PROPERTIES);
  writer.writeMap(application);
  writer.writeDescriptor(AMQP_VALUE);
  writer.writeValue(reply.body ?? null);
  return writer.take();
}
