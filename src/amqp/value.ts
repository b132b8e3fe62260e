/**
 * Values of the AMQP 1.0 type system (1.6) as JavaScript sees them.
 *
 * | AMQP | plain form | typed form |
 * |---|---|---|
 * | null, boolean, string | `null`, `boolean`, `string` | the same |
 * | ubyte, ushort, uint, byte, short, int, float, double | `number` | `AmqpTyped` |
 * | ulong, long | `bigint` | `AmqpTyped` |
 * | binary | `Buffer`, a view of what was decoded | the same |
 * | symbol, timestamp, uuid, char, decimal32 to 128 | a wrapper class | the same |
 * | list, map | `AmqpValue[]`, `Map` | the same |
 * | array, described | `AmqpArray`, `AmqpDescribed` | the same |
 *
 * The typed form loses nothing but the width of the encoding, so it is the one to echo; performatives arrive in it. `plain`
 * turns a value of the typed form into the plain one. Encoded again, a plain integer becomes an int, a plain integer beyond
 * 32 bits and a `bigint` a long (a ulong beyond 2^63 - 1), any other plain number a double.
 */
export type AmqpValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Buffer
  | AmqpTyped
  | AmqpSymbol
  | AmqpTimestamp
  | AmqpUuid
  | AmqpChar
  | AmqpDecimal
  | AmqpDescribed
  | AmqpArray
  | AmqpList
  | AmqpMap;

export type AmqpList = readonly AmqpValue[];
export type AmqpMap = ReadonlyMap<AmqpValue, AmqpValue>;

/** The type `fields` (2.8.14): a map whose keys are symbols, here as plain strings. Values are in the typed form. */
export type Fields = ReadonlyMap<string, AmqpValue>;

export type NumericType =
  'ubyte' | 'ushort' | 'uint' | 'ulong' | 'byte' | 'short' | 'int' | 'long' | 'float' | 'double';

/** Types that the elements of an array can have. */
export type ElementType =
  | NumericType
  | 'null'
  | 'boolean'
  | 'char'
  | 'timestamp'
  | 'uuid'
  | 'decimal32'
  | 'decimal64'
  | 'decimal128'
  | 'binary'
  | 'string'
  | 'symbol'
  | 'list'
  | 'map'
  | 'array';

/** A number that knows its AMQP type; `value` is a bigint for ulong and long, a number otherwise. */
export class AmqpTyped {
  readonly type: NumericType;
  readonly value: number | bigint;

  constructor(type: NumericType, value: number | bigint) {
    this.type = type;
    this.value = value;
  }
}

/** ASCII text from a constrained domain. */
export class AmqpSymbol {
  readonly value: string;

  constructor(value: string) {
    this.value = value;
  }

  toString(): string {
    return this.value;
  }
}

/** An instant: `ms` milliseconds since 1970-01-01T00:00:00Z; `exact` is set when that is beyond 2^53. */
export class AmqpTimestamp {
  readonly ms: number;
  readonly exact: bigint | undefined;

  constructor(ms: number | bigint) {
    this.ms = Number(ms);
    this.exact = typeof ms === 'bigint' && !Number.isSafeInteger(this.ms) ? ms : undefined;
  }
}

/** A UUID: 16 bytes in the order of RFC 4122, as on the wire. */
export class AmqpUuid {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** Lower-case, with dashes. */
  toString(): string {
    const hex = this.bytes.toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }
}

/** One Unicode code point. */
export class AmqpChar {
  readonly codePoint: number;

  constructor(codePoint: number) {
    this.codePoint = codePoint;
  }
}

/** An IEEE 754-2008 decimal as its 4, 8 or 16 bytes; the engine carries it and does not compute with it. */
export class AmqpDecimal {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

/** A value with a descriptor, as composite types and filters are. */
export class AmqpDescribed {
  readonly descriptor: AmqpValue;
  readonly value: AmqpValue;

  constructor(descriptor: AmqpValue, value: AmqpValue) {
    this.descriptor = descriptor;
    this.value = value;
  }
}

/** Items of one type; they are in the plain form, `type` says what they are. `descriptor` is set when each item is described by it. */
export class AmqpArray {
  readonly type: ElementType;
  readonly items: AmqpList;
  readonly descriptor: AmqpValue | undefined;

  constructor(type: ElementType, items: AmqpList, descriptor?: AmqpValue) {
    this.type = type;
    this.items = items;
    this.descriptor = descriptor;
  }
}

/** The number inside an `AmqpTyped`, the text inside an `AmqpSymbol`; every other value as it is. */
export function plain(value: AmqpValue | undefined): Exclude<AmqpValue, AmqpTyped | AmqpSymbol> | undefined {
  return value instanceof AmqpTyped || value instanceof AmqpSymbol ? value.value : value;
}

/** The value under the string or symbol `name` of a map, or undefined. */
export function lookup(map: AmqpMap, name: string): AmqpValue | undefined {
  const direct = map.get(name);
  if (direct !== undefined) return direct;
  for (const [key, value] of map) if (key instanceof AmqpSymbol && key.value === name) return value;
  return undefined;
}
