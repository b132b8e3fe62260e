import type { ServiceBusMessage, ServiceBusReceivedMessage } from '@azure/service-bus';
import { z } from 'zod';
import { readCloudEvent, toMessage } from './cloud-event.ts';
import type { AttributeValue } from './cloud-event.ts';
import type { RequestEvent } from './envelope.ts';
import { evidenceOf, evidenceOfRun, evidenceSchema } from './evidence.ts';
import { metricsSchema } from './gate.ts';
import type { GateRule } from './gate.ts';
import { coalesce } from './plan.ts';
import type { PlanRequest } from './plan.ts';
import { planSummary, planSummarySchema } from './plan-summary.ts';
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

/** Bytes of JSON of the evidence in an event that carries metrics, artifacts and output, too: all share its 64 KiB. */
const END_EVIDENCE_MAX_BYTES = 16 * 1024;

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
  /** Why the requests were made: of those whose messages were at hand, as many as there is room for. */
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
  /** Host of the worker that holds the run. */
  host: z.string().optional(),
  plan: planSummarySchema.optional(),
  /** The rule when it was told, and what it compared. Without `champion`, the trainer did not measure the champion: see `reason`. */
  gate: z
    .object({
      metric: z.string(),
      direction: z.string(),
      minImprovement: z.number(),
      challenger: z.number().optional(),
      champion: z.number().optional(),
    })
    .optional(),
  /** Runs of the requests that failed so far, and after how many they are given up. */
  attempt: z.number().optional(),
  maxAttempts: z.number().optional(),
  /** Interruptions in a row without new progress; five count as an attempt, and begin anew. */
  interruptions: z.number().optional(),
  /** Where a request that was given up lies: the dead-letter queue of `queue`. */
  deadLetter: z.object({ queue: z.string(), reason: z.string(), messageId: z.string().optional() }).optional(),
  /** Why a request waits until `retryAt`. */
  cause: z.enum(['cool-down', 'budget', 'interruption']).optional(),
  /** The control event that cancelled the request. */
  cancel: requestRefSchema.optional(),
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

/** What is told of a run beyond its ledger, as far as it is at hand: no part of an event's identity. */
export interface RunDetails {
  /** By the request's key, in the order of the plan. */
  readonly events?: ReadonlyMap<string, RequestEvent>;
  /** By the request's key: where it lies when it is dead-lettered. */
  readonly deadLetters?: ReadonlyMap<string, NonNullable<OutcomeData['deadLetter']>>;
  readonly gate?: GateRule | undefined;
  readonly attempt?: number | undefined;
  readonly maxAttempts?: number | undefined;
}

/** What the start of a run is told as: why it runs and, of several requests, that each was merged into it, with its evidence. */
export function startEvents(
  run: Run,
  { model, events, details = {} }: { model: string; events: readonly RequestEvent[]; details?: RunDetails },
): OutcomeEvent[] {
  const { attempt, maxAttempts } = details;
  const data = { ...runData(model, run), ...present({ attempt, maxAttempts }) };
  const atMs = run.startedAtMs;
  const plan = events.length === 0 ? undefined : planSummary(coalesce(events.map(planRequestOf)));
  const started = outcomeEvent('started', {
    data: { ...data, evidence: evidenceOfRun(events), ...present({ plan }) },
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

export function planRequestOf(event: RequestEvent): PlanRequest {
  const { id, source, time, retrainseq: seq = '0', dataref, data: request } = event;
  return { id, source, time, seq, dataref, request };
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
  { model, source = WORKER_SOURCE, details = {} }: { model: string; source?: string; details?: RunDetails },
): OutcomeEvent[] {
  const { events = new Map<string, RequestEvent>(), deadLetters, attempt, maxAttempts } = details;
  const data = {
    ...runData(model, run),
    ...endData(run),
    ...(run.stage === 'stopped' ? present({ attempt, maxAttempts }) : present({ gate: gateNumbers(run, details) })),
  };
  const atMs = run.stage === 'stopped' ? run.stoppedAtMs : run.decidedAtMs;
  const byKey = new Map(run.requests.map((request) => [requestKey(request), request]));
  return run.pendingEvents.map(({ outcome, request: key }) => {
    const request = key === undefined ? undefined : byKey.get(key);
    if (key === undefined || !request)
      return outcomeEvent(outcome, { data: { ...data, ...evidenceData([...events.values()]) }, atMs, source });
    const { requests: _, ...others } = data;
    const own = events.get(key);
    const deadLetter = outcome === 'deadlettered' ? deadLetters?.get(key) : undefined;
    return outcomeEvent(outcome, {
      data: {
        ...others,
        request: { source: request.source, id: request.id },
        ...evidenceData(own ? [own] : []),
        ...present({ deadLetter }),
      },
      atMs,
      source,
    });
  });
}

/** Nothing when no request is at hand. */
export function evidenceData(events: readonly RequestEvent[]): Pick<OutcomeData, 'evidence'> {
  return events.length === 0 ? {} : { evidence: evidenceOfRun(events, END_EVIDENCE_MAX_BYTES) };
}

function gateNumbers(
  { metrics }: DecidedRun | AppliedRun | ToldRun,
  { gate }: RunDetails,
): OutcomeData['gate'] | undefined {
  if (!gate) return undefined;
  const { metric, direction, minImprovement } = gate;
  const of = (values: Readonly<Record<string, number>> | undefined): number | undefined =>
    values && Object.hasOwn(values, metric) ? values[metric] : undefined;
  const measured = present({ challenger: of(metrics.challenger), champion: of(metrics.champion) });
  return { metric, direction, minImprovement, ...measured };
}

/** What every event about a run tells. */
export function runData(model: string, { runId, epoch, requests, startedAtMs, owner }: Run): OutcomeData {
  return {
    model,
    runId,
    epoch,
    requests: requests.map(({ source, id }) => ({ source, id })),
    startedAt: new Date(startedAtMs).toISOString(),
    host: hostName(owner),
  };
}

/** What an owner's identity begins with; the rest of it tells boots and containers apart. */
function hostName({ host }: Run['owner']): string {
  return host.split('/', 1)[0] ?? host;
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

/** The event as a CloudEvent in JSON (structured mode), as it is printed and given to webhooks. */
export function cloudEventJson({ data, ...attributes }: OutcomeEvent): Record<string, unknown> {
  return { specversion: '1.0', ...attributes, datacontenttype: 'application/json', data };
}
