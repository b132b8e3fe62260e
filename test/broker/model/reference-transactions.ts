import { mustBeLocked, settle } from './reference-queue.ts';
import { checkDrafts, entryOf, withoutDuplicates } from './reference-send.ts';
import { write } from './reference-disk.ts';
import {
  type Draft,
  type Lock,
  type NumberedDraft,
  type Queue,
  Refusal,
  type Settlement,
  type State,
  type Transaction,
  use,
} from './reference-state.ts';

// Sends and settlements that happen together or not at all (section 4.9). Nothing is seen of them before the commit.

const TIMEOUT_MS = 120_000;

export function begin(state: State, id: number): void {
  const timesOutAtMs = state.monotonicMs + TIMEOUT_MS;
  state.transactions.push({ id, sends: [], settlements: [], ended: false, timesOutAtMs, timedOut: false });
}

export function timeOut(transaction: Transaction): void {
  rollBack(transaction);
  transaction.timedOut = true;
}

function mustBeOpen({ ended, timedOut }: Transaction): void {
  if (ended) throw new Refusal(timedOut ? 'transaction-timed-out' : 'transaction-rolled-back');
}

export function transactionOf(state: State, id: number): Transaction {
  const transaction = state.transactions.find((one) => one.id === id);
  if (!transaction) throw new Error(`the model has no transaction ${id}`);
  return transaction;
}

export function enlistSend(
  state: State,
  transaction: Transaction,
  queue: Queue,
  drafts: readonly NumberedDraft[],
): void {
  mustBeOpen(transaction);
  const own = transaction.sends.find(({ born }) => born === queue.born);
  checkDrafts(state, queue, drafts, own?.drafts);
  if (own) own.drafts.push(...drafts);
  else transaction.sends.push({ queue: queue.name, born: queue.born, drafts: [...drafts] });
}

/** The numbers that the messages will have, if their time has not come by the commit. */
export function enlistSchedule(
  state: State,
  transaction: Transaction,
  queue: Queue,
  drafts: readonly Draft[],
): number[] {
  mustBeOpen(transaction);
  checkDrafts(state, queue, drafts, transaction.sends.find(({ born }) => born === queue.born)?.drafts);
  const numbered = drafts.map((draft) => ({ ...draft, reserved: queue.nextSequenceNumber++ }));
  enlistSend(state, transaction, queue, numbered);
  return numbered.map(({ reserved }) => reserved);
}

export function enlistSettlement(
  state: State,
  transaction: Transaction,
  lock: Lock,
  how: { sessions: boolean; settlement: Settlement },
): void {
  mustBeOpen(transaction);
  if (lock.enlisted) throw new Refusal('not-allowed');
  mustBeLocked(state, lock, how.sessions);
  if (how.settlement.kind === 'dead-letter' && lock.part !== 'active') throw new Refusal('not-allowed');
  lock.enlisted = true;
  transaction.settlements.push({ lock, settlement: how.settlement });
}

/** All of it, or nothing. */
export function commit(state: State, transaction: Transaction): void {
  mustBeOpen(transaction);
  try {
    for (const { lock } of transaction.settlements) mustBeLocked(state, lock, false);
    const entries = transaction.sends.map(({ queue: name, born, drafts }) => {
      const queue = state.queues.find((one) => one.name === name && one.born === born);
      if (!queue) throw new Refusal('entity-not-found');
      use(state, queue);
      checkDrafts(state, queue, drafts);
      return entryOf(state, queue, withoutDuplicates(state, queue, drafts));
    });
    const isWritten =
      transaction.settlements.some(({ settlement }) => settlement.kind !== 'release') ||
      entries.some((entry) => entry.isWritten);
    if (isWritten) write(state, 'client', entries.length > 0 ? 'send' : 'settle');
    end(transaction);
    for (const { lock, settlement } of transaction.settlements) {
      settle(state, lock, lock.inSession, settlement);
    }
    for (const entry of entries) entry.enter();
  } catch (error) {
    rollBack(transaction);
    throw error instanceof Refusal ? new Refusal('transaction-rolled-back') : error;
  }
}

/** Locks go on as they are. */
export function rollBack(transaction: Transaction): void {
  end(transaction);
  transaction.sends.splice(0);
}

function end(transaction: Transaction): void {
  transaction.ended = true;
  for (const { lock } of transaction.settlements) lock.enlisted = false;
}
