import { RetrainError } from '../errors.ts';
import type { AmqpValue } from './value.ts';

/** Appends typed values, in the narrowest encoding, to a buffer that grows. */
export class Writer {
  writeNull(): void {}
  writeBoolean(_value: boolean): void {}
  writeUbyte(_value: number): void {}
  writeUshort(_value: number): void {}
  writeUint(_value: number): void {}
  writeUlong(_value: bigint | number): void {}
  writeByte(_value: number): void {}
  writeShort(_value: number): void {}
  writeInt(_value: number): void {}
  writeLong(_value: bigint | number): void {}
  writeFloat(_value: number): void {}
  writeDouble(_value: number): void {}
  writeChar(_codePoint: number): void {}
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  writeTimestamp(_ms: number | bigint): void {}
  /** 16 bytes in the order of RFC 4122. */
  writeUuid(_bytes: Buffer): void {}
  writeBinary(_value: Buffer): void {}
  writeString(_value: string): void {}
  writeSymbol(_value: string): void {}
  writeList(_items: readonly AmqpValue[]): void {}
  writeMap(_map: ReadonlyMap<AmqpValue, AmqpValue>): void {}
  /** A described value follows: the descriptor's ulong code, then write the value. */
  writeDescriptor(_code: number): void {}
  writeValue(_value: AmqpValue): void {}
  /** Bytes that are encoded already. */
  writeRaw(_bytes: Buffer): void {}
  /** Begins a list whose items are the values written until `endList`; may be nested. */
  beginList(): void {}
  endList(): void {}
  /** Begins a map: write keys and values in turn until `endMap`. */
  beginMap(): void {}
  endMap(): void {}
  /** Bytes written so far. */
  get length(): number {
    return 0;
  }
  /** The bytes written; the writer is empty afterwards and the bytes stay as they are. */
  take(): Buffer {
    throw new RetrainError('ARGUMENT_INVALID', 'not written yet');
  }
}

/** Encodes one value. Throws `RetrainError` `ARGUMENT_INVALID` when a number does not fit its type. */
export function encode(_value: AmqpValue): Buffer {
  throw new RetrainError('ARGUMENT_INVALID', 'not written yet');
}
