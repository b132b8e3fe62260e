import fc from 'fast-check';
import { type Action, aimAtQueue, choice, pick, seldom, whichQueue } from './action.ts';
import { createQueue, deleteQueue, restart, updateQueue } from './reference-disk.ts';
import { closeReceiver } from './reference-queue.ts';
import { serve } from './reference-delivery.ts';
import { type Disk, type Queue, queueOf, type State } from './reference-state.ts';
import { type Rule, rulesArbitrary, tellRules } from './rules.ts';
import { fitting, type Settings, settingsArbitrary, tellSettings } from './settings.ts';
import { kindOf } from './worlds.ts';

interface RestartDraw {
  readonly compacted: boolean;
  readonly downMs: number;
}

/**
 * The process ends at once and begins again later. On a disk that takes nothing it could not; somebody makes a little room first. Not while the
 * clock is before a time that only memory knows (`uncertainMs`).
 */
export const restarting: Action<RestartDraw, RestartDraw & { disk: Disk }> = {
  name: 'restart',
  draw: fc.record({ compacted: fc.boolean(), downMs: fc.constantFrom(0, 0, 1, 5000, 60_000) }),
  aim({ disk, queues, wallMs }, draw) {
    if (queues.some((queue) => queue.lastEnqueuedMs > Math.max(wallMs, queue.disk.lastEnqueuedMs))) return undefined;
    return { ...draw, disk: disk === 'full' ? 'no-sends' : disk };
  },
  readings: withNumbersKept,
  predict(state, { downMs, disk }) {
    state.disk = disk;
    restart(state, downMs);
    for (const queue of state.queues) forwardAgain(state, queue);
  },
  perform(rig, { disk, ...options }) {
    rig.setDisk(disk);
    rig.restart(options);
  },
  tell: ({ compacted, downMs }) => `after ${downMs} ms${compacted ? ', compacted' : ''}`,
};

/** Whether a restart remembers the numbers that a queue had promised to messages that did not come is left to the broker. */
function withNumbersKept(state: State): State[] {
  return state.queues.reduce<State[]>(
    (states, { name, nextSequenceNumber, disk }) =>
      nextSequenceNumber === disk.nextSequenceNumber
        ? states
        : states.flatMap((one) => [one, keepingNumbers(one, name)]),
    [state],
  );
}

function keepingNumbers(state: State, name: string): State {
  const kept = structuredClone(state);
  const { disk, nextSequenceNumber } = queueOf(kept, name);
  disk.nextSequenceNumber = nextSequenceNumber;
  return kept;
}

export const fillingDisk: Action<Disk, Disk> = {
  name: 'disk',
  draw: fc.constantFrom<Disk[]>('free', 'free', 'no-sends', 'full'),
  aim: (state, disk) => (state.disk !== 'free' ? 'free' : disk === 'free' ? undefined : disk),
  predict(state, disk) {
    state.disk = disk;
  },
  perform: (rig, disk) => rig.setDisk(disk),
  tell: (disk) => disk,
};

interface CreateDraw {
  readonly name: number;
  readonly settings: Settings;
  readonly rules: readonly Rule[];
  readonly again: boolean;
}

export const creating: Action<CreateDraw, { name: string; settings: Settings; rules: readonly Rule[] }> = {
  name: 'create',
  draw: fc.record({ name: choice, settings: settingsArbitrary, rules: rulesArbitrary, again: seldom(10) }),
  aim(state, { name: number, settings, rules, again }) {
    const { entities } = state.world;
    const missing = entities.filter((name) => state.queues.every((queue) => queue.name !== name));
    const name = pick(again ? entities : missing, number);
    if (name === undefined) return undefined;
    return {
      name,
      settings: fitting(state.world, name, settings),
      rules: kindOf(name) === 'subscription' ? rules : [],
    };
  },
  predict: (state, { name, settings, rules }) => createQueue(state, name, settings, rules),
  perform: (rig, { name, settings, rules }) => rig.create(name, settings, rules),
  tell: ({ name, settings, rules }) => `${name}: ${tellSettings(settings)} ${tellRules(rules)}`,
};

interface UpdateTarget {
  readonly name: string;
  readonly settings: Settings;
  /** Receivers of a part that is forwarded from now on: the server closes their links. */
  readonly closed: readonly number[];
}

/** One setting or another of those that can change. */
export const updating: Action<
  { queue: number; settings: Settings; properties: readonly (keyof Settings)[] },
  UpdateTarget
> = {
  name: 'update',
  draw: fc.record({
    queue: whichQueue,
    settings: settingsArbitrary,
    properties: fc.uniqueArray(
      fc.constantFrom<(keyof Settings)[]>(
        'lockDurationMs',
        'maxDeliveryCount',
        'defaultTimeToLiveMs',
        'deadLetterExpired',
        'duplicateWindowMs',
        'forwardTo',
        'forwardDeadTo',
        'status',
        'idleMs',
        'deadLetterFailures',
      ),
      { minLength: 1, maxLength: 3 },
    ),
  }),

  aim(state, { queue: number, settings, properties }) {
    const queue = aimAtQueue(state, 'change', number);
    if (!queue) return undefined;
    const changed = { ...queue.settings };
    for (const property of properties) Object.assign(changed, { [property]: settings[property] });
    changed.duplicateWindowMs = changedWindow(queue, changed.duplicateWindowMs);
    const fitted = fitting(state.world, queue.name, changed);
    const closed = state.receivers.filter(
      ({ queueName, part, open }) =>
        open &&
        queueName === queue.name &&
        ((part === 'active' && fitted.forwardTo !== undefined) ||
          (part === 'dead' && fitted.forwardDeadTo !== undefined)),
    );
    return { name: queue.name, settings: fitted, closed: closed.map(({ id }) => id) };
  },

  predict(state, { name, settings, closed }) {
    const queue = queueOf(state, name);
    for (const receiver of state.receivers) if (closed.includes(receiver.id)) closeReceiver(state, queue, receiver);
    updateQueue(state, name, settings);
    forwardAgain(state, queue);
  },

  perform(rig, { name, settings, closed }) {
    for (const id of closed) rig.receivers.get(id)?.close();
    rig.update(name, settings);
  },

  promised: ({ ledger }) => ledger.settingsChanged(),
  tell: ({ name, settings }) => `${name}: ${tellSettings(settings)}`,
};

/**
 * The window can change where there is one. It becomes longer only while every id is in the present one: which of the others are remembered is
 * left to the broker.
 */
function changedWindow(queue: Queue, windowMs: number | undefined): number | undefined {
  const { duplicateWindowMs: present } = queue.settings;
  if (present === undefined || windowMs === undefined || windowMs <= present) return present && (windowMs ?? present);
  const latestMs = Math.max(queue.lastEnqueuedMs, queue.uncertainMs);
  return queue.seen.some(({ timeMs }) => timeMs + present <= latestMs) ? present : windowMs;
}

function forwardAgain(state: State, { parts, name }: Queue): void {
  const queue = queueOf(state, name);
  for (const part of [parts.active, parts.dead]) if (part.forwarding) serve(state, queue, part);
}

export const deleting: Action<number, string> = {
  name: 'delete',
  draw: choice,
  aim: (state, number) => pick(state.world.entities, number),
  predict(state, name) {
    deleteQueue(state, name);
  },
  perform: (rig, name) => rig.delete(name),
  tell: (name) => name,
};
