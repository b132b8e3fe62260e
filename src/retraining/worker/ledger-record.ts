import { z } from 'zod';
import { metricsSchema } from '../gate.ts';
import { MODEL_NAME_PATTERN } from '../model-name.ts';

/** The format that this release writes; the codec refuses every other. */
export const LEDGER_VERSION = 1;

/** Requests in one plan. */
export const PLAN_REQUESTS_MAX = 100;
/** Bytes of JSON that the identities of one plan's requests may take in the ledger; longer identities make smaller plans. */
export const PLAN_IDENTITIES_MAX_BYTES = 12 * 1024;
/** Answered requests that are remembered; the oldest leaves first. */
export const ANSWERED_MAX = 256;
/** Requests with attempts or clones that are remembered; the one touched longest ago leaves first. */
export const WAITING_MAX = 128;
/** Bytes of JSON of an artifact's path or URI. */
export const ARTIFACT_MAX_BYTES = 4 * 1024;
/** Bytes of JSON of a reason or of a trainer's notes; longer ones are cut. */
export const REASON_MAX_BYTES = 1024;
/** Bytes of JSON of the last lines of a trainer's output; the beginning is cut off. */
export const OUTPUT_TAIL_MAX_BYTES = 2 * 1024;
/** The highest `retrainhop` that a message may claim; a request that really waited a million times is a mistake. */
export const HOP_MAX = 999_999;
/** Events waiting to be told: one per request of a plan and a few about the run itself. */
export const PENDING_EVENTS_MAX = PLAN_REQUESTS_MAX + 8;

/** What may be said about a run or a request after the fact: the stem of an outcome event's type. */
export const OUTCOMES = [
  'started',
  'progressed',
  'coalesced',
  'succeeded',
  'failed',
  'interrupted',
  'promoted',
  'rejected',
  'cancelled',
  'deadlettered',
  'postponed',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** How an answered request was answered. A dead-lettered request is not answered: it may be replayed. */
export const ANSWERS = ['succeeded', 'rejected', 'cancelled'] as const;
export type Answer = (typeof ANSWERS)[number];

const requestKeySchema = z.string().regex(/^[A-Za-z0-9_-]{22}$/);
const epoch = z.int().nonnegative();
const count = z.int().nonnegative();
const wallMs = z.int().nonnegative();
const digest = z.string().regex(/^[0-9a-f]{64}$/);
const text = z.string();

const ownerSchema = z.strictObject({
  host: z.string().max(255),
  pid: z.int().nonnegative(),
  /** When the process started, in the words of its operating system: tells a reused pid apart. */
  startTime: z.string().max(64),
});
export type Owner = z.output<typeof ownerSchema>;

/** A request's identity: CloudEvents `source` and `id`. */
export interface RequestRef {
  readonly source: string;
  readonly id: string;
}

const runRequestSchema = z.strictObject({
  source: text,
  id: text,
  /** `retrainhop` of the message that brought it. */
  hop: count,
});
export type RunRequest = z.output<typeof runRequestSchema>;

const pendingEventSchema = z.strictObject({
  outcome: z.enum(OUTCOMES),
  /** The request it is about; absent when it is about the run. */
  request: requestKeySchema.optional(),
});
export type PendingEvent = z.output<typeof pendingEventSchema>;

const runFields = {
  runId: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/),
  epoch,
  owner: ownerSchema,
  /** Grows by one with every take-over and every re-acceptance of the session: a standing counter means a dead owner. */
  lease: count,
  startedAtMs: wallMs,
  /** The registry's epoch when the run began, 0 without a champion; absent in ledgers of before it was noted. */
  championEpoch: epoch.optional(),
  requests: z.array(runRequestSchema).min(1).max(PLAN_REQUESTS_MAX),
};

const resultFields = {
  trainedAtMs: wallMs,
  metrics: metricsSchema,
  artifact: text,
  digest,
  notes: text.optional(),
};

const previousChampionSchema = z.strictObject({ runId: text, epoch, artifact: text, digest });
export type PreviousChampion = z.output<typeof previousChampionSchema>;

const decisionFields = {
  decidedAtMs: wallMs,
  verdict: z.enum(['promote', 'reject']),
  reason: text,
  /** The registry's epoch when the gate compared: what the promotion's compare-and-set expects. */
  registryEpoch: epoch,
  previousChampion: previousChampionSchema.nullable(),
  pendingEvents: z.array(pendingEventSchema).max(PENDING_EVENTS_MAX),
};

const startedSchema = z.strictObject({ stage: z.literal('started'), ...runFields });
const trainedSchema = z.strictObject({ stage: z.literal('trained'), ...runFields, ...resultFields });
const decided = { ...runFields, ...resultFields, ...decisionFields };
const decidedSchema = z.strictObject({ stage: z.literal('decided'), ...decided });
const appliedSchema = z.strictObject({ stage: z.literal('applied'), ...decided });
const toldSchema = z.strictObject({ stage: z.literal('told'), ...decided });
const stoppedSchema = z.strictObject({
  stage: z.literal('stopped'),
  ...runFields,
  stoppedAtMs: wallMs,
  /**
   * retry: all requests come back together, as clones. split: they come back one by one. dead-letter and cancel: they do
   * not come back.
   */
  resolution: z.enum(['retry', 'split', 'dead-letter', 'cancel']),
  reason: text,
  exitCode: z.int().optional(),
  signal: z.string().max(16).optional(),
  outputTail: text.optional(),
  /** When the clones become active; present when the resolution is retry or split. */
  retryAtMs: wallMs.optional(),
  pendingEvents: z.array(pendingEventSchema).max(PENDING_EVENTS_MAX),
});

const runSchema = z.discriminatedUnion('stage', [
  startedSchema,
  trainedSchema,
  decidedSchema,
  appliedSchema,
  toldSchema,
  stoppedSchema,
]);
/** The unfinished run and its stage. */
export type Run = z.output<typeof runSchema>;
export type Stage = Run['stage'];
export type StartedRun = z.output<typeof startedSchema>;
export type TrainedRun = z.output<typeof trainedSchema>;
export type DecidedRun = z.output<typeof decidedSchema>;
export type AppliedRun = z.output<typeof appliedSchema>;
export type ToldRun = z.output<typeof toldSchema>;
export type StoppedRun = z.output<typeof stoppedSchema>;

const waitingSchema = z.strictObject({
  key: requestKeySchema,
  /** Runs that really started and failed. */
  failed: count,
  /** Of those, runs that were killed (exit 137). */
  killed: count,
  /** Interruptions in a row without new progress. */
  interrupted: count,
  /** The best progress that was reported, 0 to 1. */
  progress: z.number().min(0).max(1),
  /** Number of the newest clone; 0 means that none was made. A message with a lower `retrainhop` has a clone after it. */
  hop: count,
  /** When the newest clone becomes active; 0 when there is none. */
  cloneAtMs: wallMs,
  /** It failed as part of a merged plan and now runs by itself. */
  alone: z.boolean(),
});
/** What is remembered about a request that is not answered yet. */
export type WaitingRequest = z.output<typeof waitingSchema>;

/** One letter of the answer, then the request's key. */
const answeredSchema = z.string().regex(/^[src][A-Za-z0-9_-]{22}$/);

export const ledgerSchema = z.strictObject({
  version: z.literal(LEDGER_VERSION),
  model: z.string().regex(MODEL_NAME_PATTERN),
  /** Epoch of the newest run; it never goes back. */
  epoch,
  run: runSchema.nullable(),
  answered: z.array(answeredSchema).max(ANSWERED_MAX),
  waiting: z.array(waitingSchema).max(WAITING_MAX),
  /** End of the cool-down, milliseconds since 1970; 0 when there is none. */
  nextRunAtMs: wallMs,
  /** UTC day (YYYY-MM-DD) that `runsOfDay` counts. */
  day: z.string().max(10),
  runsOfDay: count,
});
/** What is durably known of a model's work; it lives in the session state of the model's session. */
export type Ledger = z.output<typeof ledgerSchema>;
