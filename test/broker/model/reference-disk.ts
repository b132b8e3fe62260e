import type { Settings } from './settings.ts';
import { type Message, type Place, type Queue, Refusal, type Saved, type State } from './reference-state.ts';

/**
 * For whom something is written. A client is refused when the disk is full; what the broker does by itself goes on in memory, and happens again
 * after a restart.
 */
export type Cause = 'client' | 'broker';

function mayWrite(state: State, purpose: 'send' | 'settle'): boolean {
  return state.disk === 'free' || (state.disk === 'no-sends' && purpose === 'settle');
}

/** True: what follows is written. */
export function write(state: State, cause: Cause, purpose: 'send' | 'settle' = 'settle'): boolean {
  const allowed = mayWrite(state, purpose);
  if (!allowed && cause === 'client') throw new Refusal('quota-exceeded');
  return allowed;
}

/** Writes a message as it is now; `place` is where a restart finds it. */
export function keep(queue: Queue, message: Message, place: Place): void {
  const { disk } = queue;
  disk.messages = disk.messages.filter(({ text }) => text !== message.text);
  disk.messages.push({ ...message, place, retryMs: undefined, unwatched: false });
  disk.nextSequenceNumber = Math.max(disk.nextSequenceNumber, message.sequenceNumber + 1);
  disk.lastEnqueuedMs = Math.max(disk.lastEnqueuedMs, message.enqueuedTimeMs);
}

export function erase(queue: Queue, message: Message): void {
  queue.disk.messages = queue.disk.messages.filter(({ text }) => text !== message.text);
}

function nothing(): Saved {
  return { messages: [], nextSequenceNumber: 1, lastEnqueuedMs: 0, seen: [], sessionStates: {} };
}

/** A queue as the disk has it, with nothing volatile. */
function revive(name: string, settings: Settings, disk: Saved): Queue {
  const saved = structuredClone(disk);
  const ready = saved.messages
    .filter((message) => message.place === 'ready' && !message.deadLetter)
    .sort((a, b) => a.sequenceNumber - b.sequenceNumber);
  const offered = settings.sessions ? [...new Set(ready.map((message) => message.sessionId as string))] : [];
  return {
    ...saved,
    name,
    settings,
    active: { name: 'active', row: [], locks: [] },
    dead: { name: 'dead', row: [], locks: [] },
    sessionLocks: [],
    offered,
    waiting: [],
    disk,
    unnoticedUntilMs: 0,
  };
}

export function createQueue(state: State, name: string, settings: Settings): void {
  if (state.queues.some((queue) => queue.name === name)) throw new Refusal('entity-exists');
  write(state, 'client', 'send');
  state.queues.push(revive(name, settings, nothing()));
}

export function deleteQueue(state: State, name: string): void {
  const queue = state.queues.find((candidate) => candidate.name === name);
  if (!queue) throw new Refusal('entity-not-found');
  write(state, 'client');
  state.queues = state.queues.filter((candidate) => candidate !== queue);
  for (const receiver of state.receivers) if (receiver.queueName === name) receiver.open = false;
  for (const accept of queue.waiting) accept.refusal = 'entity-not-found';
  for (const lock of queue.sessionLocks) {
    lock.held = false;
    lock.accept.lost = 'entity-not-found';
  }
  for (const lock of [...queue.active.locks, ...queue.dead.locks]) lock.held = false;
}

/** The process ends, `downMs` later it begins again: receivers, locks and who waits are gone. */
export function restart(state: State, downMs: number): void {
  state.monotonicMs += downMs;
  state.wallMs += downMs;
  state.life++;
  state.receivers = [];
  state.accepts = [];
  for (const lock of state.locks) lock.held = false;
  state.queues = state.queues.map(({ name, settings, disk }) => revive(name, settings, disk));
}
