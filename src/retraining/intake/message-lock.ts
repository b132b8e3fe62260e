import type { ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import { isServiceBusError } from '@azure/service-bus';
import { pause } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';

/** A renewal comes after a third of the lock, but not oftener and not rarer than this, milliseconds. */
const RENEW_MIN_MS = 1_000;
const RENEW_MAX_MS = 20_000;

/**
 * Keeps the lock of one message until it is released. The client's own renewal is off: it gives up after one failed try and
 * tells nobody.
 */
export class MessageLock {
  readonly #lost = new AbortController();
  readonly #released = new AbortController();
  readonly #keeping: Promise<void>;

  constructor(receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage, clock: Clock) {
    this.#keeping = this.#keep(receiver, message, clock);
  }

  /** Aborts when the lock is known to be gone: the message will be delivered again. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async release(): Promise<void> {
    this.#released.abort();
    await this.#keeping;
  }

  async #keep(receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage, clock: Clock): Promise<void> {
    let lockedUntil = message.lockedUntilUtc?.getTime() ?? clock.wallMs();
    const { signal } = this.#released;
    for (;;) {
      const third = (lockedUntil - clock.wallMs()) / 3;
      await pause(clock, Math.min(RENEW_MAX_MS, Math.max(RENEW_MIN_MS, third)), signal);
      if (signal.aborted) return;
      try {
        lockedUntil = (await receiver.renewMessageLock(message)).getTime();
      } catch (error) {
        // Anything else may pass; the lock holds for two more thirds.
        if (!isServiceBusError(error) || error.code !== 'MessageLockLost') continue;
        this.#lost.abort();
        return;
      }
    }
  }
}
