import { RetrainError } from '../errors.ts';
import type { Composite, Decoded, Encodable } from './composites.ts';
import type { Writer } from './writer.ts';

/** Appends a described list with all fields of the table, absent ones as null. */
export function writeComposite<C extends Composite>(_writer: Writer, _composite: C, _value: Encodable<C>): void {
  throw new RetrainError('ARGUMENT_INVALID', 'not written yet');
}

/** Decodes a described list of this composite type. Throws `AmqpDecodeError`. */
export function readComposite<C extends Composite>(
  _composite: C,
  _buffer: Buffer,
  _offset = 0,
): { value: Decoded<C>; end: number } {
  throw new RetrainError('ARGUMENT_INVALID', 'not written yet');
}
