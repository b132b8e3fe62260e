import { AmqpDecimal, AmqpTyped } from '../amqp/index.ts';
import type { AmqpValue } from '../amqp/index.ts';
import { RetrainError } from '../errors.ts';
import { FilterDuration, FilterTime, FilterUuid, ruleValueOf } from '../filter/index.ts';
import type { RuleValue } from '../topology/index.ts';
import { amqpValueOf, propertyValueOf } from './property-values.ts';

const MIN_INT = -(2n ** 31n);
const MAX_INT = 2n ** 31n - 1n;
const TICKS_PER_SECOND = 10_000_000n;

/** A value that a client compares a property with. @throws RetrainError `ARGUMENT_INVALID` for types that no property is compared by */
export function toRuleValue(name: string, value: AmqpValue): RuleValue {
  const given = propertyValueOf(value);
  if (typeof given === 'string' || typeof given === 'boolean') return given;
  if (typeof given === 'bigint') return integerOf(given, value);
  if (typeof given === 'number')
    return { type: value instanceof AmqpDecimal ? 'decimal' : 'double', value: numberText(given) };
  if (given instanceof FilterTime) return { type: 'dateTime', value: new Date(given.ms).toISOString() };
  if (given instanceof FilterUuid) return { type: 'guid', value: given.text };
  if (given instanceof FilterDuration) return { type: 'duration', value: durationText(given) };
  throw new RetrainError(
    'ARGUMENT_INVALID',
    `The property '${name}' of a rule must be a string, a boolean, a number, a timestamp, a timespan or a uuid.`,
  );
}

function integerOf(value: bigint, given: AmqpValue): RuleValue {
  const wide = given instanceof AmqpTyped && (given.type === 'long' || given.type === 'ulong');
  return { type: wide || value < MIN_INT || value > MAX_INT ? 'long' : 'int', value: String(value) };
}

/** As XML Schema writes a double. */
function numberText(value: number): string {
  return Number.isFinite(value) || Number.isNaN(value) ? String(value) : value > 0 ? 'INF' : '-INF';
}

/** As XML Schema writes a duration: seconds and tenths of microseconds. */
function durationText({ ticks }: FilterDuration): string {
  const length = ticks < 0n ? -ticks : ticks;
  const fraction = String(length % TICKS_PER_SECOND).padStart(7, '0');
  return `${ticks < 0n ? '-' : ''}PT${length / TICKS_PER_SECOND}.${fraction}S`;
}

/** As a client gets it back. */
export function fromRuleValue(name: string, value: RuleValue): AmqpValue {
  if (typeof value === 'object' && value.type === 'int') return new AmqpTyped('int', Number(value.value));
  return amqpValueOf(ruleValueOf(name, value), undefined);
}
