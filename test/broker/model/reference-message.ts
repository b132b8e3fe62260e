import type { Draft, Message, Queue, State } from './reference-state.ts';

// What a message gets when it comes into a queue, a topic or a subscription.

/** The queue's time never goes back, whatever happens to the clock. */
export function enqueueTime(state: State, queue: Queue): number {
  queue.lastEnqueuedMs = Math.max(queue.lastEnqueuedMs, state.wallMs);
  return queue.lastEnqueuedMs;
}

/** The queue's default is a ceiling (section 4.4). */
export function timeToLiveOf(queue: Queue, draft: Draft): number {
  return Math.min(draft.timeToLiveMs ?? Infinity, queue.settings.defaultTimeToLiveMs);
}

export function newMessage(state: State, queue: Queue, draft: Draft, sequenceNumber: number): Message {
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
