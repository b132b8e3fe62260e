import type { CancelTimer } from '../runtime/clock.ts';
import { RecordKind } from '../storage/index.ts';
import type { BrokerState } from './broker-state.ts';
import { gone } from './gone.ts';
import { LockExpiry } from './lock-expiry.ts';
import { MessageSession, SessionLock, sessionLockLost, type SessionLockOwner } from './message-session.ts';
import { encodeSessionState, type SessionStateRecord } from './records.ts';
import { BrokerRefusal } from './refusal.ts';

/** Receivers that may wait for a session at a time. */
const MAX_WAITING_ACCEPTS = 5000;

export interface AcceptOptions {
  /** Undefined: the next session that has a message to deliver and no lock. */
  readonly sessionId: string | undefined;
  /** How long to wait for a next session. A named session is granted or refused at once. */
  readonly timeoutMs: number;
  readonly holder: string;
  onGranted(lock: SessionLock): void;
  onRefused(refusal: BrokerRefusal): void;
  /** The lock ended without being released. */
  onLost(refusal: BrokerRefusal): void;
}

interface Waiting {
  readonly options: AcceptOptions;
  readonly cancelTimer: CancelTimer;
}

/**
 * The sessions of a queue: who holds which, which are free and have work, who waits for one.
 *
 * A session is *offered* while it has a deliverable message and no lock. Offered sessions are granted in the order in which they came to be so,
 * so a session that is released with messages left stands behind all others.
 */
export class SessionDirectory implements SessionLockOwner {
  readonly #broker: BrokerState;
  readonly #queueId: number;
  #maxStateBytes: number;
  readonly #returnMessages: (session: MessageSession, failed: boolean) => void;
  readonly #expiry: LockExpiry<SessionLock>;
  readonly #byId = new Map<string, MessageSession>();
  readonly #byIndex: (MessageSession | undefined)[] = [];
  readonly #freeIndexes: number[] = [];
  readonly #offered = new Set<MessageSession>();
  readonly #waiting = new Set<Waiting>();

  constructor(options: {
    broker: BrokerState;
    queueId: number;
    lockDurationMs: number;
    maxStateBytes: number;
    /** Unlocks all messages of a session whose lock is over. */
    returnMessages: (session: MessageSession, failed: boolean) => void;
  }) {
    this.#broker = options.broker;
    this.#queueId = options.queueId;
    this.#maxStateBytes = options.maxStateBytes;
    this.#returnMessages = options.returnMessages;
    this.#expiry = new LockExpiry({
      clock: options.broker.clock,
      durationMs: options.lockDurationMs,
      onExpired: (lock) => this.#end(lock, { failed: true }),
    });
  }

  configure(options: { lockDurationMs: number; maxStateBytes: number }): void {
    this.#expiry.durationMs = options.lockDurationMs;
    this.#maxStateBytes = options.maxStateBytes;
  }

  /** Receivers wait for a session. */
  get isAwaited(): boolean {
    return this.#waiting.size > 0;
  }

  find(sessionId: string): MessageSession | undefined {
    return this.#byId.get(sessionId);
  }

  at(index: number): MessageSession {
    return this.#byIndex[index] as MessageSession;
  }

  ensure(sessionId: string): MessageSession {
    let session = this.#byId.get(sessionId);
    if (!session) {
      const index = this.#freeIndexes.pop() ?? this.#byIndex.length;
      session = new MessageSession({ id: sessionId, index, messages: this.#broker.messages });
      this.#byId.set(sessionId, session);
      this.#byIndex[index] = session;
    }
    return session;
  }

  /**
   * Ids in the order of the sessions' creation: of all that have messages or a state or, with `updatedAfterMs`, of those whose state was set
   * after that time.
   */
  ids(options: { skip: number; top: number; updatedAfterMs?: number }): string[] {
    const { skip, top, updatedAfterMs } = options;
    const ids: string[] = [];
    let at = 0;
    for (const session of this.#byId.values()) {
      if (ids.length >= top) break;
      if (session.isBare) continue;
      if (updatedAfterMs !== undefined && !(session.stateUpdatedMs > updatedAfterMs)) continue;
      if (at++ >= skip) ids.push(session.id);
    }
    return ids;
  }

  accept(options: AcceptOptions): { cancel(): void } {
    const { sessionId } = options;
    if (sessionId !== undefined) {
      if (this.#byId.get(sessionId)?.lock) {
        options.onRefused(
          new BrokerRefusal(
            'session-cannot-be-locked',
            `The requested session '${sessionId}' cannot be accepted. It is locked by another receiver.`,
          ),
        );
      } else this.#grant(this.ensure(sessionId), options);
      return { cancel: () => undefined };
    }
    for (const session of this.#offered) {
      this.#grant(session, options);
      return { cancel: () => undefined };
    }
    if (this.#waiting.size >= MAX_WAITING_ACCEPTS) {
      options.onRefused(
        new BrokerRefusal(
          'server-busy',
          `${MAX_WAITING_ACCEPTS} receivers wait for a session already. Try again later.`,
        ),
      );
      return { cancel: () => undefined };
    }
    return this.#wait(options);
  }

  /** To be called whenever a session may have gained or lost its deliverable messages or its lock. */
  changed(session: MessageSession): void {
    if (session.lock || session.lane.count === 0) {
      this.#offered.delete(session);
      if (session.isEmpty) this.#forget(session);
      return;
    }
    this.#offered.add(session);
    for (const waiting of this.#waiting) {
      waiting.cancelTimer();
      this.#waiting.delete(waiting);
      this.#grant(session, waiting.options);
      return;
    }
  }

  renew(lock: SessionLock): number {
    lock.lockedUntilMs = this.#expiry.renew(lock);
    return lock.lockedUntilMs;
  }

  release(lock: SessionLock): void {
    this.#expiry.remove(lock);
    this.#end(lock, { failed: false });
  }

  statePosition(): number {
    return this.#broker.journal.appended;
  }

  setState(session: MessageSession, bytes: Buffer | undefined): number {
    const { journal, clock } = this.#broker;
    if (bytes && bytes.length > this.#maxStateBytes) {
      throw new BrokerRefusal(
        'message-size-exceeded',
        `The state of session '${session.id}' has ${bytes.length} bytes; the limit is ${this.#maxStateBytes}. Keep large data elsewhere and its address here.`,
      );
    }
    const former = session.stateChangeId;
    if (!bytes) {
      if (former === undefined) return journal.appended;
      const position = journal.append([gone(journal, [former])], 'settle');
      session.state = undefined;
      session.stateChangeId = undefined;
      session.stateUpdatedMs = -Infinity;
      return position;
    }
    const id = journal.nextId();
    const refs = former === undefined ? [this.#queueId] : [this.#queueId, former];
    const record = { sessionId: session.id, state: Buffer.from(bytes), updatedMs: Math.floor(clock.wallMs()) };
    const position = journal.append(
      [{ kind: RecordKind.change, id, refs, bytes: encodeSessionState(record) }],
      'settle',
    );
    this.restoreState(record, id);
    return position;
  }

  restoreState({ sessionId, state, updatedMs }: SessionStateRecord, changeId: number): void {
    const session = this.ensure(sessionId);
    session.state = state;
    session.stateChangeId = changeId;
    session.stateUpdatedMs = updatedMs;
  }

  /** Nobody gets a session any more who waits for one now. */
  refuseWaiting(refusal: BrokerRefusal): void {
    for (const waiting of this.#waiting) {
      waiting.cancelTimer();
      waiting.options.onRefused(refusal);
    }
    this.#waiting.clear();
  }

  /** Refuses all who wait and takes every lock, because the queue goes. */
  stop(refusal: BrokerRefusal): void {
    this.#expiry.stop();
    this.refuseWaiting(refusal);
    for (const session of this.#byId.values()) {
      const { lock } = session;
      session.lock = undefined;
      lock?.receiver?.close();
      lock?.onLost(refusal);
    }
  }

  #wait(options: AcceptOptions): { cancel(): void } {
    const cancelTimer = this.#broker.clock.after(options.timeoutMs, () => {
      this.#waiting.delete(waiting);
      options.onRefused(new BrokerRefusal('timeout', `No session became available within ${options.timeoutMs} ms.`));
    });
    const waiting: Waiting = { options, cancelTimer };
    this.#waiting.add(waiting);
    return {
      cancel: () => {
        cancelTimer();
        this.#waiting.delete(waiting);
      },
    };
  }

  #grant(session: MessageSession, options: AcceptOptions): void {
    this.#offered.delete(session);
    const lock = new SessionLock({
      session,
      holder: options.holder,
      position: this.#broker.journal.appended,
      owner: this,
      onLost: (refusal) => options.onLost(refusal),
    });
    session.lock = lock;
    lock.lockedUntilMs = this.#expiry.add(lock);
    options.onGranted(lock);
  }

  #end(lock: SessionLock, { failed }: { failed: boolean }): void {
    const { session } = lock;
    lock.receiver?.close();
    // The lock goes last: whoever is granted the session next must find all its messages in order.
    this.#returnMessages(session, failed);
    session.lock = undefined;
    if (failed) lock.onLost(sessionLockLost(session.id));
    this.changed(session);
  }

  #forget(session: MessageSession): void {
    if (this.#byId.get(session.id) !== session) return;
    this.#byId.delete(session.id);
    this.#byIndex[session.index] = undefined;
    this.#freeIndexes.push(session.index);
  }
}
