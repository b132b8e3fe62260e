import { isUtf8 } from 'node:buffer';
import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { jsonOfStructure, jsonOfValue, plainText } from './typed-value.ts';
import type { ValueJson } from './typed-value.ts';

/**
 * A message as one JSON object, with everything that the official client knows of it; what a message does not have is left out. `retrain
 * send --lines` takes the same form: it sends the parts that are the sender's and leaves out the others.
 *
 * Times are RFC 3339, sequence numbers decimal text, `timeToLive` milliseconds. A body of bytes is `body` when it is UTF-8,
 * otherwise `bodyBase64`; with `bodyType` value or sequence it is AMQP's own type as JSON.
 */
export interface MessageJson {
  readonly sequenceNumber?: string | undefined;
  readonly enqueuedSequenceNumber?: string | undefined;
  readonly state?: 'active' | 'deferred' | 'scheduled' | undefined;
  readonly enqueuedTimeUtc?: string | undefined;
  readonly scheduledEnqueueTimeUtc?: string | undefined;
  readonly expiresAtUtc?: string | undefined;
  readonly lockedUntilUtc?: string | undefined;
  readonly deliveryCount?: number | undefined;
  readonly deadLetterReason?: string | undefined;
  readonly deadLetterErrorDescription?: string | undefined;
  readonly deadLetterSource?: string | undefined;
  readonly messageId?: ValueJson | undefined;
  readonly sessionId?: string | undefined;
  readonly partitionKey?: string | undefined;
  readonly correlationId?: ValueJson | undefined;
  readonly subject?: string | undefined;
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly to?: string | undefined;
  readonly replyTo?: string | undefined;
  readonly replyToSessionId?: string | undefined;
  readonly timeToLive?: number | undefined;
  readonly applicationProperties?: Readonly<Record<string, ValueJson>> | undefined;
  readonly bodyType?: 'data' | 'value' | 'sequence' | undefined;
  readonly body?: unknown;
  readonly bodyBase64?: string | undefined;
}

/** The longest date that JavaScript has; Service Bus writes it for "never". */
const NEVER_YEAR = 9_999;

export function messageJson(message: ServiceBusReceivedMessage): MessageJson {
  const { _rawAmqpMessage: raw } = message;
  const properties = Object.entries(message.applicationProperties ?? {});
  return {
    sequenceNumber: message.sequenceNumber?.toString(),
    enqueuedSequenceNumber: message.enqueuedSequenceNumber?.toString(),
    state: message.state,
    enqueuedTimeUtc: timeText(message.enqueuedTimeUtc),
    scheduledEnqueueTimeUtc: timeText(message.scheduledEnqueueTimeUtc),
    expiresAtUtc: timeText(message.expiresAtUtc),
    lockedUntilUtc: timeText(message.lockedUntilUtc),
    deliveryCount: message.deliveryCount,
    deadLetterReason: textOrNothing(message.deadLetterReason),
    deadLetterErrorDescription: textOrNothing(message.deadLetterErrorDescription),
    deadLetterSource: message.deadLetterSource,
    messageId: idJson(message.messageId),
    sessionId: message.sessionId,
    partitionKey: message.partitionKey,
    correlationId: idJson(message.correlationId),
    subject: message.subject,
    contentType: message.contentType,
    contentEncoding: raw.properties?.contentEncoding,
    to: message.to,
    replyTo: message.replyTo,
    replyToSessionId: message.replyToSessionId,
    timeToLive: message.timeToLive,
    ...(properties.length > 0 && {
      applicationProperties: Object.fromEntries(properties.map(([name, value]) => [name, jsonOfValue(value)])),
    }),
    ...bodyJson(message),
  };
}

/** The body as it was sent: the bytes of a data body, the value of another. */
export function bodyOf(message: ServiceBusReceivedMessage): {
  readonly type: 'data' | 'value' | 'sequence';
  readonly content: unknown;
} {
  const { bodyType = 'data' } = message._rawAmqpMessage;
  const body: unknown = message.body;
  if (bodyType !== 'data') return { type: bodyType, content: body };
  // A body of several data sections is one after the other.
  const sections = Array.isArray(body) ? (body as Uint8Array[]) : [body as Uint8Array | undefined];
  return { type: 'data', content: Buffer.concat(sections.map((section) => section ?? Buffer.alloc(0))) };
}

function bodyJson(message: ServiceBusReceivedMessage): Pick<MessageJson, 'bodyType' | 'body' | 'bodyBase64'> {
  if (message.body === undefined) return {};
  const { type, content } = bodyOf(message);
  if (type !== 'data') return { bodyType: type, body: jsonOfStructure(content) };
  const bytes = content as Buffer;
  return isUtf8(bytes) ? { body: bytes.toString('utf8') } : { bodyBase64: bytes.toString('base64') };
}

function idJson(id: unknown): ValueJson | undefined {
  return id === undefined || id === null ? undefined : jsonOfValue(id);
}

/** Senders can put anything into an application property of that name. */
function textOrNothing(value: unknown): string | undefined {
  return value === undefined || value === null ? undefined : plainText(value);
}

function timeText(time: Date | undefined): string | undefined {
  if (time === undefined) return undefined;
  const at = new Date(time);
  return Number.isNaN(at.getTime()) || at.getUTCFullYear() > NEVER_YEAR ? undefined : at.toISOString();
}
