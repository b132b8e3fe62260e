import type { ServiceBusMessage, ServiceBusReceivedMessage } from '@azure/service-bus';
import { RetrainError } from '../errors.ts';
import { jsonBytes } from './clipped-text.ts';

/** Bytes of a whole message (body and properties, counted as JSON). What is bigger belongs behind `dataref` or a `uri`. */
export const ENVELOPE_MAX_BYTES = 64 * 1024;

/** The longest time to live that AMQP's header can carry (uint milliseconds, 49.7 days). */
const TTL_MAX_MS = 2 ** 32 - 1;

const PREFIX = 'cloudEvents_';
/** The prefix of the first versions of the AMQP binding, still used by some libraries. */
const OLD_PREFIX = 'cloudEvents:';
const STRUCTURED = /^application\/cloudevents\+json\s*(;|$)/i;
const BATCH = /^application\/cloudevents-batch\+json\s*(;|$)/i;
/** CloudEvents 1.0, "Naming Conventions". */
const ATTRIBUTE_NAME = /^[a-z0-9]+$/;

export type AttributeValue = string | number | boolean;

/** A CloudEvent 1.0: context attributes and extensions under their own names, and the data as JSON. */
export interface CloudEvent {
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly data: unknown;
}

export type ReadCloudEvent =
  { readonly kind: 'valid'; readonly event: CloudEvent } | { readonly kind: 'invalid'; readonly reason: string };

export interface MessageOptions {
  readonly messageId: string;
  /** Now, wall-clock milliseconds. */
  readonly nowMs: number;
  /** When the message becomes active, wall-clock milliseconds; absent or past: at once. */
  readonly activeAtMs?: number | undefined;
  /** Default: the limit of an envelope, 64 KiB. */
  readonly maxBytes?: number;
}

/**
 * Binary mode (CloudEvents AMQP binding 1.0, section 3.1): attributes become application properties with the prefix
 * `cloudEvents_`, the data becomes the body. `subject` also goes to SessionId, `type` to Subject (label), `correlationid` to
 * CorrelationId, `traceparent` to Diagnostic-Id, `expirytime` to the time to live (counted from when the message becomes
 * active). Raises `MESSAGE_TOO_LARGE` above the limit and `REQUEST_INVALID` when it would expire before it is active.
 */
export function toMessage({ attributes, data }: CloudEvent, options: MessageOptions): ServiceBusMessage {
  const { subject, type, correlationid, traceparent, expirytime } = attributes;
  const properties: Record<string, AttributeValue> = { [`${PREFIX}specversion`]: '1.0' };
  for (const [name, value] of Object.entries(attributes)) properties[`${PREFIX}${name}`] = value;
  if (traceparent !== undefined) properties['Diagnostic-Id'] = traceparent;
  const { messageId, nowMs, activeAtMs = nowMs, maxBytes = ENVELOPE_MAX_BYTES } = options;
  const timeToLive =
    expirytime === undefined ? undefined : timeToLiveMs(String(expirytime), Math.max(activeAtMs, nowMs));
  const message: ServiceBusMessage = {
    body: data,
    messageId,
    contentType: 'application/json',
    applicationProperties: properties,
    ...(subject !== undefined && { sessionId: String(subject) }),
    ...(type !== undefined && { subject: String(type) }),
    ...(correlationid !== undefined && { correlationId: String(correlationid) }),
    ...(timeToLive !== undefined && { timeToLive }),
    ...(activeAtMs > nowMs && { scheduledEnqueueTimeUtc: new Date(activeAtMs) }),
  };
  const bytes = jsonBytes(message);
  if (bytes <= maxBytes) return message;
  throw new RetrainError(
    'MESSAGE_TOO_LARGE',
    `the message of ${String(attributes['id'])} takes ${bytes} bytes, the limit is ${maxBytes}: ` +
      'put what is big into storage and name it by data[].uri or dataref',
  );
}

function timeToLiveMs(expirytime: string, activeAtMs: number): number | undefined {
  const leftMs = Date.parse(expirytime) - activeAtMs;
  if (leftMs <= 0)
    throw new RetrainError(
      'REQUEST_INVALID',
      `expirytime = ${expirytime} is not after ${new Date(activeAtMs).toISOString()}, when the message would become ` +
        'active: use a later one or none',
    );
  // What does not fit the header is left to the receiver, which looks at the attribute; a cut one would expire too early.
  return leftMs <= TTL_MAX_MS ? leftMs : undefined;
}

/** Reads binary mode (with either prefix) and structured mode. Whatever a stranger sent, it returns. */
export function readCloudEvent(received: ServiceBusReceivedMessage): ReadCloudEvent {
  try {
    const contentType = typeof received.contentType === 'string' ? received.contentType : '';
    if (BATCH.test(contentType)) return invalid('a batch of events in one message is not supported: send one by one');
    return STRUCTURED.test(contentType) ? readStructured(received) : readBinary(received);
  } catch (error) {
    return invalid(`the message cannot be read (${error instanceof Error ? error.name : 'unknown error'})`);
  }
}

function readBinary(received: ServiceBusReceivedMessage): ReadCloudEvent {
  const attributes: Record<string, AttributeValue> = {};
  for (const prefix of [OLD_PREFIX, PREFIX])
    for (const [key, value] of Object.entries(received.applicationProperties ?? {}))
      if (key.startsWith(prefix)) setAttribute(attributes, key.slice(prefix.length), value);
  const body = parseBody(received.body);
  if (body.kind === 'invalid') return body;
  return checked(attributes, body.value, 'application property cloudEvents_');
}

function readStructured(received: ServiceBusReceivedMessage): ReadCloudEvent {
  const body = parseBody(received.body);
  if (body.kind === 'invalid') return body;
  const { value } = body;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return invalid('the body is not a JSON object, as application/cloudevents+json needs');
  const attributes: Record<string, AttributeValue> = {};
  const { data, data_base64: base64, ...others } = value as Record<string, unknown>;
  for (const [name, attribute] of Object.entries(others)) setAttribute(attributes, name, attribute);
  if (typeof base64 !== 'string') return checked(attributes, data, '');
  const decoded = parseBody(Buffer.from(base64, 'base64'));
  return decoded.kind === 'invalid' ? decoded : checked(attributes, decoded.value, '');
}

function checked(attributes: Record<string, AttributeValue>, data: unknown, prefix: string): ReadCloudEvent {
  const { specversion, ...others } = attributes;
  if (specversion === undefined) return invalid(`${prefix}specversion is missing: send a CloudEvent 1.0`);
  if (specversion !== '1.0') return invalid(`specversion is ${JSON.stringify(specversion)}: send a CloudEvent 1.0`);
  return { kind: 'valid', event: { attributes: others, data } };
}

/** Timestamps arrive as dates or, from the client's own conversion, as milliseconds; both become text, `time` readers aside. */
function setAttribute(attributes: Record<string, AttributeValue>, name: string, value: unknown): void {
  if (!ATTRIBUTE_NAME.test(name)) return;
  if (value instanceof Date && !Number.isNaN(value.getTime())) attributes[name] = value.toISOString();
  else if (typeof value === 'bigint') attributes[name] = String(value);
  else if (typeof value === 'string' || typeof value === 'boolean') attributes[name] = value;
  else if (typeof value === 'number' && Number.isFinite(value)) attributes[name] = value;
}

/** The official client has parsed the body when it could; other sections and texts arrive as they are. */
function parseBody(body: unknown): { kind: 'valid'; value: unknown } | { kind: 'invalid'; reason: string } {
  const text = body instanceof Uint8Array ? Buffer.from(body).toString('utf8') : body;
  if (typeof text !== 'string') return { kind: 'valid', value: text };
  try {
    return { kind: 'valid', value: JSON.parse(text) };
  } catch {
    return { kind: 'invalid', reason: 'the body is not JSON: send the request as a JSON object in UTF-8' };
  }
}

function invalid(reason: string): { kind: 'invalid'; reason: string } {
  return { kind: 'invalid', reason };
}
