import fc from 'fast-check';
import { commandsOf } from './action.ts';
import { agree, Disagreement, type Model, type Tally } from './agreement.ts';
import { Ledger } from './ledger.ts';
import { creating, deleting, fillingDisk, restarting, updating } from './life-actions.ts';
import {
  beginning,
  committing,
  rollingBack,
  sendingInTransaction,
  settlingInTransaction,
} from './transaction-actions.ts';
import { closing, crediting, fetching, opening, peeking, purging } from './receive-actions.ts';
import { createQueue, updateQueue } from './reference-disk.ts';
import { newState } from './reference-state.ts';
import { Rig } from './rig.ts';
import { cancelling, repeating, sending } from './send-actions.ts';
import { accepting, ceasing, readingState, releasing, renewingSession, settingState } from './session-actions.ts';
import { puttingRule, removingRule } from './rule-actions.ts';
import { type Rule, rulesArbitrary, tellRules } from './rules.ts';
import { fitting, type Settings, settingsArbitrary, tellSettings } from './settings.ts';
import { renewing, settling } from './settle-actions.ts';
import { passing, settingClock } from './time-actions.ts';
import { kindOf, QUEUE_WORLD, TOPIC_WORLDS, type World } from './worlds.ts';

/** Commands of one run at most. */
const MAX_COMMANDS = 300;

const command = fc.oneof(
  { weight: 24, arbitrary: commandsOf(sending) },
  { weight: 10, arbitrary: commandsOf(repeating) },
  { weight: 4, arbitrary: commandsOf(cancelling) },
  { weight: 18, arbitrary: commandsOf(opening) },
  { weight: 32, arbitrary: commandsOf(crediting) },
  { weight: 2, arbitrary: commandsOf(closing) },
  { weight: 50, arbitrary: commandsOf(settling) },
  { weight: 4, arbitrary: commandsOf(renewing) },
  { weight: 16, arbitrary: commandsOf(fetching) },
  { weight: 3, arbitrary: commandsOf(peeking) },
  { weight: 14, arbitrary: commandsOf(accepting) },
  { weight: 2, arbitrary: commandsOf(ceasing) },
  { weight: 3, arbitrary: commandsOf(releasing) },
  { weight: 3, arbitrary: commandsOf(renewingSession) },
  { weight: 4, arbitrary: commandsOf(settingState) },
  { weight: 2, arbitrary: commandsOf(readingState) },
  { weight: 16, arbitrary: passing },
  { weight: 3, arbitrary: commandsOf(settingClock) },
  { weight: 4, arbitrary: commandsOf(fillingDisk) },
  { weight: 3, arbitrary: commandsOf(restarting) },
  { weight: 4, arbitrary: commandsOf(creating) },
  { weight: 1, arbitrary: commandsOf(deleting) },
  { weight: 3, arbitrary: commandsOf(updating) },
  { weight: 5, arbitrary: commandsOf(puttingRule) },
  { weight: 2, arbitrary: commandsOf(removingRule) },
  { weight: 5, arbitrary: commandsOf(purging) },
  { weight: 4, arbitrary: commandsOf(beginning) },
  { weight: 8, arbitrary: commandsOf(sendingInTransaction) },
  { weight: 12, arbitrary: commandsOf(settlingInTransaction) },
  { weight: 8, arbitrary: commandsOf(committing) },
  { weight: 1, arbitrary: commandsOf(rollingBack) },
);

interface Beginning {
  readonly world: World;
  readonly settings: readonly Settings[];
  readonly rules: readonly (readonly Rule[])[];
  /** Whether the ways of an entity are open from the start where a topic is: that is what its world is about. */
  readonly open: readonly boolean[];
}

/** Entities of a world, at most. */
const MAX_ENTITIES = 5;

const beginningArbitrary: fc.Arbitrary<Beginning> = fc.record<Beginning>({
  world: fc.oneof(
    { weight: 1, arbitrary: fc.constant(QUEUE_WORLD) },
    { weight: 1, arbitrary: fc.constantFrom(...TOPIC_WORLDS) },
  ),
  settings: fc.array(settingsArbitrary, { minLength: MAX_ENTITIES, maxLength: MAX_ENTITIES }),
  rules: fc.array(rulesArbitrary, { minLength: MAX_ENTITIES, maxLength: MAX_ENTITIES }),
  open: fc.array(fc.boolean(), { minLength: MAX_ENTITIES, maxLength: MAX_ENTITIES }),
});

function begin({ world, settings, rules, open }: Beginning, tally: Tally): { model: Model; real: Rig } {
  const real = new Rig();
  const state = newState(world, real.harness.clock.wallMs());
  const copies = world !== QUEUE_WORLD;
  const model: Model = { states: [state], ledger: new Ledger({ copies }), trace: [`world: ${world.name}`], tally };
  const entities = world.entities.map((name, i) => {
    const drawn = settings[i] as Settings;
    const ways = copies && open[i] ? { forwardTo: 'somewhere', forwardDeadTo: 'somewhere' } : {};
    return {
      name,
      own: fitting(world, name, { ...drawn, ...ways }),
      ownRules: kindOf(name) === 'subscription' ? (rules[i] ?? []) : [],
    };
  });
  for (const { name, own, ownRules } of entities) {
    const alone: Settings = { ...own, forwardTo: undefined, forwardDeadTo: undefined };
    createQueue(state, name, alone, ownRules);
    real.create(name, alone, ownRules);
  }
  // Only an entity that is there can be forwarded to.
  for (const { name, own, ownRules } of entities) {
    updateQueue(state, name, own);
    real.update(name, own);
    model.trace.push(`${kindOf(name)} ${name}: ${tellSettings(own)} ${tellRules(ownRules)}`);
  }
  agree(model, real);
  return { model, real };
}

/** What decides a run: all of it, or, when `path` is given, the one run of the seed that failed, as small as it became. */
export interface Replay {
  readonly seed: number;
  readonly path?: string | undefined;
  /** Which of the drawn commands were run, as a failure tells it. */
  readonly commands?: string | undefined;
}

/**
 * Checks the broker against the model, and returns how much happened in all runs together.
 *
 * @throws Error with the seed and path of the smallest failure that was found, how to replay it, and what was done in it
 */
export function checkModel({ runs, replay }: { runs: number; replay: Replay }): Tally {
  const tally: Tally = { commands: 0, deliveries: 0 };
  // Shrinking goes from failure to failure: the last one is the smallest.
  let trace: readonly string[] = [];
  const commands = fc.commands([command], {
    maxCommands: MAX_COMMANDS,
    size: 'max',
    ...(replay.commands === undefined ? {} : { replayPath: replay.commands }),
  });
  // The commands come first: those that were run are what shrinking goes on with, and with other settings others are.
  const property = fc.property(commands, beginningArbitrary, (drawn, beginning) => {
    const { model, real } = begin(beginning, tally);
    try {
      fc.modelRun(() => ({ model, real }), drawn);
      const left = real.leftovers();
      if (left.length > 0) throw new Disagreement(`everything was deleted, and the log keeps ${left.join(', ')}`);
    } catch (error) {
      trace = model.trace;
      throw error;
    } finally {
      real.harness.namespace.stop();
    }
  });
  const { seed, path } = replay;
  const { failed, counterexample, counterexamplePath, errorInstance } = fc.check(property, {
    numRuns: runs,
    seed,
    ...(path === undefined ? {} : { path }),
  });
  if (!failed) return tally;
  const taken = /replayPath="([^"]*)"/.exec(fc.stringify(counterexample))?.[1];
  const again = `--seed ${seed} --path ${counterexamplePath} --commands ${taken}`;
  throw new Error(
    [
      errorInstance instanceof Error ? errorInstance.message : String(errorInstance),
      'It was reached by:',
      ...trace.map((line) => `  ${line}`),
      `Replay it with: node dist/test/broker/model/main.js ${again}`,
    ].join('\n'),
    { cause: errorInstance },
  );
}
