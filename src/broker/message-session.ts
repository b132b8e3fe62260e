import { Lane } from './lane.ts';
import type { Expiring } from './lock-expiry.ts';
import type { MessageLock } from './message-lock.ts';
import type { MessageTable } from './message-table.ts';
import type { Receiver } from './receiver.ts';
import { BrokerRefusal } from './refusal.ts';

/** The messages of one session id, with the state that applications keep there. It exists while it has a message, a state or a lock. */
export class MessageSession {
  readonly id: string;
  readonly #messages: MessageTable;
  /** Its place in the directory; the table's column `session` holds it. */
  readonly index: number;
  readonly lane: Lane;
  /** Messages of the session that cannot be delivered now: locked, deferred, scheduled. */
  readonly aside = new Set<number>();
  readonly messageLocks = new Set<MessageLock>();
  lock: SessionLock | undefined;
  state: Buffer | undefined;
  stateChangeId: number | undefined;
  /** When the state was set, in milliseconds since 1970. */
  stateUpdatedMs = -Infinity;

  constructor(options: { id: string; index: number; messages: MessageTable }) {
    this.id = options.id;
    this.index = options.index;
    this.#messages = options.messages;
    this.lane = new Lane(options.messages);
  }

  /** Its messages in ascending order. A session is small beside its queue: sorting it costs less than walking the queue. */
  slotsFrom(sequenceNumber: number): number[] {
    const numberOf = (slot: number): number => this.#messages.sequenceNumber[slot] as number;
    return [...this.lane.slots(), ...this.aside]
      .filter((slot) => numberOf(slot) >= sequenceNumber)
      .sort((a, b) => numberOf(a) - numberOf(b));
  }

  /** It has neither messages nor a state. */
  get isBare(): boolean {
    return this.lane.count === 0 && this.aside.size === 0 && this.stateChangeId === undefined;
  }

  get isEmpty(): boolean {
    return this.isBare && !this.lock;
  }
}

/** What a session lock asks of the directory that gave it. */
export interface SessionLockOwner {
  renew(lock: SessionLock): number;
  release(lock: SessionLock): void;
  setState(session: MessageSession, bytes: Buffer | undefined): number;
  statePosition(): number;
}

/** The exclusive hold of one receiver on one session. Every method throws `session-lock-lost` when the hold is over. */
export class SessionLock implements Expiring<SessionLock> {
  readonly session: MessageSession;
  /** Who holds it; the server gives the name of the link. */
  readonly holder: string;
  /** What the grant depends on. */
  readonly position: number;
  readonly onLost: (refusal: BrokerRefusal) => void;
  readonly #owner: SessionLockOwner;
  receiver: Receiver | undefined;
  lockedUntilMs = 0;
  expiresAtMs = 0;
  earlier: SessionLock | undefined;
  later: SessionLock | undefined;

  constructor(options: {
    session: MessageSession;
    holder: string;
    position: number;
    owner: SessionLockOwner;
    onLost: (refusal: BrokerRefusal) => void;
  }) {
    this.session = options.session;
    this.holder = options.holder;
    this.position = options.position;
    this.onLost = options.onLost;
    this.#owner = options.owner;
  }

  get sessionId(): string {
    return this.session.id;
  }

  get held(): boolean {
    return this.session.lock === this;
  }

  renew(): { lockedUntilMs: number } {
    this.#mustHold();
    return { lockedUntilMs: this.#owner.renew(this) };
  }

  state(): { bytes: Buffer | undefined; position: number } {
    this.#mustHold();
    return { bytes: this.session.state, position: this.#owner.statePosition() };
  }

  /** Undefined clears the state. */
  setState(bytes: Buffer | undefined): { position: number } {
    this.#mustHold();
    return { position: this.#owner.setState(this.session, bytes) };
  }

  /** Gives the session back. Its locked messages return to it, and their delivery counts stay as they are. */
  release(): void {
    if (this.held) this.#owner.release(this);
  }

  #mustHold(): void {
    if (!this.held) throw sessionLockLost(this.sessionId);
  }
}

export function sessionLockLost(sessionId: string): BrokerRefusal {
  return new BrokerRefusal(
    'session-lock-lost',
    `The lock of session '${sessionId}' has expired or was released. Accept the session again.`,
  );
}
