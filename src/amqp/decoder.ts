import { isAscii, isUtf8 } from 'node:buffer';
import { LIMITS } from './limits.ts';
import { AmqpDecodeError } from './protocol-error.ts';
import {
  AmqpArray,
  AmqpChar,
  AmqpDecimal,
  AmqpDescribed,
  AmqpSymbol,
  AmqpTimestamp,
  AmqpTyped,
  AmqpUuid,
  type AmqpValue,
  type ElementType,
  type NumericType,
} from './value.ts';

/** Whether numbers come as JavaScript numbers and bigints (`plain`) or wrapped with their AMQP type (`typed`). */
export type DecodeForm = 'plain' | 'typed';

export function hexCode(code: number): string {
  return `0x${code.toString(16).padStart(2, '0')}`;
}

/**
 * Reads values from a part of a buffer. Every length is checked against what is left before anything is allocated; binary
 * values are views. After an `AmqpDecodeError` the reader must be `reset`.
 */
export class Reader {
  buffer: Buffer;
  offset: number;
  /** The first offset that must not be read; narrowed while inside a list, map or array. */
  end: number;
  typed: boolean;
  #depth = 0;

  constructor(buffer: Buffer, offset = 0, end = buffer.length, form: DecodeForm = 'typed') {
    this.buffer = buffer;
    this.offset = offset;
    this.end = end;
    this.typed = form === 'typed';
  }

  reset(buffer: Buffer, offset: number, end: number): void {
    this.buffer = buffer;
    this.offset = offset;
    this.end = end;
    this.#depth = 0;
  }

  /** Claims `length` bytes and returns the offset of the first. */
  take(length: number): number {
    const at = this.offset;
    if (length > this.end - at) {
      throw new AmqpDecodeError(`a value at offset ${at} needs ${length} bytes, ${this.end - at} are left`);
    }
    this.offset = at + length;
    return at;
  }

  byte(): number {
    if (this.offset >= this.end) throw new AmqpDecodeError(`a value is cut off at offset ${this.offset}`);
    return this.buffer[this.offset++] as number;
  }

  uint32(): number {
    const at = this.take(4);
    const b = this.buffer;
    return (
      (((b[at] as number) << 24) |
        ((b[at + 1] as number) << 16) |
        ((b[at + 2] as number) << 8) |
        (b[at + 3] as number)) >>>
      0
    );
  }

  /** Goes one level deeper; `leave` undoes it. */
  enter(): void {
    if (++this.#depth > LIMITS.nestingDepth) {
      throw new AmqpDecodeError(`values are nested deeper than ${LIMITS.nestingDepth} levels at offset ${this.offset}`);
    }
  }

  leave(): void {
    this.#depth -= 1;
  }

  value(): AmqpValue {
    return this.valueOf(this.byte());
  }

  /** The value whose constructor byte `code` has been read. */
  valueOf(code: number): AmqpValue {
    switch (code) {
      case 0x00: {
        this.enter();
        const descriptor = this.value();
        const value = this.value();
        this.leave();
        return new AmqpDescribed(descriptor, value);
      }
      case 0xc0:
      case 0xd0:
        return this.#list(code === 0xc0);
      case 0xc1:
      case 0xd1:
        return this.#map(code === 0xc1);
      case 0xe0:
      case 0xf0:
        return this.#array(code === 0xe0);
      default: {
        const value = this.#primitive(code);
        if (!this.typed) return value;
        const type = NUMERIC[code];
        return type === undefined ? value : new AmqpTyped(type, value as number | bigint);
      }
    }
  }

  /** Text of `length` bytes that must be UTF-8. */
  string(length: number): string {
    const at = this.take(length);
    const bytes = this.buffer.subarray(at, at + length);
    if (!isUtf8(bytes)) throw new AmqpDecodeError(`the string at offset ${at} is not valid UTF-8`);
    return bytes.toString('utf8');
  }

  /** Text of `length` bytes that must be ASCII (1.6.21). */
  symbol(length: number): string {
    const at = this.take(length);
    const bytes = this.buffer.subarray(at, at + length);
    if (!isAscii(bytes)) throw new AmqpDecodeError(`the symbol at offset ${at} is not ASCII`);
    return bytes.toString('latin1');
  }

  binary(length: number): Buffer {
    const at = this.take(length);
    return this.buffer.subarray(at, at + length);
  }

  /** Reads size and count of a compound value; narrows `end` to it and returns the count. The caller restores `end`. */
  compound(small: boolean, what: string): number {
    const size = small ? this.byte() : this.uint32();
    if (size > this.end - this.offset) {
      throw new AmqpDecodeError(
        `the ${what} at offset ${this.offset} claims ${size} bytes, ${this.end - this.offset} are left`,
      );
    }
    this.end = this.offset + size;
    return small ? this.byte() : this.uint32();
  }

  /** Checks that a compound value used all bytes that it claimed, and restores `end`. */
  finish(outerEnd: number, what: string): void {
    if (this.offset !== this.end) {
      throw new AmqpDecodeError(`the ${what} ends at offset ${this.offset}, its size says ${this.end}`);
    }
    this.end = outerEnd;
  }

  #checkCount(count: number, what: string): void {
    if (count > this.end - this.offset) {
      throw new AmqpDecodeError(`the ${what} claims ${count} items in ${this.end - this.offset} bytes`);
    }
  }

  #list(small: boolean): AmqpValue[] {
    const outerEnd = this.end;
    const count = this.compound(small, 'list');
    this.#checkCount(count, 'list');
    this.enter();
    const items: AmqpValue[] = [];
    for (let index = 0; index < count; index += 1) items.push(this.value());
    this.leave();
    this.finish(outerEnd, 'list');
    return items;
  }

  #map(small: boolean): Map<AmqpValue, AmqpValue> {
    const outerEnd = this.end;
    const count = this.compound(small, 'map');
    this.#checkCount(count, 'map');
    if (count % 2 !== 0) throw new AmqpDecodeError(`a map has an odd count of ${count} items`);
    this.enter();
    const map = new Map<AmqpValue, AmqpValue>();
    for (let index = 0; index < count; index += 2) {
      const key = this.value();
      map.set(key, this.value());
    }
    this.leave();
    this.finish(outerEnd, 'map');
    return map;
  }

  #array(small: boolean): AmqpArray {
    const outerEnd = this.end;
    const count = this.compound(small, 'array');
    this.enter();
    let code = this.byte();
    let descriptor: AmqpValue | undefined;
    if (code === 0x00) {
      descriptor = this.value();
      code = this.byte();
    }
    const type = ELEMENT[code];
    if (type === undefined) throw new AmqpDecodeError(`an array has elements of the unknown type ${hexCode(code)}`);
    // Elements without bytes are bounded by a limit of their own, all others by what is left.
    if (code >> 4 !== 4) this.#checkCount(count, 'array');
    else if (count > LIMITS.zeroWidthItems) {
      throw new AmqpDecodeError(`an array of ${count} empty elements is over the limit of ${LIMITS.zeroWidthItems}`);
    }
    const items: AmqpValue[] = [];
    const compound = code >= 0xc0;
    for (let index = 0; index < count; index += 1) items.push(compound ? this.valueOf(code) : this.#primitive(code));
    this.leave();
    this.finish(outerEnd, 'array');
    return new AmqpArray(type, items, descriptor);
  }

  #primitive(code: number): AmqpValue {
    const b = this.buffer;
    switch (code) {
      case 0x40:
        return null;
      case 0x41:
        return true;
      case 0x42:
        return false;
      case 0x56:
        return this.#boolean();
      case 0x43:
      case 0x44:
        return code === 0x43 ? 0 : 0n;
      case 0x45:
        return [];
      case 0x50:
      case 0x52:
        return this.byte();
      case 0x53:
        return BigInt(this.byte());
      case 0x51:
      case 0x54:
        return b.readInt8(this.take(1));
      case 0x55:
        return BigInt(b.readInt8(this.take(1)));
      case 0x60:
        return b.readUInt16BE(this.take(2));
      case 0x61:
        return b.readInt16BE(this.take(2));
      case 0x70:
        return this.uint32();
      case 0x71:
        return b.readInt32BE(this.take(4));
      case 0x72:
        return b.readFloatBE(this.take(4));
      case 0x73:
        return new AmqpChar(this.uint32());
      case 0x74:
        return new AmqpDecimal(this.binary(4));
      case 0x80:
        return b.readBigUInt64BE(this.take(8));
      case 0x81:
        return b.readBigInt64BE(this.take(8));
      case 0x82:
        return b.readDoubleBE(this.take(8));
      case 0x83:
        return new AmqpTimestamp(b.readBigInt64BE(this.take(8)));
      case 0x84:
        return new AmqpDecimal(this.binary(8));
      case 0x94:
        return new AmqpDecimal(this.binary(16));
      case 0x98:
        return new AmqpUuid(this.binary(16));
      case 0xa0:
        return this.binary(this.byte());
      case 0xb0:
        return this.binary(this.uint32());
      case 0xa1:
        return this.string(this.byte());
      case 0xb1:
        return this.string(this.uint32());
      case 0xa3:
        return new AmqpSymbol(this.symbol(this.byte()));
      case 0xb3:
        return new AmqpSymbol(this.symbol(this.uint32()));
      default:
        throw new AmqpDecodeError(`unknown type ${hexCode(code)} at offset ${this.offset - 1}`);
    }
  }

  #boolean(): boolean {
    const byte = this.byte();
    if (byte > 1) throw new AmqpDecodeError(`a boolean is ${hexCode(byte)}, it must be 0x00 or 0x01`);
    return byte === 1;
  }

  /** Steps over one value without decoding it. */
  skip(): void {
    let code = this.byte();
    // A descriptor may itself be described; the loop steps over it, so that hostile nesting costs no stack.
    for (let values = 1; values > 0; values -= 1) {
      if (code === 0x00) values += 2;
      else this.take(this.#width(code));
      if (values > 1) code = this.byte();
    }
  }

  /** Bytes that follow the constructor byte (1.2, fixed and variable widths). */
  #width(code: number): number {
    switch (code >> 4) {
      case 0x4:
        return 0;
      case 0x5:
        return 1;
      case 0x6:
        return 2;
      case 0x7:
        return 4;
      case 0x8:
        return 8;
      case 0x9:
        return 16;
      case 0xa:
      case 0xc:
      case 0xe:
        return this.byte();
      case 0xb:
      case 0xd:
      case 0xf:
        return this.uint32();
      default:
        throw new AmqpDecodeError(`unknown type ${hexCode(code)} at offset ${this.offset - 1}`);
    }
  }
}

function byCode<T>(entries: readonly (readonly [T, ...number[]])[]): readonly (T | undefined)[] {
  const table = Array.from<T | undefined>({ length: 256 });
  for (const [type, ...codes] of entries) for (const code of codes) table[code] = type;
  return table;
}

/** Constructor bytes of the numeric types, all widths (1.6). */
const NUMERIC_CODES = [
  ['ubyte', 0x50],
  ['ushort', 0x60],
  ['uint', 0x43, 0x52, 0x70],
  ['ulong', 0x44, 0x53, 0x80],
  ['byte', 0x51],
  ['short', 0x61],
  ['int', 0x54, 0x71],
  ['long', 0x55, 0x81],
  ['float', 0x72],
  ['double', 0x82],
] as const;

const NUMERIC = byCode<NumericType>(NUMERIC_CODES);

const ELEMENT = byCode<ElementType>([
  ...NUMERIC_CODES,
  ['null', 0x40],
  ['boolean', 0x41, 0x42, 0x56],
  ['char', 0x73],
  ['timestamp', 0x83],
  ['uuid', 0x98],
  ['decimal32', 0x74],
  ['decimal64', 0x84],
  ['decimal128', 0x94],
  ['binary', 0xa0, 0xb0],
  ['string', 0xa1, 0xb1],
  ['symbol', 0xa3, 0xb3],
  ['list', 0x45, 0xc0, 0xd0],
  ['map', 0xc1, 0xd1],
  ['array', 0xe0, 0xf0],
]);

/** Decodes one value; `end` is the offset behind it. Throws `AmqpDecodeError`. */
export function decode(buffer: Buffer, offset = 0, form: DecodeForm = 'plain'): { value: AmqpValue; end: number } {
  const reader = new Reader(buffer, offset, buffer.length, form);
  const value = reader.value();
  return { value, end: reader.offset };
}
