import type { Direction } from '../../monitoring/metric-rule.ts';
import { TumblingWindows } from '../../monitoring/tumbling-windows.ts';
import type { MetricWindow, WindowRule } from '../../monitoring/tumbling-windows.ts';

export interface ScoreOptions {
  readonly direction: Direction;
  /** The windows of which the worst is told: the same ones for every policy, whatever its own are. */
  readonly scoreWindow: WindowRule;
}

/** How good the model that served was. */
export interface Scored {
  readonly observations: number;
  /** Observations of which the error of the serving model is not known; they count nowhere. */
  readonly unknown: number;
  /** Over all observations; null when there were none. */
  readonly mean: number | null;
  readonly worst: { readonly mean: number; readonly window: MetricWindow } | null;
}

/** Adds up the errors of what served. */
export class ErrorScore {
  readonly #direction: Direction;
  readonly #windows: TumblingWindows;
  #sum = 0;
  #count = 0;
  #unknown = 0;
  #windowSum = 0;
  #worst: Scored['worst'] = null;

  constructor({ direction, scoreWindow }: ScoreOptions) {
    this.#direction = direction;
    this.#windows = new TumblingWindows(scoreWindow);
  }

  add(timeMs: number, value: number | undefined): void {
    if (value === undefined) {
      this.#unknown += 1;
      return;
    }
    if (this.#windows.endsBefore(timeMs)) this.#close();
    const last = this.#windows.add(timeMs);
    this.#sum += value;
    this.#windowSum += value;
    this.#count += 1;
    if (last) this.#close();
  }

  result(): Scored {
    const observations = this.#count;
    const mean = observations === 0 ? null : this.#sum / observations;
    return { observations, unknown: this.#unknown, mean, worst: this.#worst };
  }

  #close(): void {
    const ended = this.#windows.end();
    const sum = this.#windowSum;
    this.#windowSum = 0;
    if (!ended?.full) return;
    const mean = sum / ended.window.count;
    const worse =
      this.#direction === 'minimize' ? mean > (this.#worst?.mean ?? -Infinity) : mean < (this.#worst?.mean ?? Infinity);
    if (worse) this.#worst = { mean, window: ended.window };
  }
}
