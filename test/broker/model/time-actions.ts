import fc from 'fast-check';
import { type Action, choice, pick } from './action.ts';
import { agree, type Model, presentState } from './agreement.ts';
import type { State } from './reference-state.ts';
import { dueTimes, mayGoUnnoticed, stepWallClock, windowEnds } from './reference-time.ts';
import type { Rig } from './rig.ts';

/** Lets time pass, and compares whenever something falls due on the way. */
class Passing implements fc.Command<Model, Rig> {
  readonly #draw: PassingDraw;
  #told = 'wait';

  constructor(draw: PassingDraw) {
    this.#draw = draw;
  }

  check(model: Readonly<Model>): boolean {
    return spanMs(presentState(model), this.#draw) !== undefined;
  }

  run(model: Model, rig: Rig): void {
    const ms = spanMs(presentState(model), this.#draw) as number;
    this.#told = `wait ${ms} ms`;
    model.trace.push(this.#told);
    model.tally.commands++;
    pass(model, rig, ms);
  }

  toString(): string {
    return this.#told;
  }
}

function pass(model: Model, rig: Rig, ms: number): void {
  const { clock } = rig.harness;
  let leftMs = ms;
  for (;;) {
    // What the setting of the wall clock brought about is noticed when the broker looks again.
    const looksMs = model.states.some(mayGoUnnoticed) ? (clock.nextDueMs() ?? Infinity) : Infinity;
    const dueMs = model.states.map((state) => (dueTimes(state)[0] ?? Infinity) - state.monotonicMs);
    const stepMs = Math.min(leftMs, looksMs, ...dueMs);
    clock.advance(stepMs);
    for (const state of model.states) {
      state.wallMs += stepMs;
      state.monotonicMs += stepMs;
    }
    agree(model, rig);
    leftMs -= stepMs;
    if (leftMs === 0) return;
  }
}

type PassingDraw =
  | { readonly ms: number }
  | { readonly due: number; readonly offMs: number }
  | { readonly windowEnd: number; readonly offMs: number };

/** A drawn span, or the span to a time at which something falls due, or to just before or after it. */
function spanMs(state: State, draw: PassingDraw): number | undefined {
  if ('ms' in draw) return draw.ms;
  const due = 'due' in draw ? pick(dueTimes(state), draw.due) : pick(windowEnds(state), draw.windowEnd);
  return due === undefined ? undefined : Math.max(0, due + draw.offMs - state.monotonicMs);
}

export const passing: fc.Arbitrary<fc.Command<Model, Rig>> = fc
  .oneof(
    {
      weight: 2,
      arbitrary: fc.record({ ms: fc.constantFrom(0, 1, 999, 1000, 2500, 4999, 5000, 10_000, 19_999, 61_000) }),
    },
    { weight: 6, arbitrary: fc.record({ due: fc.nat({ max: 5 }), offMs: fc.constantFrom(-1, 0, 0, 1) }) },
    { weight: 2, arbitrary: fc.record({ windowEnd: fc.nat({ max: 3 }), offMs: fc.constantFrom(-1, 0, 0, 1) }) },
  )
  .map((draw) => new Passing(draw));

/** Somebody sets the clock of the machine, forward or back, also to a time at which something falls due. */
export const settingClock: Action<{ due: number; offMs: number; ms: number }, number> = {
  name: 'set the wall clock',
  draw: fc.record({
    due: choice,
    offMs: fc.constantFrom(-1, 0, 1, 500),
    ms: fc.constantFrom(0, 0, 0, 300, 10_000, 3_600_000, -300, -10_000, -10_000, -3_600_000),
  }),
  aim(state, { due, offMs, ms }) {
    const time = pick([...dueTimes(state), ...windowEnds(state)], due);
    const stepMs = ms !== 0 || time === undefined ? ms : time + offMs - state.monotonicMs;
    const earliestMs = Math.max(
      ...state.queues.map(({ uncertainMs, disk }) => (uncertainMs > disk.lastEnqueuedMs ? uncertainMs : -Infinity)),
    );
    return stepMs === 0 || state.wallMs + stepMs < earliestMs ? undefined : stepMs;
  },
  predict: (state, ms) => stepWallClock(state, ms),
  perform: (rig, ms) => rig.harness.clock.step(ms),
  tell: (ms) => `by ${ms} ms`,
};
