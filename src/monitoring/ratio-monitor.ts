import { WindowedMonitor } from './windowed-monitor.ts';
import type { WindowedMonitorOptions } from './windowed-monitor.ts';

export interface RatioMonitorOptions extends Omit<WindowedMonitorOptions, 'rule' | 'baselineStd'> {
  /** Above 1. A window decays when its mean is above `baseline * ratio`, or below `baseline / ratio` for scores. */
  readonly ratio: number;
}

/** A windowed monitor with the rule `ratio`: reports decay when a window is worse than the reference by a factor. */
export class RatioMonitor extends WindowedMonitor {
  /** As of `WindowedMonitor`. */
  constructor({ ratio, ...options }: RatioMonitorOptions, state?: unknown) {
    super({ ...options, rule: { by: 'ratio', ratio } }, state);
  }

  /** A monitor that goes on where `state` (the parsed JSON of `toJSON`) was taken. */
  static restore(options: RatioMonitorOptions, state: unknown): RatioMonitor {
    // Undefined is not valid JSON, and so no state.
    return new RatioMonitor(options, state ?? null);
  }
}
