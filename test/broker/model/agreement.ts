import { isDeepStrictEqual } from 'node:util';
import type { Ledger } from './ledger.ts';
import { contents, counts, sessionIds } from './reference-queue.ts';
import { type Accept, type Heard, type PartName, PARTS, type State, type View } from './reference-state.ts';
import { outcomes } from './reference-time.ts';
import { filterTypeOf } from './rules.ts';
import { kindOf } from './worlds.ts';
import { bodyText, type HeardDelivery, type Rig } from './rig.ts';

// Everything that can be observed of the broker, and the same of the reference.

/** States that are followed at most. */
const MAX_STATES = 64;
/** More than a queue of the model ever holds. */
const ALL = 1000;

/** How much happened. */
export interface Tally {
  commands: number;
  deliveries: number;
}

export interface Model {
  /** The state of the reference, or, while it cannot be told which of several it is, all that explain what was seen. Never empty. */
  states: State[];
  readonly ledger: Ledger;
  /** What was done and what came of it, for a reader. */
  readonly trace: string[];
  readonly tally: Tally;
}

/** One of the states; they look alike. */
export function presentState({ states }: Readonly<Model>): State {
  return states[0] as State;
}

export class Disagreement extends Error {}

function acceptTold(accept: Accept): string {
  if (accept.lost) return `lost: ${accept.lost}`;
  if (accept.lock) {
    const { sessionId, lockedUntilMs, held } = accept.lock;
    return held ? `holds '${sessionId}' until ${lockedUntilMs}` : `has released '${sessionId}'`;
  }
  return accept.refusal ? `refused: ${accept.refusal}` : 'waits';
}

function acceptSeen(rig: Rig, id: number): string {
  const accepting = rig.accepts.get(id);
  if (accepting?.lost) return `lost: ${accepting.lost.reason}`;
  if (accepting?.lock) {
    const { sessionId, lockedUntilMs, held } = accepting.lock;
    return held ? `holds '${sessionId}' until ${lockedUntilMs}` : `has released '${sessionId}'`;
  }
  return accepting?.refusal ? `refused: ${accepting.refusal.reason}` : 'waits';
}

/** All that holds something, by place. */
type Parts = Record<string, View[]>;

function partsOf<Q extends { readonly name: string }>(
  queues: readonly Q[],
  contents: (queue: Q, part: PartName) => View[],
): Parts {
  const parts: Parts = {};
  for (const queue of queues)
    for (const part of PARTS) {
      const views = contents(queue, part);
      if (views.length > 0) parts[`${queue.name}/${part}`] = views;
    }
  return parts;
}

interface Observation {
  readonly queues: Record<string, object>;
  readonly parts: Parts;
  /** Names and types, in their order. */
  readonly rules: Record<string, string[]>;
  readonly sessions: Record<string, string[]>;
  readonly states: Record<string, string | undefined>;
  readonly accepts: Record<number, string>;
  readonly credit: Record<number, number>;
  readonly heldLocks: number;
  readonly streams: Record<string, { receiver: number; locked: boolean; view: View }[]>;
}

function streamsOf<T extends { readonly stream: string }, U>(
  heard: readonly T[],
  tell: (one: T) => U,
): Record<string, U[]> {
  const streams: Record<string, U[]> = {};
  for (const one of heard) (streams[one.stream] ??= []).push(tell(one));
  return streams;
}

function expected(state: State): Observation {
  const sessionLocks = state.queues.flatMap((queue) => queue.sessionLocks.map((lock) => ({ queue, lock })));
  return {
    queues: Object.fromEntries(state.queues.map((queue) => [queue.name, counts(queue)])),
    parts: partsOf(state.queues, (queue, part) => contents(queue, part)),
    rules: Object.fromEntries(
      state.queues
        .filter(({ name }) => kindOf(name) === 'subscription')
        .map(({ name, rules }) => [name, rules.map((rule) => `${rule.name} ${filterTypeOf(rule)}`)]),
    ),
    sessions: Object.fromEntries(state.queues.map((queue) => [queue.name, sessionIds(queue)])),
    states: Object.fromEntries(
      sessionLocks.map(({ queue, lock }) => [lock.accept.id, queue.sessionStates[lock.sessionId]]),
    ),
    accepts: Object.fromEntries(state.accepts.map((accept) => [accept.id, acceptTold(accept)])),
    credit: Object.fromEntries(state.receivers.filter(({ open }) => open).map(({ id, credit }) => [id, credit])),
    heldLocks: state.queues.flatMap(({ parts }) => PARTS.flatMap((part) => parts[part].locks)).length,
    streams: streamsOf(state.heard, ({ receiver, lock, view }) => ({ receiver, locked: lock !== undefined, view })),
  };
}

type Present = Pick<Observation, 'queues' | 'parts' | 'rules' | 'sessions' | 'heldLocks' | 'streams'>;

/** What can be observed whatever state is assumed. */
function presentIn(rig: Rig, heard: readonly HeardDelivery[]): Present {
  const queues = rig.queues();
  return {
    queues: Object.fromEntries(queues.map((queue) => [queue.name, queue.counts()])),
    parts: partsOf(queues, ({ name }, part) => rig.contents(name, part)),
    rules: rig.rules(),
    sessions: Object.fromEntries(
      queues.map(({ name, active }) => [name, active.sessionIds({ skip: 0, top: ALL }).sort()]),
    ),
    heldLocks: rig.heldLocks(),
    streams: streamsOf(heard, ({ receiver, delivery }) => ({
      receiver,
      locked: delivery.lock !== undefined,
      view: rig.deliveryView(delivery),
    })),
  };
}

function observed(rig: Rig, state: State, present: Present): Observation {
  const held = state.queues.flatMap((queue) => queue.sessionLocks.map(({ accept }) => accept.id));
  const openReceivers = state.receivers.filter(({ open }) => open);
  return {
    ...present,
    states: Object.fromEntries(
      held.map((id) => {
        const lock = rig.accepts.get(id)?.lock;
        return [id, lock?.held ? lock.state().bytes?.toString() : 'not held'];
      }),
    ),
    accepts: Object.fromEntries(state.accepts.map(({ id }) => [id, acceptSeen(rig, id)])),
    credit: Object.fromEntries(openReceivers.map(({ id }) => [id, rig.receivers.get(id)?.credit ?? -1])),
  };
}

/**
 * Lets happen in the model what is due now, in every order that is possible, and keeps the states that look like the broker, which has been
 * through it already.
 *
 * @throws Disagreement when there is none
 */
export function agree(model: Model, rig: Rig): void {
  const heard = rig.takeHeard();
  rig.remember(heard);
  const states: State[] = [];
  let first: string | undefined;
  const present = presentIn(rig, heard);
  for (const state of model.states.flatMap(outcomes)) {
    const wanted = expected(state);
    const seen = observed(rig, state, present);
    if (!isDeepStrictEqual(seen, wanted)) {
      first ??= difference(seen, wanted);
      continue;
    }
    numberLocks(state, heard);
    if (states.length < MAX_STATES && !states.some((other) => isDeepStrictEqual(other, state))) states.push(state);
  }
  for (const { stream, receiver, delivery } of heard) {
    const { text, sequenceNumber, deliveryCount } = rig.deliveryView(delivery);
    const to = receiver < 0 ? stream : `receiver ${receiver} of ${stream}`;
    model.trace.push(`      ${to} <- '${text}' #${sequenceNumber}, ${deliveryCount} failed before`);
  }
  if (states.length === 0) throw new Disagreement(`the broker and the model disagree:\n${first}`);
  model.states = states;
  model.tally.deliveries += heard.length;
  model.ledger.delivered(heard.map(({ queue, delivery }) => ({ queue, text: bodyText(delivery), delivery })));
  model.ledger.seen({
    queues: Object.keys(present.queues),
    parts: present.parts,
    wallMs: Math.max(...states.map(({ wallMs }) => wallMs)),
  });
}

/** Locks are numbered in the order in which the broker's were heard of: deliveries are paired by their places in their streams. */
function numberLocks(state: State, heard: readonly HeardDelivery[]): void {
  const left = new Map<string, Heard[]>();
  for (const told of state.heard) left.set(told.stream, [...(left.get(told.stream) ?? []), told]);
  for (const { stream } of heard) {
    const lock = left.get(stream)?.shift()?.lock;
    if (!lock) continue;
    lock.id = state.locks.length;
    state.locks.push(lock);
  }
  state.heard = [];
}

function difference(seen: Observation, wanted: Observation): string {
  const lines: string[] = [];
  compare('', seen, wanted, lines);
  return lines.slice(0, 20).join('\n');
}

function compare(at: string, seen: unknown, wanted: unknown, lines: string[]): void {
  if (isDeepStrictEqual(seen, wanted)) return;
  const inside = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
  if (!inside(seen) || !inside(wanted)) {
    lines.push(`  ${at}: the broker has ${JSON.stringify(seen)}, the model ${JSON.stringify(wanted)}`);
    return;
  }
  for (const key of new Set([...Object.keys(seen), ...Object.keys(wanted)])) {
    compare(at ? `${at}.${key}` : key, seen[key], wanted[key], lines);
  }
}
