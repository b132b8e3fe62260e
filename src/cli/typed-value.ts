import { isUtf8 } from 'node:buffer';
import { types } from 'rhea-promise';
import { RetrainError } from '../errors.ts';
import type { MessageId } from './outgoing-message.ts';

// Values of application properties: as a person writes them (`name:type=value`), as JSON shows them, and as the official
// client takes them. That client knows no types: it sends a whole number as an unsigned integer, which .NET and Java do not
// take for an int. So whatever is sent from here is given its AMQP type.

/** As JSON shows a value that JSON has no type for; `type` is one of AMQP's, or the descriptor of a described type. */
export interface TypedJson {
  readonly type: string;
  readonly value: string | number | boolean | null;
}
export type ValueJson = string | number | boolean | null | TypedJson;

interface ValueType {
  /** What the type takes, for errors. */
  readonly takes: string;
  /** The value for the official client, or undefined when the text is none. */
  parse(text: string): unknown;
}

const WHOLE = /^[+-]?\d+$/;
const DECIMAL = /^([+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|NaN|[+-]?Infinity)$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const INSTANT = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/;

function whole(bits: number, wrap: (value: bigint) => unknown, { signed }: { signed: boolean }): ValueType {
  const min = signed ? -(2n ** BigInt(bits - 1)) : 0n;
  const max = 2n ** BigInt(signed ? bits - 1 : bits) - 1n;
  return {
    takes: `a whole number from ${min} to ${max}`,
    parse: (text) => {
      if (!WHOLE.test(text)) return undefined;
      const value = BigInt(text.replace(/^\+/, ''));
      return value >= min && value <= max ? wrap(value) : undefined;
    },
  };
}

function decimal(wrap: (value: number) => unknown): ValueType {
  return {
    takes: 'a number such as 0.5',
    parse: (text) => (DECIMAL.test(text) ? wrap(Number(text)) : undefined),
  };
}

/** Eight bytes, of which 64-bit numbers are made that JavaScript's do not hold. */
function eightBytes(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt.asIntN(64, value));
  return bytes;
}

const bool: ValueType = {
  takes: 'true or false',
  parse: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
};
const timestamp: ValueType = {
  takes: 'a time of RFC 3339 such as 2026-01-31T00:00:00Z',
  parse: (text) => {
    const time = new Date(text);
    return INSTANT.test(text) && !Number.isNaN(time.getTime()) ? types.wrap_timestamp(time.getTime()) : undefined;
  },
};
const uuid: ValueType = {
  takes: 'a UUID such as 6ba7b810-9dad-11d1-80b4-00c04fd430c8',
  parse: (text) => (UUID.test(text) ? types.wrap_uuid(Buffer.from(text.replaceAll('-', ''), 'hex')) : undefined),
};

const VALUE_TYPES: Readonly<Record<string, ValueType>> = {
  string: { takes: 'text', parse: (text) => text },
  bool,
  boolean: bool,
  byte: whole(8, (value) => types.wrap_byte(Number(value)), { signed: true }),
  short: whole(16, (value) => types.wrap_short(Number(value)), { signed: true }),
  int: whole(32, (value) => types.wrap_int(Number(value)), { signed: true }),
  long: whole(64, (value) => types.wrap_long(eightBytes(value)), { signed: true }),
  ubyte: whole(8, (value) => types.wrap_ubyte(Number(value)), { signed: false }),
  ushort: whole(16, (value) => types.wrap_ushort(Number(value)), { signed: false }),
  uint: whole(32, (value) => types.wrap_uint(Number(value)), { signed: false }),
  ulong: whole(64, (value) => types.wrap_ulong(eightBytes(value)), { signed: false }),
  float: decimal((value) => types.wrap_float(value)),
  double: decimal((value) => types.wrap_double(value)),
  timestamp,
  datetime: timestamp,
  uuid,
  guid: uuid,
  binary: {
    takes: 'base64',
    parse: (text) => (BASE64.test(text) ? Buffer.from(text, 'base64') : undefined),
  },
  symbol: {
    takes: 'text of ASCII',
    parse: (text) => (/^[\x20-\x7e]*$/.test(text) ? types.wrap_symbol(text) : undefined),
  },
  null: { takes: 'nothing, as in name:null=', parse: (text) => (text === '' ? null : undefined) },
};

/** For help texts. */
export const VALUE_TYPE_NAMES = Object.keys(VALUE_TYPES).join(', ');

/**
 * The value for the official client of a text of a type.
 *
 * @throws RetrainError `ARGUMENT_INVALID`, naming the property, the value and what the type takes
 */
function parseTyped(text: string, { type, name }: { type: string; name: string }): unknown {
  const known = VALUE_TYPES[knownType(type, name)];
  const value = known?.parse(text);
  if (value !== undefined) return value;
  throw new RetrainError('ARGUMENT_INVALID', `property "${name}": "${text}" is no ${type}: use ${known?.takes}`);
}

/**
 * Name and value of `name=value` or `name:type=value`; without a type the value is a string.
 *
 * @throws RetrainError `ARGUMENT_INVALID`
 */
export function parseProperty(flag: string): readonly [name: string, value: unknown] {
  const { name, type = 'string', text } = splitProperty(flag);
  return [name, parseTyped(text, { type, name })];
}

/** The parts of `name=text` or `name:type=text`. @throws RetrainError `ARGUMENT_INVALID` */
export function splitProperty(flag: string): { readonly name: string; readonly type?: string; readonly text: string } {
  const [, left = '', text = ''] = /^([^=]+)=(.*)$/s.exec(flag) ?? [];
  const colon = left.lastIndexOf(':');
  const [name, type] = colon < 0 ? [left] : [left.slice(0, colon), left.slice(colon + 1)];
  if (name === '')
    throw new RetrainError(
      'ARGUMENT_INVALID',
      `property "${flag}": use NAME=VALUE or NAME:TYPE=VALUE, such as attempts:int=3`,
    );
  return { name, text, ...(type !== undefined && { type: knownType(type, name) }) };
}

function knownType(type: string, name: string): string {
  if (Object.hasOwn(VALUE_TYPES, type)) return type;
  throw new RetrainError(
    'ARGUMENT_INVALID',
    `property "${name}": there is no type "${type}": use one of ${VALUE_TYPE_NAMES}; a name with a colon needs one, as in ${name}:${type}:string=…`,
  );
}

/**
 * The value for the official client of one in JSON. A number without fraction is an int, or a long when it is too big for one.
 *
 * @throws RetrainError `ARGUMENT_INVALID`
 */
export function valueOfJson(value: ValueJson, name: string): unknown {
  if (typeof value === 'number') return typedNumber(value);
  if (typeof value !== 'object' || value === null) return value;
  return parseTyped(value.value === null ? '' : String(value.value), { type: value.type, name });
}

/** The same for a MessageId or CorrelationId, where the client takes bytes for a UUID. */
export function messageIdOfJson(value: ValueJson, name: string): MessageId {
  if (typeof value === 'string') return value;
  const parsed = typeof value === 'object' ? valueOfJson(value, name) : value;
  if (typeof parsed === 'number' && Number.isSafeInteger(parsed) && parsed >= 0) return parsed;
  if (Buffer.isBuffer(parsed)) return types.wrap_binary(parsed) as unknown as Buffer;
  if (typeof parsed === 'object' && parsed !== null) return parsed as Buffer;
  throw new RetrainError(
    'ARGUMENT_INVALID',
    `${name}: "${String(parsed)}" is no id: use text, a whole number or a typed value`,
  );
}

/** The same for the value of a body: lists and maps of values, and values with a type. */
export function structureOfJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(structureOfJson);
  if (!isPlainObject(value)) return valueOfJson(value as ValueJson, 'body');
  const { type } = value;
  if (
    Object.keys(value).length === 2 &&
    'value' in value &&
    typeof type === 'string' &&
    Object.hasOwn(VALUE_TYPES, type)
  )
    return valueOfJson(value as unknown as TypedJson, 'body');
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, structureOfJson(each)]));
}

/** A received id for another message. */
export function messageIdAgain(id: MessageId | undefined): MessageId | undefined {
  if (!Buffer.isBuffer(id) || id.length === 16) return id;
  return types.wrap_binary(id) as unknown as Buffer;
}

/** A received value for another message: the official client has forgotten which number it was, not its value. */
export function valueAgain(value: unknown): unknown {
  if (typeof value === 'number') return typedNumber(value);
  if (!Buffer.isBuffer(value)) return value;
  const binary = binaryAs(value);
  if (binary === 'long') return types.wrap_long(value);
  return binary === 'uuid' ? types.wrap_uuid(value) : value;
}

/** The same for the value of a body, which may be a list or a map. */
export function structureAgain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(structureAgain);
  if (!isPlainObject(value)) return valueAgain(value);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, structureAgain(each)]));
}

function typedNumber(value: number): unknown {
  if (!Number.isSafeInteger(value)) return types.wrap_double(value);
  return Math.abs(value) < 2 ** 31 ? types.wrap_int(value) : types.wrap_long(eightBytes(BigInt(value)));
}

/** A received value as JSON, with its type where JSON has none for it. */
export function jsonOfValue(value: unknown): ValueJson {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : { type: 'double', value: String(value) };
  if (value instanceof Date) return { type: 'timestamp', value: isoText(value) };
  if (Buffer.isBuffer(value)) {
    const type = binaryAs(value);
    if (type === 'uuid') return { type, value: uuidText(value) };
    return { type, value: type === 'long' ? String(value.readBigInt64BE()) : value.toString('base64') };
  }
  const descriptor = (value as { descriptor?: { value?: string | number } }).descriptor?.value;
  if (descriptor === undefined) return JSON.stringify(value);
  const inner = jsonOfValue((value as { value?: unknown }).value);
  return { type: String(descriptor), value: typeof inner === 'object' && inner !== null ? inner.value : inner };
}

/** The same for the value of a body, which may be a list or a map. */
export function jsonOfStructure(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(jsonOfStructure);
  if (!isPlainObject(value)) return jsonOfValue(value);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, jsonOfStructure(each)]));
}

/** A received value as people read it. */
export function textOfValue(value: unknown): string {
  const json = jsonOfValue(value);
  if (typeof json !== 'object') return String(json);
  return json === null ? 'null' : `${json.value} (${json.type})`;
}

/** The text of a received value or id, whatever its type; empty for none. */
export function plainText(value: unknown): string {
  const json = jsonOfValue(value);
  return String(typeof json === 'object' && json !== null ? (json.value ?? '') : (json ?? ''));
}

/** What the official client gives as bytes: 64-bit numbers that JavaScript's do not hold, UUIDs, and what was bytes before. */
function binaryAs(bytes: Buffer): 'long' | 'uuid' | 'binary' {
  if (isUtf8(bytes)) return 'binary';
  if (bytes.length === 16) return 'uuid';
  if (bytes.length !== 8) return 'binary';
  return Number.isSafeInteger(Number(bytes.readBigInt64BE())) ? 'binary' : 'long';
}

function uuidText(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function isoText(time: Date): string {
  return Number.isNaN(time.getTime()) ? 'out of range' : time.toISOString();
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
