import { RetrainError } from '../errors.ts';
import {
  EARLIEST_TIME_MS,
  FilterDuration,
  FilterTime,
  FilterUuid,
  LATEST_TIME_MS,
  type PropertyValue,
} from './property-value.ts';
import type { RuleValue, TypedText } from './rule-description.ts';

const INT32 = { min: -(2n ** 31n), max: 2n ** 31n - 1n };
const INT64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };
const TICKS_PER_SECOND = 10_000_000n;
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?$/;
const DURATION = /^(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,7}))?S)?)?$/;

/**
 * The value that a rule gives. A plain whole number is a long, any other a double.
 *
 * @param field where the value stands, for the error
 * @throws RetrainError `FILTER_INVALID`
 */
export function ruleValueOf(field: string, value: RuleValue): PropertyValue {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  const read = readTyped(value);
  if (read !== undefined) return read;
  throw new RetrainError('FILTER_INVALID', `${field} is '${value.value}', which is not a value of type ${value.type}`);
}

function readTyped({ type, value }: TypedText): PropertyValue | undefined {
  switch (type) {
    case 'string':
      return value;
    case 'int':
      return readInteger(value, INT32);
    case 'long':
      return readInteger(value, INT64);
    case 'double':
    case 'decimal':
      return readNumber(value);
    case 'boolean':
      return value === 'true' || value === '1' ? true : value === 'false' || value === '0' ? false : undefined;
    case 'dateTime':
      return readTime(value);
    case 'guid':
      return UUID.test(value) ? new FilterUuid(value) : undefined;
    case 'duration':
      return readDuration(value);
  }
}

function readInteger(text: string, { min, max }: typeof INT32): bigint | undefined {
  if (!/^[+-]?\d{1,40}$/.test(text)) return undefined;
  const value = BigInt(text.replace('+', ''));
  return value >= min && value <= max ? value : undefined;
}

function readNumber(text: string): number | undefined {
  if (NUMBER.test(text)) return Number(text);
  return { NaN: Number.NaN, INF: Infinity, '-INF': -Infinity }[text];
}

/** A time without a zone is UTC. */
function readTime(text: string): FilterTime | undefined {
  if (!DATE_TIME.test(text)) return undefined;
  const ms = Date.parse(/(?:Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`);
  return ms >= EARLIEST_TIME_MS && ms <= LATEST_TIME_MS ? new FilterTime(ms) : undefined;
}

/** ISO 8601 with days, hours, minutes and seconds, as XML writes a TimeSpan. */
function readDuration(text: string): FilterDuration | undefined {
  const match = DURATION.exec(text);
  if (!match || text.length > 64 || /[PT]$/.test(text)) return undefined;
  const [, sign, days = '0', hours = '0', minutes = '0', seconds = '0', fraction = ''] = match;
  const whole = ((BigInt(days) * 24n + BigInt(hours)) * 60n + BigInt(minutes)) * 60n + BigInt(seconds);
  const ticks = whole * TICKS_PER_SECOND + BigInt(fraction.padEnd(7, '0'));
  if (ticks > INT64.max) return undefined;
  return new FilterDuration(sign === '-' ? -ticks : ticks);
}
