import { Fifo, SENDER_SETTLE_MODE } from '../amqp/index.ts';
import type { DeliveryState, Link, OutgoingDelivery, Session } from '../amqp/index.ts';
import type { Queue } from '../broker/index.ts';
import type { ClientConnection } from './client-connection.ts';
import { failure } from './error-mapping.ts';
import { LIMITS } from './limits.ts';
import { LinkEndpoint } from './link-endpoint.ts';
import type { Claim } from './link-endpoint.ts';
import { watchQueue } from './queue-watch.ts';

/** A link on which a client takes the replies of `$cbs` or of a `$management` node. */
export class ReplyEndpoint extends LinkEndpoint {
  /** Lower-case address of the node. */
  readonly node: string;
  readonly #client: ClientConnection;
  readonly #waiting = new Fifo<Buffer>();
  readonly #stopWatching: (() => void) | undefined;
  #lastTag = 0;

  constructor(options: {
    readonly client: ClientConnection;
    readonly link: Link;
    readonly claim: Claim | undefined;
    readonly node: string;
    /** The queue that the node belongs to. */
    readonly queue?: Queue;
  }) {
    super(options.link, options.claim);
    this.#client = options.client;
    this.node = options.node;
    this.#stopWatching = options.queue && watchQueue(options.client, this, { queue: options.queue });
    this.#client.add(this);
    this.#client.replies.add(this);
  }

  accept(): void {
    this.#client.accept(this.link);
    this.onFlow();
  }

  /** Address that the client gave its end of the link; requests name it as reply-to. */
  get replyAddress(): string | undefined {
    return this.link.remoteAttach?.target?.address;
  }

  reply(payload: Buffer): void {
    if (!this.open) return;
    if (this.#waiting.length >= LIMITS.repliesWaiting) {
      const text = `${LIMITS.repliesWaiting} replies wait for credit on this link. Give credit before sending requests.`;
      return this.#client.detach(this, failure('amqp:resource-limit-exceeded', text));
    }
    const bytes = this.#client.replyBytesWaiting;
    const limit = this.#client.claims.empty ? LIMITS.replyBytesBeforeToken : LIMITS.replyBytesWaiting;
    if (bytes > 0 && bytes + payload.length > limit) {
      const text = `Replies of ${bytes} bytes wait for credit on the links of this connection; the limit is ${limit}. Give credit before sending requests.`;
      return this.#client.detach(this, failure('amqp:resource-limit-exceeded', text));
    }
    this.used = true;
    this.#waiting.push(payload);
    this.#client.replyBytesWaiting += payload.length;
    this.onFlow();
  }

  override onFlow(): void {
    const { link } = this;
    while (link.credit > 0) {
      const payload = this.#waiting.shift();
      if (!payload) break;
      this.#client.replyBytesWaiting -= payload.length;
      const tag = Buffer.allocUnsafe(4);
      tag.writeUInt32BE((this.#lastTag = (this.#lastTag + 1) >>> 0));
      link.send({ tag, payload: [payload], settled: link.sndSettleMode === SENDER_SETTLE_MODE.settled });
    }
    if (link.drain) link.drained();
  }

  override onDisposition(delivery: OutgoingDelivery, state: DeliveryState | undefined, settled: boolean): void {
    if (!settled) this.link.settleOutgoing(delivery, state);
  }

  override close(): void {
    super.close();
    this.#stopWatching?.();
    this.#client.replies.delete(this);
    for (let payload = this.#waiting.shift(); payload; payload = this.#waiting.shift())
      this.#client.replyBytesWaiting -= payload.length;
  }
}

/**
 * The link on which the reply to a request leaves (service-bus-protocol.md §2.1): reply-to names its target address or the
 * link itself. Without reply-to, or when nothing has that name, it is the one from the same node in the same session: the
 * JavaScript client may choose a new reply-to while it goes on with the link that has the former, and waits for the answer.
 */
export function findReplyLink(
  links: Iterable<ReplyEndpoint>,
  request: { readonly replyTo: string | undefined; readonly node: string; readonly session: Session },
): ReplyEndpoint | undefined {
  let byName: ReplyEndpoint | undefined;
  let bySession: ReplyEndpoint | undefined;
  for (const endpoint of links) {
    if (request.replyTo !== undefined) {
      if (endpoint.replyAddress === request.replyTo) return endpoint;
      if (endpoint.link.name === request.replyTo) byName = endpoint;
    }
    if (endpoint.node === request.node && endpoint.link.session === request.session) bySession = endpoint;
  }
  return byName ?? bySession;
}
