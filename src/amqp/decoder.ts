import { RetrainError } from '../errors.ts';
import type { AmqpValue } from './value.ts';

/** Whether numbers come as JavaScript numbers and bigints (`plain`) or wrapped with their AMQP type (`typed`). */
export type DecodeForm = 'plain' | 'typed';

/** Decodes one value; `end` is the offset behind it. Throws `AmqpDecodeError`. */
export function decode(_buffer: Buffer, _offset = 0, _form: DecodeForm = 'plain'): { value: AmqpValue; end: number } {
  throw new RetrainError('ARGUMENT_INVALID', 'not written yet');
}
