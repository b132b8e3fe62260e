import type { BrokerState } from './broker-state.ts';
import { Lane } from './lane.ts';
import {
  checkOutcome,
  type DeadLetterInfo,
  type Delivery,
  type MessageView,
  type Outcome,
  type ReceiveMode,
} from './message.ts';
import type { Cause } from './message-records.ts';
import type { SubqueueOwner } from './subqueue-owner.ts';
import type { MessageChange } from './records.ts';
import type { MessageLock } from './message-lock.ts';
import { MessageLocks } from './message-locks.ts';
import { type MessageSession, type SessionLock, sessionLockLost } from './message-session.ts';
import { MessageState, NONE } from './message-table.ts';
import { type DeliveryDraft, viewMessage } from './message-view.ts';
import { Receiver } from './receiver.ts';
import { ReceiverRow } from './receiver-row.ts';
import { BrokerRefusal, noSessions, sessionRequired, tooManyReceivers } from './refusal.ts';
import { SequenceIndex } from './sequence-index.ts';
import { type AcceptOptions, SessionDirectory } from './session-directory.ts';

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
  /** Undefined: messages do not go to a dead-letter queue however often they fail. */
  readonly #maxDeliveryCount: number | undefined;
  readonly #plain: Lane;
  readonly #locks: MessageLocks;
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
    maxStateBytes: number;
  }) {
    this.#broker = options.broker;
    this.#owner = options.owner;
    this.#maxDeliveryCount = options.maxDeliveryCount;
    this.#plain = new Lane(options.broker.messages);
    this.#locks = new MessageLocks({
      broker: options.broker,
      durationMs: options.lockDurationMs,
      onExpired: (lock) => this.#fail(lock, 'broker'),
    });
    this.sessions = options.sessions
      ? new SessionDirectory({
          broker: options.broker,
          queueId: options.queueId,
          lockDurationMs: options.lockDurationMs,
          maxStateBytes: options.maxStateBytes,
          returnMessages: (session, failed) => {
            for (const lock of session.messageLocks) {
              if (failed) this.#fail(lock, 'broker');
              else this.#unlock(lock);
            }
          },
        })
      : undefined;
  }

  openReceiver(options: {
    mode: ReceiveMode;
    session?: SessionLock;
    onDelivery: (delivery: Delivery) => void;
  }): Receiver {
    this.#owner.mustAllowReceive();
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
        this.#row.remove(closed);
        if (session?.receiver === closed) session.receiver = undefined;
      },
    });
    this.#receivers++;
    if (session) session.receiver = receiver;
    return receiver;
  }

  acceptSession(options: AcceptOptions): { cancel(): void } {
    this.#owner.mustAllowReceive();
    if (!this.sessions) throw noSessions();
    return this.sessions.accept(options);
  }

  session(sessionId: string): SessionLock | undefined {
    return this.sessions?.find(sessionId)?.lock;
  }

  sessionIds(options: { skip: number; top: number }): string[] {
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
    this.#mustBeLocked(lock);
    checkOutcome(outcome);
    switch (outcome.kind) {
      case 'complete': {
        const position = this.#owner.kill([lock.slot], 'client');
        this.#leave(lock);
        this.#owner.forget(lock.slot);
        return { position };
      }
      case 'dead-letter':
        if (this.#maxDeliveryCount === undefined) {
          throw new BrokerRefusal(
            'not-allowed',
            'A message of a dead-letter queue cannot be dead-lettered again. Complete it.',
          );
        }
        return { position: this.#deadLetter(lock, outcome, 'client') };
      case 'defer':
        return { position: this.#defer(lock, outcome.overlay) };
      case 'abandon':
        return { position: this.#fail(lock, 'client', outcome.overlay) };
      case 'release':
        this.#unlock(lock);
        return { position: this.#broker.journal.appended };
    }
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

  /** Active, locked, deferred and scheduled messages in the order of their sequence numbers. */
  peek(options: { fromSequenceNumber: number; count: number; sessionId?: string }): {
    messages: MessageView[];
    position: number;
  } {
    const count = Math.min(options.count, MAX_MESSAGES_PER_CALL);
    const views: MessageView[] = [];
    for (const slot of this.#peekable(options)) {
      if (views.length >= count) break;
      views.push(this.view(slot, undefined));
    }
    return { messages: views, position: this.#broker.journal.appended };
  }

  receiveBySequenceNumber(options: { sequenceNumbers: readonly number[]; mode: ReceiveMode; sessionId?: string }): {
    deliveries: Delivery[];
    position: number;
  } {
    this.#owner.mustAllowReceive();
    const { state } = this.#broker.messages;
    // A number that is named twice would hand out, and later settle, its message twice.
    const slots = [...new Set(options.sequenceNumbers)].map((sequenceNumber) => {
      const slot = this.index.get(sequenceNumber);
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
      options.mode === 'receive-and-delete' ? this.#delete(slots) : slots.map((slot) => this.#lock(slot));
    return { deliveries, position: this.#broker.journal.appended };
  }

  view(slot: number, lockedUntilMs: number | undefined): MessageView {
    return this.#draft(slot, lockedUntilMs);
  }

  // inside ----------------------------------------------------------------------------------------------------------

  #draft(slot: number, lockedUntilMs: number | undefined): DeliveryDraft {
    return viewMessage(this.#broker.messages, slot, { sessionId: this.#sessionOf(slot)?.id, lockedUntilMs });
  }

  #sequenceNumber(slot: number): number {
    return this.#broker.messages.sequenceNumber[slot] as number;
  }

  #sessionOf(slot: number): MessageSession | undefined {
    return this.sessions?.at(this.#broker.messages.session[slot] as number);
  }

  #belongs(slot: number, sessionId: string | undefined): boolean {
    return !this.sessions || sessionId === undefined || this.#sessionOf(slot)?.id === sessionId;
  }

  #peekable(options: { fromSequenceNumber: number; sessionId?: string }): Iterable<number> {
    if (!this.sessions || options.sessionId === undefined) return this.index.from(options.fromSequenceNumber);
    return this.sessions.find(options.sessionId)?.slotsFrom(options.fromSequenceNumber) ?? [];
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
      const delivery = receiver.mode === 'receive-and-delete' ? this.#delete([slot])[0] : this.#lock(slot);
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

  /** Hands out messages that stand in no lane, for good: all or, when that cannot be written, none. */
  #delete(slots: readonly number[]): Delivery[] {
    const { messages, journal } = this.#broker;
    const deliveries = slots.map((slot) => {
      const delivery = this.#draft(slot, undefined);
      // Read before the removal is written: the journal promises nothing about the bytes of a message that is gone.
      delivery.body = journal.read(messages.bodyId[slot] as number);
      return delivery;
    });
    const position = this.#owner.kill(slots, 'client');
    for (const [i, slot] of slots.entries()) {
      this.take(slot);
      this.#owner.forget(slot);
      (deliveries[i] as DeliveryDraft).position = position;
    }
    return deliveries;
  }

  /** Hands out a message that stands in no lane, under a lock. */
  #lock(slot: number): Delivery {
    const { messages, journal } = this.#broker;
    const wasDeferred = messages.state[slot] === MessageState.deferred;
    const lock = this.#locks.grant(slot, { wasDeferred, session: this.#sessionOf(slot) });
    const delivery = this.#draft(slot, lock.lockedUntilMs);
    messages.state[slot] = MessageState.locked;
    delivery.body = journal.read(messages.bodyId[slot] as number);
    delivery.lock = lock;
    delivery.position = journal.appended;
    return delivery;
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

  #deadLetter(
    lock: MessageLock,
    info: DeadLetterInfo & { overlay?: Buffer },
    cause: Cause,
    deliveryCount?: number,
  ): number {
    const { slot } = lock;
    const { reason, description } = info;
    const deadLetter = {
      ...(reason === undefined ? {} : { reason }),
      ...(description === undefined ? {} : { description }),
    };
    const change = { ...this.#present(slot, info.overlay), deadLetter };
    const position = this.#owner.change(
      slot,
      { ...change, deliveryCount: deliveryCount ?? change.deliveryCount },
      cause,
    );
    this.#leave(lock);
    this.#owner.toDeadLetterQueue(slot);
    return position;
  }

  #defer(lock: MessageLock, overlay: Buffer | undefined): number {
    const { slot } = lock;
    const present = this.#present(slot, overlay);
    const deliveryCount = present.deliveryCount + 1;
    const position = this.#owner.change(slot, { ...present, deliveryCount, deferred: true }, 'client');
    this.#endLock(lock);
    this.#broker.messages.state[slot] = MessageState.deferred;
    return position;
  }

  /** A delivery failed: abandoned, or its lock expired. The message comes back, or has failed once too often. */
  #fail(lock: MessageLock, cause: Cause, overlay?: Buffer): number {
    const { slot } = lock;
    const present = this.#present(slot, overlay);
    const deliveryCount = present.deliveryCount + 1;
    if (this.#maxDeliveryCount !== undefined && deliveryCount >= this.#maxDeliveryCount) {
      const description = `Message could not be consumed after ${this.#maxDeliveryCount} delivery attempts.`;
      const info = { reason: 'MaxDeliveryCountExceeded', description, ...(overlay ? { overlay } : {}) };
      return this.#deadLetter(lock, info, cause, deliveryCount);
    }
    const position = this.#owner.change(slot, { ...present, deliveryCount, deferred: lock.wasDeferred }, cause);
    this.#unlock(lock);
    return position;
  }

  /** What is written of a message, as it stands. */
  #present(slot: number, overlay?: Buffer): MessageChange {
    const { messages } = this.#broker;
    const extra = messages.extras.get(slot);
    return {
      deliveryCount: messages.deliveryCount[slot] as number,
      deferred: false,
      deadLetter: extra?.deadLetter,
      overlay: overlay ?? extra?.overlay,
    };
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
