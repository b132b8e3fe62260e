import type { ServiceBusMessage, ServiceBusReceivedMessage } from '@azure/service-bus';
import { z } from 'zod';
import { readCloudEvent, toMessage } from './cloud-event.ts';
import type { AttributeValue } from './cloud-event.ts';
import type { RequestEvent } from './envelope.ts';
import { evidenceOf, evidenceOfRun, evidenceSchema } from './evidence.ts';
import { metricsSchema } from './gate.ts';
import { present } from './present.ts';
import { fittingMessageId, requestKey } from './identity.ts';
import { OUTCOMES } from './worker/ledger-record.ts';
import type {
  AppliedRun,
  DecidedRun,
  Outcome,
  PendingEvent,
  RequestRef,
  Run,
  StoppedRun,
  ToldRun,
} from './worker/ledger-record.ts';

/** The full type of an outcome event, such as `retrain.promoted.v1`. */
export type OutcomeType = `retrain.${Outcome}.v1`;

/** The default `source` of outcome events: of the pool of workers, not of one, or a take-over would change identities. */
export const WORKER_SOURCE = '/retrain/worker';

const previousChampionSchema = z.object({
  runId: z.string(),
  epoch: z.number(),
  artifact: z.string(),
  digest: z.string(),
});
const requestRefSchema = z.object({ source: z.string(), id: z.string() });

/** The data of an outcome event. Readers ignore fields that they do not know: later releases may tell more. */
export const outcomeDataSchema = z.object({
  model: z.string(),
  runId: z.string().optional(),
  epoch: z.number().optional(),
  /** The request it is about, when it is about one. */
  request: requestRefSchema.optional(),
  /** Every request that the run answers, when it is about the run. */
  requests: z.array(requestRefSchema).optional(),
  /** Why the requests were made: of `started` and `coalesced`. */
  evidence: z.array(evidenceSchema).optional(),
  reason: z.string().optional(),
  metrics: metricsSchema.optional(),
  artifact: z.string().optional(),
  digest: z.string().optional(),
  notes: z.string().optional(),
  /** The champion before; null when there was none. */
  previousChampion: previousChampionSchema.nullable().optional(),
  /** 0 to 1. */
  progress: z.number().optional(),
  exitCode: z.number().optional(),
  signal: z.string().optional(),
  /** The last lines of the trainer's stderr. */
  outputTail: z.string().optional(),
  /** What becomes of the requests of a run that ended without a result. */
  resolution: z.enum(['retry', 'split', 'dead-letter', 'cancel']).optional(),
  /** When they become active again, RFC 3339. */
  retryAt: z.string().optional(),
  startedAt: z.string().optional(),
});
export type OutcomeData = z.output<typeof outcomeDataSchema>;

/** What happened to a run or a request. Its identity is `source` and `id`: whoever consumes outcomes drops doubles by it. */
export interface OutcomeEvent {
  readonly id: string;
  readonly source: string;
  readonly type: OutcomeType;
  /** The model. */
  readonly subject: string;
  /** RFC 3339. */
  readonly time: string;
  readonly data: OutcomeData;
  readonly traceparent?: string | undefined;
}

/**
 * An outcome event with an id that hangs on what it tells alone: run, outcome, request, step. Told again after a crash, it
 * is recognised as told before.
 *
 * @param step tells repeated events of one run apart (progress); it must not come from a clock
 */
export function outcomeEvent(
  outcome: Outcome,
  {
    data,
    atMs,
    source = WORKER_SOURCE,
    step,
    traceparent,
  }: { data: OutcomeData; atMs: number; source?: string; step?: string | number; traceparent?: string },
): OutcomeEvent {
  const parts = [data.runId, data.request && requestKey(data.request), outcome, step];
  return {
    id: fittingMessageId(parts.filter((part) => part !== undefined).join('.')),
    source,
    type: `retrain.${outcome}.v1`,
    subject: data.model,
    time: new Date(atMs).toISOString(),
    data,
    ...(traceparent !== undefined && { traceparent }),
  };
}

/** What the start of a run is told as: why it runs and, of several requests, that each was merged into it, with its evidence. */
export function startEvents(
  run: Run,
  { model, events }: { model: string; events: readonly RequestEvent[] },
): OutcomeEvent[] {
  const data = runData(model, run);
  const atMs = run.startedAtMs;
  const started = outcomeEvent('started', {
    data: { ...data, evidence: evidenceOfRun(events) },
    atMs,
    step: run.epoch,
  });
  if (run.requests.length === 1) return [started];
  const { requests: _, ...about } = data;
  const coalesced = events.map((event) => {
    const evidence = evidenceOf(event);
    return outcomeEvent('coalesced', { data: { ...about, request: evidence.request, evidence: [evidence] }, atMs });
  });
  return [started, ...coalesced];
}

/** What a run's verdict is told as. */
export function decisionEvents(verdict: 'promote' | 'reject'): PendingEvent[] {
  return [{ outcome: 'succeeded' }, { outcome: verdict === 'promote' ? 'promoted' : 'rejected' }];
}

/** What the end of a run without a result is told as: the run's end, and each request that does not come back. */
export function stopEvents(resolution: StoppedRun['resolution'], requests: readonly RequestRef[]): PendingEvent[] {
  switch (resolution) {
    case 'retry':
    case 'split':
      return [{ outcome: 'failed' }];
    case 'dead-letter':
      return [
        { outcome: 'failed' },
        ...requests.map((request) => ({ outcome: 'deadlettered' as const, request: requestKey(request) })),
      ];
    case 'cancel':
      return requests.map((request) => ({ outcome: 'cancelled' as const, request: requestKey(request) }));
  }
}

/** The events that a run still has to tell, whole, in order. */
export function pendingOutcomes(
  run: DecidedRun | AppliedRun | ToldRun | StoppedRun,
  { model, source = WORKER_SOURCE }: { model: string; source?: string },
): OutcomeEvent[] {
  const data = { ...runData(model, run), ...endData(run) };
  const atMs = run.stage === 'stopped' ? run.stoppedAtMs : run.decidedAtMs;
  const byKey = new Map(run.requests.map((request) => [requestKey(request), request]));
  return run.pendingEvents.map(({ outcome, request: key }) => {
    const request = key === undefined ? undefined : byKey.get(key);
    if (!request) return outcomeEvent(outcome, { data, atMs, source });
    const { requests: _, ...others } = data;
    return outcomeEvent(outcome, {
      data: { ...others, request: { source: request.source, id: request.id } },
      atMs,
      source,
    });
  });
}

/** What every event about a run tells. */
export function runData(model: string, { runId, epoch, requests, startedAtMs }: Run): OutcomeData {
  return {
    model,
    runId,
    epoch,
    requests: requests.map(({ source, id }) => ({ source, id })),
    startedAt: new Date(startedAtMs).toISOString(),
  };
}

function endData(run: DecidedRun | AppliedRun | ToldRun | StoppedRun): Partial<OutcomeData> {
  if (run.stage === 'stopped') {
    const { reason, exitCode, signal, outputTail, resolution, retryAtMs } = run;
    const retryAt = retryAtMs === undefined ? undefined : new Date(retryAtMs).toISOString();
    return present({ reason, exitCode, signal, outputTail, resolution, retryAt });
  }
  const { reason, metrics, artifact, digest, notes, previousChampion } = run;
  return present({ reason, metrics, artifact, digest, notes, previousChampion });
}

/** The message of an outcome event; MessageId is its id, SessionId the model. */
export function outcomeMessage(event: OutcomeEvent, { nowMs }: { nowMs: number }): ServiceBusMessage {
  const { data, traceparent, id, source, type, subject, time } = event;
  const attributes: Record<string, AttributeValue> = { id, source, type, subject, time };
  if (traceparent !== undefined) attributes['traceparent'] = traceparent;
  return toMessage({ attributes, data }, { messageId: id, nowMs });
}

export type ReadOutcome =
  { readonly kind: 'valid'; readonly event: OutcomeEvent } | { readonly kind: 'invalid'; readonly reason: string };

/** The same event as a value of JSON: what a log keeps. */
export const outcomeEventSchema = z.object({
  id: z.string().min(1),
  source: z.string().min(1),
  type: z.enum(OUTCOMES.map((outcome): OutcomeType => `retrain.${outcome}.v1`)),
  subject: z.string().min(1),
  time: z.iso.datetime({ offset: true }),
  data: outcomeDataSchema,
  traceparent: z.string().optional(),
});

/** Reads an outcome event from a subscription. It never throws. */
export function readOutcome(received: ServiceBusReceivedMessage): ReadOutcome {
  const read = readCloudEvent(received);
  if (read.kind === 'invalid') return read;
  const parsed = outcomeEventSchema.safeParse({ ...read.event.attributes, data: read.event.data });
  if (parsed.success) return { kind: 'valid', event: parsed.data };
  const [issue] = parsed.error.issues;
  return { kind: 'invalid', reason: `${issue?.path.map(String).join('.') || 'the event'}: ${issue?.message}` };
}

/** The outcome that an event's type names. */
export function outcomeOf({ type }: { type: OutcomeType }): Outcome {
  return type.slice('retrain.'.length, -'.v1'.length) as Outcome;
}
