import { endSession, expireIfOver, fail } from './reference-delivery.ts';
import { deleteQueue } from './reference-disk.ts';
import { moveAll, movers, resume } from './reference-forwarding.ts';
import { activate } from './reference-send.ts';
import { timeOut as timeOutTransaction, transactionOf } from './reference-transactions.ts';
import {
  type Accept,
  type Message,
  type Part,
  type PartName,
  PARTS,
  type Queue,
  type State,
  use,
} from './reference-state.ts';

// What happens by itself. Locks and waiting run on the monotonic clock, schedules and times to live on the wall clock.
//
// Two things are left open to the broker, and the model takes every choice there is. Of things that fall due in the same millisecond any kind may
// come first (within a kind the order is given). And when the wall clock is set forward, what became due by that may go unnoticed for a while.

/** When a deletion is tried again that could not be written. */
const IDLE_RETRY_MS = 60_000;
/** How long a set wall clock may go unnoticed. */
const NOTICE_MS = 1000;

export function stepWallClock(state: State, ms: number): void {
  state.wallMs += ms;
  if (ms > 0) for (const queue of state.queues) queue.unnoticedUntilMs = state.monotonicMs + NOTICE_MS;
}

function watchedTime(message: Message): number {
  return message.unwatched ? Infinity : (message.retryMs ?? message.dueMs);
}

/** The times to come at which something falls due, monotonic, ascending, without those that are over. */
export function dueTimes(state: State): number[] {
  const { monotonicMs, wallMs } = state;
  const transactions = state.transactions.filter(({ ended }) => !ended).map(({ timesOutAtMs }) => timesOutAtMs);
  const queues = state.queues.flatMap((queue) => [
    ...PARTS.flatMap((part) => queue.parts[part].locks).map(({ expiresAtMs }) => expiresAtMs),
    ...PARTS.map((part) => queue.parts[part].forwarding?.pausedUntilMs ?? 0),
    ...queue.sessionLocks.map(({ expiresAtMs }) => expiresAtMs),
    ...queue.waiting.map(({ timeoutAtMs }) => timeoutAtMs),
    ...queue.messages.map((message) => monotonicMs + watchedTime(message) - wallMs),
    idleAtMs(state, queue),
  ]);
  return [...new Set([...transactions, ...queues])]
    .filter((time) => time > monotonicMs && time < Infinity)
    .sort((a, b) => a - b);
}

/** When it goes because nobody uses it, monotonic; Infinity while somebody does. */
function idleAtMs(state: State, queue: Queue): number {
  const isWaitedAt =
    queue.waiting.length > 0 || state.receivers.some((one) => one.open && one.queueName === queue.name);
  if (isWaitedAt || queue.messages.some(({ place }) => place === 'scheduled')) return Infinity;
  return Math.max(queue.usedAtMs + queue.settings.idleMs, queue.idleRetryMs);
}

/** The times to come at which message ids leave the windows of duplicate detection, monotonic, ascending. */
export function windowEnds(state: State): number[] {
  const { monotonicMs, wallMs } = state;
  const ends = state.queues.flatMap(({ seen, settings: { duplicateWindowMs = Infinity } }) =>
    seen.map(({ timeMs }) => monotonicMs + timeMs + duplicateWindowMs - wallMs),
  );
  return [...new Set(ends)].filter((time) => time > monotonicMs && time < Infinity).sort((a, b) => a - b);
}

/** Whether something may be overdue because the wall clock was set. */
export function mayGoUnnoticed(state: State): boolean {
  return state.queues.some((queue) => overdue(state, queue).length > 0 && queue.unnoticedUntilMs > state.monotonicMs);
}

function overdue(state: State, queue: Queue): Message[] {
  return queue.messages
    .filter((message) => watchedTime(message) <= state.wallMs)
    .sort((a, b) => watchedTime(a) - watchedTime(b) || a.entry - b.entry);
}

/** Something that falls due now. It names what it is about, so that it can be done to a copy of the state. */
type Due =
  | { readonly kind: 'locks' | 'forwarding'; readonly queue: string; readonly part: PartName }
  | { readonly kind: 'sessions' | 'messages' | 'idle'; readonly queue: string }
  | { readonly kind: 'accept'; readonly queue: string; readonly accept: number }
  | { readonly kind: 'transaction'; readonly transaction: number };

/** All orders in which what is due now may happen, the likeliest first. */
function possibilities(state: State): Due[][] {
  const { monotonicMs } = state;
  const certain: Due[] = [];
  const unsure: Due[] = [];
  for (const { id, ended, timesOutAtMs } of state.transactions) {
    if (!ended && timesOutAtMs <= monotonicMs) certain.push({ kind: 'transaction', transaction: id });
  }
  for (const queue of state.queues) {
    const { name } = queue;
    const isOver = ({ expiresAtMs }: { expiresAtMs: number }): boolean => expiresAtMs <= monotonicMs;
    for (const part of PARTS) {
      const { locks, forwarding } = queue.parts[part];
      if (locks.some(isOver)) certain.push({ kind: 'locks', queue: name, part });
      const pausedUntilMs = forwarding?.pausedUntilMs ?? 0;
      if (pausedUntilMs > 0 && pausedUntilMs <= monotonicMs) certain.push({ kind: 'forwarding', queue: name, part });
    }
    if (queue.sessionLocks.some(isOver)) certain.push({ kind: 'sessions', queue: name });
    for (const accept of queue.waiting) {
      if (accept.timeoutAtMs <= monotonicMs) certain.push({ kind: 'accept', queue: name, accept: accept.id });
    }
    if (idleAtMs(state, queue) <= monotonicMs) certain.push({ kind: 'idle', queue: name });
    if (overdue(state, queue).length > 0) {
      (queue.unnoticedUntilMs > monotonicMs ? unsure : certain).push({ kind: 'messages', queue: name });
    }
  }
  return subsets(unsure).flatMap((some) => orders([...certain, ...some]));
}

function subsets<T>(items: readonly T[]): T[][] {
  return items.reduceRight<T[][]>((sets, item) => [...sets.map((set) => [item, ...set]), ...sets], [[]]);
}

/** Who waits at a queue is told in the order in which they came; all else in any order. */
function orders(due: readonly Due[]): Due[][] {
  if (due.length <= 1) return [[...due]];
  return due
    .filter((one) => one.kind !== 'accept' || one === due.find((other) => waitsAt(other) === one.queue))
    .flatMap((one) => orders(due.filter((other) => other !== one)).map((rest) => [one, ...rest]));
}

function waitsAt(due: Due): string | undefined {
  return due.kind === 'accept' ? due.queue : undefined;
}

/** Every state that this one may have become when all that is due has happened, and all that is forwarded has arrived. */
export function outcomes(state: State): State[] {
  const orders = possibilities(state);
  return orders.flatMap((order) => {
    const outcome = orders.length > 1 ? structuredClone(state) : state;
    happen(outcome, order);
    return forwarded(outcome);
  });
}

function forwarded(state: State): State[] {
  const all = movers(state);
  if (all.length === 0) return [state];
  return all.flatMap(({ queue: name, part }) => {
    const outcome = all.length > 1 ? structuredClone(state) : state;
    const queue = outcome.queues.find((one) => one.name === name) as Queue;
    moveAll(outcome, queue, queue.parts[part]);
    // What arrives makes its new queue look at the clock.
    return mayGoUnnoticed(outcome)
      ? [structuredClone(outcome), ...outcomes(outcome)].flatMap(forwarded)
      : forwarded(outcome);
  });
}

function happen(state: State, order: readonly Due[]): void {
  for (const due of order) {
    if (due.kind === 'transaction') {
      timeOutTransaction(transactionOf(state, due.transaction));
      continue;
    }
    const queue = state.queues.find(({ name }) => name === due.queue);
    // It was idle.
    if (!queue) continue;
    if (due.kind === 'locks') expireLocks(state, queue, queue.parts[due.part]);
    else if (due.kind === 'forwarding') resume(state, queue, queue.parts[due.part]);
    else if (due.kind === 'accept') timeOut(state, queue, due.accept);
    else if (due.kind === 'idle') endIdle(state, queue);
    else if (due.kind === 'sessions') expireSessions(state, queue);
    else for (const message of overdue(state, queue)) fallDue(state, queue, message);
  }
}

function expireLocks(state: State, queue: Queue, part: Part): void {
  for (const lock of over(part.locks, state)) {
    if (lock.held) fail(state, queue, lock, 'broker');
  }
}

/** Those that have expired, in that order. */
function over<T extends { readonly expiresAtMs: number }>(locks: readonly T[], { monotonicMs }: State): T[] {
  return locks.filter(({ expiresAtMs }) => expiresAtMs <= monotonicMs).sort((a, b) => a.expiresAtMs - b.expiresAtMs);
}

function expireSessions(state: State, queue: Queue): void {
  for (const lock of over(queue.sessionLocks, state)) {
    if (lock.held) endSession(state, queue, lock, true);
  }
}

/** Locked messages do not expire; deferred ones only when they are fetched (section 4.4). */
function fallDue(state: State, queue: Queue, message: Message): void {
  if (!queue.messages.includes(message) || watchedTime(message) > state.wallMs) return;
  message.unwatched = true;
  if (message.place === 'scheduled') activate(state, queue, message);
  else if (message.place === 'ready') expireIfOver(state, queue, message);
}

function endIdle(state: State, queue: Queue): void {
  if (idleAtMs(state, queue) > state.monotonicMs || deleteQueue(state, queue.name, 'broker')) return;
  queue.idleRetryMs = state.monotonicMs + IDLE_RETRY_MS;
}

function timeOut(state: State, queue: Queue, id: number): void {
  const accept = queue.waiting.find((candidate): candidate is Accept => candidate.id === id);
  // Something that happened just before may have granted a session.
  if (!accept) return;
  queue.waiting = queue.waiting.filter((candidate) => candidate !== accept);
  accept.refusal = 'timeout';
  use(state, queue);
}
