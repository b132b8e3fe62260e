import { type Cause, erase, keep, write } from './reference-disk.ts';
import {
  type Accept,
  deliverable,
  inSessions,
  type Lock,
  type Message,
  type Part,
  type PartName,
  type Queue,
  type Receiver,
  Refusal,
  type SessionLock,
  type State,
  use,
  type View,
} from './reference-state.ts';

// How a message goes to a receiver and comes back: order, turns, locks, delivery counts, expiry, dead-lettering, and sessions as far as they take
// part in that.

export function view(message: Message, lockedUntilMs: number | undefined): View {
  const { text, sizeBytes, sequenceNumber, enqueuedTimeMs, deliveryCount, overlay, deadLetter, place, part } = message;
  // A message that was scheduled says so for ever (protocol section 13).
  const scheduled = place === 'scheduled' || message.wasScheduled;
  return {
    text,
    sizeBytes,
    sequenceNumber,
    enqueuedSequenceNumber: message.firstNumber,
    enqueuedTimeMs,
    timeToLiveMs: message.timeToLiveMs === Infinity ? undefined : message.timeToLiveMs,
    deliveryCount,
    state: scheduled ? 'scheduled' : place === 'deferred' ? 'deferred' : 'active',
    sessionId: part === 'active' ? message.sessionId : undefined,
    lockedUntilMs,
    overlay,
    deadLetter,
    deadLetterSource: message.deadLetterSource,
  };
}

// the queue and its dead-letter queue ---------------------------------------------------------------------------------

export function remove(queue: Queue, message: Message): void {
  queue.messages = queue.messages.filter((other) => other !== message);
}

/** The message is in a dead-letter queue and nobody holds it. */
function laidOut(state: State, queue: Queue, message: Message): void {
  message.place = 'ready';
  reconsider(state, queue, message.sessionId);
  serve(state, queue, queue.parts[message.part]);
}

/** The end of a deliverable or deferred message whose time to live is over. Nothing expires in the dead-letter queue (section 4.3). */
export function expireIfOver(state: State, queue: Queue, message: Message): boolean {
  if (message.part !== 'active' || message.dueMs > state.wallMs) return false;
  if (queue.settings.deadLetterExpired) {
    message.part = 'dead';
    message.deadLetter = { reason: 'TTLExpiredException', description: 'The message expired and was dead lettered.' };
    if (write(state, 'broker')) keep(queue, message, 'ready');
    laidOut(state, queue, message);
  } else {
    if (write(state, 'broker')) erase(queue, message);
    remove(queue, message);
    reconsider(state, queue, message.sessionId);
  }
  return true;
}

// handing out ---------------------------------------------------------------------------------------------------------

/** Gives deliverable messages to whose turn it is, one each. */
export function serve(state: State, queue: Queue, part: Part): void {
  if (inSessions(queue, part.name)) return;
  const { forwarding } = part;
  if (forwarding) {
    if (forwarding.pausedUntilMs > state.monotonicMs) return;
    for (let message = next(state, queue, part.name); message; message = next(state, queue, part.name)) {
      forwarding.taken.push(message);
    }
    return;
  }
  while (part.row.length > 0 && deliverable(queue, part.name).length > 0) {
    const receiver = part.row.shift() as Receiver;
    if (receiver.credit === 0 || !serveOne(state, queue, receiver, `${queue.name}/${part.name}`)) continue;
    if (receiver.credit > 0) part.row.push(receiver);
  }
}

export function serveSession(state: State, queue: Queue, sessionId: string): void {
  const receiver = queue.sessionLocks.find((lock) => lock.sessionId === sessionId)?.receiver;
  if (!receiver) return;
  while (receiver.credit > 0 && deliverable(queue, 'active', sessionId).length > 0) {
    if (!serveOne(state, queue, receiver, `receiver ${receiver.id}`)) return;
  }
}

/** False: the removal for a receive-and-delete receiver cannot be written; the receiver is not asked again before its next credit. */
function serveOne(state: State, queue: Queue, receiver: Receiver, stream: string): boolean {
  const message = next(state, queue, receiver.part, receiver.session?.sessionId);
  if (!message) return true;
  if (receiver.mode === 'receive-and-delete') {
    if (!write(state, 'broker')) {
      message.place = 'ready';
      return false;
    }
    const seen = view(message, undefined);
    erase(queue, message);
    remove(queue, message);
    receiver.credit--;
    state.heard.push({ stream, receiver: receiver.id, lock: undefined, view: seen });
    reconsider(state, queue, message.sessionId);
  } else {
    const { lock, seen } = giveLock(state, queue, message);
    receiver.credit--;
    state.heard.push({ stream, receiver: receiver.id, lock, view: seen });
  }
  return true;
}

/** The deliverable message with the lowest sequence number, which nobody else can have now; the expired ones before it are over. */
function next(state: State, queue: Queue, part: PartName, sessionId?: string): Message | undefined {
  for (;;) {
    const [message] = deliverable(queue, part, sessionId);
    if (!message) return undefined;
    message.place = 'locked';
    if (!expireIfOver(state, queue, message)) return message;
  }
}

export function giveLock(state: State, queue: Queue, message: Message): { lock: Lock; seen: View } {
  const { part } = message;
  const session = inSessions(queue, part)
    ? queue.sessionLocks.find((held) => held.sessionId === message.sessionId)
    : undefined;
  const { lockDurationMs } = queue.settings;
  const seen = view(message, session ? session.lockedUntilMs : state.wallMs + lockDurationMs);
  const lock: Lock = {
    id: -1,
    queueName: queue.name,
    part,
    message,
    wasDeferred: message.place === 'deferred',
    session,
    inSession: session !== undefined,
    life: state.life,
    held: true,
    enlisted: false,
    expiresAtMs: session ? Infinity : state.monotonicMs + lockDurationMs,
  };
  message.place = 'locked';
  queue.parts[part].locks.push(lock);
  return { lock, seen };
}

/** Takes deferred messages away for good: all or, when that cannot be written, none. */
export function takeForGood(state: State, queue: Queue, messages: readonly Message[]): View[] {
  write(state, 'client');
  const views = messages.map((message) => view(message, undefined));
  for (const message of messages) {
    erase(queue, message);
    remove(queue, message);
    reconsider(state, queue, message.sessionId);
  }
  return views;
}

// coming back ---------------------------------------------------------------------------------------------------------

function end(queue: Queue, lock: Lock): void {
  lock.held = false;
  const part = queue.parts[lock.part];
  part.locks = part.locks.filter((other) => other !== lock);
}

export function complete(state: State, queue: Queue, lock: Lock): void {
  write(state, 'client');
  end(queue, lock);
  erase(queue, lock.message);
  remove(queue, lock.message);
  reconsider(state, queue, lock.message.sessionId);
}

export function deadLetter(
  state: State,
  queue: Queue,
  lock: Lock,
  how: { reason?: string; description?: string; overlay?: string | undefined; deliveryCount?: number; cause: Cause },
): void {
  const written = write(state, how.cause);
  const { message } = lock;
  message.deliveryCount = how.deliveryCount ?? message.deliveryCount;
  message.overlay = how.overlay ?? message.overlay;
  message.deadLetter = {
    ...(how.reason === undefined ? {} : { reason: how.reason }),
    ...(how.description === undefined ? {} : { description: how.description }),
  };
  message.part = 'dead';
  if (written) keep(queue, message, 'ready');
  end(queue, lock);
  laidOut(state, queue, message);
}

/** Counts as a delivery, but never dead-letters (protocol section 6.5). */
export function defer(state: State, queue: Queue, lock: Lock, overlay: string | undefined): void {
  write(state, 'client');
  const { message } = lock;
  message.deliveryCount++;
  message.overlay = overlay ?? message.overlay;
  keep(queue, message, 'deferred');
  end(queue, lock);
  message.place = 'deferred';
}

/** Abandoned, or the lock expired. The message comes back unless it has failed too often; nothing fails too often in the dead-letter queue. */
export function fail(state: State, queue: Queue, lock: Lock, cause: Cause, overlay?: string): void {
  const { message } = lock;
  const { maxDeliveryCount } = queue.settings;
  const deliveryCount = message.deliveryCount + 1;
  if (lock.part === 'active' && deliveryCount >= maxDeliveryCount) {
    const description = `Message could not be consumed after ${maxDeliveryCount} delivery attempts.`;
    deadLetter(state, queue, lock, { reason: 'MaxDeliveryCountExceeded', description, overlay, deliveryCount, cause });
    return;
  }
  const written = write(state, cause);
  message.deliveryCount = deliveryCount;
  message.overlay = overlay ?? message.overlay;
  if (written) keep(queue, message, lock.wasDeferred ? 'deferred' : 'ready');
  giveBack(state, queue, lock);
}

/** Ends a lock without a settlement: a deferred message is deferred again, an expired one is over, any other takes its place in the order. */
export function giveBack(state: State, queue: Queue, lock: Lock): void {
  const { message } = lock;
  end(queue, lock);
  if (lock.wasDeferred) {
    message.place = 'deferred';
    return;
  }
  if (expireIfOver(state, queue, message)) return;
  message.place = 'ready';
  arrived(state, queue, message);
}

/** It cannot be forwarded. */
export function failTransfer(
  state: State,
  queue: Queue,
  message: Message,
  info: { readonly reason: string; readonly description?: string },
): void {
  const written = write(state, 'broker');
  message.part = 'transfer';
  message.deadLetter = info;
  if (written) keep(queue, message, 'ready');
  laidOut(state, queue, message);
}

/** What was taken to be forwarded stands where it stood. */
export function putBack(state: State, queue: Queue, message: Message): void {
  if (expireIfOver(state, queue, message)) return;
  message.place = 'ready';
  arrived(state, queue, message);
}

// sessions ------------------------------------------------------------------------------------------------------------

/** A message has become deliverable. */
export function arrived(state: State, queue: Queue, message: Message): void {
  if (!inSessions(queue, message.part)) {
    serve(state, queue, queue.parts[message.part]);
    return;
  }
  reconsider(state, queue, message.sessionId);
  serveSession(state, queue, message.sessionId as string);
}

/** Whether a session is free and has work may have changed. Whoever waits longest gets it. */
export function reconsider(state: State, queue: Queue, sessionId: string | undefined): void {
  if (!queue.settings.sessions || sessionId === undefined) return;
  const locked = queue.sessionLocks.some((lock) => lock.sessionId === sessionId);
  if (locked || deliverable(queue, 'active', sessionId).length === 0) {
    queue.offered = queue.offered.filter((id) => id !== sessionId);
    return;
  }
  if (!queue.offered.includes(sessionId)) queue.offered.push(sessionId);
  const accept = queue.waiting.shift();
  if (!accept) return;
  use(state, queue);
  grant(state, queue, accept, sessionId);
}

export function grant(state: State, queue: Queue, accept: Accept, sessionId: string): void {
  const { lockDurationMs } = queue.settings;
  queue.offered = queue.offered.filter((id) => id !== sessionId);
  accept.lock = {
    sessionId,
    accept,
    receiver: undefined,
    held: true,
    expiresAtMs: state.monotonicMs + lockDurationMs,
    lockedUntilMs: state.wallMs + lockDurationMs,
  };
  queue.sessionLocks.push(accept.lock);
}

/** Delivery counts stay as they are when a session is given back, and rise when its lock expires (section 4.5). */
export function endSession(state: State, queue: Queue, lock: SessionLock, failed: boolean): void {
  const { receiver } = lock;
  lock.receiver = undefined;
  if (receiver) {
    receiver.open = false;
    receiver.credit = 0;
    use(state, queue);
  }
  for (const messageLock of queue.parts.active.locks.filter(({ session }) => session === lock)) {
    if (failed) fail(state, queue, messageLock, 'broker');
    else giveBack(state, queue, messageLock);
  }
  lock.held = false;
  queue.sessionLocks = queue.sessionLocks.filter((other) => other !== lock);
  if (failed) lock.accept.lost = 'session-lock-lost';
  reconsider(state, queue, lock.sessionId);
}

export function mustHold(lock: SessionLock | undefined): SessionLock {
  if (!lock?.held) throw new Refusal('session-lock-lost');
  return lock;
}
