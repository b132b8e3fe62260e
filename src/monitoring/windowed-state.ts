import { z } from 'zod';
import { RetrainError } from '../errors.ts';
import { BASELINE_WINDOWS_MAX, gatheredSchema } from './reference-windows.ts';
import { eventTimeSchema, windowsStateSchema } from './tumbling-windows.ts';

export const STATE_SCHEMA = 'retrain.windowed-monitor';
export const STATE_VERSION = 2;

const coolDownLeft = z.int().min(0).max(1_000);

const stateSchema = z.strictObject({
  schema: z.literal(STATE_SCHEMA),
  version: z.literal(STATE_VERSION),
  metric: z.string(),
  reference: z.strictObject({ mean: z.number(), std: z.number().min(0) }).nullable(),
  gathered: gatheredSchema,
  coolDownLeft,
  /** Of the newest judged windows, 1 for each that was beyond the limit. */
  beyond: z.array(z.int().min(0).max(1)).max(100),
  windows: windowsStateSchema,
  sum: z.number(),
});

/** All that a windowed monitor remembers, as JSON. Its size does not depend on how much was observed. */
export type WindowedMonitorState = z.output<typeof stateSchema>;

/** The state that a `RatioMonitor` wrote before there were other rules. */
const ratioStateSchema = z.strictObject({
  schema: z.literal('retrain.ratio-monitor'),
  version: z.literal(1),
  metric: z.string(),
  baseline: z.number().positive().nullable(),
  gathered: z.strictObject({
    windows: z.int().min(0).max(BASELINE_WINDOWS_MAX),
    count: z.int().min(0),
    sum: z.number(),
  }),
  coolDownLeft,
  lateCount: z.int().min(0),
  lateBeforeMs: eventTimeSchema.nullable(),
  open: z
    .strictObject({ fromMs: eventTimeSchema, toMs: eventTimeSchema, count: z.int().min(1), sum: z.number() })
    .nullable(),
});

/** Reads a state of this version, or of version 1. */
export function parseState(state: unknown): WindowedMonitorState {
  const version = (state as { version?: unknown } | null | undefined)?.version;
  if (version === 1) return fromRatioState(state);
  const parsed = stateSchema.safeParse(state);
  if (parsed.success) return parsed.data;
  if (typeof version === 'number' && version !== STATE_VERSION)
    throw new RetrainError(
      'DATA_VERSION',
      `the monitor's state has version ${version}, this release reads 1 and ${STATE_VERSION}: update retrain, or remove the state to start anew`,
    );
  throw corrupt(parsed.error);
}

function fromRatioState(state: unknown): WindowedMonitorState {
  const parsed = ratioStateSchema.safeParse(state);
  if (!parsed.success) throw corrupt(parsed.error);
  const { metric, baseline, gathered, coolDownLeft: left, lateCount, lateBeforeMs, open } = parsed.data;
  const mean = gathered.count > 0 ? gathered.sum / gathered.count : 0;
  return {
    schema: STATE_SCHEMA,
    version: STATE_VERSION,
    metric,
    reference: baseline === null ? null : { mean: baseline, std: 0 },
    gathered: { ...gathered, meanOfMeans: mean, squares: 0 },
    coolDownLeft: left,
    beyond: [],
    windows: {
      lateCount,
      lateBeforeMs,
      open: open && { fromMs: open.fromMs, toMs: open.toMs, count: open.count },
    },
    sum: open?.sum ?? 0,
  };
}

function corrupt(error: z.ZodError): RetrainError {
  const issue = error.issues[0];
  return new RetrainError(
    'DATA_CORRUPT',
    `the monitor's state is not valid at ${issue?.path.join('.') || 'the top'} (${issue?.message}): remove it to start anew`,
  );
}
