import type { ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import { pause } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import { isLockLost, messageOf } from './session-errors.ts';
import type { WorkerLog } from './worker-log.ts';

type Received = ServiceBusReceivedMessage;

/** Messages of a queue without sessions that a worker has under their locks, of all models; beyond, it receives no more. */
export const HELD_MAX = 512;
/** Renewals under way at the same time. */
const RENEW_AT_ONCE = 16;
/** How long giving back may take: the broker may be gone. */
const GIVE_BACK_MS = 2000;
/** The longest pause between two renewals, whatever the lock's duration: this machine's clock may overstate that. */
const RENEWAL_MAX_MS = 30_000;
/** A message lock of Service Bus lasts 5 minutes at most; a clock that is set wrongly must not make more of it. */
const LOCK_DURATION_MAX_MS = 300_000;
const LOCK_DURATION_MIN_MS = 1000;

export interface HeldMessage {
  readonly message: Received;
  readonly model: string;
  /** Over which it came: settles it and renews its lock. */
  readonly receiver: ServiceBusReceiver;
}

/**
 * Messages of a queue without sessions that were received and not settled, by model. Each has a lock of its own, which is
 * renewed at a third of its duration for as long as the message is here: while its model's run lasts, or waits for a slot.
 * The client's own renewal is off: it gives up after one failed try and tells nobody.
 */
export class HeldMessages {
  readonly #clock: Clock;
  readonly #log: WorkerLog;
  readonly #bySequence = new Map<string, HeldMessage>();
  readonly #stopping = new AbortController();
  #keeping = false;
  #lockDurationMs = LOCK_DURATION_MAX_MS;

  constructor({ clock, log }: { clock: Clock; log: WorkerLog }) {
    this.#clock = clock;
    this.#log = log;
  }

  get size(): number {
    return this.#bySequence.size;
  }

  /** As the last message's lock told, milliseconds. */
  get lockDurationMs(): number {
    return this.#lockDurationMs;
  }

  add(held: HeldMessage): void {
    const leftMs = (held.message.lockedUntilUtc?.getTime() ?? 0) - this.#clock.wallMs();
    this.#lockDurationMs = Math.min(LOCK_DURATION_MAX_MS, Math.max(LOCK_DURATION_MIN_MS, leftMs));
    // Delivered again, its lock is a new one: the older cannot be settled any more.
    this.#bySequence.set(sequenceOf(held.message), held);
    if (!this.#keeping) void this.#keep();
  }

  /** In order of arrival. */
  of(model: string): HeldMessage[] {
    return [...this.#bySequence.values()].filter((held) => held.model === model);
  }

  models(): Set<string> {
    return new Set([...this.#bySequence.values()].map(({ model }) => model));
  }

  /** It is settled, or its lock is lost. */
  forget(message: Received): void {
    const key = sequenceOf(message);
    if (this.#bySequence.get(key)?.message === message) this.#bySequence.delete(key);
  }

  /** How to settle it; undefined when its lock is known to be lost. */
  find(message: Received): HeldMessage | undefined {
    const held = this.#bySequence.get(sequenceOf(message));
    return held?.message === message ? held : undefined;
  }

  /** Gives back what is left, so that it need not wait for its locks to expire. */
  async giveBack(): Promise<void> {
    this.#stopping.abort();
    const left = [...this.#bySequence.values()];
    this.#bySequence.clear();
    const ended = new AbortController();
    const given = inTurns(left, ({ message, receiver }) => receiver.abandonMessage(message).catch(() => undefined));
    await Promise.race([given, pause(this.#clock, GIVE_BACK_MS, ended.signal)]);
    ended.abort();
  }

  clear(): void {
    this.#bySequence.clear();
  }

  async #keep(): Promise<void> {
    this.#keeping = true;
    while (!this.#stopping.signal.aborted && this.#bySequence.size > 0) {
      await pause(this.#clock, Math.min(RENEWAL_MAX_MS, this.#lockDurationMs / 3), this.#stopping.signal);
      if (!this.#stopping.signal.aborted) await inTurns([...this.#bySequence.values()], (held) => this.#renew(held));
    }
    this.#keeping = false;
  }

  async #renew({ message, model, receiver }: HeldMessage): Promise<void> {
    if (!this.find(message)) return;
    try {
      await receiver.renewMessageLock(message);
    } catch (error) {
      if (!this.find(message)) return;
      const leftMs = (message.lockedUntilUtc?.getTime() ?? 0) - this.#clock.wallMs();
      this.#log({ fact: 'renewal-failed', model, reason: messageOf(error), leftMs: Math.round(leftMs) });
      if (isLockLost(error)) this.forget(message);
    }
  }
}

function sequenceOf({ sequenceNumber, messageId }: Received): string {
  return sequenceNumber?.toString() ?? String(messageId);
}

async function inTurns<T>(all: readonly T[], work: (one: T) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < all.length; at += RENEW_AT_ONCE) await Promise.all(all.slice(at, at + RENEW_AT_ONCE).map(work));
}
