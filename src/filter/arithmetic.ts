import { FilterError } from './filter-error.ts';
import { LIMITS } from './limits.ts';
import {
  EARLIEST_TIME_MS,
  FilterDuration,
  FilterTime,
  FilterUuid,
  LATEST_TIME_MS,
  type PropertyValue,
} from './property-value.ts';
import type { ArithmeticOperator } from './syntax-tree.ts';
import { describe } from './value-kind.ts';

type Value = Exclude<PropertyValue, null>;

const TICKS_PER_MS = 10_000;

/** How an operator computes, by the kinds of its operands. `add` and `subtract` know times, too. */
interface Arithmetic {
  readonly integers: (left: bigint, right: bigint) => bigint | undefined;
  readonly doubles: (left: number, right: number) => number;
}

const ARITHMETIC: Record<ArithmeticOperator, Arithmetic> = {
  '+': { integers: (a, b) => a + b, doubles: (a, b) => a + b },
  '-': { integers: (a, b) => a - b, doubles: (a, b) => a - b },
  '*': { integers: (a, b) => a * b, doubles: (a, b) => a * b },
  '/': { integers: (a, b) => (b === 0n ? undefined : a / b), doubles: (a, b) => a / b },
  '%': { integers: (a, b) => (b === 0n ? undefined : a % b), doubles: (a, b) => a % b },
};

/**
 * As C# binds the operators: two integers give an integer, which must fit in 64 bits; an integer and a double a double; a text and anything that
 * has a text of its own are joined by +. Times and durations may be subtracted, and added as far as that makes sense.
 *
 * @throws FilterError
 */
export function compute(operator: ArithmeticOperator, left: Value, right: Value, at: number): Value {
  if (typeof left === 'bigint' && typeof right === 'bigint') return integers(operator, left, right, at);
  if (isNumber(left) && isNumber(right)) return ARITHMETIC[operator].doubles(Number(left), Number(right));
  if (operator === '+' && (typeof left === 'string' || typeof right === 'string')) {
    const joined = join(left, right, at);
    if (joined !== undefined) return joined;
  }
  const time = operator === '+' ? add(left, right) : operator === '-' ? subtract(left, right) : undefined;
  if (time !== undefined) return checkRange(time, operator, at);
  throw new FilterError(`'${operator}' at character ${at + 1} cannot take ${describe(left)} and ${describe(right)}`);
}

/** @throws FilterError */
export function negate(operand: Value, at: number): Value {
  if (typeof operand === 'bigint') return integers('-', 0n, operand, at);
  if (typeof operand === 'number') return -operand;
  if (operand instanceof FilterDuration) return checkRange(new FilterDuration(-operand.ticks), '-', at);
  throw new FilterError(`'-' at character ${at + 1} cannot take ${describe(operand)}`);
}

/** @throws FilterError */
export function affirm(operand: Value, at: number): Value {
  if (isNumber(operand) || operand instanceof FilterDuration) return operand;
  throw new FilterError(`'+' at character ${at + 1} cannot take ${describe(operand)}`);
}

function isNumber(value: Value): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

function integers(operator: ArithmeticOperator, left: bigint, right: bigint, at: number): bigint {
  const result = ARITHMETIC[operator].integers(left, right);
  if (result === undefined) throw new FilterError(`'${operator}' at character ${at + 1} divides by zero`);
  if (!fits(result))
    throw new FilterError(`'${operator}' at character ${at + 1} gives ${result}, which does not fit in 64 bits`);
  return result;
}

function fits(value: bigint): boolean {
  return BigInt.asIntN(64, value) === value;
}

function join(left: Value, right: Value, at: number): string | undefined {
  const first = textOf(left);
  const second = textOf(right);
  if (first === undefined || second === undefined) return undefined;
  if (first.length + second.length > LIMITS.textCharacters)
    throw new FilterError(
      `'+' at character ${at + 1} makes a text of ${first.length + second.length} characters; the limit is ${LIMITS.textCharacters}`,
    );
  return first + second;
}

/** As C# writes it; undefined for times, durations and binary data, whose texts depend on settings of the machine there. */
export function textOf(value: Value): string | undefined {
  switch (typeof value) {
    case 'string':
      return value;
    case 'boolean':
      return value ? 'True' : 'False';
    case 'object':
      return value instanceof FilterUuid ? value.text : undefined;
    default:
      return String(value);
  }
}

function add(left: Value, right: Value): FilterTime | FilterDuration | undefined {
  if (left instanceof FilterDuration) {
    if (right instanceof FilterDuration) return new FilterDuration(left.ticks + right.ticks);
    return right instanceof FilterTime ? shift(right, left.ticks) : undefined;
  }
  return left instanceof FilterTime && right instanceof FilterDuration ? shift(left, right.ticks) : undefined;
}

function subtract(left: Value, right: Value): FilterTime | FilterDuration | undefined {
  if (left instanceof FilterTime) {
    if (right instanceof FilterTime) return new FilterDuration(BigInt(left.ms - right.ms) * BigInt(TICKS_PER_MS));
    return right instanceof FilterDuration ? shift(left, -right.ticks) : undefined;
  }
  if (!(left instanceof FilterDuration && right instanceof FilterDuration)) return undefined;
  return new FilterDuration(left.ticks - right.ticks);
}

function shift(time: FilterTime, ticks: bigint): FilterTime {
  return new FilterTime(time.ms + Math.round(Number(ticks) / TICKS_PER_MS));
}

function checkRange<T extends FilterTime | FilterDuration>(value: T, operator: string, at: number): T {
  const isIn =
    value instanceof FilterTime ? value.ms >= EARLIEST_TIME_MS && value.ms <= LATEST_TIME_MS : fits(value.ticks);
  if (isIn) return value;
  throw new FilterError(`'${operator}' at character ${at + 1} gives ${describe(value)} that is out of range`);
}
