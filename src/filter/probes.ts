import type { Probe, PropertyName } from './filter.ts';
import type { PropertyValue } from './property-value.ts';
import type { ComparisonOperator, PredicateNode, ValueNode } from './syntax-tree.ts';
import { keyOf, kindOf, type ValueKind } from './value-kind.ts';

/** What can be said of a condition without a message. */
interface Analysis {
  /** Of each, one probe at least holds for every message for which the condition is true or fails. */
  readonly ways: readonly (readonly Probe[])[];
  /** One probe at least holds for every message for which the condition fails; undefined when that cannot be told. */
  readonly failures: readonly Probe[] | undefined;
}

const NOTHING: Analysis = { ways: [], failures: undefined };
const NEVER_FAILS: Analysis = { ways: [], failures: [] };

/** Ways of one condition that are looked at; each conjunct adds its own. */
const MAX_WAYS = 16;

/** The ways in which an index can find a filter with this condition (`Filter.probes`). */
export function probesOf(node: PredicateNode): readonly (readonly Probe[])[] {
  return analyse(node).ways;
}

function analyse(node: PredicateNode): Analysis {
  switch (node.kind) {
    case 'and':
      return analyseAnd(node.operands);
    case 'or':
      return analyseOr(node.operands);
    case 'not':
      return { ways: [], failures: analyse(node.operand).failures };
    case 'comparison': {
      const { left, right, operator } = node;
      const pair = asPropertyAndConstant(left, right) ?? asPropertyAndConstant(right, left);
      if (!pair) return NOTHING;
      if (operator === '=') return analyseEquality(pair.property, [pair.value]);
      return { ways: [], failures: mismatch(pair.property, operator, pair.value) };
    }
    case 'in':
      return analyseIn(node.operand, node.list);
    case 'like': {
      const { operand, pattern, escape } = node;
      if (operand.kind !== 'property' || pattern.kind !== 'constant' || (escape && escape.kind !== 'constant'))
        return NOTHING;
      return { ways: [], failures: [{ property: operand.property, otherThan: 'string' }] };
    }
    case 'null':
    case 'exists':
      return node.operand.kind === 'property' ? NEVER_FAILS : NOTHING;
    case 'truth':
      return node.value === true ? NEVER_FAILS : { ways: [[]], failures: [] };
  }
}

/** An operand is come to when all before it are true: where it decides, none of them failed. */
function analyseAnd(operands: readonly PredicateNode[]): Analysis {
  const ways: (readonly Probe[])[] = [];
  let failures: readonly Probe[] | undefined = [];
  for (const operand of operands) {
    const next = analyse(operand);
    const before: readonly Probe[] = failures;
    for (const way of next.ways) if (ways.length < MAX_WAYS) ways.push([...before, ...way]);
    if (!next.failures) return { ways, failures: undefined };
    failures = [...before, ...next.failures];
  }
  return { ways, failures };
}

function analyseOr(operands: readonly PredicateNode[]): Analysis {
  const parts = operands.map(analyse);
  const failures = parts.every((part) => part.failures) ? parts.flatMap((part) => part.failures ?? []) : undefined;
  if (parts.some(({ ways }) => ways.length === 0)) return { ways: [], failures };
  return { ways: [parts.flatMap(({ ways }) => shortest(ways))], failures };
}

function shortest(ways: Analysis['ways']): readonly Probe[] {
  return ways.reduce((best, way) => (way.length < best.length ? way : best));
}

function analyseIn(operand: ValueNode, list: readonly ValueNode[]): Analysis {
  if (operand.kind !== 'property') return NOTHING;
  const values: PropertyValue[] = [];
  for (const item of list) {
    if (item.kind !== 'constant') return NOTHING;
    values.push(item.value);
  }
  return analyseEquality(operand.property, values);
}

function asPropertyAndConstant(
  first: ValueNode,
  second: ValueNode,
): { property: PropertyName; value: PropertyValue } | undefined {
  if (first.kind !== 'property' || second.kind !== 'constant') return undefined;
  return { property: first.property, value: second.value };
}

/** That the property is equal to one of the values. */
function analyseEquality(property: PropertyName, values: readonly PropertyValue[]): Analysis {
  const way: Probe[] = [];
  const kinds = new Set<ValueKind>();
  for (const value of values) {
    if (value === null) continue;
    kinds.add(kindOf(value));
    const key = keyOf(value);
    // Binary data has no key: there is no constant of that kind.
    if (key === undefined) return NOTHING;
    way.push({ property, key });
  }
  const failures = [...kinds].map((otherThan) => ({ property, otherThan }));
  return { ways: [[...way, ...failures]], failures };
}

/** That a comparison, but not for equality, fails. */
function mismatch(property: PropertyName, operator: ComparisonOperator, value: PropertyValue): Probe[] | undefined {
  if (value === null) return [];
  const kind = kindOf(value);
  if (operator !== '<>' && !ORDERED.has(kind)) return undefined;
  return [{ property, otherThan: kind }];
}

const ORDERED: ReadonlySet<ValueKind> = new Set(['number', 'string', 'time', 'duration']);
