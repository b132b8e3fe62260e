import { AmqpChar, AmqpSymbol, AmqpTimestamp, AmqpTyped, AmqpUuid } from '../amqp/index.ts';
import type { AmqpValue } from '../amqp/index.ts';
import { RetrainError } from '../errors.ts';
import type { RuleValue } from '../topology/index.ts';

const MIN_INT = -(2 ** 31);
const MAX_INT = 2 ** 31 - 1;

/** A value that a client compares a property with. @throws RetrainError `ARGUMENT_INVALID` for types that no property is compared by */
export function toRuleValue(name: string, value: AmqpValue): RuleValue {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (value instanceof AmqpSymbol) return value.value;
  if (value instanceof AmqpChar) return String.fromCodePoint(value.codePoint);
  if (value instanceof AmqpTimestamp) return { type: 'dateTime', value: new Date(value.ms).toISOString() };
  if (value instanceof AmqpUuid) return { type: 'guid', value: value.toString() };
  if (value instanceof AmqpTyped) return numberOf(value);
  throw new RetrainError(
    'ARGUMENT_INVALID',
    `The property '${name}' of a rule must be a string, a boolean, a number, a timestamp or a uuid.`,
  );
}

function numberOf({ type, value }: AmqpTyped): RuleValue {
  if (type === 'float' || type === 'double') return { type: 'double', value: String(value) };
  const isLong = type === 'long' || type === 'ulong' || value < MIN_INT || value > MAX_INT;
  return { type: isLong ? 'long' : 'int', value: String(value) };
}

/** As a client gets it back. What AMQP has no type for goes as text. */
export function fromRuleValue(value: RuleValue): AmqpValue {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : new AmqpTyped('double', value);
  switch (value.type) {
    case 'int':
      return new AmqpTyped('int', Number(value.value));
    case 'long':
      return new AmqpTyped('long', BigInt(value.value));
    case 'double':
      return new AmqpTyped('double', Number(value.value));
    case 'dateTime':
      return new AmqpTimestamp(Date.parse(value.value));
    case 'guid':
      return new AmqpUuid(Buffer.from(value.value.replaceAll('-', ''), 'hex'));
    default:
      return value.value;
  }
}
