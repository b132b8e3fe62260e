import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { readRequest } from '../envelope.ts';
import type { RequestEvent } from '../envelope.ts';
import { checkRequest } from '../request.ts';
import { pointerOf } from './problem.ts';
import type { FieldProblem } from './problem.ts';
import type { ListenerRequest } from './routes.ts';

export type ReadHttpEvent =
  /** A CloudEvent with a request; `pointer` is where its model is named. */
  | { readonly kind: 'valid'; readonly event: RequestEvent; readonly pointer: string }
  | { readonly kind: 'invalid'; readonly reason: string; readonly errors: readonly FieldProblem[] }
  /** Just JSON. */
  | { readonly kind: 'none' };

const STRUCTURED = 'application/cloudevents+json';
const PREFIX = 'ce-';

/**
 * Reads a request that comes as a CloudEvent over HTTP: structured mode by its media type, binary mode by the headers `ce-…`
 * (CloudEvents HTTP binding 1.0, section 3). It is read as it would be from the queue.
 *
 * @param nowMs the event's time when it has none, wall-clock milliseconds
 */
export function readHttpCloudEvent({ headers, mediaType, body }: ListenerRequest, nowMs: number): ReadHttpEvent {
  const structured = mediaType === STRUCTURED;
  const attributes = structured ? {} : attributesOf(headers);
  if (!structured && Object.keys(attributes).length === 0) return { kind: 'none' };
  const data = structured ? dataOf(body) : body;
  const { pointer, at } = structured
    ? { pointer: '#/data/model/name', at: ['data'] }
    : { pointer: '#/model/name', at: [] };
  const model = modelOf(data);
  const message: Partial<ServiceBusReceivedMessage> = {
    body,
    contentType: structured ? STRUCTURED : 'application/json',
    applicationProperties: attributes,
    enqueuedTimeUtc: new Date(nowMs),
    // The subject of an event that has none.
    ...(model !== undefined &&
      attributes['cloudEvents_subject'] === undefined &&
      !hasSubject(body) && { sessionId: model }),
  };
  const read = readRequest(message as ServiceBusReceivedMessage);
  if (read.kind === 'valid') {
    // Its place in the order is given when the queue has it.
    const { retrainseq: _seq, retrainhop: _hop, ...event } = read.event;
    return { kind: 'valid', event, pointer };
  }
  const checked = checkRequest(data);
  const issues = checked.kind === 'invalid' ? checked.issues : [];
  const errors = issues.map(({ path, text }) => ({ pointer: pointerOf([...at, ...path]), detail: text }));
  return { kind: 'invalid', reason: read.reason, errors };
}

/** Headers as application properties, the way the queue would have them. Values may be percent-encoded (section 3.1.3.2). */
function attributesOf(headers: ListenerRequest['headers']): Record<string, string> {
  const attributes: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers))
    if (name.startsWith(PREFIX) && typeof value === 'string')
      attributes[`cloudEvents_${name.slice(PREFIX.length)}`] = decoded(value);
  return attributes;
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function dataOf(body: unknown): unknown {
  return typeof body === 'object' && body !== null ? (body as { data?: unknown }).data : undefined;
}

function hasSubject(body: unknown): boolean {
  return typeof body === 'object' && body !== null && (body as { subject?: unknown }).subject !== undefined;
}

function modelOf(data: unknown): string | undefined {
  const name = (data as { model?: { name?: unknown } } | undefined | null)?.model?.name;
  return typeof name === 'string' ? name : undefined;
}
