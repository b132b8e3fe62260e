import * as tables from './composites.ts';
import type { Composite, Coordinator, Decoded, DeliveryState, Encodable, Field, Source, Target } from './composites.ts';
import { hexCode, Reader } from './decoder.ts';
import { AmqpDecodeError } from './protocol-error.ts';
import { AmqpArray, AmqpSymbol, type AmqpMap, type AmqpValue, type Fields } from './value.ts';
import type { Writer } from './writer.ts';

const COMPOSITES: readonly Composite[] = Object.values(tables).filter((entry) => 'fields' in entry);
const CODE_OF_SYMBOL: ReadonlyMap<string, number> = new Map(COMPOSITES.map(({ symbol, code }) => [symbol, code]));

type Loose = Record<string, unknown>;

/** Appends a described list with all fields of the table, absent ones as null. */
export function writeComposite<C extends Composite>(writer: Writer, composite: C, value: Encodable<C>): void {
  const loose = value as Loose;
  writer.writeDescriptor(composite.code);
  writer.beginList();
  for (const field of composite.fields) writeField(writer, field, loose[field.name]);
  writer.endList();
}

function writeField(writer: Writer, field: Field, value: unknown): void {
  if (value === undefined) {
    writer.writeNull();
    return;
  }
  switch (field.type) {
    case 'boolean':
      return writer.writeBoolean(value as boolean);
    case 'ubyte':
      return writer.writeUbyte(value as number);
    case 'ushort':
      return writer.writeUshort(value as number);
    case 'uint':
      return writer.writeUint(value as number);
    case 'ulong':
      return writer.writeUlong(value as bigint);
    case 'timestamp':
      return writer.writeTimestamp(value as number);
    case 'string':
      return writer.writeString(value as string);
    case 'symbol':
      return writer.writeSymbol(value as string);
    case 'binary':
      return writer.writeBinary(value as Buffer);
    case 'symbols':
      return writer.writeSymbols(value as readonly string[]);
    case 'fields':
      return writer.writeFields(value as Fields);
    case 'map':
      return writer.writeMap(value as AmqpMap);
    case 'value':
      return writer.writeValue(value as AmqpValue);
    case 'error':
      return writeComposite(writer, tables.ERROR, value as tables.AmqpError);
    case 'source':
      return writeComposite(writer, tables.SOURCE, value as Source);
    case 'target': {
      const target = value as Target | Coordinator;
      if (target.coordinator) return writeComposite(writer, tables.COORDINATOR, target);
      return writeComposite(writer, tables.TARGET, target);
    }
    case 'state':
      return writeState(writer, value as DeliveryState);
  }
}

const STATES = {
  received: tables.RECEIVED,
  accepted: tables.ACCEPTED_STATE,
  rejected: tables.REJECTED,
  released: tables.RELEASED_STATE,
  modified: tables.MODIFIED,
  declared: tables.DECLARED,
  transactional: tables.TRANSACTIONAL,
} as const satisfies Record<DeliveryState['kind'], Composite>;

const KIND_OF_CODE = new Map(
  Object.entries(STATES).map(([kind, { code }]) => [code as number, kind as DeliveryState['kind']]),
);

export function writeState(writer: Writer, state: DeliveryState): void {
  writeComposite<Composite>(writer, STATES[state.kind], state);
}

/** Decodes a described list of this composite type. Throws `AmqpDecodeError`. */
export function readComposite<C extends Composite>(
  composite: C,
  buffer: Buffer,
  offset = 0,
): { value: Decoded<C>; end: number } {
  const reader = new Reader(buffer, offset);
  const code = readDescriptor(reader);
  if (code !== composite.code) throw unexpected(`a ${composite.symbol}`, code, reader);
  const value = readFields(reader, composite);
  return { value, end: reader.offset };
}

function unexpected(wanted: string, code: number, reader: Reader): AmqpDecodeError {
  return new AmqpDecodeError(`expected ${wanted} at offset ${reader.offset}, got ${hexCode(code)}`);
}

/** The low 32 bits of the descriptor of a described value; a symbolic descriptor gives the same code as the numeric one. */
export function readDescriptor(reader: Reader, symbols: ReadonlyMap<string, number> = CODE_OF_SYMBOL): number {
  const constructor = reader.byte();
  if (constructor !== 0x00) throw unexpected('a described value', constructor, reader);
  const type = reader.byte();
  switch (type) {
    case 0x53:
      return reader.byte();
    case 0x44:
      return 0;
    case 0x80: {
      // The domain, in the upper half, is 0 for everything that the standard defines (1.3).
      const domain = reader.uint32();
      const code = reader.uint32();
      return domain === 0 ? code : UNKNOWN;
    }
    case 0xa3:
      return symbols.get(reader.symbol(reader.byte())) ?? UNKNOWN;
    case 0xb3:
      return symbols.get(reader.symbol(reader.uint32())) ?? UNKNOWN;
    default:
      throw unexpected('a ulong or symbol as descriptor', type, reader);
  }
}

const UNKNOWN = 0xffff_ffff;

/** Reads size and count of a list whose constructor is next, narrows the reader to it and returns the count. */
export function enterList(reader: Reader, name: string): number {
  const code = reader.byte();
  if (code === 0x45) {
    reader.end = reader.offset;
    return 0;
  }
  if (code !== 0xc0 && code !== 0xd0) throw unexpected(`the list of ${name}`, code, reader);
  return reader.compound(code === 0xc0, 'list');
}

/** The fields of a composite whose descriptor has been read. */
export function readFields<C extends Composite>(reader: Reader, composite: C): Decoded<C> {
  const outerEnd = reader.end;
  reader.enter();
  const count = enterList(reader, composite.symbol);
  if (count > composite.fields.length) {
    throw new AmqpDecodeError(
      `${composite.symbol} has ${count} fields, at most ${composite.fields.length} are defined`,
    );
  }
  const value: Loose = {};
  for (let index = 0; index < composite.fields.length; index += 1) {
    const field = composite.fields[index] as Field;
    const decoded = index < count ? readField(reader, composite, field) : undefined;
    if (decoded !== undefined) value[field.name] = decoded;
    else if (field.default !== undefined) value[field.name] = field.default;
    else if (field.mandatory) throw new AmqpDecodeError(`${composite.symbol} lacks its mandatory field ${field.name}`);
  }
  reader.finish(outerEnd, composite.symbol);
  reader.leave();
  return value as Decoded<C>;
}

/** One field: undefined when it is null. */
export function readField(reader: Reader, composite: Composite, field: Field): unknown {
  const code = reader.byte();
  if (code === 0x40) return undefined;
  const wanted = FIELD_CODES[field.type];
  if (wanted !== undefined && !wanted.includes(code)) {
    throw unexpected(`${field.type} for ${field.name} of ${composite.symbol}`, code, reader);
  }
  switch (field.type) {
    case 'boolean':
    case 'ubyte':
    case 'ushort':
    case 'uint':
    case 'ulong':
    case 'string':
    case 'binary':
      return readPlain(reader, code);
    case 'timestamp':
      return Number(reader.buffer.readBigInt64BE(reader.take(8)));
    case 'symbol':
      return (readPlain(reader, code) as AmqpSymbol).value;
    case 'symbols':
      return readSymbols(readPlain(reader, code), field.name);
    case 'fields':
      return readMapFields(reader.valueOf(code) as AmqpMap, field.name);
    case 'map':
    case 'value':
      return reader.valueOf(code);
    default:
      reader.offset -= 1;
      return readNested(reader, field.type);
  }
}

function readPlain(reader: Reader, code: number): AmqpValue {
  const { typed } = reader;
  reader.typed = false;
  const value = reader.valueOf(code);
  reader.typed = typed;
  return value;
}

/** Constructor bytes that a field of a type may have (every width of it). */
const FIELD_CODES: Partial<Record<Field['type'], readonly number[]>> = {
  boolean: [0x41, 0x42, 0x56],
  ubyte: [0x50],
  ushort: [0x60],
  uint: [0x43, 0x52, 0x70],
  ulong: [0x44, 0x53, 0x80],
  timestamp: [0x83],
  string: [0xa1, 0xb1],
  symbol: [0xa3, 0xb3],
  binary: [0xa0, 0xb0],
  symbols: [0xa3, 0xb3, 0xe0, 0xf0],
  fields: [0xc1, 0xd1],
  map: [0xc1, 0xd1],
};

/** A field with multiple=true: null, one symbol, or an array of symbols (1.4). */
function readSymbols(value: AmqpValue, name: string): readonly string[] {
  if (value instanceof AmqpSymbol) return [value.value];
  if (value instanceof AmqpArray && value.type === 'symbol') return value.items.map(String);
  throw new AmqpDecodeError(`the field ${name} is an array of another type than symbol`);
}

function readMapFields(map: AmqpMap, name: string): Fields {
  const fields = new Map<string, AmqpValue>();
  for (const [key, value] of map) {
    // The standard wants symbols; some clients use strings, above all in an error's info.
    if (key instanceof AmqpSymbol) fields.set(key.value, value);
    else if (typeof key === 'string') fields.set(key, value);
    else throw new AmqpDecodeError(`the map ${name} has a key that is not a symbol`);
  }
  return fields;
}

function readNested(reader: Reader, type: 'error' | 'source' | 'target' | 'state'): unknown {
  const code = readDescriptor(reader);
  if (type === 'state') return readState(reader, code);
  if (type === 'error' && code === tables.ERROR.code) return readFields(reader, tables.ERROR);
  if (type === 'source' && code === tables.SOURCE.code) return readFields(reader, tables.SOURCE);
  if (type === 'target' && code === tables.TARGET.code) return readFields(reader, tables.TARGET);
  if (type === 'target' && code === tables.COORDINATOR.code) {
    return { ...readFields(reader, tables.COORDINATOR), coordinator: true };
  }
  throw unexpected(`a ${type}`, code, reader);
}

export function readState(reader: Reader, code: number): DeliveryState {
  const kind = KIND_OF_CODE.get(code);
  if (kind === undefined) throw unexpected('a delivery state', code, reader);
  // Nearly every state on the wire is one of these two, as an empty list.
  if (reader.buffer[reader.offset] === 0x45 && reader.offset < reader.end) {
    if (kind === 'accepted') return ((reader.offset += 1), tables.ACCEPTED);
    if (kind === 'released') return ((reader.offset += 1), tables.RELEASED);
  }
  return { ...readFields<Composite>(reader, STATES[kind]), kind } as DeliveryState;
}
