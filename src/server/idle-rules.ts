import type { CancelTimer, Clock } from '../runtime/clock.ts';
import { failure } from './error-mapping.ts';
import type { Failure } from './error-mapping.ts';
import { LIMITS } from './limits.ts';
import type { LinkEndpoint } from './link-endpoint.ts';
import type { Settings } from './settings.ts';

/** Who carries out what the rules demand. */
interface IdleRulesOwner {
  detach(endpoint: LinkEndpoint, error: Failure): void;
  closeConnection(error: Failure): void;
}

/**
 * The service's own rules for what nobody uses (service-bus-semantics.md §4.12): a link that is idle is detached, a connection
 * without links is closed, sooner when it never had one. Links of `$cbs` neither count nor are they touched; nor is a link that
 * still waits for its session.
 *
 * Use of a link is one flag, set where it happens; a timer, one for each connection, looks at the flags now and then. So a link
 * goes `LIMITS.idleLooks` of its time late at most, and never early.
 */
export class IdleRules {
  readonly #clock: Clock;
  readonly #settings: Settings;
  readonly #endpoints: Iterable<LinkEndpoint>;
  readonly #owner: IdleRulesOwner;
  readonly #look = (): void => this.#onTime();
  #links = 0;
  #allowedMs: number;
  #linklessSinceMs: number;
  #dueMs = Infinity;
  #cancel: CancelTimer | undefined;

  constructor(options: {
    readonly clock: Clock;
    readonly settings: Settings;
    readonly endpoints: Iterable<LinkEndpoint>;
    readonly owner: IdleRulesOwner;
  }) {
    this.#clock = options.clock;
    this.#settings = options.settings;
    this.#endpoints = options.endpoints;
    this.#owner = options.owner;
    this.#allowedMs = options.settings.firstLinkMs;
    this.#linklessSinceMs = this.#clock.monotonicMs();
    this.#arm(this.#linklessSinceMs);
  }

  added(endpoint: LinkEndpoint): void {
    if (!endpoint.claim) return;
    this.#links++;
    this.#allowedMs = this.#settings.connectionIdleMs;
    if (this.#links > 1) return;
    const nowMs = this.#clock.monotonicMs();
    if (this.#dueMs > nowMs + this.#lookMs) this.#arm(nowMs);
  }

  removed(endpoint: LinkEndpoint): void {
    if (!endpoint.claim || --this.#links > 0) return;
    this.#linklessSinceMs = this.#clock.monotonicMs();
    if (this.#dueMs > this.#linklessSinceMs + (this.#allowedMs || Infinity)) this.#arm(this.#linklessSinceMs);
  }

  close(): void {
    this.#cancel?.();
    this.#dueMs = Infinity;
  }

  get #lookMs(): number {
    return this.#settings.linkIdleMs === 0 ? Infinity : this.#settings.linkIdleMs / LIMITS.idleLooks;
  }

  /** A timer that comes early does no harm: it looks, and is armed again. */
  #arm(nowMs: number): void {
    this.#cancel?.();
    this.#dueMs = this.#links > 0 ? nowMs + this.#lookMs : this.#linklessSinceMs + (this.#allowedMs || Infinity);
    this.#cancel =
      this.#dueMs === Infinity ? undefined : this.#clock.after(Math.max(1, this.#dueMs - nowMs), this.#look);
  }

  #onTime(): void {
    const nowMs = this.#clock.monotonicMs();
    const linkless = this.#links === 0;
    if (linkless && this.#allowedMs !== 0 && nowMs - this.#linklessSinceMs >= this.#allowedMs) {
      this.close();
      this.#owner.closeConnection(failure('amqp:connection:forced', connectionText(this.#allowedMs)));
      return;
    }
    if (!linkless && this.#settings.linkIdleMs !== 0) this.#lookAtLinks(nowMs);
    this.#arm(nowMs);
  }

  #lookAtLinks(nowMs: number): void {
    for (const endpoint of this.#endpoints) {
      if (!endpoint.claim || !endpoint.link.attached) continue;
      if (endpoint.used) {
        endpoint.used = false;
        endpoint.idleSinceMs = nowMs;
      } else if (nowMs - endpoint.idleSinceMs >= this.#settings.linkIdleMs) {
        this.#owner.detach(endpoint, failure('amqp:link:detach-forced', linkText(endpoint, this.#settings.linkIdleMs)));
      }
    }
  }
}

/** Word for word what the service says; clients and their users look for it in logs. */
function linkText({ link }: LinkEndpoint, idleMs: number): string {
  const [code, part] =
    link.role === 'sender' ? ['consumer', 'AmqpMessageConsumer'] : ['publisher', 'AmqpMessagePublisher'];
  const details = `${part}.IdleTimerExpired: Idle timeout: ${spanText(idleMs)}.`;
  return `The link '${link.name}' is force detached. Code: ${code}(link${link.localHandle}). Details: ${details}`;
}

function connectionText(allowedMs: number): string {
  return `The connection was inactive for more than the allowed ${allowedMs} milliseconds and is closed by container 'LinkTracker'.`;
}

/** hh:mm:ss, as .NET writes a time span. */
function spanText(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  const parts = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  return parts.map((part) => String(part).padStart(2, '0')).join(':');
}
