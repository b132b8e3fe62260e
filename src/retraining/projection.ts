import { requestKey } from './identity.ts';
import type { Metrics } from './gate.ts';
import type { RequestRef } from './worker/ledger-record.ts';
import { outcomeOf } from './outcome.ts';
import type { OutcomeData, OutcomeEvent } from './outcome.ts';

/** A run, as its events tell. Times are RFC 3339. */
export interface RunStatus {
  readonly runId: string;
  readonly model: string;
  readonly epoch: number;
  readonly state: 'running' | 'promoted' | 'rejected' | 'failed' | 'interrupted' | 'cancelled';
  readonly startedAt: string;
  readonly endedAt?: string | undefined;
  /** 0 to 1. */
  readonly progress?: number | undefined;
  readonly requests: readonly RequestRef[];
  readonly metrics?: Metrics | undefined;
  readonly reason?: string | undefined;
}

/** What became of a request. */
export interface RequestStatus extends RequestRef {
  readonly model: string;
  /** `waiting`: it comes back after a failed or interrupted run. */
  readonly state: 'running' | 'waiting' | 'promoted' | 'rejected' | 'cancelled' | 'deadlettered';
  readonly runId?: string | undefined;
  readonly reason?: string | undefined;
  /** When the state was reached. */
  readonly at: string;
}

export interface ModelStatus {
  readonly model: string;
  readonly champion?: { readonly runId: string; readonly artifact?: string | undefined; readonly promotedAt: string };
  readonly lastRunId?: string | undefined;
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

/** Folds outcome events into what is known of models, runs and requests. Doubles (same source and id) count once. */
export function projectOutcomes(events: readonly OutcomeEvent[]): Status {
  const fold: Fold = { models: new Map(), runs: new Map(), requests: new Map() };
  const seen = new Set<string>();
  for (const event of events) {
    const key = requestKey(event);
    if (!seen.has(key)) foldOne(fold, event);
    seen.add(key);
  }
  return { models: [...fold.models.values()], runs: [...fold.runs.values()], requests: [...fold.requests.values()] };
}

function foldOne(fold: Fold, event: OutcomeEvent): void {
  const { data, time } = event;
  const model = modelOf(fold, data.model);
  const run = runOf(fold, data, time);
  if (run) model.lastRunId = run.runId;
  switch (outcomeOf(event)) {
    case 'started':
    case 'coalesced':
      return setRequests(fold, event, 'running');
    case 'progressed':
      if (run && data.progress !== undefined) run.progress = data.progress;
      return;
    case 'succeeded':
      if (run) run.metrics = data.metrics;
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
      endRun(run, 'interrupted', event);
      return setRequests(fold, event, 'waiting');
    case 'cancelled':
      if (run && !data.request) endRun(run, 'cancelled', event);
      else if (run?.requests.length === 1) endRun(run, 'cancelled', event);
      return setRequests(fold, event, 'cancelled');
    case 'postponed':
      return setRequests(fold, event, 'waiting');
    case 'deadlettered':
      model.deadLettered++;
      return setRequests(fold, event, 'deadlettered');
  }
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
  };
  fold.runs.set(data.runId, run);
  return run;
}

function endRun(
  run: Writable<RunStatus> | undefined,
  state: Exclude<RunStatus['state'], 'running'>,
  { data, time }: OutcomeEvent,
): void {
  if (!run) return;
  run.state = state;
  run.endedAt = time;
  if (data.reason !== undefined) run.reason = data.reason;
  if (data.metrics !== undefined) run.metrics = data.metrics;
}

function setRequests(fold: Fold, { data, time }: OutcomeEvent, state: RequestStatus['state']): void {
  for (const { source, id } of data.request ? [data.request] : (data.requests ?? [])) {
    const key = requestKey({ source, id });
    const known = fold.requests.get(key);
    // Events may arrive late or again: an answer stays an answer.
    if (known && FINAL.has(known.state) && !FINAL.has(state)) continue;
    const { model, runId, reason } = data;
    fold.requests.set(key, { source, id, model, state, runId: runId ?? known?.runId, reason, at: time });
  }
}
