import type { Attach, Link, Source } from '../amqp/index.ts';
import { AmqpTyped, SENDER_SETTLE_MODE, plain } from '../amqp/index.ts';
import type { Queue, ReceiveMode, SessionLock, Subqueue } from '../broker/index.ts';
import type { Exit } from './barrier.ts';
import type { ClientConnection } from './client-connection.ts';
import { failure, failureOf } from './error-mapping.ts';
import { LIMITS } from './limits.ts';
import { LinkEndpoint } from './link-endpoint.ts';
import type { Claim } from './link-endpoint.ts';
import { ReceiverEndpoint } from './receiver-endpoint.ts';
import { sessionFilterOf } from './session-filter.ts';
import type { SessionFilter } from './session-filter.ts';
import { ticksOf } from './ticks.ts';

const TIMEOUT = 'com.microsoft:timeout';
const LOCKED_UNTIL_UTC = 'com.microsoft:locked-until-utc';

interface ReceiverAttach {
  readonly client: ClientConnection;
  readonly link: Link;
  readonly attach: Attach;
  readonly claim: Claim;
  readonly entity: { readonly queue: Queue; readonly subqueue: Subqueue };
}

/**
 * Answers the attach of a receiver: at once, or, when it asks for a session, as soon as the session is locked for it.
 *
 * @throws BrokerRefusal when the entity does not take such a receiver
 */
export function openReceiver(options: ReceiverAttach): void {
  const { client, link, attach, claim, entity } = options;
  const source = attach.source as Source;
  const filter = sessionFilterOf(source);
  if (filter) {
    new SessionWait(options, filter).start();
    return;
  }
  const endpoint = new ReceiverEndpoint({ client, link, claim, ...entity, mode: modeOf(attach) });
  client.accept(link);
  endpoint.begin();
}

/** A sender that settles before it is asked is receive-and-delete; everything else is peek-lock (§6.1). */
function modeOf(attach: Attach): ReceiveMode {
  return attach.sndSettleMode === SENDER_SETTLE_MODE.settled ? 'receive-and-delete' : 'peek-lock';
}

function timeoutOf(attach: Attach): number {
  const value = plain(attach.properties?.get(TIMEOUT));
  const wantedMs = typeof value === 'number' || typeof value === 'bigint' ? Number(value) : LIMITS.nextSessionMs;
  return Math.min(LIMITS.nextSessionMaxMs, Math.max(0, wantedMs));
}

/**
 * Stands behind the link of a session receiver until its session is locked and the grant is durable; then a
 * `ReceiverEndpoint` takes its place. A link that goes while it waits gives up its place in the row, or the lock.
 */
class SessionWait extends LinkEndpoint implements Exit<SessionLock, undefined> {
  held = 0;
  readonly #options: ReceiverAttach;
  readonly #filter: SessionFilter;
  #request: { cancel(): void } | undefined;
  #lock: SessionLock | undefined;
  #endpoint: ReceiverEndpoint | undefined;

  constructor(options: ReceiverAttach, filter: SessionFilter) {
    super(options.link, options.claim);
    this.#options = options;
    this.#filter = filter;
    options.client.add(this);
  }

  start(): void {
    const { client, link, attach, claim, entity } = this.#options;
    const { barrier } = client.service;
    this.#request = entity.subqueue.acceptSession({
      sessionId: this.#filter.sessionId,
      timeoutMs: timeoutOf(attach),
      holder: link.name,
      onGranted: (lock) => {
        this.#lock = lock;
        barrier.hold(lock.position, this, lock, undefined);
      },
      onRefused: (refusal) => {
        const { path } = claim;
        const said = failureOf(refusal);
        if (said) client.refuse(link, said, path);
      },
      onLost: (refusal) => this.#lost(refusal),
    });
  }

  leave(lock: SessionLock): void {
    const { client, link, attach, claim, entity } = this.#options;
    if (!this.open) return;
    if (!lock.held) {
      client.refuse(
        link,
        failure(
          'com.microsoft:session-cannot-be-locked',
          `The lock of session '${lock.sessionId}' was lost before it could be granted.`,
        ),
        claim.path,
      );
      return;
    }
    client.replace(this);
    try {
      this.#endpoint = new ReceiverEndpoint({ client, link, claim, ...entity, mode: modeOf(attach), session: lock });
    } catch (error) {
      const refusal = failureOf(error);
      if (!refusal) throw error;
      lock.release();
      client.refuse(link, refusal, claim.path);
      return;
    }
    const properties = new Map([[LOCKED_UNTIL_UTC, new AmqpTyped('long', ticksOf(lock.lockedUntilMs))]]);
    client.accept(link, { source: this.#filter.granted(lock.sessionId), properties });
    this.#endpoint.begin();
  }

  fault(cause: unknown): void {
    this.#options.client.fault(cause);
  }

  override close(): void {
    super.close();
    this.#request?.cancel();
    this.#lock?.release();
  }

  #lost(refusal: Error): void {
    const said = failureOf(refusal);
    if (said) this.#endpoint?.loseSession(said);
  }
}
