import { exactly, integer, invalid, wide } from './number-range.ts';
import {
  AmqpArray,
  AmqpChar,
  AmqpDecimal,
  AmqpSymbol,
  AmqpTimestamp,
  AmqpTyped,
  AmqpUuid,
  type AmqpValue,
  type ElementType,
} from './value.ts';

/** The constructor that all elements share: of the widest encoding, as it must fit every element. */
const CODES = {
  null: 0x40,
  boolean: 0x56,
  ubyte: 0x50,
  ushort: 0x60,
  uint: 0x70,
  ulong: 0x80,
  byte: 0x51,
  short: 0x61,
  int: 0x71,
  long: 0x81,
  float: 0x72,
  double: 0x82,
  char: 0x73,
  timestamp: 0x83,
  uuid: 0x98,
  decimal32: 0x74,
  decimal64: 0x84,
  decimal128: 0x94,
  binary: 0xb0,
  string: 0xb1,
  symbol: 0xb3,
  list: 0xd0,
  map: 0xd1,
  array: 0xf0,
} as const satisfies Record<ElementType, number>;

type Encode = (value: AmqpValue) => Buffer;

/** An array with its constructor (1.6.24). Text and binary elements have sizes of one byte when that is enough for all. */
export function encodeArray(array: AmqpArray, encode: Encode): Buffer {
  const { type, items, descriptor } = array;
  let code: number = CODES[type];
  let elements = items.map((item) => elementBytes(type, item, encode));
  if (type === 'binary' || type === 'string' || type === 'symbol') {
    const narrow = elements.every((element) => element.length <= 0xff);
    if (narrow) code -= 0x10;
    elements = elements.flatMap((element) => [uintBytes(narrow ? 1 : 4, element.length), element]);
  }
  const constructor =
    descriptor === undefined ? [Buffer.of(code)] : [Buffer.of(0x00), encode(descriptor), Buffer.of(code)];
  const body = Buffer.concat([...constructor, ...elements]);
  const small = body.length + 1 <= 0xff && items.length <= 0xff;
  const width = small ? 1 : 4;
  return Buffer.concat([
    Buffer.of(small ? 0xe0 : 0xf0),
    uintBytes(width, body.length + width),
    uintBytes(width, items.length),
    body,
  ]);
}

function uintBytes(width: number, value: number): Buffer {
  const bytes = Buffer.alloc(width);
  bytes.writeUIntBE(value, 0, width);
  return bytes;
}

function intBytes(width: number, value: number): Buffer {
  const bytes = Buffer.alloc(width);
  bytes.writeIntBE(value, 0, width);
  return bytes;
}

function longBytes(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt.asIntN(64, value));
  return bytes;
}

function numberOf(type: ElementType, item: AmqpValue): number {
  const value = item instanceof AmqpTyped ? item.value : item;
  if (typeof value !== 'number') throw mismatch(type);
  return value;
}

function wideOf(type: ElementType, item: AmqpValue): number | bigint {
  const value = item instanceof AmqpTyped ? item.value : item;
  if (typeof value !== 'number' && typeof value !== 'bigint') throw mismatch(type);
  return value;
}

function mismatch(type: ElementType): Error {
  return invalid(`array of ${type}`, 'an item of another type', `items of type ${type}`);
}

/** The bytes of an element without its constructor; for text and binary without the size. */
function elementBytes(type: ElementType, item: AmqpValue, encode: Encode): Buffer {
  switch (type) {
    case 'null':
      return Buffer.alloc(0);
    case 'boolean':
      if (typeof item !== 'boolean') throw mismatch(type);
      return Buffer.of(item ? 1 : 0);
    case 'ubyte':
      return uintBytes(1, integer(numberOf(type, item), 0, 0xff, type));
    case 'ushort':
      return uintBytes(2, integer(numberOf(type, item), 0, 0xffff, type));
    case 'uint':
      return uintBytes(4, integer(numberOf(type, item), 0, 0xffff_ffff, type));
    case 'byte':
      return intBytes(1, integer(numberOf(type, item), -0x80, 0x7f, type));
    case 'short':
      return intBytes(2, integer(numberOf(type, item), -0x8000, 0x7fff, type));
    case 'int':
      return intBytes(4, integer(numberOf(type, item), -0x8000_0000, 0x7fff_ffff, type));
    case 'ulong':
      return longBytes(wide(wideOf(type, item), 0n, 0xffff_ffff_ffff_ffffn, type));
    case 'long':
      return longBytes(wide(wideOf(type, item), -0x8000_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn, type));
    case 'float': {
      const bytes = Buffer.alloc(4);
      bytes.writeFloatBE(numberOf(type, item));
      return bytes;
    }
    case 'double': {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleBE(numberOf(type, item));
      return bytes;
    }
    default:
      return objectBytes(type, item, encode);
  }
}

function objectBytes(type: ElementType, item: AmqpValue, encode: Encode): Buffer {
  if (type === 'char' && item instanceof AmqpChar) return uintBytes(4, integer(item.codePoint, 0, 0xffff_ffff, type));
  if (type === 'timestamp' && item instanceof AmqpTimestamp) return longBytes(item.exact ?? BigInt(item.ms));
  if (type === 'uuid' && item instanceof AmqpUuid) return exactly(item.bytes, 16, type);
  if (type.startsWith('decimal') && item instanceof AmqpDecimal) {
    return exactly(item.bytes, Number(type.slice('decimal'.length)) / 8, type);
  }
  if (type === 'string' && typeof item === 'string') return Buffer.from(item);
  if (type === 'binary' && Buffer.isBuffer(item)) return item;
  if (type === 'symbol' && item instanceof AmqpSymbol) return encode(item).subarray(item.value.length <= 0xff ? 2 : 5);
  if (type === 'list' && Array.isArray(item)) return wideCompound(encode(item));
  if (type === 'map' && item instanceof Map) return wideCompound(encode(item));
  if (type === 'array' && item instanceof AmqpArray) return wideCompound(encode(item));
  throw mismatch(type);
}

/** A list, map or array as encoded, without its constructor and with size and count of four bytes. */
function wideCompound(encoded: Buffer): Buffer {
  const code = encoded[0] as number;
  if (code >= 0xd0 && code !== 0xe0) return encoded.subarray(1);
  const empty = code === 0x45;
  const items = empty ? encoded.subarray(1) : encoded.subarray(3);
  const count = empty ? 0 : (encoded[2] as number);
  return Buffer.concat([uintBytes(4, items.length + 4), uintBytes(4, count), items]);
}
