import fc from 'fast-check';
import { type Action, choice, pick, seldom, whichQueue } from './action.ts';
import {
  acceptSession,
  cancelAccept,
  releaseSession,
  renewSession,
  sessionState,
  setSessionState,
} from './reference-queue.ts';
import type { Accept, PartName, SessionLock, State } from './reference-state.ts';
import { queueOf } from './reference-state.ts';

interface AcceptDraw {
  readonly queue: number;
  readonly part: PartName;
  readonly sessionId: string | undefined;
  readonly timeoutMs: number;
  readonly careless: boolean;
}

type AcceptTarget = Omit<AcceptDraw, 'queue' | 'careless'> & { readonly id: number; readonly queue: string };

/** A session by its id or the next that has work, also where there are no sessions. */
export const accepting: Action<AcceptDraw, AcceptTarget> = {
  name: 'accept',
  draw: fc.record<AcceptDraw>({
    queue: whichQueue,
    part: seldom(15).map((dead) => (dead ? 'dead' : 'active')),
    careless: seldom(20),
    sessionId: fc.constantFrom(undefined, undefined, undefined, undefined, 'a', 'b', ''),
    timeoutMs: fc.constantFrom(1000, 5000, 60_000),
  }),

  aim(state, { queue: number, careless, ...rest }) {
    const queue = pick(
      state.queues.filter(({ settings }) => settings.sessions !== careless),
      number,
    );
    return queue && { ...rest, id: Math.max(-1, ...state.accepts.map(({ id }) => id)) + 1, queue: queue.name };
  },

  predict: (state, { queue, ...options }) => acceptSession(state, queueOf(state, queue), options),
  perform: (rig, target) => rig.acceptSession(target),
  tell: ({ id, queue, part, sessionId, timeoutMs }) =>
    `${id}: ${sessionId === undefined ? 'next session' : `session '${sessionId}'`} of ${queue}/${part}, within ${timeoutMs} ms`,
};

export const ceasing: Action<number, number> = {
  name: 'cease',
  draw: choice,
  aim: (state, number) =>
    pick(
      state.accepts.filter(({ cancelled, refusal }) => !cancelled && !refusal),
      number,
    )?.id,
  predict(state, id) {
    const accept = acceptOf(state, id);
    cancelAccept(
      state,
      state.queues.find((queue) => queue.waiting.includes(accept)),
      accept,
    );
  },
  perform: (rig, id) => rig.accepts.get(id)?.cancel(),
  tell: (id) => `to wait with accept ${id}`,
};

function acceptOf(state: State, id: number): Accept {
  return state.accepts.find((accept) => accept.id === id) as Accept;
}

/** Session locks that are held, and now and then one that is over. */
interface HolderDraw {
  readonly holder: number;
  readonly stale: boolean;
}

const holderDraw = {
  holder: choice,
  stale: seldom(7),
};

interface HolderTarget {
  readonly accept: number;
  readonly queue: string;
}

function aimAtHolder(state: State, { holder, stale }: HolderDraw): HolderTarget | undefined {
  const granted = state.accepts.filter(
    ({ lock, queueName }) => lock && state.queues.some(({ name }) => name === queueName),
  );
  const accept = pick(stale ? granted : granted.filter(({ lock }) => lock?.held), holder);
  return accept && { accept: accept.id, queue: accept.queueName };
}

function lockOf(state: State, { accept }: HolderTarget): SessionLock {
  return acceptOf(state, accept).lock as SessionLock;
}

export const releasing: Action<HolderDraw, HolderTarget> = {
  name: 'release',
  draw: fc.record(holderDraw),
  aim: aimAtHolder,
  predict: (state, target) => releaseSession(state, queueOf(state, target.queue), lockOf(state, target)),
  perform: (rig, { accept }) => rig.accepts.get(accept)?.granted.release(),
  tell: ({ accept }) => `the session of accept ${accept}`,
};

export const renewingSession: Action<HolderDraw, HolderTarget> = {
  name: 'renew',
  draw: fc.record(holderDraw),
  aim: aimAtHolder,
  predict: (state, target) => renewSession(state, queueOf(state, target.queue), lockOf(state, target)),
  perform: (rig, { accept }) => rig.accepts.get(accept)?.granted.renew().lockedUntilMs,
  tell: ({ accept }) => `the session of accept ${accept}`,
};

export const settingState: Action<
  HolderDraw & { text: string | undefined },
  HolderTarget & { text: string | undefined }
> = {
  name: 'state',
  draw: fc.record({ ...holderDraw, text: fc.constantFrom(undefined, 's1', 's2', '') }),
  aim(state, { text, ...draw }) {
    const target = aimAtHolder(state, draw);
    return target && { ...target, text };
  },
  predict: (state, target) => setSessionState(state, queueOf(state, target.queue), lockOf(state, target), target.text),
  perform(rig, { accept, text }) {
    rig.accepts.get(accept)?.granted.setState(text === undefined ? undefined : Buffer.from(text));
  },
  tell: ({ accept, text }) => `of the session of accept ${accept}: ${text === undefined ? 'cleared' : `'${text}'`}`,
};

export const readingState: Action<HolderDraw, HolderTarget> = {
  name: 'read state',
  draw: fc.record(holderDraw),
  aim: aimAtHolder,
  predict: (state, target) => sessionState(queueOf(state, target.queue), lockOf(state, target)),
  perform: (rig, { accept }) => rig.accepts.get(accept)?.granted.state().bytes?.toString(),
  tell: ({ accept }) => `of the session of accept ${accept}`,
};
