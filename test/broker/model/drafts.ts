import fc from 'fast-check';
import type { IncomingMessage } from '../../../src/broker/index.ts';
import { message } from '../broker-harness.ts';
import { seldom, whichQueue } from './action.ts';
import type { Draft, Queue, State } from './reference-state.ts';
import type { Rig } from './rig.ts';
import { ROUND, TOPIC } from './worlds.ts';

// Messages as they are drawn, as the model sends them, and as the broker gets them.

const SMALL_BYTES = 9;

interface DraftDraw {
  readonly sessionId: string | undefined;
  readonly messageId: string | undefined;
  readonly timeToLiveMs: number | undefined;
  readonly scheduleMs: number | undefined;
  readonly sizeBytes: number;
  readonly color: string | undefined;
  readonly withoutSession: boolean;
}

export interface DraftsDraw {
  readonly queue: number;
  readonly drafts: readonly DraftDraw[];
  readonly careless: boolean;
}

const draft = fc.record<DraftDraw>({
  sessionId: fc.constantFrom('a', 'a', 'a', 'b', 'b', ''),
  messageId: fc.oneof(
    { weight: 3, arbitrary: fc.constant(undefined) },
    { weight: 2, arbitrary: fc.constantFrom('x', 'y') },
  ),
  timeToLiveMs: fc.oneof(
    { weight: 2, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom(1000, 5000, 10_000, 30_000) },
  ),
  scheduleMs: fc.oneof(
    { weight: 4, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom(-1000, 0, 1, 1000, 5000, 10_000) },
  ),
  sizeBytes: fc.oneof(
    { weight: 25, arbitrary: fc.integer({ min: 1, max: SMALL_BYTES }) },
    { weight: 1, arbitrary: fc.constantFrom(200_000, 262_144, 262_145) },
  ),
  color: fc.constantFrom(undefined, 'red', 'red', 'blue'),
  withoutSession: seldom(4),
});

export const draftsDraw: fc.Arbitrary<DraftsDraw> = fc.record<DraftsDraw>({
  queue: whichQueue,
  drafts: fc.oneof(
    { weight: 5, arbitrary: fc.array(draft, { minLength: 1, maxLength: 1 }) },
    { weight: 2, arbitrary: fc.array(draft, { minLength: 0, maxLength: 4, size: 'max' }) },
  ),
  careless: seldom(30),
});

export function fitDrafts(state: State, queue: Queue, { drafts, careless }: DraftsDraw): Draft[] {
  const inTopicWorld = state.world.entities.includes(TOPIC);
  return drafts.map(({ sessionId, scheduleMs, color: drawn, withoutSession, sizeBytes: size, ...rest }, i) => {
    const color = inTopicWorld ? drawn : undefined;
    const isWanted =
      inTopicWorld && !queue.settings.sessions ? !withoutSession : needsSession(state, queue) !== careless;
    // What comes to a topic again counts again until a restart: too small to matter there.
    const sizeBytes = state.world.name === ROUND ? Math.min(size, SMALL_BYTES) : size;
    return {
      ...rest,
      sizeBytes,
      color,
      text: `m${state.texts + i + 1}${color === undefined ? '' : `;color=${color}`}`,
      sessionId: isWanted ? sessionId : undefined,
      scheduledMs: scheduleMs === undefined ? undefined : state.wallMs + scheduleMs,
    };
  });
}

/** What is forwarded may need a session where it comes to. Careless: no session where one is needed, a session where there are none. */
function needsSession(state: State, { settings: { sessions, forwardTo } }: Queue): boolean {
  return sessions || state.queues.some(({ name, settings }) => name === forwardTo && settings.sessions);
}

/** When the message may be gone by itself, at the earliest, by the wall clock. What is forwarded may be a duplicate where it comes to. */
export function mayExpireAt(state: State, queue: Queue, { timeToLiveMs }: Draft): number {
  const { forwardTo, forwardDeadTo, deadLetterExpired, defaultTimeToLiveMs } = queue.settings;
  // What a topic takes may come to nobody.
  if (state.world.entities.includes(TOPIC)) return -Infinity;
  if (forwardTo !== undefined || forwardDeadTo !== undefined) return -Infinity;
  if (deadLetterExpired) return Infinity;
  return Math.max(state.wallMs, queue.lastEnqueuedMs) + Math.min(timeToLiveMs ?? Infinity, defaultTimeToLiveMs);
}

export function incoming(rig: Rig, drafts: readonly Draft[]): IncomingMessage[] {
  return drafts.map(({ text, sizeBytes, messageId, sessionId, timeToLiveMs, scheduledMs }) => {
    const facts = {
      ...(messageId === undefined ? {} : { messageId }),
      ...(sessionId === undefined ? {} : { sessionId }),
      ...(timeToLiveMs === undefined ? {} : { timeToLiveMs }),
    };
    rig.harness.facts.set(text, facts);
    const scheduled = scheduledMs === undefined ? {} : { scheduledEnqueueTimeMs: scheduledMs };
    return message(text, { sizeBytes, ...facts, ...scheduled });
  });
}

export function tellDrafts(drafts: readonly Draft[]): string {
  const told = drafts.map(({ text, sizeBytes, messageId, sessionId, timeToLiveMs, scheduledMs }) =>
    [
      text,
      ...(sessionId === undefined ? [] : [`session '${sessionId}'`]),
      ...(messageId === undefined ? [] : [`id ${messageId}`]),
      ...(timeToLiveMs === undefined ? [] : [`lives ${timeToLiveMs} ms`]),
      ...(scheduledMs === undefined ? [] : [`at ${scheduledMs}`]),
      ...(sizeBytes < 10 ? [] : [`${sizeBytes} bytes`]),
    ].join(' '),
  );
  return `[${told.join('; ')}]`;
}
