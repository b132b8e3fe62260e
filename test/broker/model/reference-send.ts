import { arrived } from './reference-delivery.ts';
import { erase, keep, write } from './reference-disk.ts';
import { type Draft, type Message, type NumberedDraft, type Queue, Refusal, type State } from './reference-state.ts';
import { MAX_MESSAGE_BYTES, MAX_QUEUE_BYTES } from './settings.ts';

// How messages come into a queue. Every function throws a `Refusal` and has changed nothing then.

const MAX_ID_CHARACTERS = 128;

/** `besides`: what is to come with them. */
export function checkDrafts(queue: Queue, drafts: readonly Draft[], besides: readonly Draft[] = []): void {
  const { status, sessions } = queue.settings;
  if (status === 'Disabled' || status === 'SendDisabled') throw new Refusal('entity-disabled');
  if (drafts.length === 0) throw new Refusal('argument-invalid');
  for (const draft of drafts) {
    if (draft.sizeBytes > MAX_MESSAGE_BYTES) throw new Refusal('message-size-exceeded');
    if (sessions && draft.sessionId === undefined) throw new Refusal('not-allowed');
    if ((draft.sessionId ?? '').length > MAX_ID_CHARACTERS) throw new Refusal('argument-invalid');
  }
  const held = [...queue.messages, ...besides, ...drafts].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (held > MAX_QUEUE_BYTES) throw new Refusal('quota-exceeded');
}

/** The queue's time never goes back, whatever happens to the clock. */
function enqueueTime(state: State, queue: Queue): number {
  queue.lastEnqueuedMs = Math.max(queue.lastEnqueuedMs, state.wallMs);
  return queue.lastEnqueuedMs;
}

/** Those that are no duplicates: their ids are the key, in the window, among each other, and only for who has one (section 4.6). */
export function withoutDuplicates<T extends Draft>(state: State, queue: Queue, drafts: readonly T[]): T[] {
  const now = enqueueTime(state, queue);
  const { duplicateWindowMs } = queue.settings;
  if (duplicateWindowMs === undefined) return [...drafts];
  const known = new Set(
    queue.seen.filter(({ timeMs }) => now < timeMs + duplicateWindowMs).map(({ messageId }) => messageId),
  );
  return drafts.filter(({ messageId }) => {
    if (messageId === undefined) return true;
    if (known.has(messageId)) return false;
    known.add(messageId);
    return true;
  });
}

/** All or none. The number of a duplicate, which is accepted and dropped, is 0. */
export function send(state: State, queue: Queue, drafts: readonly Draft[]): number[] {
  checkDrafts(queue, drafts);
  const fresh = withoutDuplicates(state, queue, drafts);
  if (fresh.length === 0) return drafts.map(() => 0);
  write(state, 'client', 'send');
  const messages = enter(state, queue, fresh);
  return drafts.map(({ text }) => messages.find((message) => message.text === text)?.sequenceNumber ?? 0);
}

/** Messages that are no duplicates, and are written, come in. */
export function enter(state: State, queue: Queue, drafts: readonly NumberedDraft[]): Message[] {
  const now = enqueueTime(state, queue);
  const messages = drafts.map((draft): Message => {
    const { scheduledMs = 0, reserved } = draft;
    const scheduled = scheduledMs > state.wallMs;
    const timeToLiveMs = timeToLiveOf(queue, draft);
    const number = scheduled && reserved !== undefined ? reserved : queue.nextSequenceNumber++;
    return {
      ...newMessage(state, queue, draft, number),
      wasScheduled: draft.scheduledMs !== undefined,
      timeToLiveMs,
      enqueuedTimeMs: now,
      place: scheduled ? 'scheduled' : 'ready',
      dueMs: scheduled ? scheduledMs : now + timeToLiveMs,
    };
  });
  remember(queue, drafts, now);
  for (const message of messages) keep(queue, message, message.place);
  for (const message of messages) {
    queue.messages.push(message);
    if (message.place === 'ready') arrived(state, queue, message);
  }
  return messages;
}

/** A message that another queue forwards, which is written with its end there. It is new here but for what dead-lettering made of it. */
export function enterForwarded(
  state: State,
  queue: Queue,
  message: Message,
  deadLetterSource: string | undefined,
): void {
  const now = enqueueTime(state, queue);
  const timeToLiveMs = timeToLiveOf(queue, message.draft);
  const arriving: Message = {
    ...newMessage(state, queue, message.draft, queue.nextSequenceNumber++),
    firstNumber: message.firstNumber,
    hops: message.hops + 1,
    deadLetterSource,
    overlay: message.overlay,
    deadLetter: message.deadLetter,
    timeToLiveMs,
    enqueuedTimeMs: now,
    dueMs: now + timeToLiveMs,
  };
  remember(queue, [message.draft], now);
  keep(queue, arriving, 'ready');
  queue.messages.push(arriving);
  arrived(state, queue, arriving);
}

/** The queue's default is a ceiling (section 4.4). */
function timeToLiveOf(queue: Queue, draft: Draft): number {
  return Math.min(draft.timeToLiveMs ?? Infinity, queue.settings.defaultTimeToLiveMs);
}

function newMessage(state: State, queue: Queue, draft: Draft, sequenceNumber: number): Message {
  return {
    draft,
    text: draft.text,
    sizeBytes: draft.sizeBytes,
    sessionId: queue.settings.sessions ? draft.sessionId : undefined,
    entry: ++state.entries,
    sequenceNumber,
    firstNumber: sequenceNumber,
    hops: 0,
    deadLetterSource: undefined,
    part: 'active',
    wasScheduled: false,
    timeToLiveMs: Infinity,
    enqueuedTimeMs: 0,
    deliveryCount: 0,
    overlay: undefined,
    deadLetter: undefined,
    place: 'ready',
    dueMs: Infinity,
    retryMs: undefined,
    unwatched: false,
  };
}

function remember(queue: Queue, drafts: readonly Draft[], now: number): void {
  if (queue.settings.duplicateWindowMs === undefined) return;
  for (const { messageId } of drafts) if (messageId !== undefined) queue.seen.push({ messageId, timeMs: now });
  queue.disk.seen = [...queue.seen];
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
  const number = queue.nextSequenceNumber++;
  const active: Message = {
    ...message,
    entry: ++state.entries,
    sequenceNumber: number,
    firstNumber: number,
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

export function cancelScheduled(state: State, queue: Queue, sequenceNumbers: readonly number[]): void {
  const messages = [...new Set(sequenceNumbers)].map((sequenceNumber) => {
    const message = queue.messages.find((one) => one.part === 'active' && one.sequenceNumber === sequenceNumber);
    if (message?.place !== 'scheduled') throw new Refusal('message-not-found');
    return message;
  });
  write(state, 'client');
  for (const message of messages) {
    erase(queue, message);
    queue.messages = queue.messages.filter((other) => other !== message);
  }
}
