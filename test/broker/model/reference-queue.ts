import type { ReceiveMode } from '../../../src/broker/index.ts';
import {
  arrived,
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
import { erase, keep, write } from './reference-disk.ts';
import {
  type Accept,
  inSessions,
  listing,
  type Lock,
  type Message,
  type PartName,
  type Queue,
  type Receiver,
  Refusal,
  type SessionLock,
  type State,
  type View,
} from './reference-state.ts';
import { MAX_MESSAGE_BYTES, MAX_QUEUE_BYTES } from './settings.ts';

// What clients can ask of a queue. Every function throws a `Refusal` and has changed nothing then.

export interface Draft {
  readonly text: string;
  readonly sizeBytes: number;
  readonly messageId: string | undefined;
  readonly sessionId: string | undefined;
  readonly timeToLiveMs: number | undefined;
  readonly scheduledMs: number | undefined;
}

const MAX_ID_CHARACTERS = 128;

// sending -------------------------------------------------------------------------------------------------------------

function checkDrafts(queue: Queue, drafts: readonly Draft[]): void {
  if (drafts.length === 0) throw new Refusal('argument-invalid');
  for (const draft of drafts) {
    if (draft.sizeBytes > MAX_MESSAGE_BYTES) throw new Refusal('message-size-exceeded');
    if (queue.settings.sessions && draft.sessionId === undefined) throw new Refusal('not-allowed');
    if ((draft.sessionId ?? '').length > MAX_ID_CHARACTERS) throw new Refusal('argument-invalid');
  }
  const held = [...queue.messages, ...drafts].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (held > MAX_QUEUE_BYTES) throw new Refusal('quota-exceeded');
}

/** The queue's time never goes back, whatever happens to the clock. */
function enqueueTime(state: State, queue: Queue): number {
  queue.lastEnqueuedMs = Math.max(queue.lastEnqueuedMs, state.wallMs);
  return queue.lastEnqueuedMs;
}

/** All or none. The number of a duplicate, which is accepted and dropped, is 0 (section 4.6). */
export function send(state: State, queue: Queue, drafts: readonly Draft[]): number[] {
  checkDrafts(queue, drafts);
  const now = enqueueTime(state, queue);
  const { duplicateWindowMs, defaultTimeToLiveMs, sessions } = queue.settings;
  const fresh: Draft[] = [];
  const ids: string[] = [];
  const known = (id: string): boolean =>
    ids.includes(id) ||
    queue.seen.some(({ messageId, timeMs }) => messageId === id && now < timeMs + (duplicateWindowMs as number));
  for (const draft of drafts) {
    if (duplicateWindowMs !== undefined && draft.messageId !== undefined) {
      if (known(draft.messageId)) continue;
      ids.push(draft.messageId);
    }
    fresh.push(draft);
  }
  if (fresh.length === 0) return drafts.map(() => 0);
  write(state, 'client', 'send');
  queue.seen.push(...ids.map((messageId) => ({ messageId, timeMs: now })));
  queue.disk.seen = [...queue.seen];
  const messages = fresh.map((draft): Message => {
    const { scheduledMs = 0 } = draft;
    const scheduled = scheduledMs > now;
    const timeToLiveMs = Math.min(draft.timeToLiveMs ?? Infinity, defaultTimeToLiveMs);
    return {
      text: draft.text,
      sizeBytes: draft.sizeBytes,
      sessionId: sessions ? draft.sessionId : undefined,
      wasScheduled: draft.scheduledMs !== undefined,
      timeToLiveMs,
      sequenceNumber: queue.nextSequenceNumber++,
      enqueuedTimeMs: now,
      deliveryCount: 0,
      overlay: undefined,
      deadLetter: undefined,
      place: scheduled ? 'scheduled' : 'ready',
      dueMs: scheduled ? scheduledMs : now + timeToLiveMs,
      retryMs: undefined,
      unwatched: false,
    };
  });
  for (const message of messages) keep(queue, message, message.place);
  for (const message of messages) {
    queue.messages.push(message);
    if (message.place === 'ready') arrived(state, queue, message);
  }
  return drafts.map(({ text }) => messages.find((message) => message.text === text)?.sequenceNumber ?? 0);
}

/** The scheduled message is replaced by an active one with a new sequence number and enqueued time, and begins to age (section 4.6). */
export function activate(state: State, queue: Queue, message: Message): void {
  const now = enqueueTime(state, queue);
  if (!write(state, 'broker')) {
    message.retryMs = state.wallMs + 1000;
    message.unwatched = false;
    return;
  }
  queue.messages = queue.messages.filter((other) => other !== message);
  const active: Message = {
    ...message,
    sequenceNumber: queue.nextSequenceNumber++,
    enqueuedTimeMs: now,
    dueMs: now + message.timeToLiveMs,
    place: 'ready',
    retryMs: undefined,
    unwatched: false,
  };
  queue.messages.push(active);
  keep(queue, active, 'ready');
  arrived(state, queue, active);
}

function find(queue: Queue, part: PartName, sequenceNumber: number): Message | undefined {
  return listing(queue, part).find((message) => message.sequenceNumber === sequenceNumber);
}

export function cancelScheduled(state: State, queue: Queue, sequenceNumbers: readonly number[]): void {
  const messages = [...new Set(sequenceNumbers)].map((sequenceNumber) => {
    const message = find(queue, 'active', sequenceNumber);
    if (message?.place !== 'scheduled') throw new Refusal('message-not-found');
    return message;
  });
  write(state, 'client');
  for (const message of messages) {
    erase(queue, message);
    queue.messages = queue.messages.filter((other) => other !== message);
  }
}

// receiving -----------------------------------------------------------------------------------------------------------

export function openReceiver(
  state: State,
  queue: Queue,
  options: { id: number; part: PartName; mode: ReceiveMode; session: SessionLock | undefined },
): Receiver {
  const { id, part, mode, session } = options;
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
  const part = queue[receiver.part];
  // Who takes credit back and gives some again before the turn has come keeps the place in the row.
  if (!part.row.includes(receiver)) part.row.push(receiver);
  serve(state, queue, part);
}

/** No message comes any more; locks go on until they expire (protocol section 6.5). */
export function closeReceiver(queue: Queue, receiver: Receiver): void {
  receiver.open = false;
  receiver.credit = 0;
  queue[receiver.part].row = queue[receiver.part].row.filter((other) => other !== receiver);
  if (receiver.session?.receiver === receiver) receiver.session.receiver = undefined;
}

export function peek(
  queue: Queue,
  options: { part: PartName; from: number; count: number; sessionId: string | undefined },
): View[] {
  const { part, from, count, sessionId } = options;
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
  const sessions = inSessions(queue, part);
  const messages = [...new Set(options.sequenceNumbers)].map((sequenceNumber) => {
    const message = find(queue, part, sequenceNumber);
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

// settling ------------------------------------------------------------------------------------------------------------

export interface Settlement {
  readonly kind: 'complete' | 'abandon' | 'defer' | 'dead-letter' | 'release';
  readonly overlay: string | undefined;
  readonly reason: string | undefined;
  readonly description: string | undefined;
}

/** `sessions`: whether the part that is asked has sessions; it need not be the one that gave the lock. */
function mustBeLocked(state: State, lock: Lock, sessions: boolean): Queue {
  const queue = state.queues.find(({ name }) => name === lock.queueName);
  if (!lock.held || !queue) throw new Refusal(sessions ? 'session-lock-lost' : 'message-lock-lost');
  return queue;
}

export function settle(state: State, lock: Lock, sessions: boolean, settlement: Settlement): void {
  const queue = mustBeLocked(state, lock, sessions);
  const { kind, overlay, reason, description } = settlement;
  if (kind === 'complete') complete(state, queue, lock);
  else if (kind === 'abandon') fail(state, queue, lock, 'client', overlay);
  else if (kind === 'defer') defer(state, queue, lock, overlay);
  else if (kind === 'release') giveBack(state, queue, lock);
  else {
    if (lock.part === 'dead') throw new Refusal('not-allowed');
    const told = { ...(reason === undefined ? {} : { reason }), ...(description === undefined ? {} : { description }) };
    deadLetter(state, queue, lock, { ...told, overlay, cause: 'client' });
  }
}

export function renewLock(state: State, lock: Lock, sessions: boolean): number {
  const queue = mustBeLocked(state, lock, sessions);
  if (lock.session) throw new Refusal('not-allowed');
  const { lockDurationMs } = queue.settings;
  lock.expiresAtMs = state.monotonicMs + lockDurationMs;
  queue[lock.part].locks = [...queue[lock.part].locks.filter((other) => other !== lock), lock];
  return state.wallMs + lockDurationMs;
}

// sessions ------------------------------------------------------------------------------------------------------------

export function acceptSession(
  state: State,
  queue: Queue,
  options: { id: number; part: PartName; sessionId: string | undefined; timeoutMs: number },
): void {
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

export function cancelAccept(queue: Queue | undefined, accept: Accept): void {
  accept.cancelled = true;
  if (queue) queue.waiting = queue.waiting.filter((other) => other !== accept);
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
    transferDeadLetter: 0,
    total: queue.messages.length,
    sizeBytes: queue.messages.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  };
}
