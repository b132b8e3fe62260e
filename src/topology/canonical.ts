import { formatDuration, parseDuration } from './duration.ts';
import type { RuleDescription, RuleValue } from './rule.ts';

// What means the same is written in many ways: PT60S is PT1M. To compare and to write descriptions, one of the ways is chosen.

const DURATIONS: ReadonlySet<string> = new Set([
  'lockDuration',
  'defaultMessageTimeToLive',
  'duplicateDetectionHistoryTimeWindow',
  'autoDeleteOnIdle',
]);

/** Names of other entities, whose case does not matter. */
const NAMES: ReadonlySet<string> = new Set(['forwardTo', 'forwardDeadLetteredMessagesTo']);

/** The properties of a queue, topic or subscription without those that say nothing, and durations in their shortest form. */
export function canonicalProperties(description: object): Map<string, unknown> {
  const given = Object.entries(description).filter(([, value]) => value !== undefined && value !== '');
  return new Map(
    given.map(([name, value]) => [
      name,
      typeof value === 'string' && DURATIONS.has(name) ? formatDuration(parseDuration(value, name)) : value,
    ]),
  );
}

export interface Difference {
  readonly property: string;
  /** Undefined: it has none. */
  readonly from: unknown;
  readonly to: unknown;
}

/** What is to be changed of an entity so that it is as wanted. Its name is no property. */
export function differencesOf(present: object, wanted: object): Difference[] {
  const before = canonicalProperties(present);
  const after = canonicalProperties(wanted);
  const names = new Set([...before.keys(), ...after.keys()]);
  names.delete('name');
  names.delete('topicName');
  return [...names]
    .map((property) => ({ property, from: before.get(property), to: after.get(property) }))
    .filter(({ property, from, to }) => comparable(property, from) !== comparable(property, to));
}

function comparable(property: string, value: unknown): unknown {
  return NAMES.has(property) && typeof value === 'string' ? value.toLowerCase() : value;
}

/** The expressions by which the admin API knows the filters that let everything in, and nothing. */
const TRUE_EXPRESSION = /^\s*1\s*=\s*1\s*$/;
const FALSE_EXPRESSION = /^\s*1\s*=\s*0\s*$/;

/** A rule without what says nothing, with one form for filters and values that have several. */
export function canonicalRule(rule: RuleDescription): RuleDescription {
  const { name, action } = rule;
  const rest = { name, ...(action && { action: canonicalSql(action) }) };
  if (rule.filterType === 'SqlFilter') {
    const { sqlExpression, parameters = {} } = rule.sqlFilter;
    const isConstant = Object.keys(parameters).length === 0;
    if (isConstant && TRUE_EXPRESSION.test(sqlExpression)) return { ...rest, filterType: 'TrueFilter' };
    if (isConstant && FALSE_EXPRESSION.test(sqlExpression)) return { ...rest, filterType: 'FalseFilter' };
    return { ...rest, filterType: 'SqlFilter', sqlFilter: canonicalSql(rule.sqlFilter) };
  }
  if (rule.filterType !== 'CorrelationFilter') return { ...rest, filterType: rule.filterType };
  const { properties, ...system } = rule.correlationFilter;
  const given = Object.fromEntries(Object.entries(system).filter(([, value]) => value !== undefined));
  return {
    ...rest,
    filterType: 'CorrelationFilter',
    correlationFilter: { ...given, ...valuesOrNothing('properties', properties) },
  };
}

/** Whether two rules of one name do the same. */
export function sameRule(one: RuleDescription, other: RuleDescription): boolean {
  return (
    JSON.stringify(sorted(canonicalRule(one))) === JSON.stringify(sorted({ ...canonicalRule(other), name: one.name }))
  );
}

interface Sql {
  readonly sqlExpression: string;
  readonly parameters?: Readonly<Record<string, RuleValue>> | undefined;
}

function canonicalSql({ sqlExpression, parameters }: Sql): {
  sqlExpression: string;
  parameters?: Record<string, RuleValue>;
} {
  return { sqlExpression, ...valuesOrNothing('parameters', parameters) };
}

function valuesOrNothing<K extends string>(
  key: K,
  values: Readonly<Record<string, RuleValue>> | undefined,
): { [P in K]?: Record<string, RuleValue> } {
  const entries = Object.entries(values ?? {}).sort(([one], [other]) => (one < other ? -1 : 1));
  if (entries.length === 0) return {};
  const canonical = Object.fromEntries(entries.map(([name, value]) => [name, canonicalValue(value)]));
  return { [key]: canonical } as { [P in K]?: Record<string, RuleValue> };
}

function canonicalValue(value: RuleValue): RuleValue {
  if (typeof value !== 'object') return value;
  const number = Number(value.value);
  // What is not finite has no sign in JSON, and is no number to the readers of files.
  const isPlain = Number.isFinite(number) && String(number) === value.value && numberType(number) === value.type;
  return isPlain ? number : value;
}

const INT32 = 2 ** 31;

/** What a plain number is in a rule: an int when it is whole, a long when it is too large for one, and a double otherwise. */
export function numberType(number: number): 'int' | 'long' | 'double' {
  if (!Number.isSafeInteger(number)) return 'double';
  return number >= -INT32 && number < INT32 ? 'int' : 'long';
}

/** With the names of objects in order. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(entries.map(([name, inside]) => [name, sorted(inside)]));
}
