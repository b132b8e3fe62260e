import fc from 'fast-check';
import { type Action, aimAtQueue, choice, pick, seldom, whichQueue } from './action.ts';
import { cancelScheduled, send } from './reference-send.ts';
import { type Draft, listing, queueOf } from './reference-state.ts';
import type { Entered } from './ledger.ts';
import { fitDrafts, draftsDraw, type DraftsDraw, incoming, mayExpireAt, tellDrafts } from './drafts.ts';

interface SendTarget {
  readonly queue: string;
  readonly drafts: readonly Draft[];
  readonly mayExpireAtMs: readonly number[];
}

/** A message or a batch, to a queue that takes it or not. */
export const sending: Action<DraftsDraw, SendTarget> = {
  name: 'send',
  draw: draftsDraw,

  aim(state, draw) {
    const queue = aimAtQueue(state, 'send', draw.queue);
    if (!queue) return undefined;
    const drafts = fitDrafts(state, queue, draw);
    return { queue: queue.name, drafts, mayExpireAtMs: drafts.map((draft) => mayExpireAt(state, queue, draft)) };
  },

  predict(state, { queue, drafts }) {
    state.texts += drafts.length;
    return send(state, queueOf(state, queue), drafts);
  },

  perform: (rig, { queue, drafts }) => rig.queue(queue).send(incoming(rig, drafts)).sequenceNumbers,

  promised({ ledger }, { drafts, mayExpireAtMs }, numbers) {
    for (const [i, { text }] of drafts.entries()) {
      if ((numbers as number[])[i] !== 0) ledger.accepted(text, mayExpireAtMs[i] as number);
    }
  },

  tell: ({ queue, drafts }) => `to ${queue}: ${tellDrafts(drafts)}`,
};

/** A message whose id the queue has seen, some time ago: a duplicate, or not any more. */
export const repeating: Action<{ queue: number; seen: number; session: number }, SendTarget> = {
  ...sending,
  draw: fc.record({ queue: choice, seen: choice, session: choice }),

  aim(state, { queue: number, seen, session }) {
    const queue = pick(
      state.queues.filter((one) => one.seen.length > 0),
      number,
    );
    const messageId = queue && pick(queue.seen, seen)?.messageId;
    if (!queue || messageId === undefined) return undefined;
    const draft: Draft = {
      text: `m${state.texts + 1}`,
      sizeBytes: 1,
      color: undefined,
      messageId,
      sessionId: queue.settings.sessions ? pick(['a', 'b', ''], session) : undefined,
      timeToLiveMs: undefined,
      scheduledMs: undefined,
    };
    return { queue: queue.name, drafts: [draft], mayExpireAtMs: [mayExpireAt(state, queue, draft)] };
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
  { queue: string; sequenceNumbers: readonly number[]; named: readonly Entered[] }
> = {
  name: 'cancel',
  draw: fc.record<CancelDraw>({
    queue: whichQueue,
    messages: fc.array(choice, { minLength: 1, maxLength: 3 }),
    any: seldom(5),
  }),

  aim(state, { queue: number, messages, any }) {
    const queue = aimAtQueue(state, 'send', number);
    const candidates = queue ? listing(queue, 'active').filter(({ place }) => any || place === 'scheduled') : [];
    if (!queue || candidates.length === 0) return undefined;
    const sequenceNumbers = messages
      .map((one) => pick(candidates, one)?.sequenceNumber ?? 0)
      .map((sequenceNumber, i) => sequenceNumber + (any ? (messages[i] as number) % 2 : 0));
    const named = listing(queue, 'active').filter(({ sequenceNumber }) => sequenceNumbers.includes(sequenceNumber));
    return {
      queue: queue.name,
      sequenceNumbers,
      named: named.map((message) => ({ ...message, queue: queue.name })),
    };
  },

  predict: (state, { queue, sequenceNumbers }) => cancelScheduled(state, queueOf(state, queue), sequenceNumbers),

  perform(rig, { queue, sequenceNumbers }) {
    rig.queue(queue).cancelScheduled(sequenceNumbers);
  },

  promised: ({ ledger }, { named }) => ledger.finished(named),

  tell: ({ queue, sequenceNumbers }) => `of ${queue}: ${sequenceNumbers.join(', ')}`,
};
