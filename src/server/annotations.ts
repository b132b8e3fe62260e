import { AmqpDecodeError, AmqpDescribed, AmqpSymbol, decode } from '../amqp/index.ts';
import type { AmqpMap, AmqpValue } from '../amqp/index.ts';

/** What decides the partition of a message without a session. */
export const PARTITION_KEY = 'x-opt-partition-key';
export const VIA_PARTITION_KEY = 'x-opt-via-partition-key';
export const SCHEDULED_ENQUEUE_TIME = 'x-opt-scheduled-enqueue-time';

/** The map of an annotations or application-properties section that begins at `start`, in the typed form. */
export function readAnnotations(bytes: Buffer, start: number): AmqpMap {
  const { value } = decode(bytes, start, 'typed');
  if (value instanceof AmqpDescribed && value.value instanceof Map) return value.value as AmqpMap;
  throw new AmqpDecodeError('An annotations or application-properties section must be a map');
}

/** The text of a map key, which clients write as a symbol or as a string. */
export function keyText(key: AmqpValue): string | undefined {
  return key instanceof AmqpSymbol ? key.value : typeof key === 'string' ? key : undefined;
}
