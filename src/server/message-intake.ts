import {
  AmqpDecodeError,
  AmqpDescribed,
  AmqpSymbol,
  AmqpTimestamp,
  AmqpTyped,
  AmqpUuid,
  HEADER,
  decode,
  lookup,
  readComposite,
  readProperty,
  scanSections,
} from '../amqp/index.ts';
import type { AmqpMap, AmqpValue, MessageSections } from '../amqp/index.ts';
import type { IncomingMessage } from '../broker/index.ts';
import { LIMITS } from './limits.ts';

/** Several encoded messages, each in a data section of its own (service-bus-protocol.md §5.3). */
export const BATCH_MESSAGE_FORMAT = 0x80013700;

const SCHEDULED_ENQUEUE_TIME = 'x-opt-scheduled-enqueue-time';
const SCHEDULED_ENQUEUE_TIME_BYTES = Buffer.from(SCHEDULED_ENQUEUE_TIME);

/**
 * What the broker needs to know of an encoded message; the bytes stay as they are. They are views of what was received.
 *
 * @throws AmqpDecodeError when the bytes are not an AMQP message
 */
export function readMessage(bytes: Buffer): IncomingMessage {
  const sections = scanSections(bytes);
  const hasProperties = sections.propertiesEnd > sections.propertiesStart;
  const messageId = hasProperties ? readProperty(bytes, sections, 'messageId') : undefined;
  const sessionId = hasProperties ? readProperty(bytes, sections, 'groupId') : undefined;
  const timeToLiveMs =
    sections.headerEnd > sections.headerStart
      ? readComposite(HEADER, bytes, sections.headerStart).value.ttl
      : undefined;
  const scheduledEnqueueTimeMs =
    sections.messageAnnotationsEnd > sections.messageAnnotationsStart ? readScheduledTime(bytes, sections) : undefined;
  const message: { -readonly [K in keyof IncomingMessage]: IncomingMessage[K] } = { bytes, sizeBytes: bytes.length };
  if (messageId !== undefined && messageId !== null) message.messageId = identityOf(messageId);
  if (sessionId !== undefined) message.sessionId = sessionId;
  if (timeToLiveMs !== undefined) message.timeToLiveMs = timeToLiveMs;
  if (scheduledEnqueueTimeMs !== undefined) message.scheduledEnqueueTimeMs = scheduledEnqueueTimeMs;
  return message;
}

/** The messages of a batch. What the outer message has besides its body are copies from the first one. */
export function readBatch(bytes: Buffer): IncomingMessage[] {
  const sections = scanSections(bytes);
  if (sections.body !== 'data')
    throw new AmqpDecodeError('A batch must have data sections, each with one encoded message');
  const messages: IncomingMessage[] = [];
  for (let offset = sections.bodyStart; offset < sections.bodyEnd;) {
    const { value, end } = decode(bytes, offset);
    if (!(value instanceof AmqpDescribed) || !Buffer.isBuffer(value.value))
      throw new AmqpDecodeError('A batch must have data sections, each with one encoded message');
    if (messages.length === LIMITS.batchMessages)
      throw new AmqpDecodeError(`A batch may have ${LIMITS.batchMessages} messages at most; send more batches`);
    messages.push(readMessage(value.value));
    offset = end;
  }
  return messages;
}

/** Equal ids have equal texts, and the id 1 is not the id "1": one character for the type, then the value. */
function identityOf(id: AmqpValue): string {
  if (typeof id === 'string') return `s${id}`;
  if (typeof id === 'bigint' || typeof id === 'number') return `n${id}`;
  if (id instanceof AmqpTyped) return `n${id.value}`;
  if (id instanceof AmqpUuid) return `u${id.bytes.toString('hex')}`;
  if (Buffer.isBuffer(id)) return `b${id.toString('latin1')}`;
  throw new AmqpDecodeError('message-id must be a string, a ulong, a uuid or binary');
}

function readScheduledTime(bytes: Buffer, sections: MessageSections): number | undefined {
  const { messageAnnotationsStart: start, messageAnnotationsEnd: end } = sections;
  if (!bytes.subarray(start, end).includes(SCHEDULED_ENQUEUE_TIME_BYTES)) return undefined;
  const time = lookup(readAnnotations(bytes, start), SCHEDULED_ENQUEUE_TIME);
  if (time === undefined || time === null) return undefined;
  if (time instanceof AmqpTimestamp) return time.ms;
  throw new AmqpDecodeError(`The annotation ${SCHEDULED_ENQUEUE_TIME} must be a timestamp`);
}

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
