import fc from 'fast-check';
import { RetrainError } from '../../../src/errors.ts';
import { BrokerRefusal } from '../../../src/broker/index.ts';
import { agree, Disagreement, type Model, presentState } from './agreement.ts';
import { type Queue, Refusal, type State } from './reference-state.ts';
import type { Rig } from './rig.ts';
import { entityFor } from './worlds.ts';

/**
 * Something that a user of the broker does. `Draw` is what the test draws, without knowing what there is; `Target` is what that means in the
 * present state, which `aim` finds: so a command fits whatever was done before it, also when shrinking has taken some of that away.
 */
export interface Action<Draw, Target> {
  readonly name: string;
  readonly draw: fc.Arbitrary<Draw>;
  /** Undefined: there is nothing that it could be done to. */
  aim(state: State, draw: Draw): Target | undefined;
  /** The states that the broker may take for the present one, where that is left to it. */
  readings?(state: State): State[];
  /** The answer of the reference. @throws Refusal */
  predict(state: State, target: Target): unknown;
  /** The answer of the broker. @throws BrokerRefusal */
  perform(rig: Rig, target: Target): unknown;
  /** For the ledger: what the broker has promised by not refusing. */
  promised?(model: Model, target: Target, answer: unknown): void;
  tell(target: Target): string;
}

type Answer = { readonly answer: unknown } | { readonly refused: string };

function answerOf(call: () => unknown): Answer {
  try {
    return { answer: call() };
  } catch (error) {
    if (error instanceof BrokerRefusal || error instanceof Refusal) return { refused: error.reason };
    // The server tells both as amqp:resource-limit-exceeded.
    if (error instanceof RetrainError && error.code === 'DISK_FULL') return { refused: 'quota-exceeded' };
    throw error;
  }
}

class ActionCommand<Draw, Target> implements fc.Command<Model, Rig> {
  readonly #action: Action<Draw, Target>;
  readonly #draw: Draw;
  #told: string;

  constructor(action: Action<Draw, Target>, draw: Draw) {
    this.#action = action;
    this.#draw = draw;
    this.#told = `${action.name} ${JSON.stringify(draw)}`;
  }

  check(model: Readonly<Model>): boolean {
    return this.#action.aim(presentState(model), this.#draw) !== undefined;
  }

  run(model: Model, rig: Rig): void {
    const action = this.#action;
    const target = action.aim(presentState(model), this.#draw) as Target;
    this.#told = `${action.name} ${action.tell(target)}`.trimEnd();
    model.trace.push(this.#told);
    model.tally.commands++;
    const seen = answerOf(() => action.perform(rig, target));
    if (action.readings) model.states = model.states.flatMap((state) => action.readings?.(state) ?? state);
    const answers = model.states.map((state) => JSON.stringify(answerOf(() => action.predict(state, target))));
    model.states = model.states.filter((_, i) => answers[i] === JSON.stringify(seen));
    if (model.states.length === 0) {
      throw new Disagreement(`the broker answers ${JSON.stringify(seen)}, the model ${answers[0]}`);
    }
    model.trace.push(`   -> ${'refused' in seen ? seen.refused : JSON.stringify(seen.answer ?? 'done')}`);
    if ('answer' in seen) action.promised?.(model, target, seen.answer);
    rig.harness.clock.advance(0);
    agree(model, rig);
  }

  toString(): string {
    return this.#told;
  }
}

/** Commands of an action, to be drawn. */
export function commandsOf<Draw, Target>(action: Action<Draw, Target>): fc.Arbitrary<fc.Command<Model, Rig>> {
  return action.draw.map((draw) => new ActionCommand(action, draw));
}

/** The item that a drawn number stands for. */
export function pick<T>(items: readonly T[], number: number): T | undefined {
  return items[number % Math.max(1, items.length)];
}

/** Draws a number for `pick`; a low one, the older item, is what shrinking leads to. */
export const choice = fc.noBias(fc.nat({ max: 1_000_000 }));

/** Which entity, for `entityFor`; 0, where most happens, is what shrinking leads to. */
export const whichQueue = fc.noBias(fc.nat({ max: 11 }));

/** The entity that a draw means for somebody who wants to do that. */
export function aimAtQueue(state: State, to: 'send' | 'receive' | 'change', draw: number): Queue | undefined {
  return entityFor(state.queues, { world: state.world, to, draw });
}

/** True once in about `times` draws. */
export function seldom(times: number): fc.Arbitrary<boolean> {
  return fc.oneof({ weight: times - 1, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) });
}
