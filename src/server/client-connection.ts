import type {
  AcceptOptions,
  AmqpError,
  Attach,
  Connection,
  ConnectionHandler,
  DeliveryState,
  IncomingDelivery,
  Link,
  Open,
  OutgoingDelivery,
  Session,
} from '../amqp/index.ts';
import { attachLink } from './attach.ts';
import { Claims } from './claims.ts';
import type { Loss } from './claims.ts';
import { failure } from './error-mapping.ts';
import type { Failure } from './error-mapping.ts';
import { IdleRules } from './idle-rules.ts';
import { LIMITS } from './limits.ts';
import type { Claim, LinkEndpoint } from './link-endpoint.ts';
import type { ReplyEndpoint } from './reply-endpoint.ts';
import type { Service } from './service.ts';
import { Transactions } from './transactions.ts';

/** What the driver does for the connection that it drives. */
export interface ConnectionOwner {
  onOpened(): void;
  onOutput(): void;
  /** The AMQP connection is over; what is still to be written may leave. */
  onFinished(): void;
  /** The connection is to end with this error. */
  end(error: Failure): void;
}

const TRACKING_ID = 'com.microsoft:tracking-id';
const BROKEN = failure('amqp:internal-error', 'The server has met a fault of its own.');

/** What the engine may hold for a peer that has put a token. */
const TRUSTED = {
  maxSessions: LIMITS.sessionsPerConnection,
  maxLinks: LIMITS.linksPerConnection,
  maxPartialBytes: LIMITS.partialBytesPerConnection,
};

const LOSS_TEXTS: Record<Loss, string> = {
  expired: 'ExpiredToken: The token of this link has expired.',
  replaced: 'InvalidToken: The token of this link was replaced by one of another access rule, which does not allow it.',
  'rule-changed': 'InvalidSignature: The access rule or the key that this link lived from was changed or removed.',
};

/** One client: its claims, its links, and who answers on each of them. */
export class ClientConnection implements ConnectionHandler {
  readonly service: Service;
  readonly claims: Claims;
  /** Links on which replies of `$cbs` and `$management` leave. */
  readonly replies = new Set<ReplyEndpoint>();
  /** Bytes of replies that wait for credit on them; they count themselves. */
  replyBytesWaiting = 0;
  readonly transactions: Transactions;
  opened = false;
  connection: Connection | undefined;
  /** Host that the client believes to talk to, without port; error texts name it. */
  host = 'localhost';
  readonly #owner: ConnectionOwner;
  readonly #endpoints = new Set<LinkEndpoint>();
  readonly #idle: IdleRules;

  constructor(service: Service, owner: ConnectionOwner) {
    this.service = service;
    this.#owner = owner;
    this.transactions = new Transactions(service);
    this.claims = new Claims({
      clock: service.clock,
      onGranted: () => this.connection?.limitMemory(TRUSTED),
      onLost: (loss) => this.#detachUnclaimed(loss),
    });
    this.#idle = new IdleRules({
      clock: service.clock,
      settings: service.settings,
      endpoints: this.#endpoints,
      owner: {
        detach: (endpoint, error) => this.detach(endpoint, error),
        closeConnection: (error) => this.#owner.end(error),
      },
    });
  }

  permits(claim: Claim): boolean {
    return (
      claim.rights.some((right) => this.claims.permits(claim.path, right)) && (!claim.and || this.permits(claim.and))
    );
  }

  /** The link of `endpoint` has been accepted, or waits to be. */
  add(endpoint: LinkEndpoint): void {
    this.#endpoints.add(endpoint);
    this.#idle.added(endpoint);
  }

  /** Answers an attach. The answer has an id by which a client's log and the service's are brought together (§10.6). */
  accept(link: Link, options: AcceptOptions = {}): void {
    const properties = new Map([...(options.properties ?? []), [TRACKING_ID, this.service.trackingId()]]);
    link.accept({ ...options, properties });
  }

  /** A request has named the client's receiving link `name`, which is thereby in use, however long its messages take. */
  use(name: string): void {
    const endpoint = this.connection?.linkNames.get(name, 'sender')?.context as LinkEndpoint | undefined;
    if (endpoint) endpoint.used = true;
  }

  /** Another endpoint takes over the link of `endpoint`, which is told nothing. */
  replace(endpoint: LinkEndpoint): void {
    if (this.#endpoints.delete(endpoint)) this.#idle.removed(endpoint);
  }

  /** Ends a link from our side. */
  detach(endpoint: LinkEndpoint, error: Failure): void {
    if (!this.#remove(endpoint)) return;
    endpoint.link.detach(this.service.errorOf(error, endpoint.claim?.path));
  }

  /** Refuses a link that waits for its attach (2.6.3: attach without terminus, then detach with the error). */
  refuse(link: Link, error: Failure, path?: string): void {
    const endpoint = link.context as LinkEndpoint | undefined;
    if (endpoint) this.#remove(endpoint);
    link.refuse(this.service.errorOf(error, path));
  }

  onOpen(open: Open): void {
    this.opened = true;
    if (open.hostname) this.host = open.hostname.replace(/:\d+$/, '');
    this.#owner.onOpened();
  }

  onBegin(_session: Session): void {}

  onAttach(link: Link, attach: Attach): void {
    attachLink(this, link, attach);
  }

  onFlow(link: Link): void {
    const endpoint = link.context as LinkEndpoint | undefined;
    if (!endpoint) return;
    endpoint.used = true;
    endpoint.onFlow();
  }

  onTransfer(link: Link, delivery: IncomingDelivery): void {
    const endpoint = link.context as LinkEndpoint | undefined;
    if (!endpoint) return;
    endpoint.used = true;
    endpoint.onTransfer(delivery);
  }

  onDisposition(link: Link, delivery: OutgoingDelivery, state: DeliveryState | undefined, settled: boolean): void {
    const endpoint = link.context as LinkEndpoint | undefined;
    if (!endpoint) return;
    endpoint.used = true;
    endpoint.onDisposition(delivery, state, settled);
  }

  onDetach(link: Link): void {
    const endpoint = link.context as LinkEndpoint | undefined;
    if (endpoint) this.#remove(endpoint);
  }

  onEnd(session: Session): void {
    for (const endpoint of this.#endpoints) if (endpoint.link.session === session) this.#remove(endpoint);
  }

  onClose(_error?: AmqpError): void {
    this.dropLinks();
    this.#owner.onFinished();
  }

  /** Frees what the links hold: the client is gone, or will be. */
  dropLinks(): void {
    for (const endpoint of this.#endpoints) {
      try {
        this.#remove(endpoint);
      } catch (fault) {
        // The others hold locks and timers, too.
        this.service.onFault(fault);
      }
    }
    this.claims.close();
    this.#idle.close();
  }

  onOutput(): void {
    this.#owner.onOutput();
  }

  /** No deliveries while the peer does not take what it has. */
  get writable(): boolean {
    return this.connection?.writable ?? false;
  }

  onWritable(): void {
    for (const endpoint of this.#endpoints) if (endpoint.open) endpoint.onWritable();
  }

  onFault(fault: unknown): void {
    this.service.onFault(fault);
  }

  /** Ends the connection for a fault of ours that was met outside the calls of the engine. */
  fault(cause: unknown): void {
    this.service.onFault(cause);
    this.#owner.end(BROKEN);
  }

  #remove(endpoint: LinkEndpoint): boolean {
    if (!this.#endpoints.delete(endpoint)) return false;
    this.#idle.removed(endpoint);
    endpoint.close();
    return true;
  }

  /** Claims have ended: links that no other claim covers go (service-bus-protocol.md §1.4). */
  #detachUnclaimed(loss: Loss): void {
    for (const endpoint of this.#endpoints) {
      if (!endpoint.claim || this.permits(endpoint.claim)) continue;
      this.detach(endpoint, failure('amqp:unauthorized-access', LOSS_TEXTS[loss]));
    }
  }
}
