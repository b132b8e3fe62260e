import { z } from 'zod';
import { createStreamingDetector, restoreStreamingDetector } from '../../monitoring/streaming-detectors.ts';
import type { StreamingDetectorSettings } from '../../monitoring/streaming-detectors.ts';
import { checkValue } from '../../monitoring/streaming-detector.ts';
import type { StreamingDetector, StreamingVerdict } from '../../monitoring/streaming-detector.ts';
import { RunningMean } from '../../monitoring/running-mean.ts';
import { checkTime } from '../../monitoring/observation.ts';
import { parseState } from '../../monitoring/stored-state.ts';
import { eventTimeSchema, instant, TumblingWindows, windowsStateSchema } from '../../monitoring/tumbling-windows.ts';
import type { MetricWindow } from '../../monitoring/tumbling-windows.ts';
import { present } from '../present.ts';
import type { MonitorSettings } from './monitor-settings.ts';
import type { ObservedRow } from './observed-row.ts';
import { windowRuleOf } from './watch.ts';
import type { Watch, Watched } from './watch.ts';

const STATE_SCHEMA = 'retrain.streaming-watch';
const STATE_VERSION = 1;
const COOL_DOWN_MAX = 1_000;

const stateSchema = z.strictObject({
  schema: z.literal(STATE_SCHEMA),
  version: z.literal(STATE_VERSION),
  /** The detector's own state. */
  detector: z.unknown(),
  /** What the detector has seen since it started afresh: the evidence of a drift. */
  since: z
    .strictObject({
      fromMs: eventTimeSchema,
      toMs: eventTimeSchema,
      observations: z.int().min(1),
      /** Of the values that the detector was given: observations, or means of windows. */
      values: z.int().min(1),
      mean: z.number(),
    })
    .nullable(),
  warned: z.boolean(),
  coolDownLeft: z.int().min(0).max(COOL_DOWN_MAX),
  windows: windowsStateSchema.nullable(),
  /** Of the values in the open window. */
  sum: z.number(),
});
type Since = NonNullable<z.output<typeof stateSchema>['since']>;

/** Gives a streaming detector each value, or with windows the mean of each, and tells of changes for the worse. */
export class StreamingWatch implements Watch {
  readonly #settings: MonitorSettings;
  readonly #options: StreamingDetectorSettings;
  #detector: StreamingDetector;
  #windows: TumblingWindows | undefined;
  #since: Since | undefined;
  #warned = false;
  #coolDownLeft = 0;
  #sum = 0;

  /** @throws RetrainError `DATA_CORRUPT` or `DATA_VERSION` for a state that cannot be read. */
  constructor(settings: MonitorSettings, state: unknown) {
    this.#settings = settings;
    this.#options = detectorOf(settings);
    const rule = windowRuleOf(settings);
    const kept = state === undefined ? undefined : parseState(stateSchema, STATE_VERSION, 'the monitor', state);
    this.#detector = kept
      ? restoreStreamingDetector(this.#options, kept.detector)
      : createStreamingDetector(this.#options);
    this.#windows = rule && new TumblingWindows(rule, kept?.windows ?? undefined);
    if (!kept) return;
    this.#since = kept.since ?? undefined;
    this.#warned = kept.warned;
    this.#coolDownLeft = kept.coolDownLeft;
    this.#sum = kept.sum;
  }

  toJSON(): unknown {
    return {
      schema: STATE_SCHEMA,
      version: STATE_VERSION,
      detector: this.#detector.toJSON(),
      since: this.#since ?? null,
      warned: this.#warned,
      coolDownLeft: this.#coolDownLeft,
      windows: this.#windows?.toJSON() ?? null,
      sum: this.#sum,
    };
  }

  get baseline(): number | undefined {
    return this.#since?.mean;
  }

  get lateCount(): number {
    return this.#windows?.lateCount ?? 0;
  }

  /** Without windows values are taken in the order in which they come, whatever their time. */
  observe({ timeMs, value = Number.NaN }: ObservedRow): Watched | undefined {
    checkValue(value);
    checkTime(timeMs);
    const windows = this.#windows;
    const at = instant(timeMs);
    if (!windows) return this.#judge(value, { from: at, to: at, count: 1 });
    if (windows.refuseLate(timeMs)) return undefined;
    const closed = windows.endsBefore(timeMs) ? this.#close(windows) : undefined;
    const last = windows.add(timeMs);
    this.#sum += value;
    return last ? this.#close(windows) : closed;
  }

  /** A detector has no reference but what it has seen: it starts afresh in any case. */
  rebase(): void {
    this.#detector = createStreamingDetector(this.#options);
    this.#windows?.drop();
    this.#since = undefined;
    this.#warned = false;
    this.#coolDownLeft = 0;
    this.#sum = 0;
  }

  #close(windows: TumblingWindows): Watched | undefined {
    const ended = windows.end();
    const sum = this.#sum;
    this.#sum = 0;
    if (!ended) return undefined;
    const { window, full } = ended;
    const observed = sum / window.count;
    if (!full) return { kind: 'discarded', observed, window };
    return this.#judge(observed, window) ?? { kind: 'steady', observed, window };
  }

  #judge(value: number, window: MetricWindow): Watched | undefined {
    const verdict = this.#detector.update(value);
    const since = grown(this.#since, value, window);
    this.#since = verdict.drift ? undefined : since;
    const cooling = this.#coolDownLeft > 0;
    if (cooling) this.#coolDownLeft -= 1;
    if (verdict.drift) return this.#drifted(verdict, since, { value, cooling });
    const warns = verdict.warning && !this.#warned;
    this.#warned = verdict.warning;
    return warns ? { kind: 'suspect', observed: value, window } : undefined;
  }

  #drifted(
    { direction, statistic, threshold }: StreamingVerdict,
    { fromMs, toMs, observations, mean }: Since,
    { value, cooling }: { value: number; cooling: boolean },
  ): Watched {
    const { metric = '', direction: better, coolDownWindows } = this.#settings;
    const window = { from: instant(fromMs), to: instant(toMs), count: observations };
    this.#warned = false;
    if (direction !== (better === 'minimize' ? 'up' : 'down'))
      return { kind: 'steady', observed: value, window, note: 'changed for the better; the detector starts afresh' };
    if (cooling) return { kind: 'cooling', observed: value, window };
    this.#coolDownLeft = coolDownWindows;
    const trigger = {
      kind: 'performance-decay' as const,
      metric,
      detector: this.#detector.detector,
      baseline: mean,
      window,
      ...present({ observed: statistic, threshold }),
    };
    return { kind: 'decayed', observed: value, window, trigger };
  }
}

function grown(since: Since | undefined, value: number, { from, to, count }: MetricWindow): Since {
  const [fromMs, toMs] = [Date.parse(from), Date.parse(to)];
  const mean = new RunningMean(since && { count: since.values, mean: since.mean });
  mean.add(value);
  return {
    fromMs: Math.min(since?.fromMs ?? fromMs, fromMs),
    toMs: Math.max(since?.toMs ?? toMs, toMs),
    observations: (since?.observations ?? 0) + count,
    values: mean.count,
    mean: mean.mean,
  };
}

function detectorOf({ name, pageHinkley, adwin, ddm, kswin }: MonitorSettings): StreamingDetectorSettings {
  if (pageHinkley) return { detector: 'page-hinkley', ...pageHinkley };
  if (adwin) return { detector: 'adwin', ...adwin };
  if (ddm) return { detector: 'ddm', ...ddm };
  if (kswin) return { detector: 'kswin', ...kswin };
  throw new TypeError(`monitor ${name} has no streaming detector`);
}
