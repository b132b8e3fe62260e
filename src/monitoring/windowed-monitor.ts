import { RetrainError } from '../errors.ts';
import { checkMetricRule, crossedLimit, limitsOf } from './metric-rule.ts';
import type { Direction, MetricRule, Reference } from './metric-rule.ts';
import { checkTime, checkValue, checkWhole, invalid } from './observation.ts';
import type { Observation } from './observation.ts';
import { BASELINE_WINDOWS_MAX, gather, NOTHING_GATHERED, referenceOf } from './reference-windows.ts';
import type { Gathered } from './reference-windows.ts';
import { TumblingWindows } from './tumbling-windows.ts';
import type { MetricWindow, WindowRule } from './tumbling-windows.ts';
import { parseState, STATE_SCHEMA, STATE_VERSION } from './windowed-state.ts';
import type { WindowedMonitorState } from './windowed-state.ts';

export interface WindowedMonitorOptions {
  /** What is observed, such as `mape`; it names the evidence of a request. */
  readonly metric: string;
  readonly rule: MetricRule;
  /** Which way is better: `minimize` for errors (the default), `maximize` for scores. */
  readonly direction?: Direction;
  readonly window: WindowRule;
  /**
   * The reference in the metric's unit; for a ratio above 0. Without one the first full windows make the reference. The
   * rule `absolute` needs none, and only repeats it in its evidence.
   */
  readonly baseline?: number;
  /** With `baseline` and the rule `sigma`: the standard deviation of the reference windows' means, 0 or more. */
  readonly baselineStd?: number;
  /**
   * How many windows make a reference, up to `BASELINE_WINDOWS_MAX`; 1 by default, for `sigma` 10 and at least 2. Where the
   * metric has seasons, take as many as level them out, or a good season becomes the reference for the bad ones.
   */
  readonly baselineWindows?: number;
  /** N of M: so many of the newest `of` judged windows have to be beyond the limit, the newest among them. Default 1 of 1. */
  readonly atLeast?: { readonly windows: number; readonly of: number };
  /** Windows that are not judged after a decay, at most `COOL_DOWN_WINDOWS_MAX`; 0 by default. */
  readonly coolDownWindows?: number;
}

/** The evidence for a retraining request: with `kind: 'performance-decay'` it is the request's `trigger`, field by field. */
export interface DecayEvent {
  readonly metric: string;
  /** The rule: `ratio`, `absolute` or `sigma`. */
  readonly detector: MetricRule['by'];
  /** The reference that the window was compared with; absent when the limit is absolute and no reference was given. */
  readonly baseline?: number;
  /** The window's mean. */
  readonly observed: number;
  /** The limit that `observed` crossed, in the metric's unit. */
  readonly threshold: number;
  readonly window: MetricWindow;
}

/**
 * What a window meant when it closed.
 *
 * - `baseline`: it went into the reference. - `steady`: within the limit. - `suspect`: beyond it, but not enough of the newest
 *   windows are. - `decayed`: beyond it, as are enough others. - `cooling`: not judged, a decay was reported shortly before. -
 *   `discarded`: too few observations to tell anything.
 */
export type ClosedWindow =
  | {
      readonly kind: 'baseline' | 'steady' | 'suspect' | 'cooling' | 'discarded';
      readonly observed: number;
      readonly window: MetricWindow;
    }
  | {
      readonly kind: 'decayed';
      readonly observed: number;
      readonly window: MetricWindow;
      readonly decay: DecayEvent;
    };

export const COOL_DOWN_WINDOWS_MAX = 1_000;
/** Judged windows that are looked back on. */
export const N_OF_M_MAX = 100;
/** Windows that make the reference of the rule `sigma`, unless told otherwise: a deviation of fewer says little. */
export const SIGMA_BASELINE_WINDOWS = 10;

/**
 * Compares the mean of a metric over each closed window with a reference, or with fixed limits, and reports decay.
 *
 * Time is event time only, so the same observations give the same verdicts however fast they are fed. Memory is constant: one
 * open window as a sum. After a promotion call `rebase`, because the reference belongs to the model that was replaced.
 */
export class WindowedMonitor {
  readonly #options: WindowedMonitorOptions;
  #reference: Reference | undefined;
  #gathered: Gathered = NOTHING_GATHERED;
  #coolDownLeft = 0;
  /** Of the newest judged windows, which were beyond the limit; the newest last. */
  #beyond: boolean[] = [];
  #windows: TumblingWindows;
  /** Of the values in the open window. */
  #sum = 0;

  /**
   * With `state` (the parsed JSON of `toJSON`, also that of a `RatioMonitor` of version 1) it goes on where that was taken. The
   * reference is the state's; the other options are those given now.
   *
   * @throws RetrainError `ARGUMENT_INVALID` naming the option, its value and the limit; `DATA_VERSION` for a state of another
   * version, `DATA_CORRUPT` for anything else that is not a state, `CONFIGURATION_INVALID` for the state of another metric.
   */
  constructor(options: WindowedMonitorOptions, state?: unknown) {
    checkOptions(options);
    this.#options = options;
    this.#windows = new TumblingWindows(options.window);
    this.#reference = givenReference(options.baseline, options.baselineStd);
    if (state !== undefined) this.#resume(parseState(state));
  }

  #resume(kept: WindowedMonitorState): void {
    const { metric, window, atLeast } = this.#options;
    if (kept.metric !== metric)
      throw new RetrainError(
        'CONFIGURATION_INVALID',
        `metric is ${JSON.stringify(metric)} but the monitor's state is of ${JSON.stringify(kept.metric)}: use another state file`,
      );
    this.#reference = kept.reference ?? undefined;
    this.#gathered = kept.gathered;
    this.#coolDownLeft = kept.coolDownLeft;
    this.#beyond = kept.beyond.slice(-(atLeast?.of ?? 1)).map((one) => one === 1);
    this.#windows = new TumblingWindows(window, kept.windows);
    this.#sum = kept.sum;
  }

  toJSON(): WindowedMonitorState {
    return {
      schema: STATE_SCHEMA,
      version: STATE_VERSION,
      metric: this.#options.metric,
      reference: this.#reference ?? null,
      gathered: { ...this.#gathered },
      coolDownLeft: this.#coolDownLeft,
      beyond: this.#beyond.map(Number),
      windows: this.#windows.toJSON(),
      sum: this.#sum,
    };
  }

  /** The reference, once there is one. */
  get baseline(): number | undefined {
    return this.#reference?.mean;
  }

  /** Observations that came after their window had closed; they are counted here and in no window. */
  get lateCount(): number {
    return this.#windows.lateCount;
  }

  /**
   * Takes one observation and returns the window that it closed, if any.
   *
   * @throws RetrainError `ARGUMENT_INVALID` when time or value is not a usable number; nothing has changed then.
   */
  observe({ timeMs, value }: Observation): ClosedWindow | undefined {
    checkValue(value);
    checkTime(timeMs);
    if (this.#windows.refuseLate(timeMs)) return undefined;
    const closed = this.advance(timeMs);
    const last = this.#windows.add(timeMs);
    this.#sum += value;
    return last ? this.#close() : closed;
  }

  /** Says that event time has reached `timeMs`: a window by time that ended at or before it closes. */
  advance(timeMs: number): ClosedWindow | undefined {
    checkTime(timeMs);
    return this.#windows.endsBefore(timeMs) ? this.#close() : undefined;
  }

  /**
   * Starts afresh for another model: the open window, the windows looked back on and any cool-down are dropped. Without
   * `baseline` the next full windows make the reference.
   */
  rebase(baseline?: number, baselineStd?: number): void {
    checkBaseline(this.#options.rule, baseline, baselineStd);
    this.#reference = givenReference(baseline, baselineStd);
    this.#gathered = NOTHING_GATHERED;
    this.dropWindows();
  }

  /** Drops the open window, the windows looked back on and any cool-down; the reference stays. */
  dropWindows(): void {
    this.#coolDownLeft = 0;
    this.#beyond = [];
    this.#windows.drop();
    this.#sum = 0;
  }

  /** The one place where a window closes. Only a full one is judged. */
  #close(): ClosedWindow | undefined {
    const ended = this.#windows.end();
    if (!ended) return undefined;
    const sum = this.#sum;
    this.#sum = 0;
    const { window, full } = ended;
    const observed = sum / window.count;
    if (!full) return { kind: 'discarded', observed, window };
    const { by } = this.#options.rule;
    if (by !== 'absolute' && !this.#reference) {
      this.#gather({ count: window.count, sum }, by);
      return { kind: 'baseline', observed, window };
    }
    if (this.#coolDownLeft > 0) {
      this.#coolDownLeft -= 1;
      return { kind: 'cooling', observed, window };
    }
    return this.#judge(observed, window);
  }

  /** Adds a window to those that will make the reference. Of a mean of 0 or below no multiple is a limit: then it goes on. */
  #gather(window: { count: number; sum: number }, by: 'ratio' | 'sigma'): void {
    const { baselineWindows = by === 'sigma' ? SIGMA_BASELINE_WINDOWS : 1 } = this.#options;
    this.#gathered = gather(this.#gathered, window);
    const reference = referenceOf(this.#gathered, by);
    if (this.#gathered.windows < baselineWindows || (by === 'ratio' && !(reference.mean > 0))) return;
    this.#reference = reference;
    this.#gathered = NOTHING_GATHERED;
  }

  #judge(observed: number, window: MetricWindow): ClosedWindow {
    const {
      metric,
      rule,
      direction = 'minimize',
      coolDownWindows = 0,
      atLeast = { windows: 1, of: 1 },
    } = this.#options;
    const threshold = crossedLimit(limitsOf(rule, direction, this.#reference), observed);
    this.#beyond = [...this.#beyond, threshold !== undefined].slice(-atLeast.of);
    if (threshold === undefined) return { kind: 'steady', observed, window };
    if (this.#beyond.filter(Boolean).length < atLeast.windows) return { kind: 'suspect', observed, window };
    this.#coolDownLeft = coolDownWindows;
    this.#beyond = [];
    const baseline = this.#reference?.mean;
    const evidence = { metric, detector: rule.by, ...(baseline !== undefined && { baseline }), observed, threshold };
    return { kind: 'decayed', observed, window, decay: { ...evidence, window } };
  }
}

function givenReference(mean: number | undefined, std = 0): Reference | undefined {
  return mean === undefined ? undefined : { mean, std };
}

function checkOptions(options: WindowedMonitorOptions): void {
  const { metric, rule, baseline, baselineStd, coolDownWindows = 0, atLeast } = options;
  if (metric === '') throw invalid('metric', metric, 'a name', 'name what is observed, such as "mape"');
  checkMetricRule(rule);
  checkBaseline(rule, baseline, baselineStd);
  const least = rule.by === 'sigma' ? 2 : 1;
  checkWhole('baselineWindows', options.baselineWindows ?? least, { min: least, max: BASELINE_WINDOWS_MAX });
  checkWhole('coolDownWindows', coolDownWindows, { min: 0, max: COOL_DOWN_WINDOWS_MAX });
  if (!atLeast) return;
  checkWhole('atLeast.of', atLeast.of, { min: 1, max: N_OF_M_MAX });
  checkWhole('atLeast.windows', atLeast.windows, { min: 1, max: atLeast.of });
}

function checkBaseline(rule: MetricRule, baseline: number | undefined, std: number | undefined): void {
  if (baseline !== undefined && !(Number.isFinite(baseline) && (baseline > 0 || rule.by !== 'ratio')))
    throw invalid(
      'baseline',
      baseline,
      rule.by === 'ratio' ? 'a number above 0' : 'a finite number',
      'leave it out to take the first full windows',
    );
  if (std !== undefined && !(Number.isFinite(std) && std >= 0))
    throw invalid('baselineStd', std, 'a number of 0 or more', 'leave it out to take the first full windows');
  if (rule.by === 'sigma' && (baseline === undefined) !== (std === undefined))
    throw invalid('baselineStd', std, 'given with baseline', 'give both, or neither to take the first full windows');
}
