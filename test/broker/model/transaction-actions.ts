import fc from 'fast-check';
import { type Action, aimAtQueue, choice, pick, seldom } from './action.ts';
import { draftsDraw, type DraftsDraw, fitDrafts, incoming, tellDrafts } from './drafts.ts';
import {
  begin,
  commit,
  enlistSchedule,
  enlistSend,
  enlistSettlement,
  rollBack,
  transactionOf,
} from './reference-transactions.ts';
import { type Draft, type Lock, queueOf, type Settlement, type State, type Transaction } from './reference-state.ts';
import {
  aimAtLock,
  type LockDraw,
  lockDraw,
  type LockTarget,
  outcomeOf,
  partAsked,
  settlement,
} from './settle-actions.ts';
import type { Entered } from './ledger.ts';
import type { Rig } from './rig.ts';

/** Transactions that are open at a time. */
const MAX_OPEN = 2;

export const beginning: Action<null, number> = {
  name: 'begin',
  draw: fc.constant(null),
  aim: (state) => (state.transactions.filter(({ ended }) => !ended).length < MAX_OPEN ? nextId(state) : undefined),
  predict: (state, id) => begin(state, id),
  perform(rig, id) {
    rig.transactions.set(id, rig.harness.namespace.beginTransaction());
  },
  tell: (id) => `transaction ${id}`,
};

function nextId(state: State): number {
  return Math.max(-1, ...state.transactions.map(({ id }) => id)) + 1;
}

/** Mostly an open one, sometimes one that has ended. */
interface TransactionDraw {
  readonly transaction: number;
  readonly ended: boolean;
}

const transactionDraw = { transaction: choice, ended: seldom(10) };

function aimAtTransaction(state: State, { transaction: number, ended }: TransactionDraw): Transaction | undefined {
  return pick(
    state.transactions.filter((one) => one.ended === ended),
    number,
  );
}

/** When a message is to come that is scheduled and not drawn with a time. */
const LATER_MS = 5000;

interface SendTarget {
  readonly transaction: number;
  readonly queue: string;
  readonly drafts: readonly Draft[];
  readonly numbered: boolean;
}

/** A send in a transaction, or a schedule, whose sender is told numbers. */
export const sendingInTransaction: Action<DraftsDraw & TransactionDraw & { numbered: boolean }, SendTarget> = {
  name: 'send',
  draw: fc
    .tuple(draftsDraw, fc.record({ ...transactionDraw, numbered: fc.boolean() }))
    .map(([drafts, more]) => ({ ...drafts, ...more })),

  aim(state, { numbered, ...draw }) {
    const queue = aimAtQueue(state, 'send', draw.queue);
    const transaction = aimAtTransaction(state, draw)?.id;
    if (!queue || transaction === undefined) return undefined;
    const later = (one: DraftsDraw['drafts'][number]) => ({ ...one, scheduleMs: one.scheduleMs ?? LATER_MS });
    const drafts = fitDrafts(state, queue, numbered ? { ...draw, drafts: draw.drafts.map(later) } : draw);
    return { transaction, queue: queue.name, drafts, numbered };
  },

  predict(state, { transaction: id, queue: name, drafts, numbered }) {
    state.texts += drafts.length;
    const transaction = transactionOf(state, id);
    const queue = queueOf(state, name);
    if (numbered) return enlistSchedule(state, transaction, queue, drafts);
    enlistSend(state, transaction, queue, drafts);
    return [];
  },

  perform(rig, { transaction: id, queue: name, drafts, numbered }) {
    const transaction = transactionIn(rig, id);
    const queue = rig.queue(name);
    if (numbered) return transaction.schedule(queue, incoming(rig, drafts));
    transaction.send(queue, incoming(rig, drafts));
    return [];
  },

  promised({ ledger }, { queue, drafts }, numbers) {
    ledger.reserved(queue, numbers as number[]);
    // The commit tells whether they are there, and the model what became of them then.
    for (const { text } of drafts) ledger.accepted(text, -Infinity);
  },

  tell: ({ transaction, queue, drafts, numbered }) =>
    `in transaction ${transaction} to ${queue}${numbered ? ', numbered' : ''}: ${tellDrafts(drafts)}`,
};

type SettleTarget = LockTarget & { readonly transaction: number; readonly settlement: Settlement };

export const settlingInTransaction: Action<LockDraw & TransactionDraw & { settlement: Settlement }, SettleTarget> = {
  name: 'settle',
  draw: fc.record({ ...lockDraw, ...transactionDraw, settlement }),

  aim(state, { settlement, ...draw }) {
    const target = aimAtLock(state, draw);
    const transaction = aimAtTransaction(state, draw)?.id;
    return target && transaction !== undefined ? { ...target, settlement, transaction } : undefined;
  },

  predict: (state, { lock, sessions, settlement, transaction }) =>
    enlistSettlement(state, transactionOf(state, transaction), state.locks[lock] as Lock, { sessions, settlement }),

  perform(rig, target) {
    const { lock } = rig.lock(target.lock);
    transactionIn(rig, target.transaction).settle(partAsked(rig, target), lock, outcomeOf(target.settlement));
  },

  tell: ({ transaction, lock, text, settlement: { kind, overlay } }) =>
    `in transaction ${transaction} lock ${lock} of '${text}': ${kind} ${overlay ?? ''}`,
};

interface EndTarget {
  readonly transaction: number;
  readonly completed: readonly Entered[];
}

function aimAtEnd(state: State, draw: TransactionDraw): EndTarget | undefined {
  const transaction = aimAtTransaction(state, draw);
  if (!transaction) return undefined;
  const completed = transaction.settlements.filter(({ settlement: { kind } }) => kind === 'complete');
  return {
    transaction: transaction.id,
    completed: completed.map(({ lock }) => ({ ...lock.message, queue: lock.queueName })),
  };
}

export const committing: Action<TransactionDraw, EndTarget> = {
  name: 'commit',
  draw: fc.record(transactionDraw),
  aim: aimAtEnd,
  predict: (state, { transaction }) => commit(state, transactionOf(state, transaction)),
  perform(rig, { transaction }) {
    transactionIn(rig, transaction).commit();
  },
  promised: ({ ledger }, { completed }) => ledger.finished(completed),
  tell: ({ transaction }) => `transaction ${transaction}`,
};

export const rollingBack: Action<TransactionDraw, EndTarget> = {
  name: 'roll back',
  draw: fc.record(transactionDraw),
  aim: (state, draw) => aimAtEnd(state, { ...draw, ended: false }),
  predict: (state, { transaction }) => rollBack(transactionOf(state, transaction)),
  perform: (rig, { transaction }) => transactionIn(rig, transaction).rollBack(),
  tell: ({ transaction }) => `transaction ${transaction}`,
};

function transactionIn(rig: Rig, id: number) {
  const transaction = rig.transactions.get(id);
  if (!transaction) throw new Error(`no transaction ${id}`);
  return transaction;
}
