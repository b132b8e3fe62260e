import {
  parseTopicDescription,
  type SubscriptionDescriptionInput,
  type TopicDescription,
} from '../../src/topology/index.ts';
import type { SeededRandom } from './seeded-random.ts';

export const TOPIC = 't';
/** Longer than a run lasts before its actors come to an end. */
export const IDLE_MS = 600_000;
const IDLE = 'PT10M';

/** What a message says of itself, for the rules. */
export type Color = 'red' | 'blue' | undefined;
export const COLORS: readonly Color[] = ['red', 'red', 'blue', undefined];

/** By what a copy is known among those of one message: the rule with an action that made it, '' for the others together, or that it is dead. */
export type Mark = string;
export const DEAD: Mark = '(dead)';

const ALL = { filterType: 'TrueFilter' };
const only = (color: string) => ({ filterType: 'CorrelationFilter', correlationFilter: { properties: { color } } });
const action = { sqlExpression: "SET seen = 'yes'" };

/** Rules that a subscription is made with, and what becomes of a message by them. */
const RULE_SETS = {
  all: { rules: [{ name: '$Default', ...ALL }], marks: () => [''] },
  red: { rules: [{ name: 'red', ...only('red') }], marks: (color: Color) => (color === 'red' ? [''] : []) },
  colors: {
    rules: [
      { name: 'red', ...only('red') },
      { name: 'blue', ...only('blue') },
      { name: 'blue again', filterType: 'SqlFilter', sqlFilter: { sqlExpression: "color = 'blue'" } },
    ],
    marks: (color: Color) => (color === undefined ? [] : ['']),
  },
  actions: {
    rules: [
      { name: '$Default', ...ALL },
      { name: 'first', ...ALL, action },
      { name: 'second', ...only('red'), action },
    ],
    marks: (color: Color) => (color === 'red' ? ['', 'first', 'second'] : ['', 'first']),
  },
  failing: {
    rules: [{ name: 'fails', filterType: 'SqlFilter', sqlFilter: { sqlExpression: '-color > 0' } }],
    marks: (color: Color) => (color === undefined ? [] : [DEAD]),
  },
  none: { rules: [], marks: () => [] },
} satisfies Record<string, { rules: object[]; marks: (color: Color) => Mark[] }>;

export type RuleSet = keyof typeof RULE_SETS;
const NAMES = Object.keys(RULE_SETS) as RuleSet[];

/** A rule that is added and removed while messages come. */
export const EXTRA = { name: 'extra', ...ALL, action };

export function rulesOf(set: RuleSet): readonly { readonly name: string }[] {
  return RULE_SETS[set].rules;
}

export function marksOf(set: RuleSet, extra: boolean, color: Color): Mark[] {
  const marks = [...RULE_SETS[set].marks(color), ...(extra ? [EXTRA.name] : [])];
  // What fails matters only to a subscription that gets nothing otherwise.
  return (marks.length > 1 ? marks.filter((mark) => mark !== DEAD) : marks).sort();
}

export interface PlannedTopic {
  readonly description: TopicDescription;
  /** The first one goes when it is idle, at the end of the run. */
  readonly subscriptions: readonly string[];
  readonly senders: number;
  readonly messagesEach: number;
  readonly receiversEach: number;
  /** How often somebody adds, removes, deletes and makes again. */
  readonly changes: number;
}

/** The topic that a run has beside its queues, in some runs. */
export function planTopic(random: SeededRandom): PlannedTopic | undefined {
  if (!random.chance(0.5)) return undefined;
  return {
    description: parseTopicDescription({
      name: TOPIC,
      requiresDuplicateDetection: random.chance(0.6),
      duplicateDetectionHistoryTimeWindow: 'PT1H',
      autoDeleteOnIdle: IDLE,
    }),
    subscriptions: ['one', 'two', 'three'].slice(0, random.between(1, 3)),
    senders: random.between(1, 2),
    messagesEach: random.between(10, 40),
    receiversEach: random.between(0, 2),
    changes: random.between(0, 6),
  };
}

export function drawRules(random: SeededRandom): RuleSet {
  return random.pick(NAMES);
}

export function describeSubscription(name: string, isFirst: boolean): SubscriptionDescriptionInput {
  return {
    topicName: TOPIC,
    name,
    lockDuration: 'PT5S',
    maxDeliveryCount: 1000,
    ...(isFirst ? { autoDeleteOnIdle: IDLE } : {}),
  };
}
