import fc from 'fast-check';
import type { Outcome, Subqueue } from '../../../src/broker/index.ts';
import { type Action, choice, pick, seldom } from './action.ts';
import { renewLock, settle } from './reference-queue.ts';
import { inSessions, type Lock, type PartName, queueOf, type Settlement, type State } from './reference-state.ts';
import type { Rig } from './rig.ts';

export interface LockDraw {
  readonly lock: number;
  readonly stale: boolean;
}

export const lockDraw = {
  lock: choice,
  stale: seldom(7),
};

export interface LockTarget {
  readonly lock: number;
  readonly text: string;
  readonly sequenceNumber: number;
  readonly queue: string;
  readonly part: PartName;
  /** The lock is of this life of the process: the part that gave it is asked, even if its queue is deleted. Else the one of that name. */
  readonly known: boolean;
  /** Whether the part that is asked has sessions. */
  readonly sessions: boolean;
}

/** A held lock, or, stale, any that was ever given: settled, expired, of a session that is over, of an earlier life of queue or process. */
export function aimAtLock(state: State, { lock, stale }: LockDraw): LockTarget | undefined {
  const askable = (one: Lock): boolean =>
    one.held || (stale && (one.life === state.life || state.queues.some(({ name }) => name === one.queueName)));
  const chosen = pick(state.locks.filter(askable), lock);
  if (!chosen) return undefined;
  const { id, queueName: queue, part, life, inSession, message } = chosen;
  const known = life === state.life;
  const sessions = known ? inSession : inSessions(queueOf(state, queue), part);
  const { text, sequenceNumber } = message;
  return { lock: id, text, sequenceNumber, queue, part, known, sessions };
}

export function partAsked(rig: Rig, { lock, queue, part, known }: LockTarget): Subqueue {
  return known ? rig.lock(lock).subqueue : rig.part(queue, part);
}

export function outcomeOf({ kind, overlay, reason, description }: Settlement): Outcome {
  const attached = overlay === undefined ? {} : { overlay: Buffer.from(overlay) };
  if (kind === 'complete' || kind === 'release') return { kind };
  if (kind !== 'dead-letter') return { kind, ...attached };
  return {
    kind,
    ...attached,
    ...(reason === undefined ? {} : { reason }),
    ...(description === undefined ? {} : { description }),
  };
}

export const settlement = fc.record<Settlement>({
  kind: fc.constantFrom('complete', 'abandon', 'abandon', 'defer', 'dead-letter', 'release'),
  overlay: fc.constantFrom(undefined, undefined, '{"tag":"one"}', '{"tag":"two"}'),
  reason: fc.constantFrom(undefined, 'why'),
  description: fc.constantFrom(undefined, 'because'),
});

export const settling: Action<LockDraw & { settlement: Settlement }, LockTarget & { settlement: Settlement }> = {
  name: 'settle',
  draw: fc.record({ ...lockDraw, settlement }),

  aim(state, { settlement, ...draw }) {
    const target = aimAtLock(state, draw);
    return target && { ...target, settlement };
  },

  predict: (state, { lock, sessions, settlement }) => settle(state, state.locks[lock] as Lock, sessions, settlement),

  perform(rig, target) {
    partAsked(rig, target).settle(rig.lock(target.lock).lock, outcomeOf(target.settlement));
  },

  promised({ ledger }, target) {
    if (target.settlement.kind === 'complete') ledger.finished([target]);
  },

  tell({ lock, text, settlement: { kind, overlay, reason, description } }) {
    const more = [overlay, ...(kind === 'dead-letter' ? [reason, description] : [])].filter((one) => one !== undefined);
    return `lock ${lock} of '${text}': ${kind} ${more.join(' ')}`;
  },
};

export const renewing: Action<LockDraw, LockTarget> = {
  name: 'renew',
  draw: fc.record(lockDraw),
  aim: aimAtLock,
  predict: (state, { lock, sessions }) => renewLock(state, state.locks[lock] as Lock, sessions),
  perform: (rig, target) => partAsked(rig, target).renewLock(rig.lock(target.lock).lock).lockedUntilMs,
  tell: ({ lock, text }) => `lock ${lock} of '${text}'`,
};
