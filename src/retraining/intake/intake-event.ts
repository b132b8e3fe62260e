import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { readCloudEvent } from '../cloud-event.ts';
import { fieldOf, textField } from './any-case.ts';

/** Events that one message may have. */
export const EVENTS_MAX = 1_000;
/** Characters of an id, a type, a source and a subject. */
const TEXT_MAX_LENGTH = 2_048;
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** What happened elsewhere, whichever schema told it. */
export interface IntakeEvent {
  readonly id: string;
  readonly type: string;
  /** `source` of a CloudEvent, `topic` of the Event Grid schema. */
  readonly source: string;
  readonly subject: string;
  /** RFC 3339. */
  readonly time: string;
  readonly data: unknown;
  readonly traceparent?: string;
}

export type ReadIntakeEvents =
  | { readonly kind: 'valid'; readonly events: readonly IntakeEvent[] }
  | { readonly kind: 'invalid'; readonly reason: string };

const NEITHER = 'neither a CloudEvent 1.0 nor an event of the Event Grid schema';

/**
 * The events of a message: a CloudEvent 1.0 (binary or structured), an event of the Event Grid schema, or an array of either, with
 * field names in any casing. Whatever a stranger sent, it returns.
 */
export function readIntakeEvents(message: ServiceBusReceivedMessage): ReadIntakeEvents {
  const arrivedAt = message.enqueuedTimeUtc ?? new Date(0);
  if (isBinary(message)) return readBinary(message, arrivedAt);
  const body = bodyOf(message.body);
  if (body === undefined) return { kind: 'invalid', reason: `the body is not JSON: it is ${NEITHER}` };
  const list: unknown[] = Array.isArray(body) ? body : [body];
  if (list.length === 0 || list.length > EVENTS_MAX)
    return { kind: 'invalid', reason: `the body has ${list.length} events: send 1 to ${EVENTS_MAX} in a message` };
  const events: IntakeEvent[] = [];
  for (const [index, each] of list.entries()) {
    const event = readOne(each, arrivedAt);
    const place = Array.isArray(body) ? `event ${index + 1} of ${list.length}` : 'the body';
    if (typeof event === 'string') return { kind: 'invalid', reason: `${place} ${event}` };
    events.push(event);
  }
  return { kind: 'valid', events };
}

function isBinary({ applicationProperties = {} }: ServiceBusReceivedMessage): boolean {
  return Object.keys(applicationProperties).some((name) => /^cloudEvents[_:]specversion$/i.test(name));
}

function readBinary(message: ServiceBusReceivedMessage, arrivedAt: Date): ReadIntakeEvents {
  const read = readCloudEvent(message);
  if (read.kind === 'invalid') return read;
  const { attributes, data } = read.event;
  const event = eventOf({ ...attributes, data }, { source: 'source', type: 'type', time: 'time' }, arrivedAt);
  return typeof event === 'string'
    ? { kind: 'invalid', reason: `the event ${event}` }
    : { kind: 'valid', events: [event] };
}

/** The event, or what is wrong with it. */
function readOne(value: unknown, arrivedAt: Date): IntakeEvent | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return `is ${NEITHER}`;
  if (fieldOf(value, 'specversion') !== undefined)
    return eventOf(withDecodedData(value), { source: 'source', type: 'type', time: 'time' }, arrivedAt);
  if (fieldOf(value, 'eventType') !== undefined)
    return eventOf(value, { source: 'topic', type: 'eventType', time: 'eventTime' }, arrivedAt);
  return `is ${NEITHER}: it has neither specversion nor eventType`;
}

function eventOf(
  value: object,
  names: { readonly source: string; readonly type: string; readonly time: string },
  arrivedAt: Date,
): IntakeEvent | string {
  const [id, type] = [textField(value, 'id'), textField(value, names.type)];
  if (id === undefined) return 'has no id: each event needs one of its own';
  if (type === undefined) return `has no ${names.type}`;
  const source = textField(value, names.source) ?? '';
  const subject = textField(value, 'subject') ?? '';
  const long = Object.entries({ id, type, source, subject }).find(([, text]) => text.length > TEXT_MAX_LENGTH);
  if (long) return `has ${long[0]} of ${long[1].length} characters, the limit is ${TEXT_MAX_LENGTH}`;
  const told = new Date(textField(value, names.time) ?? '');
  const time = (Number.isNaN(told.getTime()) ? arrivedAt : told).toISOString();
  const traceparent = textField(value, 'traceparent');
  const traced = traceparent !== undefined && TRACEPARENT.test(traceparent);
  return { id, type, source, subject, time, data: fieldOf(value, 'data'), ...(traced && { traceparent }) };
}

function withDecodedData(value: object): object {
  const base64 = fieldOf(value, 'data_base64');
  if (typeof base64 !== 'string' || fieldOf(value, 'data') !== undefined) return value;
  return { ...value, data: bodyOf(Buffer.from(base64, 'base64')) };
}

/** The official client has parsed the body when it could; other sections and texts arrive as they are. */
function bodyOf(body: unknown): unknown {
  const text = body instanceof Uint8Array ? Buffer.from(body).toString('utf8') : body;
  if (typeof text !== 'string') return text;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
