import { endSession, expireIfOver, fail } from './reference-delivery.ts';
import { activate } from './reference-queue.ts';
import type { Accept, Message, Part, Queue, State } from './reference-state.ts';

// What happens by itself. Locks and waiting run on the monotonic clock, schedules and times to live on the wall clock.
//
// Two things are left open to the broker, and the model takes every choice there is. Of things that fall due in the same millisecond any kind may
// come first (within a kind the order is given). And when the wall clock is set forward, what became due by that may go unnoticed for a while.

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
  const monotonic = state.queues.flatMap((queue) => [
    ...[...queue.active.locks, ...queue.dead.locks, ...queue.sessionLocks].map(({ expiresAtMs }) => expiresAtMs),
    ...queue.waiting.map(({ timeoutAtMs }) => timeoutAtMs),
    ...queue.messages.map((message) => monotonicMs + watchedTime(message) - wallMs),
  ]);
  return [...new Set(monotonic)].filter((time) => time > monotonicMs && time < Infinity).sort((a, b) => a - b);
}

/** Whether something may be overdue because the wall clock was set. */
export function mayGoUnnoticed(state: State): boolean {
  return state.queues.some((queue) => overdue(state, queue).length > 0 && queue.unnoticedUntilMs > state.monotonicMs);
}

function overdue(state: State, queue: Queue): Message[] {
  return queue.messages
    .filter((message) => watchedTime(message) <= state.wallMs)
    .sort((a, b) => watchedTime(a) - watchedTime(b) || a.sequenceNumber - b.sequenceNumber);
}

/** Something that falls due now. It names what it is about, so that it can be done to a copy of the state. */
type Due =
  | { readonly kind: 'locks'; readonly queue: string; readonly part: 'active' | 'dead' }
  | { readonly kind: 'sessions' | 'messages'; readonly queue: string }
  | { readonly kind: 'accept'; readonly queue: string; readonly accept: number };

/** All orders in which what is due now may happen, the likeliest first. */
export function possibilities(state: State): Due[][] {
  const { monotonicMs } = state;
  const certain: Due[] = [];
  const unsure: Due[] = [];
  for (const queue of state.queues) {
    const { name } = queue;
    const isOver = ({ expiresAtMs }: { expiresAtMs: number }): boolean => expiresAtMs <= monotonicMs;
    for (const part of ['active', 'dead'] as const) {
      if (queue[part].locks.some(isOver)) certain.push({ kind: 'locks', queue: name, part });
    }
    if (queue.sessionLocks.some(isOver)) certain.push({ kind: 'sessions', queue: name });
    for (const accept of queue.waiting) {
      if (accept.timeoutAtMs <= monotonicMs) certain.push({ kind: 'accept', queue: name, accept: accept.id });
    }
    if (overdue(state, queue).length > 0) {
      (queue.unnoticedUntilMs > monotonicMs ? unsure : certain).push({ kind: 'messages', queue: name });
    }
  }
  return subsets(unsure).flatMap((some) => permutations([...certain, ...some]));
}

function subsets<T>(items: readonly T[]): T[][] {
  return items.reduceRight<T[][]>((sets, item) => [...sets.map((set) => [item, ...set]), ...sets], [[]]);
}

/** Beyond this many things at once not every order is tried. */
const MAX_PERMUTED = 5;

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length <= 1) return [[...items]];
  if (items.length > MAX_PERMUTED) return [[...items], [...items].reverse()];
  return items.flatMap((item, i) => permutations(items.filter((_, j) => j !== i)).map((rest) => [item, ...rest]));
}

export function happen(state: State, order: readonly Due[]): void {
  for (const due of order) {
    const queue = state.queues.find(({ name }) => name === due.queue) as Queue;
    if (due.kind === 'locks') expireLocks(state, queue, queue[due.part]);
    else if (due.kind === 'accept') timeOut(queue, due.accept);
    else if (due.kind === 'sessions') expireSessions(state, queue);
    else for (const message of overdue(state, queue)) fallDue(state, queue, message);
  }
}

function expireLocks(state: State, queue: Queue, part: Part): void {
  for (const lock of part.locks.filter(({ expiresAtMs }) => expiresAtMs <= state.monotonicMs)) {
    if (lock.held) fail(state, queue, lock, 'broker');
  }
}

function expireSessions(state: State, queue: Queue): void {
  for (const lock of queue.sessionLocks.filter(({ expiresAtMs }) => expiresAtMs <= state.monotonicMs)) {
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

function timeOut(queue: Queue, id: number): void {
  const accept = queue.waiting.find((candidate): candidate is Accept => candidate.id === id);
  // Something that happened just before may have granted a session.
  if (!accept) return;
  queue.waiting = queue.waiting.filter((candidate) => candidate !== accept);
  accept.refusal = 'timeout';
}
