import type { ServiceBusMessage } from '@azure/service-bus';
import { RetrainError } from '../errors.ts';
import type { Random } from '../runtime/random.ts';
import { REQUESTED_TYPE, requestMessage } from './envelope.ts';
import type { RequestEvent } from './envelope.ts';
import { endOfGathering } from './gather-window.ts';
import { requestId, requestKey } from './identity.ts';
import { present } from './present.ts';
import { isInstant } from './request.ts';
import type { RetrainRequest } from './request.ts';
import type { MessagingTelemetry } from './telemetry/messaging-telemetry.ts';

/** What a caller may say about a request besides its data. */
export interface RequestOptions {
  /** The caller's own identity for this occasion; it must name the model too. */
  readonly dedupeKey?: string;
  /** When the occasion arose, RFC 3339; default now. Orders requests. */
  readonly time?: string;
  readonly correlationId?: string;
  /** After it, nobody is interested any more, RFC 3339. */
  readonly expiryTime?: string;
  /** W3C trace context. */
  readonly traceparent?: string;
  readonly tracestate?: string;
  /** Where the caller put what is too big for a message. */
  readonly dataref?: string;
  /** When it becomes active; a gather window does not apply then. */
  readonly activeAt?: Date;
}

export interface SentRequest {
  readonly id: string;
  readonly messageId: string;
  /** When it becomes active, when that is not at once, RFC 3339. */
  readonly activeAt?: string;
}

/** A request that is checked and ready to go. */
export interface RequestDraft {
  readonly event: RequestEvent;
  readonly activeAtMs: number | undefined;
  readonly message: ServiceBusMessage;
  readonly sent: SentRequest;
}

/** What a producer knows when it makes a draft. */
export interface DraftContext {
  readonly source: string;
  readonly random: Random;
  readonly nowMs: number;
  readonly gatherWindowMs: (model: string) => number;
  readonly telemetry: MessagingTelemetry;
}

/** A request under an id from its evidence. Raises `REQUEST_INVALID`, `MESSAGE_TOO_LARGE` and `ARGUMENT_INVALID`. */
export function draftOf(data: RetrainRequest, options: RequestOptions, context: DraftContext): RequestDraft {
  const { dedupeKey, correlationId, expiryTime, dataref } = options;
  const { source, random, nowMs, telemetry } = context;
  const time = checkedInstant('time', options.time) ?? new Date(nowMs).toISOString();
  const id = requestId(data, { time, random, dedupeKey });
  const { traceparent, tracestate } = telemetry.create(options, { messageId: id, model: data.model.name });
  const event: RequestEvent = {
    id,
    source,
    type: REQUESTED_TYPE,
    subject: data.model.name,
    time,
    data,
    ...present({
      correlationid: correlationId,
      expirytime: checkedInstant('expiryTime', expiryTime),
      traceparent,
      tracestate,
      dataref,
    }),
  };
  return draftOfEvent(event, options, context);
}

/** A request that has its identity already. */
export function draftOfEvent(
  event: RequestEvent,
  { activeAt }: Pick<RequestOptions, 'activeAt'>,
  { source, nowMs, gatherWindowMs }: Omit<DraftContext, 'telemetry'>,
): RequestDraft {
  const activeAtMs = activeAt === undefined ? gatheredAtMs(event, { nowMs, gatherWindowMs }) : checkedTime(activeAt);
  // Ids are unique within a source only, but duplicate detection works on the whole queue.
  const messageId = event.source === source ? event.id : requestKey(event);
  const later = activeAtMs !== undefined && activeAtMs > nowMs;
  return {
    event,
    activeAtMs,
    message: requestMessage(event, { messageId, nowMs, activeAtMs }),
    sent: { id: event.id, messageId, ...(later && { activeAt: new Date(activeAtMs).toISOString() }) },
  };
}

function gatheredAtMs(
  { data }: RequestEvent,
  { nowMs, gatherWindowMs }: Pick<DraftContext, 'nowMs' | 'gatherWindowMs'>,
): number | undefined {
  if (data.trigger.kind === 'manual') return undefined;
  const windowMs = checkedGatherWindow(gatherWindowMs(data.model.name));
  return windowMs === 0 ? undefined : endOfGathering(data.model.name, { windowMs, nowMs });
}

export function checkedGatherWindow(windowMs: number): number {
  if (Number.isSafeInteger(windowMs) && windowMs >= 0) return windowMs;
  throw new RetrainError('ARGUMENT_INVALID', `gatherWindowMs = ${windowMs}: use whole milliseconds, 0 or more`);
}

function checkedTime(at: Date): number {
  if (!Number.isNaN(at.getTime())) return at.getTime();
  throw new RetrainError('ARGUMENT_INVALID', 'the time to schedule for is not a date: use one such as new Date(0)');
}

function checkedInstant(field: string, value: string | undefined): string | undefined {
  if (value === undefined || isInstant(value)) return value;
  throw new RetrainError(
    'REQUEST_INVALID',
    `${field} = ${JSON.stringify(value)}: use RFC 3339 with an offset, such as 2026-01-31T00:00:00Z`,
  );
}
