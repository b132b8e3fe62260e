import fc from 'fast-check';
import { message } from '../broker-harness.ts';
import { type Action, choice, pick, seldom, whichQueue } from './action.ts';
import { cancelScheduled, type Draft, send } from './reference-queue.ts';
import { listing, queueOf, type State } from './reference-state.ts';

interface DraftDraw {
  readonly sessionId: string | undefined;
  readonly messageId: string | undefined;
  readonly timeToLiveMs: number | undefined;
  readonly scheduleMs: number | undefined;
  readonly sizeBytes: number;
}

/** Of a session of its own a message of a plain queue may know nothing; of a session queue it must. */
interface SendDraw {
  readonly queue: number;
  readonly drafts: readonly DraftDraw[];
  readonly careless: boolean;
}

interface SendTarget {
  readonly queue: string;
  readonly drafts: readonly Draft[];
  readonly mayExpireAtMs: readonly number[];
}

const draft = fc.record<DraftDraw>({
  sessionId: fc.constantFrom('a', 'a', 'a', 'b', 'b', ''),
  messageId: fc.oneof(
    { weight: 2, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom('x', 'y') },
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
    { weight: 40, arbitrary: fc.integer({ min: 1, max: 9 }) },
    { weight: 1, arbitrary: fc.constantFrom(200_000, 262_144, 262_145) },
  ),
});

/** A message or a batch, to a queue that takes it or not. */
export const sending: Action<SendDraw, SendTarget> = {
  name: 'send',
  draw: fc.record<SendDraw>({
    queue: whichQueue,
    drafts: fc.oneof(
      { weight: 5, arbitrary: fc.array(draft, { minLength: 1, maxLength: 1 }) },
      { weight: 2, arbitrary: fc.array(draft, { minLength: 0, maxLength: 4, size: 'max' }) },
    ),
    careless: seldom(30),
  }),

  aim(state: State, { queue: number, drafts, careless }) {
    const queue = pick(state.queues, number);
    if (!queue) return undefined;
    const { sessions, defaultTimeToLiveMs, deadLetterExpired } = queue.settings;
    const now = Math.max(state.wallMs, queue.lastEnqueuedMs);
    return {
      queue: queue.name,
      drafts: drafts.map(({ sessionId, scheduleMs, ...rest }, i) => ({
        ...rest,
        text: `m${state.texts + i + 1}`,
        // Careless: no session where one is needed, a session where there are none.
        sessionId: sessions === careless ? undefined : sessionId,
        scheduledMs: scheduleMs === undefined ? undefined : state.wallMs + scheduleMs,
      })),
      mayExpireAtMs: drafts.map(({ timeToLiveMs }) =>
        deadLetterExpired ? Infinity : now + Math.min(timeToLiveMs ?? Infinity, defaultTimeToLiveMs),
      ),
    };
  },

  predict(state, { queue, drafts }) {
    state.texts += drafts.length;
    return send(state, queueOf(state, queue), drafts);
  },

  perform(rig, { queue, drafts }) {
    const messages = drafts.map(({ text, sizeBytes, messageId, sessionId, timeToLiveMs, scheduledMs }) =>
      message(text, {
        sizeBytes,
        ...(messageId === undefined ? {} : { messageId }),
        ...(sessionId === undefined ? {} : { sessionId }),
        ...(timeToLiveMs === undefined ? {} : { timeToLiveMs }),
        ...(scheduledMs === undefined ? {} : { scheduledEnqueueTimeMs: scheduledMs }),
      }),
    );
    return rig.queue(queue).send(messages).sequenceNumbers;
  },

  promised({ ledger }, { queue, drafts, mayExpireAtMs }, numbers) {
    for (const [i, { text }] of drafts.entries()) {
      if ((numbers as number[])[i] !== 0) {
        ledger.accepted(text, { queue, mayExpireAtMs: mayExpireAtMs[i] as number });
      }
    }
  },

  tell({ queue, drafts }) {
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
    return `to ${queue}: [${told.join('; ')}]`;
  },
};

interface CancelDraw {
  readonly queue: number;
  readonly messages: readonly number[];
  readonly any: boolean;
}

/** Scheduled messages, and now and then numbers that stand for none or one that is not scheduled. */
export const cancelling: Action<
  CancelDraw,
  { queue: string; sequenceNumbers: readonly number[]; texts: readonly string[] }
> = {
  name: 'cancel',
  draw: fc.record<CancelDraw>({
    queue: whichQueue,
    messages: fc.array(choice, { minLength: 1, maxLength: 3 }),
    any: seldom(5),
  }),

  aim(state, { queue: number, messages, any }) {
    const queue = pick(state.queues, number);
    const candidates = queue ? listing(queue, 'active').filter(({ place }) => any || place === 'scheduled') : [];
    if (!queue || candidates.length === 0) return undefined;
    const sequenceNumbers = messages
      .map((one) => pick(candidates, one)?.sequenceNumber ?? 0)
      .map((sequenceNumber, i) => sequenceNumber + (any ? (messages[i] as number) % 2 : 0));
    const named = listing(queue, 'active').filter(({ sequenceNumber }) => sequenceNumbers.includes(sequenceNumber));
    return { queue: queue.name, sequenceNumbers, texts: named.map(({ text }) => text) };
  },

  predict: (state, { queue, sequenceNumbers }) => cancelScheduled(state, queueOf(state, queue), sequenceNumbers),

  perform(rig, { queue, sequenceNumbers }) {
    rig.queue(queue).cancelScheduled(sequenceNumbers);
  },

  promised: ({ ledger }, { texts }) => ledger.finished(texts),

  tell: ({ queue, sequenceNumbers }) => `of ${queue}: ${sequenceNumbers.join(', ')}`,
};
