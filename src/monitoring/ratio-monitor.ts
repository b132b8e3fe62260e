import { z } from 'zod';
import { RetrainError } from '../errors.ts';

/** One measured error or quality of a prediction. `timeMs` is event time: milliseconds since 1970-01-01T00:00:00Z. */
export interface Observation {
  readonly timeMs: number;
  readonly value: number;
}

/**
 * Observations are grouped in tumbling windows: every one belongs to exactly one window.
 *
 * - `count`: a window closes with its `count`-th observation, however far apart they lie in time.
 * - `time`: windows are `durationMs` long, aligned at `originMs` (default 0, the epoch). A window closes when an observation of
 *   a later one arrives, or by `advance`. With fewer than `minCount` observations (default 1) it is discarded.
 */
export type WindowRule =
  | { readonly by: 'count'; readonly count: number }
  | { readonly by: 'time'; readonly durationMs: number; readonly originMs?: number; readonly minCount?: number };

export interface RatioMonitorOptions {
  /** What is observed, such as `mape`; it names the evidence of a request. */
  readonly metric: string;
  /** Which way is better: `minimize` for errors (the default), `maximize` for scores. */
  readonly direction?: 'minimize' | 'maximize';
  /** Above 1. A window decays when its mean is above `baseline * ratio`, or below `baseline / ratio` for scores. */
  readonly ratio: number;
  readonly window: WindowRule;
  /** The reference, above 0, in the metric's unit. Without one the mean of the first full windows becomes the reference. */
  readonly baseline?: number;
  /**
   * How many windows make a reference, 1 to `BASELINE_WINDOWS_MAX`; 1 by default. Where the metric has seasons, take as many as
   * level them out, or a good season becomes the reference for the bad ones.
   */
  readonly baselineWindows?: number;
  /** Windows that are not judged after a decay, at most `COOL_DOWN_WINDOWS_MAX`; 0 by default. */
  readonly coolDownWindows?: number;
}

/** First and last observation of a window (RFC 3339, both inside it) and how many there were. */
export interface MetricWindow {
  readonly from: string;
  readonly to: string;
  readonly count: number;
}

/** The evidence for a retraining request: with `kind: 'performance-decay'` it is the request's `trigger`, field by field. */
export interface DecayEvent {
  readonly metric: string;
  readonly detector: typeof RATIO_DETECTOR;
  /** The reference that the window was compared with. */
  readonly baseline: number;
  /** The window's mean. */
  readonly observed: number;
  /** The limit that `observed` crossed, in the metric's unit. */
  readonly threshold: number;
  readonly window: MetricWindow;
}

/**
 * What a window meant when it closed.
 *
 * - `baseline`: it went into the reference. - `steady`: within the limit. - `decayed`: beyond it.
 * - `cooling`: not judged, a decay was reported shortly before. - `discarded`: too few observations to tell anything.
 */
export type ClosedWindow =
  | {
      readonly kind: 'baseline' | 'steady' | 'cooling' | 'discarded';
      readonly observed: number;
      readonly window: MetricWindow;
    }
  | {
      readonly kind: 'decayed';
      readonly observed: number;
      readonly window: MetricWindow;
      readonly decay: DecayEvent;
    };

export const RATIO_DETECTOR = 'ratio';
export const COOL_DOWN_WINDOWS_MAX = 1_000;
export const BASELINE_WINDOWS_MAX = 1_000;
/** Observations that a window by count may span. */
export const WINDOW_COUNT_MAX = 10_000_000;
/** The range of an ECMAScript date, in milliseconds either side of the epoch (ECMA-262, 21.4.1.1). */
const TIME_MAX_MS = 8.64e15;

const STATE_SCHEMA = 'retrain.ratio-monitor';
const STATE_VERSION = 1;

const eventTime = z.number().min(-TIME_MAX_MS).max(TIME_MAX_MS);

const stateSchema = z.strictObject({
  schema: z.literal(STATE_SCHEMA),
  version: z.literal(STATE_VERSION),
  metric: z.string(),
  baseline: z.number().positive().nullable(),
  /** The windows that will make the reference, as far as they have closed. */
  gathered: z.strictObject({
    windows: z.int().min(0).max(BASELINE_WINDOWS_MAX),
    count: z.int().min(0),
    sum: z.number(),
  }),
  coolDownLeft: z.int().min(0).max(COOL_DOWN_WINDOWS_MAX),
  lateCount: z.int().min(0),
  lateBeforeMs: eventTime.nullable(),
  open: z.strictObject({ fromMs: eventTime, toMs: eventTime, count: z.int().min(1), sum: z.number() }).nullable(),
});

/** All that a monitor remembers, as JSON. Its size does not depend on how much was observed. */
export type RatioMonitorState = z.output<typeof stateSchema>;

interface OpenWindow {
  fromMs: number;
  toMs: number;
  count: number;
  sum: number;
}

/**
 * Compares the mean of a metric over each closed window with a reference and reports decay when it is worse by a ratio.
 *
 * Time is event time only, so the same observations give the same verdicts however fast they are fed. Memory is constant: one
 * open window as a sum. After a promotion call `rebase`, because the reference belongs to the model that was replaced.
 */
export class RatioMonitor {
  readonly #options: RatioMonitorOptions;
  #baseline: number | undefined;
  #gathered = { windows: 0, count: 0, sum: 0 };
  #coolDownLeft = 0;
  #lateCount = 0;
  /** Earlier observations belong to a window that has closed. */
  #lateBeforeMs: number | undefined;
  #open: OpenWindow | undefined;

  /** @throws RetrainError `ARGUMENT_INVALID` naming the option, its value and the limit. */
  constructor(options: RatioMonitorOptions) {
    checkOptions(options);
    this.#options = options;
    this.#baseline = options.baseline;
  }

  /**
   * A monitor that goes on where `state` (the parsed JSON of `toJSON`) was taken. The baseline is the state's; the other
   * options are those given now.
   *
   * @throws RetrainError `DATA_VERSION` for a state of another version, `DATA_CORRUPT` for anything else that is not a
   * state, `CONFIGURATION_INVALID` for the state of another metric.
   */
  static restore(options: RatioMonitorOptions, state: unknown): RatioMonitor {
    const monitor = new RatioMonitor(options);
    const kept = parseState(state);
    if (kept.metric !== options.metric)
      throw new RetrainError(
        'CONFIGURATION_INVALID',
        `metric is ${JSON.stringify(options.metric)} but the monitor's state is of ${JSON.stringify(kept.metric)}: use another state file`,
      );
    monitor.#baseline = kept.baseline ?? undefined;
    monitor.#gathered = kept.gathered;
    monitor.#coolDownLeft = kept.coolDownLeft;
    monitor.#lateCount = kept.lateCount;
    monitor.#lateBeforeMs = kept.lateBeforeMs ?? undefined;
    monitor.#open = kept.open ?? undefined;
    return monitor;
  }

  toJSON(): RatioMonitorState {
    return {
      schema: STATE_SCHEMA,
      version: STATE_VERSION,
      metric: this.#options.metric,
      baseline: this.#baseline ?? null,
      gathered: { ...this.#gathered },
      coolDownLeft: this.#coolDownLeft,
      lateCount: this.#lateCount,
      lateBeforeMs: this.#lateBeforeMs ?? null,
      open: this.#open ? { ...this.#open } : null,
    };
  }

  /** The reference, once there is one. */
  get baseline(): number | undefined {
    return this.#baseline;
  }

  /** Observations that came after their window had closed; they are counted here and in no window. */
  get lateCount(): number {
    return this.#lateCount;
  }

  /**
   * Takes one observation and returns the window that it closed, if any.
   *
   * @throws RetrainError `ARGUMENT_INVALID` when time or value is not a usable number; nothing has changed then.
   */
  observe({ timeMs, value }: Observation): ClosedWindow | undefined {
    if (!Number.isFinite(value)) throw invalid('value', value, 'a finite number', 'leave out what was not measured');
    checkTime(timeMs);
    const rule = this.#options.window;
    if (timeMs < (this.#lateBeforeMs ?? -Infinity)) {
      this.#lateCount += 1;
      return undefined;
    }
    let closed: ClosedWindow | undefined;
    if (rule.by === 'time') closed = this.advance(timeMs);
    this.#add(timeMs, value);
    if (rule.by === 'count' && this.#open?.count === rule.count) closed = this.#close(true);
    return closed;
  }

  /** Says that event time has reached `timeMs`: a window by time that ended at or before it closes. */
  advance(timeMs: number): ClosedWindow | undefined {
    checkTime(timeMs);
    const rule = this.#options.window;
    if (rule.by !== 'time' || !this.#open) return undefined;
    if (timeMs < endOf(rule, this.#open)) return undefined;
    return this.#close(this.#open.count >= (rule.minCount ?? 1));
  }

  /**
   * Starts afresh for another model: the open window and any cool-down are dropped. Without `baseline` the next full windows
   * make the reference.
   */
  rebase(baseline?: number): void {
    checkBaseline(baseline);
    this.#baseline = baseline;
    this.#gathered = { windows: 0, count: 0, sum: 0 };
    this.#coolDownLeft = 0;
    if (this.#open) this.#lateBeforeMs = this.#open.toMs;
    this.#open = undefined;
  }

  #add(timeMs: number, value: number): void {
    if (!this.#open) {
      this.#open = { fromMs: timeMs, toMs: timeMs, count: 0, sum: 0 };
      this.#lateBeforeMs = Math.max(this.#lateBeforeMs ?? -Infinity, startOf(this.#options.window, timeMs));
    }
    this.#open.fromMs = Math.min(this.#open.fromMs, timeMs);
    this.#open.toMs = Math.max(this.#open.toMs, timeMs);
    this.#open.count += 1;
    this.#open.sum += value;
  }

  /** The one place where a window ends. Only a `full` one is judged. */
  #close(full: boolean): ClosedWindow | undefined {
    const open = this.#open;
    if (!open) return undefined;
    this.#open = undefined;
    this.#lateBeforeMs = endOf(this.#options.window, open);
    const observed = open.sum / open.count;
    const window = { from: instant(open.fromMs), to: instant(open.toMs), count: open.count };
    if (!full) return { kind: 'discarded', observed, window };
    if (this.#baseline === undefined) {
      this.#gather(open);
      return { kind: 'baseline', observed, window };
    }
    if (this.#coolDownLeft > 0) {
      this.#coolDownLeft -= 1;
      return { kind: 'cooling', observed, window };
    }
    return this.#judge(observed, window, this.#baseline);
  }

  /** Adds a window to those that will make the reference. Of a mean of 0 or below no multiple is a limit: then it goes on. */
  #gather({ count, sum }: OpenWindow): void {
    const gathered = this.#gathered;
    gathered.windows = Math.min(gathered.windows + 1, BASELINE_WINDOWS_MAX);
    gathered.count += count;
    gathered.sum += sum;
    const mean = gathered.sum / gathered.count;
    if (gathered.windows < (this.#options.baselineWindows ?? 1) || !(mean > 0)) return;
    this.#baseline = mean;
    this.#gathered = { windows: 0, count: 0, sum: 0 };
  }

  #judge(observed: number, window: MetricWindow, baseline: number): ClosedWindow {
    const { metric, ratio, direction = 'minimize', coolDownWindows = 0 } = this.#options;
    const threshold = direction === 'minimize' ? baseline * ratio : baseline / ratio;
    const decayed = direction === 'minimize' ? observed > threshold : observed < threshold;
    if (!decayed) return { kind: 'steady', observed, window };
    this.#coolDownLeft = coolDownWindows;
    const decay = { metric, detector: RATIO_DETECTOR, baseline, observed, threshold, window } as const;
    return { kind: 'decayed', observed, window, decay };
  }
}

/** Where the window that `timeMs` opens begins; clamped, so that the state stays within the range of a date. */
function startOf(rule: WindowRule, timeMs: number): number {
  // Of a window by count any order will do, as long as the window is open.
  if (rule.by === 'count') return -TIME_MAX_MS;
  const { durationMs, originMs = 0 } = rule;
  return Math.max(-TIME_MAX_MS, originMs + Math.floor((timeMs - originMs) / durationMs) * durationMs);
}

/** The first instant after a window. A window by count ends with its last observation, and the next may share its time. */
function endOf(rule: WindowRule, open: OpenWindow): number {
  if (rule.by === 'count') return open.toMs;
  return Math.min(TIME_MAX_MS, startOf(rule, open.fromMs) + rule.durationMs);
}

function instant(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

function parseState(state: unknown): RatioMonitorState {
  const parsed = stateSchema.safeParse(state);
  if (parsed.success) return parsed.data;
  const version = (state as { version?: unknown } | null | undefined)?.version;
  if (typeof version === 'number' && version !== STATE_VERSION)
    throw new RetrainError(
      'DATA_VERSION',
      `the monitor's state has version ${version}, this release reads ${STATE_VERSION}: update retrain, or remove the state to start anew`,
    );
  const issue = parsed.error.issues[0];
  throw new RetrainError(
    'DATA_CORRUPT',
    `the monitor's state is not valid at ${issue?.path.join('.') || 'the top'} (${issue?.message}): remove it to start anew`,
  );
}

function checkOptions(options: RatioMonitorOptions): void {
  const { metric, ratio, window, baseline, baselineWindows = 1, coolDownWindows = 0 } = options;
  if (metric === '') throw invalid('metric', metric, 'a name', 'name what is observed, such as "mape"');
  if (!Number.isFinite(ratio) || ratio <= 1)
    throw invalid('ratio', ratio, 'a number above 1', 'use 1.5 for half as much again');
  checkBaseline(baseline);
  checkWhole('baselineWindows', baselineWindows, { min: 1, max: BASELINE_WINDOWS_MAX });
  checkWhole('coolDownWindows', coolDownWindows, { min: 0, max: COOL_DOWN_WINDOWS_MAX });
  if (window.by === 'count') {
    checkWhole('window.count', window.count, { min: 1, max: WINDOW_COUNT_MAX });
    return;
  }
  checkWhole('window.durationMs', window.durationMs, { min: 1, max: TIME_MAX_MS });
  checkWhole('window.minCount', window.minCount ?? 1, { min: 1, max: WINDOW_COUNT_MAX });
  if (window.originMs !== undefined) checkTime(window.originMs, 'window.originMs');
}

function checkBaseline(baseline: number | undefined): void {
  if (baseline === undefined || (Number.isFinite(baseline) && baseline > 0)) return;
  throw invalid('baseline', baseline, 'a number above 0', 'leave it out to take the first full windows');
}

function checkWhole(field: string, value: number, { min, max }: { min: number; max: number }): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw invalid(field, value, `a whole number from ${min} to ${max}`, 'set it within these limits');
}

function checkTime(timeMs: number, field = 'timeMs'): void {
  if (Math.abs(timeMs) <= TIME_MAX_MS) return;
  throw invalid(field, timeMs, `within ±${TIME_MAX_MS}`, 'use milliseconds since 1970-01-01T00:00:00Z');
}

function invalid(field: string, value: unknown, limit: string, remedy: string): RetrainError {
  return new RetrainError(
    'ARGUMENT_INVALID',
    `${field} is ${typeof value === 'string' ? JSON.stringify(value) : String(value)}, it must be ${limit}: ${remedy}`,
  );
}
