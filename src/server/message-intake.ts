import {
  AmqpDecodeError,
  AmqpDescribed,
  AmqpTimestamp,
  AmqpTyped,
  AmqpUuid,
  HEADER,
  PROPERTIES,
  Writer,
  writeComposite,
  decode,
  lookup,
  readComposite,
  scanSections,
} from '../amqp/index.ts';
import type { AmqpMap, AmqpValue, MessageHeader, MessageProperties, MessageSections } from '../amqp/index.ts';
import type { IncomingMessage, MessageFacts } from '../broker/index.ts';
import type { Random } from '../runtime/random.ts';
import { PARTITION_KEY, readAnnotations, SCHEDULED_ENQUEUE_TIME } from './annotations.ts';
import { LIMITS } from './limits.ts';
import { checkMessageLimits } from './message-limits.ts';
import { overlaidAnnotations, overlaidProperties, overlaidTtl, readOverlay } from './overlay.ts';

/** Several encoded messages, each in a data section of its own (service-bus-protocol.md §5.3). */
export const BATCH_MESSAGE_FORMAT = 0x80013700;

const GENERATED_ID_BYTES = 16;
/** A properties section, a list8 whose one item is a str8 of 32 characters, up to these characters. */
const PROPERTIES_WITH_ID_ONLY = Buffer.from([0x00, 0x53, 0x73, 0xc0, 0x23, 0x01, 0xa1, 0x20]);

/**
 * What the broker needs to know of an encoded message. The bytes stay as they are, views of what was received, but for two
 * things: a message without message-id gets one, as the service does it; clients rely on it (the JavaScript client's lock
 * renewal fails without). And delivery annotations that came last are put where they belong.
 *
 * @throws AmqpDecodeError when the bytes are not an AMQP message; `ARGUMENT_INVALID` and `MESSAGE_TOO_LARGE` when ids or
 * properties are over their limits
 */
export function readMessage(received: Buffer, random: Random): IncomingMessage {
  const { bytes, sections } = inOrder(received);
  // Delivery reads all of it again: what it could not read must not come in. The body passes through unread.
  const header =
    sections.headerEnd > sections.headerStart ? readComposite(HEADER, bytes, sections.headerStart).value : undefined;
  readSection(bytes, sections.deliveryAnnotationsStart, sections.deliveryAnnotationsEnd);
  const annotations = readSection(bytes, sections.messageAnnotationsStart, sections.messageAnnotationsEnd);
  const properties =
    sections.propertiesEnd > sections.propertiesStart
      ? readComposite(PROPERTIES, bytes, sections.propertiesStart).value
      : undefined;
  const applicationProperties = readSection(
    bytes,
    sections.applicationPropertiesStart,
    sections.applicationPropertiesEnd,
  );
  checkMessageLimits(sections, { properties, annotations, applicationProperties });
  const messageId = properties?.messageId ?? undefined;
  const scheduledEnqueueTimeMs = annotations && scheduledTimeOf(annotations);
  const stored = messageId === undefined ? withMessageId(bytes, sections, { properties, random }) : bytes;
  // Its facts are set one by one: spreading them into the message would cost more than all else that is done here.
  const message: Draft<IncomingMessage> = {
    bytes: stored,
    // What the client sent: an id that we add must not take a message over the limit that the client knows.
    sizeBytes: bytes.length,
  };
  setFacts(message, { header, annotations, properties });
  if (scheduledEnqueueTimeMs !== undefined) message.scheduledEnqueueTimeMs = scheduledEnqueueTimeMs;
  return message;
}

/** The message with its delivery annotations behind the header, where the Python client does not write them. */
function inOrder(bytes: Buffer): { bytes: Buffer; sections: MessageSections } {
  const sections = scanSections(bytes);
  const { headerEnd, deliveryAnnotationsStart: start, deliveryAnnotationsEnd: end } = sections;
  if (start === headerEnd) return { bytes, sections };
  const moved = Buffer.concat([
    bytes.subarray(0, headerEnd),
    bytes.subarray(start, end),
    bytes.subarray(headerEnd, start),
  ]);
  return { bytes: moved, sections: scanSections(moved) };
}

/** What a queue has to know of a stored message that comes from another one; `overlay`: what was laid over it since it came. */
export function factsOf(stored: Buffer, overlay?: Buffer): MessageFacts {
  const sections = scanSections(stored);
  const { headerStart, headerEnd, propertiesStart, propertiesEnd } = sections;
  const header = headerEnd > headerStart ? readComposite(HEADER, stored, headerStart).value : undefined;
  const annotations = readSection(stored, sections.messageAnnotationsStart, sections.messageAnnotationsEnd);
  const properties =
    propertiesEnd > propertiesStart ? readComposite(PROPERTIES, stored, propertiesStart).value : undefined;
  const facts: Draft<MessageFacts> = {};
  if (!overlay) {
    setFacts(facts, { header, annotations, properties });
    return facts;
  }
  const laidOver = readOverlay(overlay);
  setFacts(facts, {
    header: undefined,
    annotations: overlaidAnnotations(annotations ?? new Map(), laidOver),
    properties: overlaidProperties(properties, laidOver),
  });
  const ttl = overlaidTtl(header, laidOver);
  if (ttl !== undefined) facts.timeToLiveMs = ttl;
  return facts;
}

type Draft<T> = { -readonly [K in keyof T]: T[K] };

function setFacts(
  facts: Draft<MessageFacts>,
  {
    header,
    annotations,
    properties,
  }: {
    readonly header: MessageHeader | undefined;
    readonly annotations: AmqpMap | undefined;
    readonly properties: MessageProperties | undefined;
  },
): void {
  const messageId = properties?.messageId ?? undefined;
  const partitionKey = annotations && lookup(annotations, PARTITION_KEY);
  // A generated id is new: duplicate detection has nothing to compare.
  if (messageId !== undefined) facts.messageId = identityOf(messageId);
  if (properties?.groupId !== undefined) facts.sessionId = properties.groupId;
  if (typeof partitionKey === 'string') facts.partitionKey = partitionKey;
  if (header?.ttl !== undefined) facts.timeToLiveMs = header.ttl;
}

/** The message with a message-id of 32 hexadecimal digits in its properties, in parts. */
function withMessageId(
  bytes: Buffer,
  { propertiesStart: start, propertiesEnd: end }: MessageSections,
  { properties: given, random }: { readonly properties: MessageProperties | undefined; readonly random: Random },
): Buffer[] {
  const messageId = random.bytes(GENERATED_ID_BYTES).toString('hex');
  if (start === end) {
    const properties = Buffer.allocUnsafe(PROPERTIES_WITH_ID_ONLY.length + messageId.length);
    PROPERTIES_WITH_ID_ONLY.copy(properties);
    properties.write(messageId, PROPERTIES_WITH_ID_ONLY.length, 'latin1');
    return [bytes.subarray(0, start), properties, bytes.subarray(end)];
  }
  const writer = new Writer();
  writeComposite(writer, PROPERTIES, { ...given, messageId });
  return [bytes.subarray(0, start), writer.take(), bytes.subarray(end)];
}

/** The messages of a batch. What the outer message has besides its body are copies from the first one. */
export function readBatch(bytes: Buffer, random: Random): IncomingMessage[] {
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
    messages.push(readMessage(value.value, random));
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

function scheduledTimeOf(annotations: AmqpMap): number | undefined {
  const time = lookup(annotations, SCHEDULED_ENQUEUE_TIME) ?? undefined;
  if (time === undefined || time instanceof AmqpTimestamp) return time?.ms;
  throw new AmqpDecodeError(`The annotation ${SCHEDULED_ENQUEUE_TIME} must be a timestamp`);
}

function readSection(bytes: Buffer, start: number, end: number): AmqpMap | undefined {
  return end > start ? readAnnotations(bytes, start) : undefined;
}
