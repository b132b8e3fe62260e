import fc from 'fast-check';
import { type Action, choice, pick, seldom } from './action.ts';
import { putRule, removeRule } from './reference-disk.ts';
import type { State } from './reference-state.ts';
import { type Rule, RULE_NAMES, ruleArbitrary, tellRule } from './rules.ts';
import { kindOf } from './worlds.ts';

function aimAtSubscription(state: State, number: number): string | undefined {
  return pick(
    state.queues.filter(({ name }) => kindOf(name) === 'subscription'),
    number,
  )?.name;
}

interface PutTarget {
  readonly subscription: string;
  readonly rule: Rule;
  readonly replace: boolean;
}

/** A rule is added or takes the place of another, wrongly now and then: what is there cannot be added, what is not cannot be replaced. */
export const puttingRule: Action<{ subscription: number; rule: Rule; careless: boolean }, PutTarget> = {
  name: 'put rule',
  draw: fc.record({ subscription: choice, rule: ruleArbitrary, careless: seldom(10) }),
  aim(state, { subscription: number, rule, careless }) {
    const subscription = aimAtSubscription(state, number);
    if (subscription === undefined) return undefined;
    const { rules = [] } = state.queues.find(({ name }) => name === subscription) ?? {};
    return { subscription, rule, replace: rules.some(({ name }) => name === rule.name) !== careless };
  },
  predict: (state, { subscription, rule, replace }) => putRule(state, subscription, rule, replace),
  perform: (rig, { subscription, rule, replace }) => rig.putRule(subscription, rule, replace),
  tell: ({ subscription, rule, replace }) => `of ${subscription}: ${tellRule(rule)}${replace ? ', replacing' : ''}`,
};

export const removingRule: Action<{ subscription: number; rule: number }, { subscription: string; rule: string }> = {
  name: 'remove rule',
  draw: fc.record({ subscription: choice, rule: choice }),
  aim(state, { subscription: number, rule }) {
    const subscription = aimAtSubscription(state, number);
    return subscription === undefined ? undefined : { subscription, rule: pick(RULE_NAMES, rule) ?? '' };
  },
  predict: (state, { subscription, rule }) => removeRule(state, subscription, rule),
  perform: (rig, { subscription, rule }) => rig.removeRule(subscription, rule),
  tell: ({ subscription, rule }) => `${rule} of ${subscription}`,
};
