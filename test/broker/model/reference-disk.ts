import type { Settings } from './settings.ts';
import {
  type Forwarding,
  type Message,
  type Part,
  type PartName,
  PARTS,
  type Place,
  type Queue,
  Refusal,
  type Saved,
  type State,
} from './reference-state.ts';

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

function nothing(settings: Settings): Saved {
  return { settings, messages: [], nextSequenceNumber: 1, lastEnqueuedMs: 0, seen: [], sessionStates: {} };
}

/** A queue as the disk has it, with nothing volatile. */
function revive(name: string, born: number, disk: Saved, uncertainMs: number): Queue {
  const saved = structuredClone(disk);
  saved.messages.sort((a, b) => a.entry - b.entry);
  const ready = saved.messages.filter(({ place, part }) => place === 'ready' && part === 'active');
  const offered = saved.settings.sessions ? [...new Set(ready.map((message) => message.sessionId as string))] : [];
  const part = (own: PartName): Part => ({ name: own, row: [], locks: [], forwarding: undefined });
  const queue: Queue = {
    ...saved,
    name,
    born,
    parts: { active: part('active'), dead: part('dead'), transfer: part('transfer') },
    sessionLocks: [],
    offered,
    waiting: [],
    disk,
    uncertainMs,
    unnoticedUntilMs: 0,
  };
  attend(queue);
  return queue;
}

/** Forwarding as the settings want it; a queue that may not be received from does not forward. */
function attend(queue: Queue): void {
  const { status, forwardTo, forwardDeadTo } = queue.settings;
  const forwards = status !== 'Disabled' && status !== 'ReceiveDisabled';
  const forwarding = (to: string | undefined): Forwarding | undefined =>
    to === undefined || !forwards ? undefined : { to, taken: [], pausedUntilMs: 0 };
  queue.parts.active.forwarding = forwarding(forwardTo);
  queue.parts.dead.forwarding = forwarding(forwardDeadTo);
}

function mustForwardToSomewhere(state: State, { forwardTo, forwardDeadTo }: Settings): void {
  for (const to of [forwardTo, forwardDeadTo]) {
    if (to !== undefined && state.queues.every(({ name }) => name !== to)) throw new Refusal('argument-invalid');
  }
}

export function createQueue(state: State, name: string, settings: Settings): void {
  if (state.queues.some((queue) => queue.name === name)) throw new Refusal('entity-exists');
  mustForwardToSomewhere(state, settings);
  write(state, 'client', 'send');
  state.queues.push(revive(name, ++state.births, nothing(settings), 0));
}

/** Locks that are held and messages that are there are as they were; what comes is by the new settings. */
export function updateQueue(state: State, name: string, settings: Settings): void {
  const queue = state.queues.find((candidate) => candidate.name === name);
  if (!queue) throw new Refusal('entity-not-found');
  mustForwardToSomewhere(state, settings);
  write(state, 'client');
  queue.settings = settings;
  queue.disk.settings = settings;
  attend(queue);
  if (settings.status === 'Disabled' || settings.status === 'ReceiveDisabled')
    for (const accept of queue.waiting.splice(0)) accept.refusal = 'entity-disabled';
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
  for (const part of PARTS) for (const lock of queue.parts[part].locks) lock.held = false;
}

/** The process ends, `downMs` later it begins again: receivers, locks, transactions and who waits are gone. */
export function restart(state: State, downMs: number): void {
  state.monotonicMs += downMs;
  state.wallMs += downMs;
  state.life++;
  state.receivers = [];
  state.accepts = [];
  state.transactions = [];
  for (const lock of state.locks) lock.held = false;
  state.queues = state.queues.map(({ name, born, disk, lastEnqueuedMs, uncertainMs }) =>
    revive(name, born, disk, Math.max(lastEnqueuedMs, uncertainMs)),
  );
}
