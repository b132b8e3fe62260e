import type { ReceiveMode } from '../../../src/broker/index.ts';
import {
  complete,
  deadLetter,
  defer,
  endSession,
  expireIfOver,
  fail,
  giveBack,
  giveLock,
  grant,
  mustHold,
  serve,
  serveSession,
  takeForGood,
  view,
} from './reference-delivery.ts';
import { write } from './reference-disk.ts';
import {
  type Accept,
  inSessions,
  listing,
  type Lock,
  type PartName,
  type Queue,
  type Receiver,
  Refusal,
  type SessionLock,
  type Settlement,
  type State,
  use,
  type View,
} from './reference-state.ts';
import { kindOf } from './worlds.ts';

// What receivers can ask of a queue. Every function throws a `Refusal` and has changed nothing then.

// receiving -----------------------------------------------------------------------------------------------------------

function mustAllowReceive(queue: Queue, part: PartName): void {
  if (kindOf(queue.name) === 'topic') throw new Refusal('not-allowed');
  const { status, forwardTo, forwardDeadTo } = queue.settings;
  if (status === 'Disabled' || status === 'ReceiveDisabled') throw new Refusal('entity-disabled');
  const forwards = { active: forwardTo, dead: forwardDeadTo, transfer: undefined }[part];
  if (forwards !== undefined) throw new Refusal('not-allowed');
}

export function openReceiver(
  state: State,
  queue: Queue,
  options: { id: number; part: PartName; mode: ReceiveMode; session: SessionLock | undefined },
): Receiver {
  const { id, part, mode, session } = options;
  mustAllowReceive(queue, part);
  if (inSessions(queue, part) && !session) throw new Refusal('not-allowed');
  if (session) mustHold(session);
  const receiver: Receiver = { id, queueName: queue.name, part, mode, session, credit: 0, open: true };
  if (session) session.receiver = receiver;
  state.receivers.push(receiver);
  return receiver;
}

export function setCredit(state: State, queue: Queue, receiver: Receiver, credit: number): void {
  if (!receiver.open) return;
  receiver.credit = credit;
  if (credit === 0) return;
  if (receiver.session) {
    serveSession(state, queue, receiver.session.sessionId);
    return;
  }
  const part = queue.parts[receiver.part];
  // Who takes credit back and gives some again before the turn has come keeps the place in the row.
  if (!part.row.includes(receiver)) part.row.push(receiver);
  serve(state, queue, part);
}

/** No message comes any more; locks go on until they expire (protocol section 6.5). */
export function closeReceiver(state: State, queue: Queue, receiver: Receiver): void {
  use(state, queue);
  receiver.open = false;
  receiver.credit = 0;
  const part = queue.parts[receiver.part];
  part.row = part.row.filter((other) => other !== receiver);
  if (receiver.session?.receiver === receiver) receiver.session.receiver = undefined;
}

/** What a part holds, without any use of it. */
export function contents(queue: Queue, part: PartName): View[] {
  return listing(queue, part).map((message) => view(message, undefined));
}

export function peek(
  state: State,
  queue: Queue,
  options: { part: PartName; from: number; count: number; sessionId: string | undefined },
): View[] {
  const { part, from, count, sessionId } = options;
  use(state, queue);
  return listing(queue, part)
    .filter((message) => message.sequenceNumber >= from)
    .filter((message) => !inSessions(queue, part) || sessionId === undefined || message.sessionId === sessionId)
    .slice(0, count)
    .map((message) => view(message, undefined));
}

/** Only deferred messages are found, those of a session only while somebody holds it. All or none. */
export function receiveBySequenceNumber(
  state: State,
  queue: Queue,
  options: { part: PartName; sequenceNumbers: readonly number[]; mode: ReceiveMode; sessionId: string | undefined },
): { lock: Lock | undefined; seen: View }[] {
  const { part, mode, sessionId } = options;
  mustAllowReceive(queue, part);
  use(state, queue);
  const sessions = inSessions(queue, part);
  const messages = [...new Set(options.sequenceNumbers)].map((sequenceNumber) => {
    const message = listing(queue, part).find((one) => one.sequenceNumber === sequenceNumber);
    if (message?.place !== 'deferred') throw new Refusal('message-not-found');
    if (sessions && sessionId !== undefined && message.sessionId !== sessionId) throw new Refusal('message-not-found');
    if (expireIfOver(state, queue, message)) throw new Refusal('message-not-found');
    if (sessions && !queue.sessionLocks.some((lock) => lock.sessionId === message.sessionId)) {
      throw new Refusal('session-lock-lost');
    }
    return message;
  });
  if (mode === 'receive-and-delete') {
    return takeForGood(state, queue, messages).map((seen) => ({ lock: undefined, seen }));
  }
  return messages.map((message) => giveLock(state, queue, message));
}

/** The oldest messages that were enqueued before a time; locked and scheduled ones stay. */
export function deleteMessages(
  state: State,
  queue: Queue,
  options: { part: PartName; count: number; beforeMs: number; sessionId: string | undefined },
): View[] {
  const { part, count, beforeMs, sessionId } = options;
  use(state, queue);
  const chosen = listing(queue, part)
    .filter(({ place, enqueuedTimeMs }) => (place === 'ready' || place === 'deferred') && enqueuedTimeMs < beforeMs)
    .filter((message) => !inSessions(queue, part) || sessionId === undefined || message.sessionId === sessionId)
    .slice(0, count);
  if (chosen.length === 0) return [];
  return takeForGood(state, queue, chosen);
}

// settling ------------------------------------------------------------------------------------------------------------

/** `sessions`: whether the part that is asked has sessions; it need not be the one that gave the lock. */
export function mustBeLocked(state: State, lock: Lock, sessions: boolean): Queue {
  const queue = state.queues.find(({ name }) => name === lock.queueName);
  if (!lock.held || !queue) throw new Refusal(sessions ? 'session-lock-lost' : 'message-lock-lost');
  return queue;
}

export function settle(state: State, lock: Lock, sessions: boolean, settlement: Settlement): void {
  if (lock.enlisted) throw new Refusal('not-allowed');
  const queue = mustBeLocked(state, lock, sessions);
  const { kind, overlay, reason, description } = settlement;
  if (kind === 'complete') complete(state, queue, lock);
  else if (kind === 'abandon') fail(state, queue, lock, 'client', overlay);
  else if (kind === 'defer') defer(state, queue, lock, overlay);
  else if (kind === 'release') giveBack(state, queue, lock);
  else {
    if (lock.part !== 'active') throw new Refusal('not-allowed');
    const told = { ...(reason === undefined ? {} : { reason }), ...(description === undefined ? {} : { description }) };
    deadLetter(state, queue, lock, { ...told, overlay, cause: 'client' });
  }
}

export function renewLock(state: State, lock: Lock, sessions: boolean): number {
  const queue = mustBeLocked(state, lock, sessions);
  if (lock.session) throw new Refusal('not-allowed');
  const { lockDurationMs } = queue.settings;
  lock.expiresAtMs = state.monotonicMs + lockDurationMs;
  const part = queue.parts[lock.part];
  part.locks = [...part.locks.filter((other) => other !== lock), lock];
  return state.wallMs + lockDurationMs;
}

// sessions ------------------------------------------------------------------------------------------------------------

export function acceptSession(
  state: State,
  queue: Queue,
  options: { id: number; part: PartName; sessionId: string | undefined; timeoutMs: number },
): void {
  mustAllowReceive(queue, options.part);
  use(state, queue);
  if (!inSessions(queue, options.part)) throw new Refusal('not-allowed');
  const { id, sessionId, timeoutMs } = options;
  const accept: Accept = {
    id,
    queueName: queue.name,
    timeoutAtMs: state.monotonicMs + timeoutMs,
    lock: undefined,
    refusal: undefined,
    lost: undefined,
    cancelled: false,
  };
  state.accepts.push(accept);
  if (sessionId === undefined) {
    const [offered] = queue.offered;
    if (offered === undefined) queue.waiting.push(accept);
    else grant(state, queue, accept, offered);
  } else if (queue.sessionLocks.some((lock) => lock.sessionId === sessionId)) {
    accept.refusal = 'session-cannot-be-locked';
  } else grant(state, queue, accept, sessionId);
}

export function cancelAccept(state: State, queue: Queue | undefined, accept: Accept): void {
  accept.cancelled = true;
  if (!queue) return;
  queue.waiting = queue.waiting.filter((other) => other !== accept);
  use(state, queue);
}

export function releaseSession(state: State, queue: Queue, lock: SessionLock): void {
  if (lock.held) endSession(state, queue, lock, false);
}

export function renewSession(state: State, queue: Queue, lock: SessionLock): number {
  mustHold(lock);
  lock.expiresAtMs = state.monotonicMs + queue.settings.lockDurationMs;
  lock.lockedUntilMs = state.wallMs + queue.settings.lockDurationMs;
  queue.sessionLocks = [...queue.sessionLocks.filter((other) => other !== lock), lock];
  return lock.lockedUntilMs;
}

export function sessionState(queue: Queue, lock: SessionLock): string | undefined {
  return queue.sessionStates[mustHold(lock).sessionId];
}

export function setSessionState(state: State, queue: Queue, lock: SessionLock, text: string | undefined): void {
  const { sessionId } = mustHold(lock);
  if (text === undefined && queue.sessionStates[sessionId] === undefined) return;
  write(state, 'client');
  for (const states of [queue.sessionStates, queue.disk.sessionStates]) {
    if (text === undefined) delete states[sessionId];
    else states[sessionId] = text;
  }
}

/** Sessions exist while they have a message or a state (section 4.5). */
export function sessionIds(queue: Queue): string[] {
  if (!queue.settings.sessions) return [];
  const messages = listing(queue, 'active').map((message) => message.sessionId as string);
  return [...new Set([...messages, ...Object.keys(queue.sessionStates)])].sort();
}

/** Scheduled messages are waiting, all others of the queue count as active, locked and deferred ones too. */
export function counts(queue: Queue): object {
  const active = listing(queue, 'active');
  const scheduled = active.filter((message) => message.place === 'scheduled').length;
  return {
    active: active.length - scheduled,
    deadLetter: listing(queue, 'dead').length,
    scheduled,
    transferDeadLetter: listing(queue, 'transfer').length,
    total: queue.messages.length,
    sizeBytes: queue.messages.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  };
}
