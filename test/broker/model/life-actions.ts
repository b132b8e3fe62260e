import fc from 'fast-check';
import { type Action, choice, pick, seldom } from './action.ts';
import { createQueue, deleteQueue, restart } from './reference-disk.ts';
import { type Disk, type Queue, queueOf, type State } from './reference-state.ts';
import { type Settings, settingsArbitrary, tellSettings } from './settings.ts';

export const QUEUES = ['q', 'r'] as const;

interface RestartDraw {
  readonly compacted: boolean;
  readonly downMs: number;
}

/** The process ends at once and begins again later. On a disk that takes nothing it could not; somebody makes a little room first. */
export const restarting: Action<RestartDraw, RestartDraw & { disk: Disk }> = {
  name: 'restart',
  draw: fc.record({ compacted: fc.boolean(), downMs: fc.constantFrom(0, 0, 1, 5000, 60_000) }),
  aim: ({ disk }, draw) => ({ ...draw, disk: disk === 'full' ? 'no-sends' : disk }),
  readings: withTimesKept,
  predict(state, { downMs, disk }) {
    state.disk = disk;
    restart(state, downMs);
  },
  perform(rig, { disk, ...options }) {
    rig.setDisk(disk);
    rig.restart(options);
  },
  tell: ({ compacted, downMs }) => `after ${downMs} ms${compacted ? ', compacted' : ''}`,
};

/**
 * A queue that took nothing of what it was sent last may or may not remember after a restart how late it was then. If it does not, it may yet have
 * forgotten some of the message ids that were over by that time.
 */
function withTimesKept(state: State): State[] {
  return state.queues.reduce<State[]>(
    (states, queue) =>
      queue.lastEnqueuedMs === queue.disk.lastEnqueuedMs ? states : states.flatMap((one) => remembering(one, queue)),
    [state],
  );
}

function remembering(state: State, { name, settings, lastEnqueuedMs, disk }: Queue): State[] {
  const windowMs = settings.duplicateWindowMs ?? 0;
  const over = disk.seen.filter(({ timeMs }) => timeMs + windowMs <= lastEnqueuedMs).length;
  return Array.from({ length: over + 2 }, (_, forgotten) => {
    const one = structuredClone(state);
    const { disk: saved } = queueOf(one, name);
    if (forgotten > over) saved.lastEnqueuedMs = lastEnqueuedMs;
    else saved.seen.splice(0, forgotten);
    return one;
  });
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

export const creating: Action<
  { name: number; settings: Settings; again: boolean },
  { name: string; settings: Settings }
> = {
  name: 'create',
  draw: fc.record({ name: choice, settings: settingsArbitrary, again: seldom(10) }),
  aim(state, { name: number, settings, again }) {
    const missing = QUEUES.filter((name) => state.queues.every((queue) => queue.name !== name));
    const name = pick(again ? QUEUES : missing, number);
    return name && { name, settings };
  },
  predict: (state, { name, settings }) => createQueue(state, name, settings),
  perform: (rig, { name, settings }) => rig.createQueue(name, settings),
  tell: ({ name, settings }) => `${name}: ${tellSettings(settings)}`,
};

export const deleting: Action<number, string> = {
  name: 'delete',
  draw: choice,
  aim: (_, number) => pick(QUEUES, number),
  predict: (state, name) => deleteQueue(state, name),
  perform(rig, name) {
    rig.harness.namespace.deleteQueue(name);
  },
  promised: ({ ledger }, name) => ledger.queueDeleted(name),
  tell: (name) => name,
};
