import {
  AmqpChar,
  AmqpDecimal,
  AmqpDescribed,
  AmqpSymbol,
  AmqpTimestamp,
  AmqpTyped,
  AmqpUuid,
  type AmqpValue,
} from '../amqp/index.ts';
import {
  EARLIEST_TIME_MS,
  FilterDuration,
  FilterTime,
  FilterUuid,
  LATEST_TIME_MS,
  type PropertyValue,
} from '../filter/index.ts';

// Between AMQP's values, in the typed form, and those that the language of rules knows.

/** Types that .NET's client has and AMQP has not, by their descriptors. */
const TIMESPAN = 'com.microsoft:timespan';
const DATE_TIME_OFFSET = 'com.microsoft:datetime-offset';
const URI = 'com.microsoft:uri';

const TICKS_PER_MS = 10_000;
/** Undefined for what the language has no values for: lists, maps, arrays, and values with unknown descriptors. */
export function propertyValueOf(value: AmqpValue): PropertyValue | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || Buffer.isBuffer(value)) return value;
  if (value instanceof AmqpTyped) {
    if (value.type === 'float' || value.type === 'double') return Number(value.value);
    return BigInt(value.value);
  }
  if (value instanceof AmqpTimestamp) return timeAt(value.ms);
  if (value instanceof AmqpUuid) return new FilterUuid(value.toString());
  if (value instanceof AmqpSymbol) return value.value;
  if (value instanceof AmqpChar) return value.codePoint > 0x10_ffff ? undefined : String.fromCodePoint(value.codePoint);
  if (value instanceof AmqpDecimal) return numberOfDecimal(value.bytes);
  return value instanceof AmqpDescribed ? describedValue(value) : undefined;
}

function describedValue({ descriptor, value }: AmqpDescribed): PropertyValue | undefined {
  const name = descriptor instanceof AmqpSymbol ? descriptor.value : undefined;
  if (name === URI && typeof value === 'string') return value;
  if (!(value instanceof AmqpTyped) || value.type !== 'long') return undefined;
  if (name === TIMESPAN) return new FilterDuration(BigInt(value.value));
  if (name === DATE_TIME_OFFSET) return timeAt(Math.round(Number(value.value) / TICKS_PER_MS) + EARLIEST_TIME_MS);
  return undefined;
}

/** AMQP's range is wider than .NET's, which takes the nearest time that it knows. */
function timeAt(ms: number): FilterTime {
  return new FilterTime(Math.min(Math.max(ms, EARLIEST_TIME_MS), LATEST_TIME_MS));
}

/** `former` is what the property is now: an integer keeps its width when it fits. */
export function amqpValueOf(value: PropertyValue, former: AmqpValue | undefined): AmqpValue {
  if (typeof value === 'bigint') return integerOf(value, former);
  if (typeof value === 'number') return new AmqpTyped('double', value);
  if (value instanceof FilterTime) return new AmqpTimestamp(value.ms);
  if (value instanceof FilterUuid) return new AmqpUuid(Buffer.from(value.text.replaceAll('-', ''), 'hex'));
  if (value instanceof FilterDuration)
    return new AmqpDescribed(new AmqpSymbol(TIMESPAN), new AmqpTyped('long', value.ticks));
  return value;
}

const RANGES = {
  ubyte: [0n, 0xffn],
  ushort: [0n, 0xffffn],
  uint: [0n, 0xffff_ffffn],
  ulong: [0n, 2n ** 64n - 1n],
  byte: [-0x80n, 0x7fn],
  short: [-0x8000n, 0x7fffn],
  int: [-(2n ** 31n), 2n ** 31n - 1n],
  long: [-(2n ** 63n), 2n ** 63n - 1n],
} as const;

function integerOf(value: bigint, former: AmqpValue | undefined): AmqpTyped {
  const type = former instanceof AmqpTyped ? former.type : 'long';
  if (type === 'float' || type === 'double') return new AmqpTyped('long', value);
  const [min, max] = RANGES[type];
  const kept = value >= min && value <= max ? type : value > RANGES.long[1] ? 'ulong' : 'long';
  return new AmqpTyped(kept, kept === 'long' || kept === 'ulong' ? value : Number(value));
}

/** How IEEE 754-2008 lays out a decimal whose coefficient is a binary integer, by its length in bytes. */
const DECIMALS: Readonly<
  Record<number, { readonly exponentBits: number; readonly bias: number; readonly digits: number }>
> = {
  4: { exponentBits: 8, bias: 101, digits: 7 },
  8: { exponentBits: 10, bias: 398, digits: 16 },
  16: { exponentBits: 14, bias: 6176, digits: 34 },
};

/** As the double that is nearest to it. */
function numberOfDecimal(bytes: Buffer): number | undefined {
  const layout = DECIMALS[bytes.length];
  if (!layout) return undefined;
  const bits = BigInt(`0x${bytes.toString('hex')}`);
  const width = BigInt(bytes.length * 8);
  const sign = bits >> (width - 1n) === 1n ? '-' : '';
  const field = (from: bigint, length: bigint): bigint => (bits >> (from - length)) & ((1n << length) - 1n);
  if (field(width - 1n, 4n) === 0b1111n) return field(width - 5n, 1n) === 1n ? Number.NaN : Number(`${sign}Infinity`);
  const exponentBits = BigInt(layout.exponentBits);
  // With the bits 11 in front, the coefficient has a bit 100 of its own in front of those that are written.
  const large = field(width - 1n, 2n) === 0b11n;
  const from = width - (large ? 3n : 1n);
  const exponent = Number(field(from, exponentBits)) - layout.bias;
  const rest = from - exponentBits;
  const coefficient = field(rest, rest) | (large ? 0b100n << rest : 0n);
  return Number(`${sign}${coefficient < 10n ** BigInt(layout.digits) ? coefficient : 0n}e${exponent}`);
}
