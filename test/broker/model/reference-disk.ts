import type { PlacedRule, Rule } from './rules.ts';
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
  use,
} from './reference-state.ts';
import { kindOf, TOPIC } from './worlds.ts';

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
  erase(queue, message);
  disk.messages.push({ ...message, place, retryMs: undefined, unwatched: false });
  disk.nextSequenceNumber = Math.max(disk.nextSequenceNumber, message.sequenceNumber + 1);
  disk.lastEnqueuedMs = Math.max(disk.lastEnqueuedMs, message.enqueuedTimeMs);
}

export function erase(queue: Queue, message: Message): void {
  queue.disk.messages = queue.disk.messages.filter(({ entry }) => entry !== message.entry);
}

function nothing(settings: Settings, rules: PlacedRule[]): Saved {
  return { settings, rules, messages: [], nextSequenceNumber: 1, lastEnqueuedMs: 0, seen: [], sessionStates: {} };
}

/** A queue as the disk has it, with nothing volatile. */
function revive(
  state: State,
  { name, born, disk, uncertainMs }: Pick<Queue, 'name' | 'born' | 'disk' | 'uncertainMs'>,
): Queue {
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
    usedAtMs: state.monotonicMs,
    idleRetryMs: 0,
  };
  attend(queue);
  return queue;
}

/** Forwarding as the settings want it; a queue that may not be received from does not forward. A topic always distributes. */
function attend(queue: Queue): void {
  if (kindOf(queue.name) === 'topic') {
    queue.parts.active.forwarding = { to: undefined, taken: [], pausedUntilMs: 0 };
    return;
  }
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

/** A queue, a topic, or a subscription with these rules. */
export function createQueue(state: State, name: string, settings: Settings, rules: readonly Rule[] = []): void {
  const topic = topicOf(state, name);
  if (kindOf(name) === 'subscription' && !topic) throw new Refusal('entity-not-found');
  if (state.queues.some((queue) => queue.name === name)) throw new Refusal('entity-exists');
  mustForwardToSomewhere(state, settings);
  write(state, 'client', 'send');
  const placed = rules.map((rule) => ({ ...rule, order: ++state.ruleBirths }));
  const disk = nothing(settings, placed);
  state.queues.push(revive(state, { name, born: ++state.births, disk, uncertainMs: 0 }));
  if (topic) use(state, topic);
}

/** The topic of a subscription. */
export function topicOf(state: State, name: string): Queue | undefined {
  return kindOf(name) === 'subscription' ? state.queues.find((queue) => queue.name === TOPIC) : undefined;
}

/** Locks that are held and messages that are there are as they were; what comes is by the new settings. */
export function updateQueue(state: State, name: string, settings: Settings): void {
  const queue = existing(state, name);
  mustForwardToSomewhere(state, settings);
  write(state, 'client');
  queue.settings = settings;
  queue.disk.settings = settings;
  attend(queue);
  queue.idleRetryMs = 0;
  if (settings.status === 'Disabled' || settings.status === 'ReceiveDisabled')
    for (const accept of queue.waiting.splice(0)) accept.refusal = 'entity-disabled';
  use(state, queue);
}

/** A topic goes with its subscriptions. */
export function deleteQueue(state: State, name: string, cause: Cause = 'client'): boolean {
  existing(state, name);
  if (!write(state, cause)) return false;
  const topic = topicOf(state, name);
  if (topic) {
    use(state, topic);
    // Its copies, which showed them, are gone.
    topic.disk.nextSequenceNumber = topic.nextSequenceNumber;
  }
  for (const queue of state.queues.filter((one) => one.name === name || topicOf(state, one.name)?.name === name))
    remove(state, queue);
  return true;
}

function existing(state: State, name: string): Queue {
  const queue = state.queues.find((candidate) => candidate.name === name);
  if (!queue) throw new Refusal('entity-not-found');
  return queue;
}

function remove(state: State, queue: Queue): void {
  state.queues = state.queues.filter((candidate) => candidate !== queue);
  for (const receiver of state.receivers) if (receiver.queueName === queue.name) receiver.open = false;
  for (const accept of queue.waiting) accept.refusal = 'entity-not-found';
  for (const lock of queue.sessionLocks) {
    lock.held = false;
    lock.accept.lost = 'entity-not-found';
  }
  for (const part of PARTS) for (const lock of queue.parts[part].locks) lock.held = false;
}

/** In place of the rule of this name when `replace` is set: then there must be one, otherwise none. */
export function putRule(state: State, name: string, rule: Rule, replace: boolean): void {
  const queue = existing(state, name);
  const known = queue.rules.some((other) => other.name === rule.name);
  if (known && !replace) throw new Refusal('entity-exists');
  if (!known && replace) throw new Refusal('entity-not-found');
  write(state, 'client', 'send');
  const others = queue.rules.filter((other) => other.name !== rule.name);
  queue.rules = queue.disk.rules = [...others, { ...rule, order: ++state.ruleBirths }];
  use(state, queue);
}

export function removeRule(state: State, name: string, rule: string): void {
  const queue = existing(state, name);
  if (queue.rules.every((other) => other.name !== rule)) throw new Refusal('entity-not-found');
  write(state, 'client');
  queue.rules = queue.disk.rules = queue.rules.filter((other) => other.name !== rule);
  use(state, queue);
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
    revive(state, { name, born, disk, uncertainMs: Math.max(lastEnqueuedMs, uncertainMs) }),
  );
}
