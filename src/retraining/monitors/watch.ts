import type { ClosedWindow, WindowedMonitorOptions } from '../../monitoring/windowed-monitor.ts';
import { WindowedMonitor } from '../../monitoring/windowed-monitor.ts';
import type { MetricWindow, WindowRule } from '../../monitoring/tumbling-windows.ts';
import type { MetricRule } from '../../monitoring/metric-rule.ts';
import { present } from '../present.ts';
import type { Trigger } from '../request.ts';
import type { MonitorSettings } from './monitor-settings.ts';
import { ruleOf } from './monitor-settings.ts';
import type { ObservedRow } from './observed-row.ts';

/** What a window, or a single observation, meant. */
export interface Watched {
  readonly kind: ClosedWindow['kind'];
  /** The window's mean, or what a detector or a comparison tells instead. */
  readonly observed: number;
  readonly window: MetricWindow;
  /** Of a decay: the trigger of the request. */
  readonly trigger?: Trigger;
  /** More for people: features that have drifted. */
  readonly note?: string;
}

/** What tells decay or drift from observed rows: the rule of a monitor with its memory. It does no input and no output. */
export interface Watch {
  /** @throws RetrainError `ARGUMENT_INVALID` for a row that cannot be judged; nothing has changed then. */
  observe(row: ObservedRow): Watched | undefined;
  /** Another model is served from now on: what is remembered of the old one is dropped, the reference is kept or gathered anew. */
  rebase(reference: 'gather' | 'keep'): void;
  /** The reference of a metric, once there is one. */
  readonly baseline: number | undefined;
  /** Observations whose window had closed. */
  readonly lateCount: number;
  toJSON(): unknown;
}

/** What a watch's memory belongs to: with another key it is of no use any more. */
export function watchKey(settings: MonitorSettings): string {
  const { metric, features, window } = settings;
  const by = window ? (window.count === undefined ? 'time' : 'count') : 'none';
  const names = features?.map((feature) => (typeof feature === 'string' ? feature : feature.name));
  return JSON.stringify([ruleOf(settings), metric ?? names, by]);
}

/** The windows of a monitor's settings, if it has some. */
export function windowRuleOf({ window }: MonitorSettings): WindowRule | undefined {
  if (!window) return undefined;
  if (window.count !== undefined) return { by: 'count', count: window.count };
  if (window.every === undefined) return undefined;
  const { origin, minCount } = window;
  const originMs = origin === undefined ? undefined : Date.parse(origin);
  return { by: 'time', durationMs: window.every, ...present({ originMs, minCount }) };
}

/** Compares windows of a metric with a reference or with limits. */
export class WindowWatch implements Watch {
  readonly #monitor: WindowedMonitor;

  constructor(settings: MonitorSettings, state: unknown) {
    this.#monitor = new WindowedMonitor(windowedOptions(settings), state);
  }

  observe({ timeMs, value = Number.NaN }: ObservedRow): Watched | undefined {
    const closed = this.#monitor.observe({ timeMs, value });
    if (closed?.kind !== 'decayed') return closed;
    const { decay, ...rest } = closed;
    return { ...rest, trigger: { kind: 'performance-decay', ...decay } };
  }

  rebase(reference: 'gather' | 'keep'): void {
    if (reference === 'keep') this.#monitor.dropWindows();
    else this.#monitor.rebase();
  }

  get baseline(): number | undefined {
    return this.#monitor.baseline;
  }

  get lateCount(): number {
    return this.#monitor.lateCount;
  }

  toJSON(): unknown {
    return this.#monitor.toJSON();
  }
}

/** The options of the windowed monitor that the settings describe, for any of its rules. */
export function windowedOptions(settings: MonitorSettings): WindowedMonitorOptions {
  const { metric = '', direction, coolDownWindows, baseline, baselineStd, baselineWindows, atLeast } = settings;
  const window = windowRuleOf(settings);
  if (!window) throw new TypeError(`monitor ${settings.name} has no windows`);
  return {
    metric,
    rule: metricRuleOf(settings),
    direction,
    window,
    coolDownWindows,
    ...present({ baseline, baselineStd, baselineWindows, atLeast }),
  };
}

function metricRuleOf({ name, ratio, sigma, absolute }: MonitorSettings): MetricRule {
  if (ratio !== undefined) return { by: 'ratio', ratio };
  if (sigma !== undefined) return { by: 'sigma', sigmas: sigma };
  if (absolute) return { by: 'absolute', ...present({ above: absolute.above, below: absolute.below }) };
  throw new TypeError(`monitor ${name} has no rule for windows of a metric`);
}
