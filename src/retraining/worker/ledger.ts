import { RetrainError } from '../../errors.ts';
import { METRICS_MAX_BYTES } from '../gate.ts';
import type { Metrics } from '../gate.ts';
import { requestKey } from '../identity.ts';
import {
  ANSWERED_MAX,
  ARTIFACT_MAX_BYTES,
  LEDGER_VERSION,
  OUTPUT_TAIL_MAX_BYTES,
  PENDING_EVENTS_MAX,
  PLAN_IDENTITIES_MAX_BYTES,
  PLAN_REQUESTS_MAX,
  REASON_MAX_BYTES,
  WAITING_MAX,
} from './ledger-record.ts';
import type {
  Answer,
  Ledger,
  Owner,
  PendingEvent,
  PreviousChampion,
  RequestRef,
  Run,
  RunRequest,
  Stage,
  StoppedRun,
  ToldRun,
  WaitingRequest,
} from './ledger-record.ts';
import { clipText, jsonBytes } from '../clipped-text.ts';

/** Interruptions in a row without new progress that count as one failed attempt. */
export const INTERRUPTIONS_PER_ATTEMPT = 5;

const NO_LIMITS = { maxAttempts: Infinity, maxKills: Infinity };

/** Progress is remembered in steps of a ten-thousandth. */
const PROGRESS_STEPS = 10_000;

/** Everything that can happen to a ledger. Times are wall-clock milliseconds since 1970. */
export type LedgerEvent =
  | {
      type: 'started';
      runId: string;
      epoch: number;
      owner: Owner;
      atMs: number;
      /** The registry's epoch, 0 without a champion. */
      championEpoch?: number;
      requests: readonly RunRequest[];
    }
  | { type: 'leased'; owner: Owner }
  | {
      type: 'restarted';
      owner: Owner;
      epoch: number;
      atMs: number;
      /** A trainer was executed, and what it did is lost. */
      interrupted: boolean;
    }
  | { type: 'narrowed'; requests: readonly RequestRef[] }
  | { type: 'trained'; atMs: number; metrics: Metrics; artifact: string; digest: string; notes?: string }
  | {
      type: 'decided';
      atMs: number;
      verdict: 'promote' | 'reject';
      reason: string;
      registryEpoch: number;
      previousChampion: PreviousChampion | null;
      pendingEvents: readonly PendingEvent[];
    }
  | { type: 'applied' }
  | { type: 'told' }
  | StoppedEvent
  | { type: 'interrupted'; progress: number; nextRunAtMs?: number }
  | { type: 'settled'; nextRunAtMs?: number }
  | { type: 'postponed'; requests: readonly RunRequest[]; untilMs: number }
  | { type: 'answered'; request: RequestRef; answer: Answer }
  | { type: 'forgotten'; request: RequestRef };

/** The run ended without a result that counts. */
export interface StoppedEvent {
  readonly type: 'stopped';
  readonly atMs: number;
  /** What it costs the requests: an attempt, an attempt that was killed, nothing. */
  readonly attempt: 'failed' | 'killed' | 'none';
  readonly resolution: StoppedRun['resolution'];
  readonly reason: string;
  readonly exitCode?: number;
  readonly signal?: string;
  readonly outputTail?: string;
  /** When the clones become active; needed for retry and split. */
  readonly retryAtMs?: number;
  /** Needed for split: whatever was counted for the merged plan, each request is left one try by itself. */
  readonly limits?: { readonly maxAttempts: number; readonly maxKills: number };
  readonly pendingEvents: readonly PendingEvent[];
}

export function emptyLedger(model: string): Ledger {
  return {
    version: LEDGER_VERSION,
    model,
    epoch: 0,
    run: null,
    answered: [],
    waiting: [],
    nextRunAtMs: 0,
    day: '',
    runsOfDay: 0,
  };
}

/**
 * The one place where a ledger changes. Each result is written to the session state, and the write acknowledged, before
 * anything of the next line is done in the world:
 *
 *     (no run) ──started──► started ──trained──► trained ──decided──► decided ──applied──► applied ──told──► told ──settled──► (no run)
 *                              │ ▲                  │                    │
 *                              │ └────restarted─────┴────────────────────┤
 *                              ├──interrupted──► (no run)                │
 *                              └──────────────── stopped ◄───────────────┘ ──settled──► (no run)
 *
 * - `started`: a trainer may be running. Found by another worker, the trainer is executed again (`restarted`: same run, new
 *   epoch, so that what may be left of the first is fenced). A trainer that took its worker down with it leaves no other trace
 *   than this restart: it counts as an interruption without progress, or such a training would be tried for ever. What is not
 *   at hand any more leaves the run before it is executed again (`narrowed`), or it would be answered unseen.
 * - `trained`: the result is known. Nothing trains again, unless the artifact with this digest is gone (`restarted`).
 * - `decided`: the gate's verdict and the events that have to be told. The promotion may have happened or not; repeated, it
 *   is a success ("already champion by this run").
 * - `applied`: the registry agrees with the verdict. The events may have been told or not; repeated, they have the same ids.
 * - `told`: nothing is left but to let go of the requests. `settled` notes their answers; only then the messages are
 *   completed, so that one that is delivered again is recognised.
 * - `stopped`: the run failed or was cancelled. The attempt and the numbers of the clones are counted in the same write;
 *   then events are told, and clones sent or messages dead-lettered (repeated: same ids); then `settled`; then the originals
 *   of the clones are completed.
 *
 * `leased` raises the lease counter at any stage: a take-over, or the same session accepted again. `postponed` (cool-down,
 * budget), `answered` (a cancel) and `forgotten` (dead-lettered without a run) concern single requests at any stage.
 *
 * Raises `LEDGER_INVALID` when the event does not fit the stage: two workers then believe to hold the same session.
 */
export function advance(ledger: Ledger, event: LedgerEvent): Ledger {
  const { run } = ledger;
  switch (event.type) {
    case 'started':
      if (run) throw misfit(event, run.stage);
      return start(ledger, event);
    case 'leased':
      if (!run) throw misfit(event, 'none');
      return { ...ledger, run: { ...run, owner: event.owner, lease: run.lease + 1 } };
    case 'restarted':
      if (run?.stage !== 'started' && run?.stage !== 'trained' && run?.stage !== 'decided')
        throw misfit(event, run?.stage);
      return restart(ledger, run, event);
    case 'narrowed':
      if (run?.stage !== 'started') throw misfit(event, run?.stage);
      return { ...ledger, run: { ...run, requests: narrow(run.requests, event.requests) } };
    case 'trained':
      if (run?.stage !== 'started') throw misfit(event, run?.stage);
      return { ...ledger, run: { ...run, stage: 'trained', ...resultOf(event) } };
    case 'decided': {
      if (run?.stage !== 'trained') throw misfit(event, run?.stage);
      const { atMs, verdict, registryEpoch } = event;
      const previousChampion = event.previousChampion && {
        ...event.previousChampion,
        artifact: clipText(event.previousChampion.artifact, { maxBytes: ARTIFACT_MAX_BYTES, keep: 'start' }),
      };
      const reason = clipText(event.reason, { maxBytes: REASON_MAX_BYTES, keep: 'start' });
      const pendingEvents = checkedEvents(event.pendingEvents);
      const decision = { decidedAtMs: atMs, verdict, reason, registryEpoch, previousChampion, pendingEvents };
      return { ...ledger, run: { ...run, stage: 'decided', ...decision } };
    }
    case 'applied':
      if (run?.stage !== 'decided') throw misfit(event, run?.stage);
      return { ...ledger, run: { ...run, stage: 'applied' } };
    case 'told':
      if (run?.stage !== 'applied') throw misfit(event, run?.stage);
      return { ...ledger, run: { ...run, stage: 'told', pendingEvents: [] } };
    case 'stopped':
      if (run?.stage !== 'started' && run?.stage !== 'trained' && run?.stage !== 'decided')
        throw misfit(event, run?.stage);
      return stop(ledger, run, event);
    case 'interrupted':
      if (run?.stage !== 'started') throw misfit(event, run?.stage);
      return touch(
        { ...ledger, run: null, nextRunAtMs: event.nextRunAtMs ?? ledger.nextRunAtMs },
        run.requests,
        (waiting) => interruptedOnce(waiting, event.progress),
      );
    case 'settled':
      if (run?.stage !== 'told' && run?.stage !== 'stopped') throw misfit(event, run?.stage);
      return settle({ ...ledger, run: null, nextRunAtMs: event.nextRunAtMs ?? ledger.nextRunAtMs }, run);
    case 'postponed':
      return postpone(ledger, event.requests, event.untilMs);
    case 'answered':
      return answer(ledger, [event.request], event.answer);
    case 'forgotten':
      return forget(ledger, [event.request]);
  }
}

function start(ledger: Ledger, event: LedgerEvent & { type: 'started' }): Ledger {
  const { runId, epoch, owner, atMs, championEpoch } = event;
  checkEpoch(ledger, epoch);
  const compared = championEpoch !== undefined && { championEpoch };
  const requests = event.requests.map(({ source, id, hop }) => ({ source, id, hop }));
  if (requests.length === 0 || requests.length > PLAN_REQUESTS_MAX || jsonBytes(requests) > PLAN_IDENTITIES_MAX_BYTES)
    throw new RetrainError(
      'ARGUMENT_INVALID',
      `a run of ${requests.length} requests (${jsonBytes(requests)} bytes) is outside of 1 to ${PLAN_REQUESTS_MAX} and ` +
        `${PLAN_IDENTITIES_MAX_BYTES} bytes: choose them with takeForPlan`,
    );
  const day = new Date(atMs).toISOString().slice(0, 10);
  return {
    ...ledger,
    epoch,
    run: { stage: 'started', runId, epoch, owner, lease: 1, startedAtMs: atMs, ...compared, requests },
    day,
    runsOfDay: day === ledger.day ? ledger.runsOfDay + 1 : 1,
  };
}

function restart(ledger: Ledger, run: Run, event: LedgerEvent & { type: 'restarted' }): Ledger {
  checkEpoch(ledger, event.epoch);
  const { runId, lease, championEpoch, requests } = run;
  const { owner, epoch, atMs } = event;
  const compared = championEpoch !== undefined && { championEpoch };
  const again: Ledger = {
    ...ledger,
    epoch,
    run: { stage: 'started', runId, epoch, owner, lease: lease + 1, startedAtMs: atMs, ...compared, requests },
  };
  return event.interrupted ? touch(again, requests, (waiting) => interruptedOnce(waiting, 0)) : again;
}

function narrow(requests: readonly RunRequest[], kept: readonly RequestRef[]): RunRequest[] {
  const keys = new Set(kept.map(requestKey));
  const narrowed = requests.filter((request) => keys.has(requestKey(request)));
  if (narrowed.length > 0 && narrowed.length === keys.size) return narrowed;
  throw new RetrainError(
    'ARGUMENT_INVALID',
    `a run of ${requests.length} requests cannot be narrowed to ${keys.size}, of which ${narrowed.length} are its own`,
  );
}

function resultOf({ atMs, metrics, artifact, digest, notes }: LedgerEvent & { type: 'trained' }) {
  checkSize('metrics', jsonBytes(metrics), METRICS_MAX_BYTES);
  checkSize('artifact', jsonBytes(artifact), ARTIFACT_MAX_BYTES);
  return {
    trainedAtMs: atMs,
    metrics,
    artifact,
    digest,
    ...(notes !== undefined && { notes: clipText(notes, { maxBytes: REASON_MAX_BYTES, keep: 'start' }) }),
  };
}

function stop(ledger: Ledger, run: Run, event: StoppedEvent): Ledger {
  const { runId, epoch, owner, lease, startedAtMs, requests } = run;
  const { atMs, attempt, resolution, exitCode, signal, outputTail, retryAtMs } = event;
  const comesBack = resolution === 'retry' || resolution === 'split';
  if (comesBack && retryAtMs === undefined)
    throw new RetrainError(
      'ARGUMENT_INVALID',
      `retryAtMs is missing: say when the clones of a ${resolution} become active`,
    );
  if (resolution === 'split' && !event.limits)
    throw new RetrainError('ARGUMENT_INVALID', 'limits are missing: a split has to leave each request one try');
  const stopped: StoppedRun = {
    stage: 'stopped',
    runId,
    epoch,
    owner,
    lease,
    startedAtMs,
    requests,
    stoppedAtMs: atMs,
    resolution,
    reason: clipText(event.reason, { maxBytes: REASON_MAX_BYTES, keep: 'start' }),
    ...(exitCode !== undefined && { exitCode }),
    ...(signal !== undefined && { signal }),
    ...(outputTail !== undefined && {
      outputTail: clipText(outputTail, { maxBytes: OUTPUT_TAIL_MAX_BYTES, keep: 'end' }),
    }),
    ...(comesBack && { retryAtMs }),
    pendingEvents: checkedEvents(event.pendingEvents),
  };
  const { maxAttempts, maxKills } = (resolution === 'split' ? event.limits : undefined) ?? NO_LIMITS;
  return touch({ ...ledger, run: stopped }, requests, (waiting, { hop }) => ({
    ...waiting,
    failed: Math.min(waiting.failed + (attempt === 'none' ? 0 : 1), Math.max(0, maxAttempts - 1)),
    killed: Math.min(waiting.killed + (attempt === 'killed' ? 1 : 0), Math.max(0, maxKills - 1)),
    interrupted: attempt === 'none' ? waiting.interrupted : 0,
    hop: comesBack ? Math.max(waiting.hop, hop) + 1 : waiting.hop,
    cloneAtMs: comesBack && retryAtMs !== undefined ? retryAtMs : waiting.cloneAtMs,
    alone: waiting.alone || resolution === 'split',
  }));
}

function interruptedOnce(waiting: WaitingRequest, progress: number): WaitingRequest {
  // Rounded, because a fraction at full length would take three times the room in the ledger.
  const rounded = Math.floor(Math.min(1, progress) * PROGRESS_STEPS) / PROGRESS_STEPS;
  if (rounded > waiting.progress) return { ...waiting, progress: rounded, interrupted: 1 };
  const interrupted = waiting.interrupted + 1;
  if (interrupted < INTERRUPTIONS_PER_ATTEMPT) return { ...waiting, interrupted };
  return { ...waiting, interrupted: 0, failed: waiting.failed + 1 };
}

function settle(ledger: Ledger, run: ToldRun | StoppedRun): Ledger {
  if (run.stage === 'told') return answer(ledger, run.requests, run.verdict === 'promote' ? 'succeeded' : 'rejected');
  switch (run.resolution) {
    case 'retry':
    case 'split':
      return ledger;
    case 'dead-letter':
      return forget(ledger, run.requests);
    case 'cancel':
      return answer(ledger, run.requests, 'cancelled');
  }
}

/**
 * Numbers a clone for each request, unless the message at hand has a newer clone already: then a crash came between the
 * write and the completion, and the same clone has to be sent again, not a new one.
 */
function postpone(ledger: Ledger, requests: readonly RunRequest[], untilMs: number): Ledger {
  if (requests.length > WAITING_MAX)
    throw new RetrainError(
      'ARGUMENT_INVALID',
      `${requests.length} requests postponed at once are over the limit of ${WAITING_MAX}: the numbers of the first would be lost`,
    );
  return touch(ledger, requests, (waiting, { hop }) =>
    waiting.hop > hop ? waiting : { ...waiting, hop: hop + 1, cloneAtMs: untilMs },
  );
}

function answer(ledger: Ledger, requests: readonly RequestRef[], how: Answer): Ledger {
  const known = new Set(ledger.answered.map((entry) => entry.slice(1)));
  const added = requests.map(requestKey).filter((key) => !known.has(key));
  const answered = [...ledger.answered, ...added.map((key) => `${how.charAt(0)}${key}`)].slice(-ANSWERED_MAX);
  return forget({ ...ledger, answered }, requests);
}

function forget(ledger: Ledger, requests: readonly RequestRef[]): Ledger {
  const keys = new Set(requests.map(requestKey));
  return { ...ledger, waiting: ledger.waiting.filter(({ key }) => !keys.has(key)) };
}

/** Changes what is remembered about each request and makes it the newest; the oldest beyond the limit is forgotten. */
function touch<R extends RequestRef>(
  ledger: Ledger,
  requests: readonly R[],
  change: (waiting: WaitingRequest, request: R) => WaitingRequest,
): Ledger {
  const byKey = new Map(ledger.waiting.map((waiting) => [waiting.key, waiting]));
  for (const request of requests) {
    const key = requestKey(request);
    const changed = change(byKey.get(key) ?? firstSeen(key), request);
    byKey.delete(key);
    byKey.set(key, changed);
  }
  return { ...ledger, waiting: [...byKey.values()].slice(-WAITING_MAX) };
}

export function firstSeen(key: string): WaitingRequest {
  return { key, failed: 0, killed: 0, interrupted: 0, progress: 0, hop: 0, cloneAtMs: 0, alone: false };
}

function checkEpoch(ledger: Ledger, epoch: number): void {
  if (Number.isSafeInteger(epoch) && epoch > ledger.epoch) return;
  throw new RetrainError('LEDGER_INVALID', `epoch ${epoch} of ${ledger.model} does not come after ${ledger.epoch}`);
}

function checkedEvents(events: readonly PendingEvent[]): PendingEvent[] {
  if (events.length <= PENDING_EVENTS_MAX) return [...events];
  throw new RetrainError(
    'ARGUMENT_INVALID',
    `${events.length} events to tell are over the limit of ${PENDING_EVENTS_MAX}`,
  );
}

function checkSize(field: string, bytes: number, maxBytes: number): void {
  if (bytes <= maxBytes) return;
  throw new RetrainError(
    'TRAINER_FAILED',
    `${field} in the trainer's result takes ${bytes} bytes, the limit is ${maxBytes}: write the rest to a file in RETRAIN_OUTPUT`,
  );
}

function misfit(event: LedgerEvent, stage: Stage | 'none' | undefined): RetrainError {
  return new RetrainError('LEDGER_INVALID', `"${event.type}" does not follow "${stage ?? 'none'}" in a ledger`);
}
