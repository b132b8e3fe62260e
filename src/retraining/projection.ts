import { requestKey } from './identity.ts';
import type { Metrics } from './gate.ts';
import type { Evidence } from './evidence.ts';
import type { PlanSummary } from './plan-summary.ts';
import type { Outcome, RequestRef } from './worker/ledger-record.ts';
import { outcomeOf } from './outcome.ts';
import type { OutcomeData, OutcomeEvent } from './outcome.ts';

/** A run, as its events tell. Times are RFC 3339. */
export interface RunStatus {
  readonly runId: string;
  readonly model: string;
  /** Of its last execution. */
  readonly epoch: number;
  readonly state: 'running' | 'promoted' | 'rejected' | 'failed' | 'interrupted' | 'cancelled';
  readonly startedAt: string;
  readonly endedAt?: string | undefined;
  /** 0 to 1. */
  readonly progress?: number | undefined;
  /** When progress was told last. */
  readonly progressAt?: string | undefined;
  readonly requests: readonly RequestRef[];
  readonly metrics?: Metrics | undefined;
  readonly reason?: string | undefined;
  /** Host of the worker that has or had it. */
  readonly host?: string | undefined;
  readonly evidence?: readonly Evidence[] | undefined;
  readonly plan?: PlanSummary | undefined;
  readonly gate?: OutcomeData['gate'];
  readonly artifact?: string | undefined;
  readonly previousChampion?: OutcomeData['previousChampion'];
  /** Times that it was interrupted. */
  readonly interruptions: number;
  readonly attempt?: number | undefined;
  readonly maxAttempts?: number | undefined;
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  readonly outputTail?: string | undefined;
  readonly resolution?: OutcomeData['resolution'];
  /** When its requests come back. */
  readonly retryAt?: string | undefined;
}

/** What became of a request. */
export interface RequestStatus extends RequestRef {
  readonly model: string;
  /** `waiting`: it comes back after a failed or interrupted run, a cool-down, or at the next day. */
  readonly state: 'running' | 'waiting' | 'promoted' | 'rejected' | 'cancelled' | 'deadlettered';
  /** The last run that took it up. */
  readonly runId?: string | undefined;
  readonly reason?: string | undefined;
  /** When the state was reached. */
  readonly at: string;
  /** When it comes back, and why it waits. */
  readonly retryAt?: string | undefined;
  readonly cause?: OutcomeData['cause'];
  readonly evidence?: Evidence | undefined;
  readonly deadLetter?: OutcomeData['deadLetter'];
}

export interface ModelStatus {
  readonly model: string;
  readonly champion?: { readonly runId: string; readonly artifact?: string | undefined; readonly promotedAt: string };
  readonly lastRunId?: string | undefined;
  /** The last answer or failure. */
  readonly lastOutcome?: { readonly outcome: Outcome; readonly at: string; readonly reason?: string | undefined };
  /** Why, and until when, its requests wait. */
  readonly waits?: { readonly until: string; readonly cause: NonNullable<OutcomeData['cause']> } | undefined;
  readonly runs: number;
  readonly promoted: number;
  readonly rejected: number;
  readonly failed: number;
  readonly deadLettered: number;
}

export interface Status {
  readonly models: readonly ModelStatus[];
  readonly runs: readonly RunStatus[];
  readonly requests: readonly RequestStatus[];
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

interface Fold {
  readonly models: Map<string, Writable<ModelStatus>>;
  readonly runs: Map<string, Writable<RunStatus>>;
  readonly requests: Map<string, Writable<RequestStatus>>;
}

const FINAL: ReadonlySet<RequestStatus['state']> = new Set(['promoted', 'rejected', 'cancelled', 'deadlettered']);

/** Of events of the same time, which comes first. */
const RANK: Readonly<Record<Outcome, number>> = {
  started: 0,
  coalesced: 1,
  progressed: 2,
  interrupted: 3,
  failed: 4,
  succeeded: 4,
  promoted: 5,
  rejected: 5,
  cancelled: 5,
  deadlettered: 6,
  postponed: 7,
};

/** In the order in which things happened: events may arrive in another. Doubles (same source and id) are dropped. */
export function inOrder(events: readonly OutcomeEvent[]): OutcomeEvent[] {
  const first = new Map<string, OutcomeEvent>();
  for (const event of events) {
    const key = requestKey(event);
    if (!first.has(key)) first.set(key, event);
  }
  const keyed = [...first.values()].map((event) => ({ event, atMs: Date.parse(event.time) }));
  return keyed
    .sort((a, b) => a.atMs - b.atMs || RANK[outcomeOf(a.event)] - RANK[outcomeOf(b.event)])
    .map(({ event }) => event);
}

/** Folds outcome events into what is known of models, runs and requests. Doubles (same source and id) count once. */
export function projectOutcomes(events: readonly OutcomeEvent[]): Status {
  const fold: Fold = { models: new Map(), runs: new Map(), requests: new Map() };
  for (const event of inOrder(events)) foldOne(fold, event);
  return { models: [...fold.models.values()], runs: [...fold.runs.values()], requests: [...fold.requests.values()] };
}

function foldOne(fold: Fold, event: OutcomeEvent): void {
  const { data, time } = event;
  const outcome = outcomeOf(event);
  const model = modelOf(fold, data.model);
  const run = runOf(fold, data, time);
  if (run) model.lastRunId = run.runId;
  noteOutcome(model, outcome, event);
  switch (outcome) {
    case 'started':
      if (run) beginRun(run, event);
      return setRequests(fold, event, 'running');
    case 'coalesced':
      return setRequests(fold, event, 'running');
    case 'progressed':
      if (run && data.progress !== undefined && run.state === 'running') {
        run.progress = data.progress;
        run.progressAt = time;
      }
      return;
    case 'succeeded':
      if (run) noteEnd(run, event);
      return;
    case 'promoted':
      model.promoted++;
      if (run) model.champion = { runId: run.runId, artifact: data.artifact, promotedAt: time };
      endRun(run, 'promoted', event);
      return setRequests(fold, event, 'promoted');
    case 'rejected':
      model.rejected++;
      endRun(run, 'rejected', event);
      return setRequests(fold, event, 'rejected');
    case 'failed':
      model.failed++;
      endRun(run, 'failed', event);
      return setRequests(fold, event, 'waiting');
    case 'interrupted':
      if (run) run.interruptions++;
      // A run that begins again under a new epoch is told as started, and may be so at the same moment.
      if (run && (data.epoch ?? 0) < run.epoch) return;
      endRun(run, 'interrupted', event);
      return setRequests(fold, event, 'waiting');
    case 'cancelled':
      if (run && (!data.request || run.requests.length === 1)) endRun(run, 'cancelled', event);
      return setRequests(fold, event, 'cancelled');
    case 'postponed':
      return setRequests(fold, event, 'waiting');
    case 'deadlettered':
      model.deadLettered++;
      return setRequests(fold, event, 'deadlettered');
  }
}

/** What is worth a line of its own beside a model. */
const TOLD: ReadonlySet<Outcome> = new Set([
  'promoted',
  'rejected',
  'failed',
  'interrupted',
  'cancelled',
  'deadlettered',
]);

function noteOutcome(model: Writable<ModelStatus>, outcome: Outcome, { data, time }: OutcomeEvent): void {
  const { cause, retryAt, reason } = data;
  if (TOLD.has(outcome)) model.lastOutcome = { outcome, at: time, reason };
  if (outcome === 'started') model.waits = undefined;
  if (outcome === 'postponed' && cause && retryAt !== undefined) model.waits = { until: retryAt, cause };
}

function modelOf(fold: Fold, name: string): Writable<ModelStatus> {
  const known = fold.models.get(name);
  if (known) return known;
  const model = { model: name, runs: 0, promoted: 0, rejected: 0, failed: 0, deadLettered: 0 };
  fold.models.set(name, model);
  return model;
}

function runOf(fold: Fold, data: OutcomeData, time: string): Writable<RunStatus> | undefined {
  if (data.runId === undefined) return undefined;
  const known = fold.runs.get(data.runId);
  if (known) {
    if (data.requests && known.requests.length === 0) known.requests = data.requests;
    return known;
  }
  modelOf(fold, data.model).runs++;
  const run: Writable<RunStatus> = {
    runId: data.runId,
    model: data.model,
    epoch: data.epoch ?? 0,
    state: 'running',
    startedAt: data.startedAt ?? time,
    requests: data.requests ?? [],
    interruptions: 0,
  };
  fold.runs.set(data.runId, run);
  return run;
}

/** An execution of a later epoch is the same run that goes on. */
function beginRun(run: Writable<RunStatus>, { data }: OutcomeEvent): void {
  const { epoch = 0, host, evidence, plan, attempt, maxAttempts, requests } = data;
  if (epoch < run.epoch) return;
  if (epoch > run.epoch && (run.state === 'interrupted' || run.state === 'running')) {
    run.state = 'running';
    run.endedAt = undefined;
    run.progress = undefined;
  }
  Object.assign(run, defined({ epoch, host, evidence, plan, attempt, maxAttempts, requests }));
}

function noteEnd(run: Writable<RunStatus>, { data }: OutcomeEvent): void {
  const { reason, metrics, host, gate, artifact, previousChampion, attempt, maxAttempts } = data;
  const { exitCode, signal, outputTail, resolution, retryAt, evidence } = data;
  Object.assign(
    run,
    defined({ reason, metrics, host, gate, artifact, previousChampion, attempt, maxAttempts }),
    defined({ exitCode, signal, outputTail, resolution, retryAt }),
    run.evidence ? {} : defined({ evidence }),
  );
}

function endRun(
  run: Writable<RunStatus> | undefined,
  state: Exclude<RunStatus['state'], 'running'>,
  event: OutcomeEvent,
): void {
  if (!run) return;
  run.state = state;
  run.endedAt = event.time;
  noteEnd(run, event);
}

function defined(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function setRequests(fold: Fold, { data, time }: OutcomeEvent, state: RequestStatus['state']): void {
  const evidence = new Map((data.evidence ?? []).map((one) => [requestKey(one.request), one]));
  for (const { source, id } of data.request ? [data.request] : (data.requests ?? [])) {
    const key = requestKey({ source, id });
    const known = fold.requests.get(key);
    const own = evidence.get(key) ?? known?.evidence;
    // Events may arrive late or again: an answer stays an answer.
    if (known && FINAL.has(known.state) && !FINAL.has(state)) continue;
    const { model, runId, reason, cause, retryAt, deadLetter } = data;
    fold.requests.set(key, {
      source,
      id,
      model,
      state,
      runId: runId ?? known?.runId,
      reason,
      at: time,
      ...defined({ cause, retryAt: state === 'waiting' ? retryAt : undefined, deadLetter, evidence: own }),
    });
  }
}
