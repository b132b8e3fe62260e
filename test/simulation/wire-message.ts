import {
  AmqpTimestamp,
  AmqpTyped,
  HEADER,
  PROPERTIES,
  Writer,
  decode,
  lookup,
  readComposite,
  scanSections,
  writeComposite,
  type AmqpMap,
  type AmqpValue,
  AmqpDescribed,
} from '../../src/amqp/index.ts';

const MESSAGE_ANNOTATIONS = 0x72;
const APPLICATION_PROPERTIES = 0x74;
const DATA = 0x75;
export const BATCH_MESSAGE_FORMAT = 0x80013700;

export interface OutgoingContent {
  /** Names the message in the model, and is its message-id. */
  readonly uid: string;
  readonly sessionId: string | undefined;
  readonly bodyBytes: number;
  /** Milliseconds since 1970. */
  readonly scheduledMs?: number | undefined;
  /** Its own time to live, in milliseconds. */
  readonly ttlMs?: number | undefined;
  /** A property of its own. */
  readonly color?: string | undefined;
}

/** What a client sees of a message that it got. */
export interface ReceivedContent {
  readonly uid: string;
  readonly sessionId: string | undefined;
  readonly body: Buffer;
  readonly sequenceNumber: number;
  /** Its sequence number in the queue that it was sent to, which forwarding keeps. */
  readonly originalNumber: number;
  readonly enqueuedMs: number;
  readonly deliveryCount: number;
  /** Milliseconds since 1970; 0 when the message is not locked. */
  readonly lockedUntilMs: number;
  /** It is scheduled, or was. */
  readonly scheduled: boolean;
  readonly deferred: boolean;
  /** Why it is in a dead-letter queue, or was in one before it was forwarded. */
  readonly deadLetterReason: string | undefined;
  /** The rule with an action that made the copy. */
  readonly ruleName: string | undefined;
}

/** The bytes of a message's body, which follow from its name: whoever gets it can tell whether they are right. */
export function bodyOf(uid: string, bytes: number): Buffer {
  return Buffer.alloc(bytes, `${uid}/`);
}

export function encodeMessage({ uid, sessionId, bodyBytes, scheduledMs, ttlMs, color }: OutgoingContent): Buffer {
  const writer = new Writer();
  if (ttlMs !== undefined) writeComposite(writer, HEADER, { ttl: ttlMs });
  if (scheduledMs !== undefined) {
    writer.writeDescriptor(MESSAGE_ANNOTATIONS);
    writer.beginMap();
    writer.writeSymbol('x-opt-scheduled-enqueue-time');
    writer.writeTimestamp(Math.floor(scheduledMs));
    writer.endMap();
  }
  writeComposite(writer, PROPERTIES, { messageId: uid, groupId: sessionId });
  if (color !== undefined) {
    writer.writeDescriptor(APPLICATION_PROPERTIES);
    writer.writeMap(new Map([['color', color]]));
  }
  writer.writeDescriptor(DATA);
  writer.writeBinary(bodyOf(uid, bodyBytes));
  return writer.take();
}

/** Several encoded messages as one of the batch format. */
export function encodeBatch(messages: readonly Buffer[]): Buffer {
  const writer = new Writer();
  for (const message of messages) {
    writer.writeDescriptor(DATA);
    writer.writeBinary(message);
  }
  return writer.take();
}

export function readMessage(bytes: Buffer): ReceivedContent {
  const sections = scanSections(bytes);
  const header = readComposite(HEADER, bytes, sections.headerStart).value;
  const annotations = valueAt(bytes, sections.messageAnnotationsStart) as AmqpMap;
  const properties = readComposite(PROPERTIES, bytes, sections.propertiesStart).value;
  const number = (name: string): number => {
    const value = lookup(annotations, name);
    if (value instanceof AmqpTimestamp) return value.ms;
    return value instanceof AmqpTyped ? Number(value.value) : 0;
  };
  const state = number('x-opt-message-state');
  const { applicationPropertiesStart: start, applicationPropertiesEnd: end } = sections;
  const own = end > start ? (valueAt(bytes, start) as AmqpMap) : undefined;
  const text = (name: string): string | undefined => {
    const value = own && lookup(own, name);
    return typeof value === 'string' ? value : undefined;
  };
  return {
    uid: typeof properties.messageId === 'string' ? properties.messageId : '',
    sessionId: properties.groupId,
    body: valueAt(bytes, sections.bodyStart) as Buffer,
    sequenceNumber: number('x-opt-sequence-number'),
    originalNumber: number('x-opt-enqueue-sequence-number'),
    enqueuedMs: number('x-opt-enqueued-time'),
    deliveryCount: header.deliveryCount ?? 0,
    lockedUntilMs: number('x-opt-locked-until'),
    scheduled: state === 2,
    deferred: state === 1,
    deadLetterReason: text('DeadLetterReason'),
    ruleName: text('RuleName'),
  };
}

function valueAt(bytes: Buffer, start: number): AmqpValue {
  const { value } = decode(bytes, start, 'typed');
  return value instanceof AmqpDescribed ? value.value : value;
}
