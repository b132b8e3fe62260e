import { hexCode, type Reader } from './decoder.ts';
import { writeUint32 } from './output.ts';
import { AmqpDecodeError } from './protocol-error.ts';

// Single fields of the performatives that are many (transfer, disposition, flow), read and written without the table.

/** What a numeric field yields when it is null. */
export const ABSENT = -1;

function unexpected(type: string, code: number, reader: Reader): AmqpDecodeError {
  return new AmqpDecodeError(`expected ${type} at offset ${reader.offset - 1}, got ${hexCode(code)}`);
}

export function readUintField(reader: Reader): number {
  const code = reader.byte();
  switch (code) {
    case 0x40:
      return ABSENT;
    case 0x43:
      return 0;
    case 0x52:
      return reader.byte();
    case 0x70:
      return reader.uint32();
    default:
      throw unexpected('uint', code, reader);
  }
}

export function readUbyteField(reader: Reader): number {
  const code = reader.byte();
  if (code === 0x40) return ABSENT;
  if (code === 0x50) return reader.byte();
  throw unexpected('ubyte', code, reader);
}

/** undefined when null. */
export function readBooleanField(reader: Reader): boolean | undefined {
  const code = reader.byte();
  switch (code) {
    case 0x41:
      return true;
    case 0x42:
      return false;
    case 0x40:
      return undefined;
    case 0x56: {
      const byte = reader.byte();
      if (byte <= 1) return byte === 1;
      throw unexpected('0x00 or 0x01 as boolean', byte, reader);
    }
    default:
      throw unexpected('boolean', code, reader);
  }
}

export function readBinaryField(reader: Reader): Buffer | undefined {
  const code = reader.byte();
  if (code === 0x40) return undefined;
  if (code === 0xa0) return reader.binary(reader.byte());
  if (code === 0xb0) return reader.binary(reader.uint32());
  throw unexpected('binary', code, reader);
}

/** Writes a uint in its narrowest encoding, null for `ABSENT`; at most 5 bytes. Returns the offset behind it. */
export function writeUintField(buffer: Buffer, at: number, value: number): number {
  if (value > 0xff) {
    buffer[at] = 0x70;
    writeUint32(buffer, at + 1, value);
    return at + 5;
  }
  if (value > 0) {
    buffer[at] = 0x52;
    buffer[at + 1] = value;
    return at + 2;
  }
  buffer[at] = value === 0 ? 0x43 : 0x40;
  return at + 1;
}

export function writeBooleanField(buffer: Buffer, at: number, value: boolean): number {
  buffer[at] = value ? 0x41 : 0x42;
  return at + 1;
}
