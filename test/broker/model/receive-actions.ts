import fc from 'fast-check';
import type { Entered } from './ledger.ts';
import type { ReceiveMode } from '../../../src/broker/index.ts';
import { type Action, aimAtQueue, choice, pick, seldom, whichQueue } from './action.ts';
import {
  closeReceiver,
  deleteMessages,
  openReceiver,
  peek,
  receiveBySequenceNumber,
  setCredit,
} from './reference-queue.ts';
import { inSessions, listing, type PartName, queueOf, type Receiver, type State } from './reference-state.ts';

const mode = fc.oneof(
  { weight: 4, arbitrary: fc.constant<ReceiveMode>('peek-lock') },
  { weight: 1, arbitrary: fc.constant<ReceiveMode>('receive-and-delete') },
);
const part = fc.oneof(
  { weight: 3, arbitrary: fc.constant<PartName>('active') },
  { weight: 1, arbitrary: fc.constantFrom<PartName[]>('dead', 'dead', 'dead', 'transfer') },
);

/** Receivers of a part or of a session that are open at a time. */
const MAX_OPEN = 3;

interface OpenDraw {
  readonly queue: number;
  readonly part: PartName;
  readonly mode: ReceiveMode;
  readonly credit: number;
  readonly session: number;
  readonly lost: boolean;
  readonly careless: boolean;
}

interface OpenTarget {
  readonly id: number;
  readonly queue: string;
  readonly part: PartName;
  readonly mode: ReceiveMode;
  readonly credit: number;
  readonly accept: number | undefined;
}

function nextReceiver(state: State): number {
  return Math.max(-1, ...state.receivers.map(({ id }) => id)) + 1;
}

/** A receiver with credit: of a session that somebody holds where there are sessions, and, wrongly, sometimes of none. */
export const opening: Action<OpenDraw, OpenTarget> = {
  name: 'open',
  draw: fc.record<OpenDraw>({
    queue: whichQueue,
    part,
    mode,
    credit: fc.constantFrom(0, 1, 2, 3, 10),
    session: choice,
    lost: seldom(10),
    careless: seldom(20),
  }),

  aim(state, { queue: number, part, mode, credit, session, lost, careless }) {
    const queue = aimAtQueue(state, 'receive', number);
    if (!queue) return undefined;
    const open = state.receivers.filter((one) => one.open && one.queueName === queue.name && one.part === part);
    if (open.length >= MAX_OPEN) return undefined;
    const target = { id: nextReceiver(state), queue: queue.name, part, mode, credit };
    if (!inSessions(queue, part) || careless) return { ...target, accept: undefined };
    const accepts = state.accepts.filter(({ queueName, lock }) => queueName === queue.name && lock && !lock.receiver);
    const accept = pick(
      accepts.filter(({ lock }) => lock?.held !== lost),
      session,
    );
    return accept && { ...target, accept: accept.id };
  },

  predict(state, { queue: name, accept, credit, ...rest }) {
    const queue = queueOf(state, name);
    const session = accept === undefined ? undefined : state.accepts.find(({ id }) => id === accept)?.lock;
    setCredit(state, queue, openReceiver(state, queue, { ...rest, session }), credit);
  },

  perform(rig, { credit, ...rest }) {
    rig.openReceiver(rest);
    rig.receivers.get(rest.id)?.setCredit(credit);
  },

  tell: ({ id, queue, part, mode, credit, accept }) =>
    `receiver ${id} of ${queue}/${part}, ${mode}, credit ${credit}${accept === undefined ? '' : `, for accept ${accept}`}`,
};

function openReceivers(state: State): Receiver[] {
  return state.receivers.filter(({ open }) => open);
}

function receiver(state: State, id: number): Receiver {
  return state.receivers.find((one) => one.id === id) as Receiver;
}

export const crediting: Action<{ receiver: number; credit: number }, { id: number; credit: number }> = {
  name: 'credit',
  draw: fc.record({ receiver: choice, credit: fc.constantFrom(0, 1, 1, 2, 3, 10) }),
  aim(state, { receiver: number, credit }) {
    const chosen = pick(openReceivers(state), number);
    return chosen && { id: chosen.id, credit };
  },
  predict(state, { id, credit }) {
    const chosen = receiver(state, id);
    setCredit(state, queueOf(state, chosen.queueName), chosen, credit);
  },
  perform: (rig, { id, credit }) => rig.receivers.get(id)?.setCredit(credit),
  tell: ({ id, credit }) => `receiver ${id}: ${credit}`,
};

export const closing: Action<number, number> = {
  name: 'close',
  draw: choice,
  aim: (state, number) => pick(openReceivers(state), number)?.id,
  predict(state, id) {
    const chosen = receiver(state, id);
    closeReceiver(state, queueOf(state, chosen.queueName), chosen);
  },
  perform: (rig, id) => rig.receivers.get(id)?.close(),
  tell: (id) => `receiver ${id}`,
};

interface FetchDraw {
  readonly queue: number;
  readonly part: PartName;
  readonly mode: ReceiveMode;
  readonly messages: readonly number[];
  readonly any: boolean;
  readonly session: number;
}

interface FetchTarget {
  readonly queue: string;
  readonly part: PartName;
  readonly mode: ReceiveMode;
  readonly sequenceNumbers: readonly number[];
  readonly sessionId: string | undefined;
}

/** Deferred messages by their numbers, and now and then numbers of others, of none or of another session. */
export const fetching: Action<FetchDraw, FetchTarget> = {
  name: 'fetch',
  draw: fc.record<FetchDraw>({
    queue: whichQueue,
    part,
    mode,
    messages: fc.array(choice, { minLength: 1, maxLength: 3 }),
    any: seldom(6),
    session: choice,
  }),

  aim(state, { queue: number, part, mode, messages, any, session }) {
    const queue = aimAtQueue(state, 'receive', number);
    const candidates = queue ? listing(queue, part).filter(({ place }) => any || place === 'deferred') : [];
    if (!queue || candidates.length === 0) return undefined;
    const chosen = messages.map((one) => pick(candidates, one)).filter((one) => one !== undefined);
    const sessionIds = [chosen[0]?.sessionId, chosen[0]?.sessionId, undefined, 'a'];
    return {
      queue: queue.name,
      part,
      mode,
      sequenceNumbers: chosen.map(({ sequenceNumber }) => sequenceNumber),
      sessionId: pick(sessionIds, session),
    };
  },

  predict(state, { queue, ...options }) {
    for (const { lock, seen } of receiveBySequenceNumber(state, queueOf(state, queue), options)) {
      state.heard.push({ stream: 'fetch', receiver: -1, lock, view: seen });
    }
  },

  perform(rig, { queue, part, sessionId, ...options }) {
    const subqueue = rig.part(queue, part);
    const { deliveries } = subqueue.receiveBySequenceNumber({
      ...options,
      ...(sessionId === undefined ? {} : { sessionId }),
    });
    rig.answered('fetch', { queue, subqueue, deliveries });
  },

  tell: ({ queue, part, mode, sequenceNumbers, sessionId }) =>
    `${sequenceNumbers.join(', ')} of ${queue}/${part}, ${mode}${sessionId === undefined ? '' : `, session '${sessionId}'`}`,
};

interface PeekDraw {
  readonly queue: number;
  readonly part: PartName;
  readonly from: number;
  readonly count: number;
  readonly sessionId: string | undefined;
}

type PeekTarget = Omit<PeekDraw, 'queue'> & { readonly queue: string };

export const peeking: Action<PeekDraw, PeekTarget> = {
  name: 'peek',
  draw: fc.record<PeekDraw>({
    queue: whichQueue,
    part,
    from: fc.integer({ min: 0, max: 20 }),
    count: fc.integer({ min: 0, max: 5 }),
    sessionId: fc.constantFrom(undefined, 'a', 'b', '', 'nobody'),
  }),

  aim(state, { queue: number, ...rest }) {
    const queue = aimAtQueue(state, 'receive', number);
    return queue && { ...rest, queue: queue.name };
  },

  predict: (state, { queue, ...options }) => peek(state, queueOf(state, queue), options),

  perform(rig, { queue, part, from, count, sessionId }) {
    const session = sessionId === undefined ? {} : { sessionId };
    const { messages } = rig.part(queue, part).peek({ fromSequenceNumber: from, count, ...session });
    return messages.map((view) => rig.view(view));
  },

  tell: ({ queue, part, from, count, sessionId }) =>
    `${count} of ${queue}/${part} from ${from}${sessionId === undefined ? '' : `, session '${sessionId}'`}`,
};

interface PurgeDraw {
  readonly queue: number;
  readonly part: PartName;
  readonly count: number;
  readonly message: number;
  readonly offMs: number;
  readonly sessionId: string | undefined;
}

interface PurgeTarget extends Omit<PurgeDraw, 'queue' | 'message' | 'offMs'> {
  readonly queue: string;
  readonly beforeMs: number;
  readonly named: Entered[];
}

/** Deletes the oldest messages. */
export const purging: Action<PurgeDraw, PurgeTarget> = {
  name: 'purge',
  draw: fc.record<PurgeDraw>({
    queue: whichQueue,
    part,
    count: fc.constantFrom(1, 2, 100),
    message: choice,
    offMs: fc.constantFrom(0, 1, 1, 1000),
    sessionId: fc.constantFrom(undefined, undefined, 'a', ''),
  }),

  aim(state, { queue: number, message, offMs, ...rest }) {
    const queue = aimAtQueue(state, 'receive', number);
    if (!queue) return undefined;
    const enqueuedTimeMs = pick(queue.messages, message)?.enqueuedTimeMs ?? state.wallMs;
    return { ...rest, queue: queue.name, beforeMs: enqueuedTimeMs + offMs, named: [] };
  },

  predict(state, { queue, named, ...options }) {
    const deleted = deleteMessages(state, queueOf(state, queue), options);
    named.splice(0, named.length, ...deleted.map((view) => ({ ...view, queue })));
    return deleted.length;
  },

  perform(rig, { queue, part, count, beforeMs, sessionId }) {
    const session = sessionId === undefined ? {} : { sessionId };
    return rig.part(queue, part).deleteMessages({ count, enqueuedBeforeMs: beforeMs, ...session }).count;
  },

  promised: ({ ledger }, { named }) => ledger.finished(named),

  tell: ({ queue, part, count, beforeMs, sessionId }) =>
    `${count} of ${queue}/${part} from before ${beforeMs}${sessionId === undefined ? '' : `, session '${sessionId}'`}`,
};
