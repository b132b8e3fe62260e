import { arrived } from './reference-delivery.ts';
import { erase, keep, write } from './reference-disk.ts';
import {
  type Draft,
  type Message,
  type NumberedDraft,
  type Queue,
  Refusal,
  type State,
  use,
} from './reference-state.ts';
import { enqueueTime, newMessage, timeToLiveOf } from './reference-message.ts';
import { overlaid } from './rules.ts';
import { copiesOf, enterCopies, PLAIN, type Publication, subscriptionsOf } from './reference-topics.ts';
import { MAX_MESSAGE_BYTES, MAX_QUEUE_BYTES } from './settings.ts';
import { kindOf } from './worlds.ts';

// How messages come into a queue. Every function throws a `Refusal` and has changed nothing then.

const MAX_ID_CHARACTERS = 128;

/** `besides`: what is to come with them. */
export function checkDrafts(
  state: State,
  queue: Queue,
  drafts: readonly Draft[],
  besides: readonly Draft[] = [],
): void {
  const { status, sessions } = queue.settings;
  if (status === 'Disabled' || status === 'SendDisabled') throw new Refusal('entity-disabled');
  if (drafts.length === 0) throw new Refusal('argument-invalid');
  for (const draft of drafts) {
    if (draft.sizeBytes > MAX_MESSAGE_BYTES) throw new Refusal('message-size-exceeded');
    if (sessions && draft.sessionId === undefined) throw new Refusal('not-allowed');
    if ((draft.sessionId ?? '').length > MAX_ID_CHARACTERS) throw new Refusal('argument-invalid');
  }
  // Of a topic's messages each counts once, however many copies its subscriptions hold.
  const copies = subscriptionsOf(state, queue).flatMap(({ messages }) => messages);
  const shared = new Map(copies.map((copy) => [copy.text, copy])).values();
  if (bytesOf([...queue.messages, ...shared, ...besides, ...drafts]) > MAX_QUEUE_BYTES)
    throw new Refusal('quota-exceeded');
}

function bytesOf(messages: readonly { readonly sizeBytes: number }[]): number {
  return messages.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** Those that are no duplicates: their ids are the key, in the window, among each other, and only for who has one (section 4.6). */
export function withoutDuplicates<T extends Draft>(state: State, queue: Queue, drafts: readonly T[]): T[] {
  const { duplicateWindowMs } = queue.settings;
  if (duplicateWindowMs === undefined) return [...drafts];
  const now = enqueueTime(state, queue);
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
  use(state, queue);
  checkDrafts(state, queue, drafts);
  const entry = entryOf(state, queue, withoutDuplicates(state, queue, drafts));
  if (entry.isWritten) write(state, 'client', 'send');
  entry.enter();
  return drafts.map(({ text }) => entry.numbers.get(text) ?? 0);
}

/** Messages that are to come in with the next thing that is written. */
export interface Entry {
  /** By their texts. */
  readonly numbers: ReadonlyMap<string, number>;
  /** False: nothing would be left of them, so nothing is written. */
  readonly isWritten: boolean;
  enter(): void;
}

/** The entry of messages that are no duplicates: into the queue, or, what is not scheduled in a topic, at once into its subscriptions. */
export function entryOf(state: State, queue: Queue, drafts: readonly NumberedDraft[]): Entry {
  const now = enqueueTime(state, queue);
  let next = queue.nextSequenceNumber;
  const numbered = drafts.map((draft) => {
    const scheduled = (draft.scheduledMs ?? 0) > state.wallMs;
    const number = scheduled && draft.reserved !== undefined ? draft.reserved : next++;
    return { draft, scheduled, number };
  });
  const passes = ({ scheduled }: { scheduled: boolean }): boolean => kindOf(queue.name) === 'topic' && !scheduled;
  const publications = numbered.filter(passes).map(({ draft, number }): Publication => {
    const timeToLiveMs = timeToLiveOf(queue, draft);
    return { ...PLAIN, draft, timeToLiveMs, firstNumber: number, wasScheduled: draft.scheduledMs !== undefined };
  });
  const staying = numbered.filter((one) => !passes(one));
  const copies = copiesOf(state, queue, publications);
  const remembers = queue.settings.duplicateWindowMs !== undefined && drafts.some(({ messageId }) => messageId);
  return {
    numbers: new Map(numbered.map(({ draft, number }) => [draft.text, number])),
    isWritten: staying.length > 0 || copies.length > 0 || remembers,
    enter() {
      queue.nextSequenceNumber = Math.max(next, queue.nextSequenceNumber);
      remember(queue, drafts, now);
      const messages = staying.map((one) => messageOf(state, queue, { ...one, now }));
      for (const message of messages) keep(queue, message, message.place);
      for (const message of messages) {
        queue.messages.push(message);
        if (message.place === 'ready') arrived(state, queue, message);
      }
      enterCopies(state, copies);
    },
  };
}

function messageOf(
  state: State,
  queue: Queue,
  { draft, scheduled, number, now }: { draft: Draft; scheduled: boolean; number: number; now: number },
): Message {
  const timeToLiveMs = timeToLiveOf(queue, draft);
  return {
    ...newMessage(state, queue, draft, number),
    wasScheduled: draft.scheduledMs !== undefined,
    timeToLiveMs,
    enqueuedTimeMs: now,
    place: scheduled ? 'scheduled' : 'ready',
    dueMs: scheduled ? (draft.scheduledMs as number) : now + timeToLiveMs,
  };
}

/** A message that another entity forwards, to be written with its end there. It is new here but for what dead-lettering made of it. */
export function entryOfForwarded(
  state: State,
  queue: Queue,
  message: Message,
  deadLetterSource: string | undefined,
): Pick<Entry, 'enter'> {
  const { draft, firstNumber, overlay, deadLetter } = message;
  const shown = overlaid(draft, overlay);
  const [fresh] = withoutDuplicates(state, queue, [shown]);
  // A topic has no time of its own for what only passes, but for what it remembers of it.
  const passes = kindOf(queue.name) === 'topic';
  if (!passes) enqueueTime(state, queue);
  if (!fresh) return { enter: () => undefined };
  const timeToLiveMs = timeToLiveOf(queue, draft);
  const hops = message.hops + 1;
  const publication = { ...PLAIN, draft, firstNumber, hops, deadLetterSource, overlay, deadLetter, timeToLiveMs };
  const copies = passes ? copiesOf(state, queue, [publication]) : [{ ...publication, queue, dead: undefined }];
  return {
    enter() {
      remember(queue, [shown], queue.lastEnqueuedMs);
      enterCopies(state, copies);
    },
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
  use(state, queue);
  erase(queue, message);
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
  use(state, queue);
  for (const message of messages) {
    erase(queue, message);
    queue.messages = queue.messages.filter((other) => other !== message);
  }
}
