import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import type { Clock } from '../../runtime/clock.ts';
import type { HeldEvent } from './notify-groups.ts';
import type { NotifyInbox } from './notify-inbox.ts';

/** Locks that are renewed at the same time. */
const RENEWED_AT_ONCE = 16;
/** A lock is renewed when so much of it is over. */
const RENEW_SHARE = 1 / 3;
const LOCK_DURATION_MIN_MS = 3_000;
const LOCK_DURATION_MAX_MS = 300_000;

/** Keeps the locks of held events, for as long as they wait for their text. */
export class HeldLocks {
  readonly #inbox: NotifyInbox;
  readonly #clock: Clock;
  /** When each message's lock was had last, monotonic milliseconds. */
  readonly #hadAtMs = new WeakMap<ServiceBusReceivedMessage, number>();
  #renewing = false;
  /** The longest that was seen: a message may have waited in the client. */
  #durationMs = LOCK_DURATION_MIN_MS;

  constructor({ inbox, clock }: { inbox: NotifyInbox; clock: Clock }) {
    this.#inbox = inbox;
    this.#clock = clock;
  }

  note(message: ServiceBusReceivedMessage): void {
    const leftMs = (message.lockedUntilUtc?.getTime() ?? 0) - this.#clock.wallMs();
    this.#durationMs = Math.min(LOCK_DURATION_MAX_MS, Math.max(this.#durationMs, leftMs));
    this.#hadAtMs.set(message, this.#clock.monotonicMs());
  }

  /** Begins to renew those that are due, unless it is doing so; one that cannot be renewed in time is delivered again. */
  renew(held: readonly HeldEvent[]): void {
    if (this.#renewing) return;
    this.#renewing = true;
    void this.#renewDue(held).finally(() => (this.#renewing = false));
  }

  async #renewDue(held: readonly HeldEvent[]): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    const due = held.filter(({ message }) => message && nowMs - this.#hadAt(message) >= this.#durationMs * RENEW_SHARE);
    for (let at = 0; at < due.length; at += RENEWED_AT_ONCE)
      await Promise.all(due.slice(at, at + RENEWED_AT_ONCE).map((one) => this.#renewOne(one)));
  }

  async #renewOne(held: HeldEvent): Promise<void> {
    const { message } = held;
    if (!message) return;
    const askedAtMs = this.#clock.monotonicMs();
    try {
      await this.#inbox.renew(message);
      this.#hadAtMs.set(message, askedAtMs);
    } catch {
      // Until the lock is over it may still be renewed.
      if (askedAtMs - this.#hadAt(message) >= this.#durationMs && held.message === message) held.message = undefined;
    }
  }

  #hadAt(message: ServiceBusReceivedMessage): number {
    return this.#hadAtMs.get(message) ?? 0;
  }
}
