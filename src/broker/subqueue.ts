import type { BrokerState } from './broker-state.ts';
import { oldestDeletable } from './batch-delete.ts';
import { Handout } from './handout.ts';
import { Lane } from './lane.ts';
import type { DeadLetterInfo, Delivery, MessageView, Outcome, ReceiveMode } from './message.ts';
import type { SubqueueOwner } from './subqueue-owner.ts';
import type { MessageLock } from './message-lock.ts';
import { MessageLocks } from './message-locks.ts';
import { type MessageSession, type SessionLock, sessionLockLost } from './message-session.ts';
import { MessageState, NONE } from './message-table.ts';
import { shownNumber } from './message-view.ts';
import { withoutPartition } from './partition.ts';
import { Receiver } from './receiver.ts';
import { ReceiverRow } from './receiver-row.ts';
import { BrokerRefusal, enlisted, noSessions, sessionRequired, tooManyReceivers } from './refusal.ts';
import { SequenceIndex } from './sequence-index.ts';
import { type AcceptOptions, SessionDirectory } from './session-directory.ts';
import { type Settlement, Settlements } from './settlements.ts';
import { type Step, together } from './step.ts';

/** Receivers of one subqueue at a time (service-bus-quotas: concurrent receive requests on a single entity). */
export const MAX_RECEIVERS = 5000;
/** Messages that one peek or one receive-by-sequence-number returns at most. */
export const MAX_MESSAGES_PER_CALL = 4000;

/**
 * The part of a queue that receivers attach to: its active messages, or its dead-letter queue. It knows order, locks, sessions and receivers.
 *
 * A message here is always in exactly one place: in a lane (deliverable), under a lock, deferred, or scheduled. `#unlock` is the only way out of
 * a lock, `#place` the only way back into a lane.
 */
export class Subqueue {
  readonly index = new SequenceIndex();
  /** Undefined: the subqueue has no sessions. */
  readonly sessions: SessionDirectory | undefined;
  readonly #broker: BrokerState;
  readonly #owner: SubqueueOwner;
  readonly #plain: Lane;
  readonly #locks: MessageLocks;
  readonly #settlements: Settlements;
  readonly #handout: Handout;
  readonly #row = new ReceiverRow();
  readonly #plainHasMessage = (): boolean => this.#plain.count > 0;
  readonly #servePlain = (receiver: Receiver): boolean => this.#serveOne(this.#plain, receiver);
  #receivers = 0;
  #stopped = false;

  constructor(options: {
    broker: BrokerState;
    owner: SubqueueOwner;
    queueId: number;
    lockDurationMs: number;
    maxDeliveryCount: number | undefined;
    sessions: boolean;
    partitioned: boolean;
    maxStateBytes: number;
  }) {
    this.#broker = options.broker;
    this.#owner = options.owner;
    this.#plain = new Lane(options.broker.messages);
    this.#locks = new MessageLocks({
      broker: options.broker,
      durationMs: options.lockDurationMs,
      onExpired: (lock) => this.#expire(lock),
    });
    this.#settlements = new Settlements({
      broker: options.broker,
      owner: options.owner,
      maxDeliveryCount: options.maxDeliveryCount,
      unlocking: {
        unlock: (lock) => this.#unlock(lock),
        endLock: (lock) => this.#endLock(lock),
        leave: (lock) => this.#leave(lock),
      },
    });
    this.#handout = new Handout({
      ...options,
      locks: this.#locks,
      sessionOf: (slot) => this.#sessionOf(slot),
      take: (slot) => this.take(slot),
    });
    this.sessions = options.sessions
      ? new SessionDirectory({
          broker: options.broker,
          queueId: options.queueId,
          lockDurationMs: options.lockDurationMs,
          maxStateBytes: options.maxStateBytes,
          returnMessages: (session, failed) => {
            for (const lock of session.messageLocks) {
              if (failed) this.#expire(lock);
              else this.#unlock(lock);
            }
          },
        })
      : undefined;
  }

  /** Receivers are attached, or wait for a session. */
  get inUse(): boolean {
    return this.#receivers > 0 || this.sessions?.isAwaited === true;
  }

  /** Locks that are held go on for as long as they were given. */
  configure(options: { lockDurationMs: number; maxDeliveryCount: number | undefined; maxStateBytes: number }): void {
    this.#locks.setDuration(options.lockDurationMs);
    this.sessions?.configure(options);
    this.#settlements.maxDeliveryCount = options.maxDeliveryCount;
  }

  openReceiver(options: {
    mode: ReceiveMode;
    session?: SessionLock;
    onDelivery: (delivery: Delivery) => void;
  }): Receiver {
    this.#owner.mustAllowReceive(this);
    const { session } = options;
    if (this.sessions && !session) throw sessionRequired();
    if (session && !session.held) throw sessionLockLost(session.sessionId);
    if (this.#receivers >= MAX_RECEIVERS) throw tooManyReceivers(MAX_RECEIVERS);
    const receiver = new Receiver({
      mode: options.mode,
      onDelivery: options.onDelivery,
      onCredit: (hungry) => {
        if (session) this.#serveSession(session.session);
        else {
          this.#row.add(hungry);
          this.#serve();
        }
      },
      onClose: (closed) => {
        this.#receivers--;
        this.#owner.use();
        this.#row.remove(closed);
        if (session?.receiver === closed) session.receiver = undefined;
      },
    });
    this.#receivers++;
    if (session) session.receiver = receiver;
    return receiver;
  }

  /** Takes the messages for forwarding, which the queue's status and its receivers do not concern. */
  openForwarding(onDelivery: (delivery: Delivery) => void): Receiver {
    return new Receiver({
      mode: 'peek-lock',
      onDelivery,
      onCredit: (hungry) => {
        this.#row.add(hungry);
        this.#serve();
      },
      onClose: (closed) => this.#row.remove(closed),
    });
  }

  acceptSession(options: AcceptOptions): { cancel(): void } {
    this.#owner.mustAllowReceive(this);
    this.#owner.use();
    if (!this.sessions) throw noSessions();
    // Who waits uses the queue until the wait is over.
    let waits = true;
    const end = (): void => {
      if (waits) this.#owner.use();
      waits = false;
    };
    const accepting = this.sessions.accept({
      ...options,
      onGranted: (lock) => (end(), options.onGranted(lock)),
      onRefused: (refusal) => (end(), options.onRefused(refusal)),
    });
    return { cancel: () => (end(), accepting.cancel()) };
  }

  session(sessionId: string): SessionLock | undefined {
    return this.sessions?.find(sessionId)?.lock;
  }

  sessionIds(options: { skip: number; top: number; updatedAfterMs?: number }): string[] {
    return this.sessions?.ids(options) ?? [];
  }

  // messages come and go: for the queue -----------------------------------------------------------------------------

  /** A message that can be delivered from now on; its sequence number is above all before, unless it comes from elsewhere. */
  admit(slot: number): void {
    this.index.add(this.#sequenceNumber(slot), slot);
    const session = this.#sessionOf(slot);
    (session?.lane ?? this.#plain).append(slot);
    if (session) this.#offer(session);
    else this.#serve();
  }

  /** A message that is here and cannot be delivered: deferred or scheduled. */
  setAside(slot: number, state: typeof MessageState.deferred | typeof MessageState.scheduled): void {
    this.index.add(this.#sequenceNumber(slot), slot);
    this.#broker.messages.state[slot] = state;
    this.#sessionOf(slot)?.aside.add(slot);
  }

  /** Takes an unlocked message out of the subqueue. */
  take(slot: number): void {
    const state = this.#broker.messages.state[slot];
    const session = this.#sessionOf(slot);
    if (state === MessageState.ready || state === MessageState.returned) (session?.lane ?? this.#plain).remove(slot);
    this.index.remove(this.#sequenceNumber(slot));
    if (!session) return;
    session.aside.delete(slot);
    this.sessions?.changed(session);
  }

  /** Every lock is lost: the queue goes. */
  forgetLocks(): void {
    this.#locks.forget();
  }

  /** Hands out nothing any more, whoever gives a message back. */
  stop(refusal: BrokerRefusal): void {
    this.#stopped = true;
    this.#locks.stop();
    this.sessions?.stop(refusal);
  }

  /** The lock that a token stands for, while it is held. */
  lockedMessage(token: Buffer): MessageLock | undefined {
    return this.#locks.find(token);
  }

  /** @throws BrokerRefusal `message-lock-lost`, `session-lock-lost`, `not-allowed`, `quota-exceeded`; the lock is as it was then */
  settle(lock: MessageLock, outcome: Outcome): { position: number } {
    if (lock.enlisted) throw enlisted();
    return { position: this.#owner.records.carryOut(this.stepOf(lock, outcome), 'client') };
  }

  /** Settles several messages, all or none. @throws BrokerRefusal as `settle` */
  settleAll(settlements: readonly Settlement[]): { position: number } {
    const steps = settlements.map(({ lock, outcome }) => {
      if (lock.enlisted) throw enlisted();
      return this.stepOf(lock, outcome);
    });
    return { position: this.#owner.records.carryOut(together(steps), 'client') };
  }

  /** What `settle` does, to be written with other steps. @throws BrokerRefusal as `settle` */
  stepOf(lock: MessageLock, outcome: Outcome): Step {
    this.#mustBeLocked(lock);
    return this.#settlements.stepOf(lock, outcome);
  }

  /** A message that is being forwarded cannot be: it goes to the transfer dead-letter queue. @throws BrokerRefusal `message-lock-lost` */
  transferFailed(lock: MessageLock, info: DeadLetterInfo): Step {
    this.#mustBeLocked(lock);
    return this.#settlements.deadLetter(lock, { ...info, place: 'transfer-dead-letter' });
  }

  renewLock(lock: MessageLock): { lockedUntilMs: number } {
    this.#mustBeLocked(lock);
    if (this.sessions)
      throw new BrokerRefusal(
        'not-allowed',
        'Messages of a session are locked with the session: renew the session lock.',
      );
    return { lockedUntilMs: this.#locks.renew(lock) };
  }

  // looking and fetching --------------------------------------------------------------------------------------------

  /** Active, locked, deferred and scheduled messages in the order of their sequence numbers. @throws BrokerRefusal `entity-not-found` */
  peek(options: { fromSequenceNumber: number; count: number; sessionId?: string }): {
    messages: MessageView[];
    position: number;
  } {
    this.#owner.mustExist();
    this.#owner.use();
    const count = Math.min(options.count, MAX_MESSAGES_PER_CALL);
    const views: MessageView[] = [];
    for (const slot of this.#from(options)) {
      if (views.length >= count) break;
      views.push(this.view(slot, undefined));
    }
    return { messages: views, position: this.#broker.journal.appended };
  }

  receiveBySequenceNumber(options: { sequenceNumbers: readonly number[]; mode: ReceiveMode; sessionId?: string }): {
    deliveries: Delivery[];
    position: number;
  } {
    this.#owner.mustAllowReceive(this);
    this.#owner.use();
    const { state } = this.#broker.messages;
    // A number that is named twice would hand out, and later settle, its message twice.
    const slots = [...new Set(options.sequenceNumbers)].map((sequenceNumber) => {
      const slot = this.slotOf(sequenceNumber);
      const isDeferred = slot !== NONE && state[slot] === MessageState.deferred;
      if (!isDeferred || !this.#belongs(slot, options.sessionId) || this.#owner.expireIfOver(slot)) {
        throw new BrokerRefusal(
          'message-not-found',
          `There is no deferred message with sequence number ${sequenceNumber}.`,
        );
      }
      const session = this.#sessionOf(slot);
      if (session && !session.lock) throw sessionLockLost(session.id);
      return slot;
    });
    const deliveries =
      options.mode === 'receive-and-delete'
        ? this.#handout.delete(slots)
        : slots.map((slot) => this.#handout.lock(slot));
    return { deliveries, position: this.#broker.journal.appended };
  }

  /** The slot of the message with a number as clients see it, or NONE. */
  slotOf(sequenceNumber: number): number {
    const slot = this.index.get(withoutPartition(sequenceNumber));
    return slot !== NONE && shownNumber(this.#broker.messages, slot) === sequenceNumber ? slot : NONE;
  }

  /**
   * Deletes the oldest active and deferred messages that were enqueued before a time; locked and scheduled ones stay.
   *
   * @throws BrokerRefusal `entity-not-found`, `quota-exceeded`; nothing is deleted then
   */
  deleteMessages(options: { count: number; enqueuedBeforeMs: number; sessionId?: string }): {
    count: number;
    position: number;
  } {
    this.#owner.mustExist();
    this.#owner.use();
    const slots = oldestDeletable(this.#broker.messages, this.#from(options), {
      ...options,
      count: Math.min(options.count, MAX_MESSAGES_PER_CALL),
    });
    if (slots.length === 0) return { count: 0, position: this.#broker.journal.appended };
    return { count: slots.length, position: this.#handout.remove(slots) };
  }

  view(slot: number, lockedUntilMs: number | undefined): MessageView {
    return this.#handout.view(slot, lockedUntilMs);
  }

  // inside ----------------------------------------------------------------------------------------------------------

  #sequenceNumber(slot: number): number {
    return this.#broker.messages.sequenceNumber[slot] as number;
  }

  #sessionOf(slot: number): MessageSession | undefined {
    return this.sessions?.at(this.#broker.messages.session[slot] as number);
  }

  #belongs(slot: number, sessionId: string | undefined): boolean {
    return !this.sessions || sessionId === undefined || this.#sessionOf(slot)?.id === sessionId;
  }

  #from({ fromSequenceNumber = 0, sessionId }: { fromSequenceNumber?: number; sessionId?: string }): Iterable<number> {
    const counted = withoutPartition(fromSequenceNumber);
    if (!this.sessions || sessionId === undefined) return this.index.from(counted);
    return this.sessions.find(sessionId)?.slotsFrom(counted) ?? [];
  }

  #serve(): void {
    if (this.#plain.count === 0 || this.#stopped) return;
    this.#row.serve(this.#plainHasMessage, this.#servePlain);
  }

  #serveSession(session: MessageSession): void {
    const receiver = session.lock?.receiver;
    if (!receiver || receiver.waiting || this.#stopped) return;
    receiver.waiting = true;
    try {
      while (receiver.credit > 0 && session.lane.count > 0 && this.#serveOne(session.lane, receiver));
    } finally {
      receiver.waiting = false;
    }
  }

  /** False: the receiver cannot be served, because a removal cannot be written; its next credit tries again. */
  #serveOne(lane: Lane, receiver: Receiver): boolean {
    const slot = this.#next(lane);
    if (slot === NONE) return true;
    try {
      const delivery =
        receiver.mode === 'receive-and-delete' ? this.#handout.delete([slot])[0] : this.#handout.lock(slot);
      if (!delivery) return false;
      receiver.spend();
      receiver.deliver(delivery);
      return true;
    } catch (error) {
      if (!(error instanceof BrokerRefusal)) throw error;
      this.#sessionOf(slot)?.aside.delete(slot);
      lane.putBack(slot);
      return false;
    }
  }

  /** Takes the next message of a lane that has not expired. */
  #next(lane: Lane): number {
    for (;;) {
      const slot = lane.take();
      if (slot === NONE) return NONE;
      this.#broker.messages.state[slot] = MessageState.locked;
      this.#sessionOf(slot)?.aside.add(slot);
      if (!this.#owner.expireIfOver(slot)) return slot;
    }
  }

  #mustBeLocked(lock: MessageLock): void {
    this.#locks.mustHold(lock, { inSession: this.sessions !== undefined });
  }

  #endLock(lock: MessageLock): void {
    this.#locks.end(lock, this.#sessionOf(lock.slot));
  }

  /** Ends the lock and takes its message out of the subqueue. */
  #leave(lock: MessageLock): void {
    this.#endLock(lock);
    this.take(lock.slot);
  }

  #expire(lock: MessageLock): void {
    this.#owner.records.carryOut(this.#settlements.fail(lock), 'broker');
  }

  /** Ends a lock without settling its message, which goes back to where it was, or is over. */
  #unlock(lock: MessageLock): void {
    const { slot } = lock;
    this.#endLock(lock);
    if (lock.wasDeferred) this.#broker.messages.state[slot] = MessageState.deferred;
    else if (!this.#owner.expireIfOver(slot)) this.#place(slot);
  }

  #place(slot: number): void {
    const session = this.#sessionOf(slot);
    session?.aside.delete(slot);
    (session?.lane ?? this.#plain).putBack(slot);
    if (session) this.#offer(session);
    else this.#serve();
  }

  #offer(session: MessageSession): void {
    this.sessions?.changed(session);
    this.#serveSession(session);
  }
}
