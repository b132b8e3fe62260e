import { encodeArray } from './array-encoding.ts';
import { exactly, integer, invalid, wide } from './number-range.ts';
import {
  AmqpArray,
  AmqpChar,
  AmqpDecimal,
  AmqpDescribed,
  AmqpSymbol,
  AmqpTimestamp,
  AmqpTyped,
  AmqpUuid,
  type AmqpList,
  type AmqpMap,
  type AmqpValue,
  type Fields,
  type NumericType,
} from './value.ts';

/** Bytes of the buffer that `take` cuts its results from; as with Node's own pool, a slice keeps all of it alive. */
const SLAB_BYTES = 8192;

/** Bytes that most single values fit into. */
export const ONE_VALUE_BYTES = 128;

const ASCII = /^\p{ASCII}*$/u;

/** Appends typed values, in the narrowest encoding, to a buffer that grows. */
export class Writer {
  readonly #slabBytes: number;
  #buffer: Buffer;
  /** Where the bytes not taken yet begin. */
  #start = 0;
  #end = 0;
  /** Items written at the current level, and the positions and counts of the levels around it. */
  #count = 0;
  readonly #outer: number[] = [];

  /** `slabBytes`: the size of the buffers that results are cut from. Small for a writer that is used once. */
  constructor(slabBytes = SLAB_BYTES) {
    this.#slabBytes = slabBytes;
    this.#buffer = Buffer.allocUnsafe(slabBytes);
  }

  /** Bytes written since the last `take`. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** The bytes written; the writer is empty afterwards and the bytes stay as they are. */
  take(): Buffer {
    const bytes = this.#buffer.subarray(this.#start, this.#end);
    this.#start = this.#end;
    this.#count = 0;
    return bytes;
  }

  /** Makes room for `length` bytes and returns where they go. */
  #claim(length: number): number {
    const at = this.#end;
    if (at + length > this.#buffer.length) return this.#grow(length);
    this.#end = at + length;
    return at;
  }

  #grow(length: number): number {
    const used = this.#end - this.#start;
    const bigger = Buffer.allocUnsafe(Math.max(this.#slabBytes, 2 * (used + length)));
    this.#buffer.copy(bigger, 0, this.#start, this.#end);
    // Levels around the current one remember positions relative to the start.
    this.#buffer = bigger;
    this.#start = 0;
    this.#end = used + length;
    return used;
  }

  #byte(byte: number): void {
    const at = this.#claim(1);
    this.#buffer[at] = byte;
  }

  #bytes2(first: number, second: number): void {
    const at = this.#claim(2);
    this.#buffer[at] = first;
    this.#buffer[at + 1] = second;
  }

  #code32(code: number, value: number): void {
    const at = this.#claim(5);
    this.#buffer[at] = code;
    this.#buffer.writeUInt32BE(value >>> 0, at + 1);
  }

  writeNull(): void {
    this.#count += 1;
    this.#byte(0x40);
  }

  writeBoolean(value: boolean): void {
    this.#count += 1;
    this.#byte(value ? 0x41 : 0x42);
  }

  writeUbyte(value: number): void {
    this.#count += 1;
    this.#bytes2(0x50, integer(value, 0, 0xff, 'ubyte'));
  }

  writeUshort(value: number): void {
    this.#count += 1;
    const at = this.#claim(3);
    this.#buffer[at] = 0x60;
    this.#buffer.writeUInt16BE(integer(value, 0, 0xffff, 'ushort'), at + 1);
  }

  writeUint(value: number): void {
    this.#count += 1;
    integer(value, 0, 0xffff_ffff, 'uint');
    if (value === 0) this.#byte(0x43);
    else if (value <= 0xff) this.#bytes2(0x52, value);
    else this.#code32(0x70, value);
  }

  writeUlong(value: bigint | number): void {
    this.#count += 1;
    const big = wide(value, 0n, 0xffff_ffff_ffff_ffffn, 'ulong');
    if (big === 0n) this.#byte(0x44);
    else if (big <= 0xffn) this.#bytes2(0x53, Number(big));
    else {
      const at = this.#claim(9);
      this.#buffer[at] = 0x80;
      this.#buffer.writeBigUInt64BE(big, at + 1);
    }
  }

  writeByte(value: number): void {
    this.#count += 1;
    this.#bytes2(0x51, integer(value, -0x80, 0x7f, 'byte'));
  }

  writeShort(value: number): void {
    this.#count += 1;
    const at = this.#claim(3);
    this.#buffer[at] = 0x61;
    this.#buffer.writeInt16BE(integer(value, -0x8000, 0x7fff, 'short'), at + 1);
  }

  writeInt(value: number): void {
    this.#count += 1;
    integer(value, -0x8000_0000, 0x7fff_ffff, 'int');
    if (value >= -0x80 && value <= 0x7f) this.#bytes2(0x54, value);
    else this.#code32(0x71, value);
  }

  writeLong(value: bigint | number): void {
    this.#count += 1;
    const big = wide(value, -0x8000_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn, 'long');
    if (big >= -0x80n && big <= 0x7fn) this.#bytes2(0x55, Number(big));
    else this.#long64(0x81, big);
  }

  #long64(code: number, value: bigint): void {
    const at = this.#claim(9);
    this.#buffer[at] = code;
    this.#buffer.writeBigInt64BE(value, at + 1);
  }

  writeFloat(value: number): void {
    this.#count += 1;
    const at = this.#claim(5);
    this.#buffer[at] = 0x72;
    this.#buffer.writeFloatBE(value, at + 1);
  }

  writeDouble(value: number): void {
    this.#count += 1;
    const at = this.#claim(9);
    this.#buffer[at] = 0x82;
    this.#buffer.writeDoubleBE(value, at + 1);
  }

  writeChar(codePoint: number): void {
    this.#count += 1;
    this.#code32(0x73, integer(codePoint, 0, 0xffff_ffff, 'char'));
  }

  /** Milliseconds since 1970-01-01T00:00:00Z. */
  writeTimestamp(ms: number | bigint): void {
    this.#count += 1;
    this.#long64(0x83, wide(ms, -0x8000_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn, 'timestamp'));
  }

  /** 16 bytes in the order of RFC 4122. */
  writeUuid(bytes: Buffer): void {
    this.#fixed(0x98, exactly(bytes, 16, 'uuid'));
  }

  /** 4, 8 or 16 bytes of IEEE 754-2008. */
  writeDecimal(bytes: Buffer): void {
    const code = bytes.length === 4 ? 0x74 : bytes.length === 8 ? 0x84 : 0x94;
    if (code === 0x94) exactly(bytes, 16, 'decimal128');
    this.#fixed(code, bytes);
  }

  #fixed(code: number, bytes: Buffer): void {
    this.#count += 1;
    const at = this.#claim(1 + bytes.length);
    this.#buffer[at] = code;
    bytes.copy(this.#buffer, at + 1);
  }

  writeBinary(value: Buffer): void {
    this.#count += 1;
    this.#variable(0xa0, value.length);
    this.#append(value);
  }

  writeString(value: string): void {
    this.#text(0xa1, value, 'utf8', Buffer.byteLength(value));
  }

  writeSymbol(value: string): void {
    if (!ASCII.test(value)) throw invalid('symbol', JSON.stringify(value.slice(0, 100)), 'ASCII characters only');
    this.#text(0xa3, value, 'latin1', value.length);
  }

  #text(code: number, value: string, encoding: 'utf8' | 'latin1', bytes: number): void {
    this.#count += 1;
    this.#variable(code, bytes);
    const at = this.#claim(bytes);
    this.#buffer.write(value, at, bytes, encoding);
  }

  /** Constructor and size of a variable-width value; `code` is that of the one-byte size. */
  #variable(code: number, bytes: number): void {
    if (bytes <= 0xff) this.#bytes2(code, bytes);
    else this.#code32(code + 0x10, bytes);
  }

  #append(bytes: Buffer): void {
    const at = this.#claim(bytes.length);
    bytes.copy(this.#buffer, at);
  }

  /** Bytes of one value that is encoded already. */
  writeRaw(bytes: Buffer): void {
    this.#count += 1;
    this.#append(bytes);
  }

  /** A described value: its descriptor as a ulong `code`, then write the value. */
  writeDescriptor(code: number): void {
    const items = this.#count;
    this.#byte(0x00);
    this.writeUlong(code);
    this.#count = items;
  }

  /** Begins a list of the values written until `endList`; may be nested. */
  beginList(): void {
    this.#begin(0xd0);
  }

  endList(): void {
    if (this.#count === 0) {
      this.#end = this.#start + (this.#outer.at(-1) as number);
      this.#byte(0x45);
      this.#leave();
    } else this.#finish(0xc0);
  }

  /** Begins a map: write keys and values in turn until `endMap`. */
  beginMap(): void {
    this.#begin(0xd1);
  }

  endMap(): void {
    this.#finish(0xc1);
  }

  #begin(code: number): void {
    this.#outer.push(this.#count, this.#end - this.#start);
    this.#count = 0;
    const at = this.#claim(9);
    this.#buffer[at] = code;
  }

  #leave(): void {
    this.#outer.pop();
    this.#count = (this.#outer.pop() as number) + 1;
  }

  /** Fills in size and count; moves the items forward when one-byte size and count suffice. */
  #finish(smallCode: number): void {
    const at = this.#start + (this.#outer.at(-1) as number);
    const items = this.#end - at - 9;
    const b = this.#buffer;
    if (items + 1 <= 0xff && this.#count <= 0xff) {
      b.copyWithin(at + 3, at + 9, this.#end);
      b[at] = smallCode;
      b[at + 1] = items + 1;
      b[at + 2] = this.#count;
      this.#end -= 6;
    } else {
      b.writeUInt32BE(items + 4, at + 1);
      b.writeUInt32BE(this.#count, at + 5);
    }
    this.#leave();
  }

  writeList(items: AmqpList): void {
    this.beginList();
    for (const item of items) this.writeValue(item);
    this.endList();
  }

  writeMap(map: AmqpMap): void {
    this.beginMap();
    for (const [key, value] of map) {
      this.writeValue(key);
      this.writeValue(value);
    }
    this.endMap();
  }

  /** A map of the type `fields`: the keys are written as symbols. */
  writeFields(fields: Fields): void {
    this.beginMap();
    for (const [key, value] of fields) {
      this.writeSymbol(key);
      this.writeValue(value);
    }
    this.endMap();
  }

  /** An array of symbols. */
  writeSymbols(symbols: readonly string[]): void {
    this.writeArray(
      new AmqpArray(
        'symbol',
        symbols.map((symbol) => new AmqpSymbol(symbol)),
      ),
    );
  }

  writeArray(array: AmqpArray): void {
    this.writeRaw(encodeArray(array, encode));
  }

  #number(type: NumericType, value: number | bigint): void {
    switch (type) {
      case 'ulong':
        return this.writeUlong(value);
      case 'long':
        return this.writeLong(value);
      case 'ubyte':
        return this.writeUbyte(Number(value));
      case 'ushort':
        return this.writeUshort(Number(value));
      case 'uint':
        return this.writeUint(Number(value));
      case 'byte':
        return this.writeByte(Number(value));
      case 'short':
        return this.writeShort(Number(value));
      case 'int':
        return this.writeInt(Number(value));
      case 'float':
        return this.writeFloat(Number(value));
      case 'double':
        return this.writeDouble(Number(value));
    }
  }

  writeValue(value: AmqpValue): void {
    if (value === null) this.writeNull();
    else if (typeof value === 'string') this.writeString(value);
    else if (typeof value === 'boolean') this.writeBoolean(value);
    else if (typeof value === 'number') this.#plainNumber(value);
    else if (typeof value === 'bigint') this.#plainBigint(value);
    else this.#object(value);
  }

  #plainNumber(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) this.writeDouble(value);
    else if (value === (value | 0)) this.writeInt(value);
    else this.writeLong(value);
  }

  #plainBigint(value: bigint): void {
    if (value > 0x7fff_ffff_ffff_ffffn) this.writeUlong(value);
    else this.writeLong(value);
  }

  #object(value: Exclude<AmqpValue, null | string | boolean | number | bigint>): void {
    if (Buffer.isBuffer(value)) this.writeBinary(value);
    else if (value instanceof AmqpTyped) this.#number(value.type, value.value);
    else if (value instanceof AmqpSymbol) this.writeSymbol(value.value);
    else if (value instanceof AmqpTimestamp) this.writeTimestamp(value.exact ?? value.ms);
    else if (value instanceof AmqpUuid) this.writeUuid(value.bytes);
    else if (value instanceof AmqpChar) this.writeChar(value.codePoint);
    else if (value instanceof AmqpDecimal) this.writeDecimal(value.bytes);
    else if (value instanceof AmqpArray) this.writeArray(value);
    else if (value instanceof AmqpDescribed) {
      const items = this.#count;
      this.#byte(0x00);
      this.writeValue(value.descriptor);
      this.writeValue(value.value);
      this.#count = items + 1;
    } else if (value instanceof Map) this.writeMap(value);
    else this.writeList(value as AmqpList);
  }
}

/** Encodes one value. Throws `RetrainError` `ARGUMENT_INVALID` when a number does not fit its type. */
export function encode(value: AmqpValue): Buffer {
  const writer = new Writer(ONE_VALUE_BYTES);
  writer.writeValue(value);
  return writer.take();
}
