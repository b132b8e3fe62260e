import { FilterError } from './filter-error.ts';
import { FilterDuration, FilterTime, FilterUuid, type PropertyValue } from './property-value.ts';
import type { ComparisonOperator } from './syntax-tree.ts';
import { describe } from './value-kind.ts';

type Value = Exclude<PropertyValue, null>;

/** @throws FilterError */
export function isTrue(
  operator: ComparisonOperator,
  left: Exclude<PropertyValue, null>,
  right: Exclude<PropertyValue, null>,
  at: number,
): boolean {
  if (operator === '=') return isEqual(left, right, "'='", at);
  if (operator === '<>') return !isEqual(left, right, "'<>'", at);
  return isOrdered(left, right, operator, at);
}

/**
 * Whether two values of one kind are equal: texts with regard to case, numbers of different sorts as doubles.
 *
 * @throws FilterError when they are of different kinds
 */
export function isEqual(left: Value, right: Value, operator: string, at: number): boolean {
  switch (typeof left) {
    case 'string':
    case 'boolean':
      if (typeof left === typeof right) return left === right;
      break;
    case 'bigint':
    case 'number':
      if (typeof left === typeof right) return left === right;
      if (typeof right === 'bigint' || typeof right === 'number') return Number(left) === Number(right);
      break;
    default:
      if (left instanceof FilterTime && right instanceof FilterTime) return left.ms === right.ms;
      if (left instanceof FilterUuid && right instanceof FilterUuid) return left.text === right.text;
      if (left instanceof FilterDuration && right instanceof FilterDuration) return left.ticks === right.ticks;
      if (Buffer.isBuffer(left) && Buffer.isBuffer(right)) return left.equals(right);
  }
  throw cannotCompare(left, right, operator, at);
}

/**
 * Whether the first of two values of one kind comes before, or is equal to, the second one: numbers, texts by UTF-16 units, times and
 * durations.
 *
 * @throws FilterError when they are of different kinds, or of one without an order
 */
function isOrdered(left: Value, right: Value, operator: Exclude<ComparisonOperator, '=' | '<>'>, at: number): boolean {
  if (typeof left === 'bigint' && typeof right === 'bigint') return ordered(operator, left, right);
  if (isNumber(left) && isNumber(right)) return ordered(operator, Number(left), Number(right));
  if (typeof left === 'string' && typeof right === 'string') return ordered(operator, left, right);
  if (left instanceof FilterTime && right instanceof FilterTime) return ordered(operator, left.ms, right.ms);
  if (left instanceof FilterDuration && right instanceof FilterDuration)
    return ordered(operator, left.ticks, right.ticks);
  throw cannotCompare(left, right, operator, at);
}

function isNumber(value: Value): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

/** Every comparison with NaN is false, as in C#. */
function ordered<T extends bigint | number | string>(operator: ComparisonOperator, left: T, right: T): boolean {
  switch (operator) {
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    default:
      return left >= right;
  }
}

function cannotCompare(left: Value, right: Value, operator: string, at: number): FilterError {
  const what = `${operator} at character ${at + 1}`;
  return new FilterError(`${what} cannot compare ${describe(left)} with ${describe(right)}`);
}
