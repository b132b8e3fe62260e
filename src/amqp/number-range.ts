import { RetrainError } from '../errors.ts';

export function invalid(type: string, got: string, limit: string): RetrainError {
  return new RetrainError('ARGUMENT_INVALID', `${got} cannot be encoded as ${type}: it must be ${limit}`);
}

/** `value` if it is an integer from `min` to `max`. */
export function integer(value: number, min: number, max: number, type: string): number {
  if (value >= min && value <= max && Number.isInteger(value)) return value;
  throw invalid(type, String(value), `an integer from ${min} to ${max}`);
}

/** `value` as a bigint if it is an integer from `min` to `max`. */
export function wide(value: number | bigint, min: bigint, max: bigint, type: string): bigint {
  if (typeof value === 'number' && !Number.isInteger(value)) throw invalid(type, String(value), 'an integer');
  const big = BigInt(value);
  if (big >= min && big <= max) return big;
  throw invalid(type, String(value), `from ${min} to ${max}`);
}

/** `bytes` if there are `length` of them. */
export function exactly(bytes: Buffer, length: number, type: string): Buffer {
  if (bytes.length === length) return bytes;
  throw invalid(type, `a buffer of ${bytes.length} bytes`, `${length} bytes`);
}
