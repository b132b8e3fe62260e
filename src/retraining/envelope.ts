import type { ServiceBusMessage, ServiceBusReceivedMessage } from '@azure/service-bus';
import { z } from 'zod';
import { RetrainError } from '../errors.ts';
import { readCloudEvent, toMessage } from './cloud-event.ts';
import type { AttributeValue, CloudEvent, MessageOptions } from './cloud-event.ts';
import { SOURCE_MAX_LENGTH, cloneMessageId, replayId, replayMessageId } from './identity.ts';
import { HOP_MAX } from './worker/ledger-record.ts';
import { MODEL_NAME_RULE, isModelName } from './model-name.ts';
import { present } from './present.ts';
import { isInstant, parseRequest } from './request.ts';
import type { RetrainRequest } from './request.ts';

export const REQUESTED_TYPE = 'retrain.requested.v1';
export const CANCEL_TYPE = 'retrain.cancel.v1';

/** Characters of an id on the wire: what a MessageId may have. */
const WIRE_ID_MAX_LENGTH = 128;
const WIRE_ID = new RegExp(`^[\\x20-\\x7e]{1,${WIRE_ID_MAX_LENGTH}}$`);
const WIRE_SOURCE = new RegExp(`^[\\x21-\\x7e]{1,${SOURCE_MAX_LENGTH}}$`);
const SEQUENCE = /^[0-9]{1,19}$/;
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** What requests and control events have in common. Their identity is `source` and `id`. */
interface ModelEvent {
  readonly id: string;
  /** Who asks: a URI-reference. */
  readonly source: string;
  /** The model. */
  readonly subject: string;
  /** When the occasion arose, RFC 3339. */
  readonly time: string;
  readonly correlationid?: string | undefined;
  /** After it, nobody is interested any more, RFC 3339. */
  readonly expirytime?: string | undefined;
  /** W3C trace context. */
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
}

/** A request as it travels. */
export interface RequestEvent extends ModelEvent {
  readonly type: typeof REQUESTED_TYPE;
  readonly data: RetrainRequest;
  /** Where the producer put what was too big for the message. */
  readonly dataref?: string | undefined;
  /** Decimal text of the request's first sequence number; `readRequest` fills it in on first arrival. */
  readonly retrainseq?: string | undefined;
  /** 0 for the original, n for its nth clone. */
  readonly retrainhop?: number | undefined;
  /** Id of the dead-lettered request that this one repeats. */
  readonly retrainreplayof?: string | undefined;
  /** Other extensions, kept for clones and replays. */
  readonly extensions?: Readonly<Record<string, AttributeValue>> | undefined;
}

/** The wish that a request be not trained, or its run be stopped. */
export interface CancelEvent extends ModelEvent {
  readonly type: typeof CANCEL_TYPE;
  readonly data: { readonly requestId: string; readonly requestSource?: string | undefined };
}

interface Invalid {
  readonly kind: 'invalid';
  /** One line, for the dead-letter description. */
  readonly reason: string;
}
export type ReadRequest = { readonly kind: 'valid'; readonly event: RequestEvent } | Invalid;
export type ReadModelEvent =
  | { readonly kind: 'request'; readonly event: RequestEvent }
  | { readonly kind: 'cancel'; readonly event: CancelEvent }
  | Invalid;

const cancelDataSchema = z.object({
  requestId: z.string().regex(WIRE_ID),
  requestSource: z.string().regex(WIRE_SOURCE).optional(),
});

/** The message of a request. Raises `MESSAGE_TOO_LARGE` or `REQUEST_INVALID`. */
export function requestMessage(event: RequestEvent, options: MessageOptions): ServiceBusMessage {
  const { data, extensions, ...attributes } = event;
  return toMessage({ attributes: { ...extensions, ...present(attributes) }, data }, options);
}

/** Raises `REQUEST_INVALID` for an id or a source that no request can have: nobody could read such a message. */
export function cancelMessage({ data, ...attributes }: CancelEvent, options: MessageOptions): ServiceBusMessage {
  return toMessage({ attributes: present(attributes), data: checkedCancel(data) }, options);
}

/**
 * The `hop`th clone of a request, for a retry, a cool-down or a spent budget. Same identity, data and order; its MessageId
 * hangs on identity and hop alone, so that the same clone sent twice is dropped as a duplicate. What the queue has taken once
 * is not measured again: the limit of an envelope is for producers. Raises `REQUEST_INVALID` when it would expire before it
 * is active.
 */
export function cloneMessage(
  event: RequestEvent,
  { hop, activeAtMs, nowMs }: { hop: number; activeAtMs: number; nowMs: number },
): ServiceBusMessage {
  const messageId = cloneMessageId(event, hop);
  return requestMessage({ ...event, retrainhop: hop }, { messageId, activeAtMs, nowMs, maxBytes: Infinity });
}

/** A dead-lettered request under a new id, to be sent before the dead letter is completed. It goes to the end of the order. */
export function replayMessage(
  event: RequestEvent,
  { deadLetterSequence, nowMs }: { deadLetterSequence: string; nowMs: number },
): ServiceBusMessage {
  const { retrainseq: _seq, retrainhop: _hop, expirytime, retrainreplayof, ...kept } = event;
  const id = replayId({ id: event.id, replayOf: retrainreplayof }, deadLetterSequence);
  // Somebody wants it again, whatever was said about its expiry when it was new.
  const alive = expirytime !== undefined && Date.parse(expirytime) > nowMs;
  const replay = { ...kept, id, retrainreplayof: retrainreplayof ?? event.id, ...(alive && { expirytime }) };
  const messageId = replayMessageId({ ...event, replayOf: retrainreplayof }, deadLetterSequence);
  return requestMessage(replay, { messageId, nowMs, maxBytes: Infinity });
}

/** Reads a request; whatever a stranger sent, it returns, and the reason can go into a dead letter as it is. */
export function readRequest(received: ServiceBusReceivedMessage): ReadRequest {
  const read = readModelEvent(received);
  if (read.kind === 'request') return { kind: 'valid', event: read.event };
  if (read.kind === 'cancel') return { kind: 'invalid', reason: `type is ${CANCEL_TYPE}: send ${REQUESTED_TYPE}` };
  return read;
}

/** Reads whatever belongs into a model's session: a request or a control event. It never throws. */
export function readModelEvent(received: ServiceBusReceivedMessage): ReadModelEvent {
  const read = readCloudEvent(received);
  if (read.kind === 'invalid') return read;
  try {
    return modelEventOf(read.event, received);
  } catch (error) {
    if (error instanceof RetrainError) return { kind: 'invalid', reason: error.message };
    return {
      kind: 'invalid',
      reason: `the message cannot be read (${error instanceof Error ? error.name : 'unknown error'})`,
    };
  }
}

function modelEventOf({ attributes, data }: CloudEvent, received: ServiceBusReceivedMessage): ReadModelEvent {
  const { type } = attributes;
  if (type !== REQUESTED_TYPE && type !== CANCEL_TYPE)
    throw bad('type', type, `send ${REQUESTED_TYPE} or ${CANCEL_TYPE}`);
  const shared = sharedOf(attributes, received);
  if (type === CANCEL_TYPE) {
    return { kind: 'cancel', event: { ...shared, type, data: checkedCancel(data) } };
  }
  const request = parseRequest(data);
  const { name } = request.model;
  if (shared.subject !== name) throw bad('subject', shared.subject, `use the model's name, ${name}`);
  return { kind: 'request', event: { ...shared, type, data: request, ...extensionsOf(attributes, received) } };
}

function checkedCancel(data: unknown): CancelEvent['data'] {
  const checked = cancelDataSchema.safeParse(data);
  if (checked.success) return checked.data;
  const { requestId, requestSource } = { ...(data as Record<string, unknown> | undefined) };
  if (checked.error.issues.some(({ path }) => path[0] === 'requestSource'))
    throw bad(
      'data.requestSource',
      textIn(requestSource),
      `use the request's source, 1 to ${SOURCE_MAX_LENGTH} characters`,
    );
  throw bad(
    'data.requestId',
    textIn(requestId),
    `give the id of the request to cancel, 1 to ${WIRE_ID_MAX_LENGTH} characters of ASCII`,
  );
}

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function sharedOf(attributes: CloudEvent['attributes'], received: ServiceBusReceivedMessage): ModelEvent {
  const id = textOf(attributes, 'id');
  if (id === undefined || !WIRE_ID.test(id)) throw bad('id', id, `use 1 to ${WIRE_ID_MAX_LENGTH} characters of ASCII`);
  const source = textOf(attributes, 'source');
  if (source === undefined || !WIRE_SOURCE.test(source))
    throw bad('source', source, `use a URI-reference of 1 to ${SOURCE_MAX_LENGTH} characters`);
  const { sessionId } = received;
  const subject = textOf(attributes, 'subject') ?? sessionId;
  if (subject === undefined || !isModelName(subject)) throw bad('subject', subject, `use ${MODEL_NAME_RULE}`);
  // Work for one model must never run under the lock of another.
  if (sessionId !== undefined && sessionId !== subject)
    throw bad('SessionId', sessionId, `use the subject, ${subject}`);
  const diagnosticId = received.applicationProperties?.['Diagnostic-Id'];
  const traceparent = [attributes['traceparent'], diagnosticId].map(String).find((text) => TRACEPARENT.test(text));
  const correlation = textOf(attributes, 'correlationid') ?? received.correlationId;
  return {
    id,
    source,
    subject,
    time:
      instantOf('time', attributes['time']) ??
      instantOf('time', received.enqueuedTimeUtc?.toISOString()) ??
      missing('time'),
    ...present({
      correlationid: typeof correlation === 'string' ? correlation : undefined,
      expirytime: instantOf('expirytime', attributes['expirytime']),
      traceparent,
      tracestate: textOf(attributes, 'tracestate'),
    }),
  };
}

/** Attributes that have a place of their own in an event. */
const OWN_ATTRIBUTES: ReadonlySet<string> = new Set(
  (
    'id source type subject time datacontenttype dataschema correlationid expirytime traceparent tracestate dataref ' +
    'retrainseq retrainhop retrainreplayof'
  ).split(' '),
);

function extensionsOf(
  attributes: CloudEvent['attributes'],
  received: ServiceBusReceivedMessage,
): Partial<RequestEvent> {
  const sequence = textOf(attributes, 'retrainseq') ?? received.sequenceNumber?.toString() ?? '0';
  if (!SEQUENCE.test(sequence)) throw bad('retrainseq', sequence, 'use a sequence number in decimal digits');
  const hop = Number(attributes['retrainhop'] ?? 0);
  if (!Number.isInteger(hop) || hop < 0 || hop > HOP_MAX)
    throw bad('retrainhop', attributes['retrainhop'], `use a whole number of 0 to ${HOP_MAX}`);
  const replayOf = textOf(attributes, 'retrainreplayof');
  if (replayOf !== undefined && !WIRE_ID.test(replayOf))
    throw bad('retrainreplayof', replayOf, `use 1 to ${WIRE_ID_MAX_LENGTH} characters of ASCII`);
  const others = Object.entries(attributes).filter(([name]) => !OWN_ATTRIBUTES.has(name));
  return {
    retrainseq: sequence,
    retrainhop: hop,
    ...present({ dataref: textOf(attributes, 'dataref'), retrainreplayof: replayOf }),
    ...(others.length > 0 && { extensions: Object.fromEntries(others) }),
  };
}

function textOf(attributes: CloudEvent['attributes'], name: string): string | undefined {
  const value = attributes[name];
  return value === undefined || value === '' ? undefined : String(value);
}

/** A timestamp attribute as RFC 3339; the official client turns AMQP timestamps into milliseconds. */
function instantOf(name: string, value: AttributeValue | undefined): string | undefined {
  if (value === undefined || value === '') return undefined;
  if (typeof value === 'number' && Math.abs(value) <= 8.64e15) return new Date(value).toISOString();
  if (typeof value === 'string' && isInstant(value)) return value;
  throw bad(name, value, 'use RFC 3339 with an offset, such as 2026-01-31T00:00:00Z');
}

function missing(name: string): never {
  throw bad(name, undefined, 'add it');
}

function bad(name: string, value: AttributeValue | undefined, remedy: string): RetrainError {
  const found = value === undefined ? 'is missing' : `= ${JSON.stringify(String(value).slice(0, 80))}`;
  return new RetrainError('REQUEST_INVALID', `${name} ${found}: ${remedy}`);
}
