import type { BrokerState } from './broker-state.ts';
import { LockExpiry } from './lock-expiry.ts';
import { MessageLock, messageLockLost } from './message-lock.ts';
import type { MessageSession } from './message-session.ts';
import { BrokerRefusal } from './refusal.ts';

/** The message locks of a subqueue. A lock of a session's message has no time of its own: it ends with the session's. */
export class MessageLocks {
  readonly #broker: BrokerState;
  readonly #held = new Map<number, MessageLock>();
  readonly #expiry: LockExpiry<MessageLock>;

  constructor(options: { broker: BrokerState; durationMs: number; onExpired: (lock: MessageLock) => void }) {
    this.#broker = options.broker;
    this.#expiry = new LockExpiry({ ...options, clock: options.broker.clock });
  }

  setDuration(durationMs: number): void {
    this.#expiry.durationMs = durationMs;
  }

  grant(slot: number, options: { wasDeferred: boolean; session: MessageSession | undefined }): MessageLock {
    const { tokens, clock } = this.#broker;
    const { session, wasDeferred } = options;
    const { token, number } = tokens.next();
    const lock = new MessageLock({ token, number, slot, wasDeferred });
    this.#held.set(lock.number, lock);
    if (session) {
      session.messageLocks.add(lock);
      lock.lockedUntilMs = session.lock?.lockedUntilMs ?? clock.wallMs();
    } else {
      lock.lockedUntilMs = this.#expiry.add(lock);
    }
    return lock;
  }

  /** The lock that a token stands for, while it is held. */
  find(token: Buffer): MessageLock | undefined {
    const number = this.#broker.tokens.numberOf(token);
    return number === undefined ? undefined : this.#held.get(number);
  }

  renew(lock: MessageLock): number {
    lock.lockedUntilMs = this.#expiry.renew(lock);
    return lock.lockedUntilMs;
  }

  end(lock: MessageLock, session: MessageSession | undefined): void {
    this.#held.delete(lock.number);
    if (session) session.messageLocks.delete(lock);
    else this.#expiry.remove(lock);
  }

  mustHold(lock: MessageLock, options: { inSession: boolean }): void {
    if (this.#held.get(lock.number) === lock) return;
    if (!options.inSession) throw messageLockLost();
    throw new BrokerRefusal(
      'session-lock-lost',
      'The session lock has expired or was released. Accept the session again.',
    );
  }

  /** Nothing is held any more: the messages are gone. */
  forget(): void {
    this.#held.clear();
  }

  stop(): void {
    this.#expiry.stop();
  }
}
