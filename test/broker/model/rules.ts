import fc from 'fast-check';
import type { RuleDescription } from '../../../src/topology/index.ts';
import type { Draft } from './reference-state.ts';

// The rules of the model's subscriptions. All look at one property, which a message has or has not.

export const RULE_NAMES = ['x', 'y', '$Default'] as const;

export interface Rule {
  readonly name: string;
  readonly filter: 'all' | 'none' | 'red' | 'blue' | 'red by expression' | 'fails on colours';
  readonly action: 'tag' | 'paint' | 'strip' | 'set session' | 'set id' | 'fails' | undefined;
}

/** A rule of a subscription, and its place among all that were ever made. */
export type PlacedRule = Rule & { readonly order: number };

export const DEFAULT_RULE: Rule = { name: '$Default', filter: 'all', action: undefined };

export const ruleArbitrary: fc.Arbitrary<Rule> = fc.record<Rule>({
  name: fc.constantFrom(...RULE_NAMES),
  filter: fc.oneof(
    { weight: 4, arbitrary: fc.constant<Rule['filter']>('all') },
    {
      weight: 6,
      arbitrary: fc.constantFrom<Rule['filter'][]>(
        'red',
        'red',
        'blue',
        'red by expression',
        'none',
        'fails on colours',
      ),
    },
  ),
  action: fc.oneof(
    { weight: 3, arbitrary: fc.constant(undefined) },
    {
      weight: 2,
      arbitrary: fc.constantFrom<Rule['action'][]>('tag', 'tag', 'paint', 'strip', 'set session', 'set id', 'fails'),
    },
  ),
});

/** The rules that a subscription is made with: at most one of a name. */
export const rulesArbitrary: fc.Arbitrary<readonly Rule[]> = fc.oneof(
  { weight: 1, arbitrary: fc.constant([DEFAULT_RULE]) },
  {
    weight: 2,
    arbitrary: fc.uniqueArray(ruleArbitrary, {
      selector: ({ name }) => name,
      maxLength: RULE_NAMES.length,
      size: 'max',
    }),
  },
);

export function tellRule({ name, filter, action }: Rule): string {
  return `${name} lets in ${filter}${action === undefined ? '' : `, then ${action}`}`;
}

export function tellRules(rules: readonly Rule[]): string {
  return rules.length === 0 ? '' : `[${rules.map(tellRule).join('; ')}]`;
}

const FILTERS: Record<Rule['filter'], Partial<RuleDescription>> = {
  all: { filterType: 'TrueFilter' },
  none: { filterType: 'FalseFilter' },
  red: { filterType: 'CorrelationFilter', correlationFilter: { properties: { color: 'red' } } },
  blue: { filterType: 'CorrelationFilter', correlationFilter: { properties: { color: 'blue' } } },
  'red by expression': { filterType: 'SqlFilter', sqlFilter: { sqlExpression: "color = 'red'" } },
  // A text has no negative, and what is not there is unknown.
  'fails on colours': { filterType: 'SqlFilter', sqlFilter: { sqlExpression: '-color > 0' } },
};

const ACTIONS: Record<NonNullable<Rule['action']>, string> = {
  tag: "SET tag = 'seen'",
  paint: "SET color = 'blue'",
  strip: 'REMOVE color',
  'set session': "SET sys.SessionId = 'c'",
  'set id': "SET sys.MessageId = 'x'",
  fails: 'SET sys.MessageId = nothing',
};

export function filterTypeOf({ filter }: Rule): string {
  return FILTERS[filter].filterType as string;
}

export function describeRule({ name, filter, action }: Rule): object {
  const expression = action && { action: { sqlExpression: ACTIONS[action] } };
  return { name, ...FILTERS[filter], ...expression };
}

/** What an overlay says of properties; null: removed. */
type Changes = Readonly<Record<string, string | null>>;

function changesIn(overlay: string | undefined): Changes {
  return JSON.parse(overlay ?? '{}') as Changes;
}

function colorOf(color: string | undefined, overlay: string | undefined): string | undefined {
  const { color: changed } = changesIn(overlay);
  return changed === undefined ? color : (changed ?? undefined);
}

export type Verdict = 'in' | 'out' | 'fails';

export function verdict({ filter }: Rule, ownColor: string | undefined, overlay: string | undefined): Verdict {
  const color = colorOf(ownColor, overlay);
  if (filter === 'fails on colours') return color === undefined ? 'out' : 'fails';
  if (filter === 'all' || (filter === 'red by expression' ? 'red' : filter) === color) return 'in';
  return 'out';
}

const EFFECTS: Record<NonNullable<Rule['action']>, Changes> = {
  tag: { tag: 'seen' },
  paint: { color: 'blue' },
  strip: { color: null },
  'set session': { 'sys.SessionId': 'c' },
  'set id': { 'sys.MessageId': 'x' },
  fails: {},
};

/** The overlay that a rule with an action gives a message. Undefined: the action cannot be carried out. */
export function changed({ name, action }: Rule, overlay: string | undefined): string | undefined {
  if (action === undefined || action === 'fails') return undefined;
  const effects = Object.entries(EFFECTS[action]);
  const user = effects.filter(([property]) => !property.startsWith('sys.'));
  const system = effects.filter(([property]) => property.startsWith('sys.'));
  return JSON.stringify({ ...changesIn(overlay), ...Object.fromEntries([...user, ['RuleName', name], ...system]) });
}

/** What a message says of itself under its overlay. */
export function overlaid(draft: Draft, overlay: string | undefined): Draft {
  const { 'sys.SessionId': sessionId, 'sys.MessageId': messageId } = changesIn(overlay);
  return { ...draft, sessionId: sessionId ?? draft.sessionId, messageId: messageId ?? draft.messageId };
}
