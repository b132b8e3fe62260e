import { z } from 'zod';
import { checkTime, checkWhole, TIME_MAX_MS } from './observation.ts';

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

/** First and last observation of a window (RFC 3339, both inside it) and how many there were. */
export interface MetricWindow {
  readonly from: string;
  readonly to: string;
  readonly count: number;
}

/** Observations that a window by count may span. */
export const WINDOW_COUNT_MAX = 10_000_000;

export const eventTimeSchema = z.number().min(-TIME_MAX_MS).max(TIME_MAX_MS);

/** Where windows stand, as JSON. */
export const windowsStateSchema = z.strictObject({
  lateCount: z.int().min(0),
  lateBeforeMs: eventTimeSchema.nullable(),
  open: z.strictObject({ fromMs: eventTimeSchema, toMs: eventTimeSchema, count: z.int().min(1) }).nullable(),
});
export type WindowsState = z.output<typeof windowsStateSchema>;

interface OpenWindow {
  fromMs: number;
  toMs: number;
  count: number;
}

/** A window that has ended. A `full` one is judged, any other has too few observations to tell anything. */
export interface EndedWindow {
  readonly window: MetricWindow;
  readonly full: boolean;
}

/**
 * Decides to which window an observation belongs, and when one ends. What the observations say is its owner's business.
 * Time is event time only. Memory is constant.
 */
export class TumblingWindows {
  readonly #rule: WindowRule;
  #lateCount = 0;
  /** Earlier observations belong to a window that has closed. */
  #lateBeforeMs: number | undefined;
  #open: OpenWindow | undefined;

  /** @throws RetrainError `ARGUMENT_INVALID` naming the option, its value and the limit. */
  constructor(rule: WindowRule, state?: WindowsState) {
    checkWindowRule(rule);
    this.#rule = rule;
    if (!state) return;
    this.#lateCount = state.lateCount;
    this.#lateBeforeMs = state.lateBeforeMs ?? undefined;
    this.#open = state.open ? { ...state.open } : undefined;
  }

  toJSON(): WindowsState {
    return {
      lateCount: this.#lateCount,
      lateBeforeMs: this.#lateBeforeMs ?? null,
      open: this.#open ? { ...this.#open } : null,
    };
  }

  /** Observations that came after their window had closed; they are counted here and in no window. */
  get lateCount(): number {
    return this.#lateCount;
  }

  /** Whether the observation belongs to a window that has closed; it is counted then, and must not be added. */
  refuseLate(timeMs: number): boolean {
    if (timeMs >= (this.#lateBeforeMs ?? -Infinity)) return false;
    this.#lateCount += 1;
    return true;
  }

  /** Whether the open window ends before an observation at `timeMs`; it is ended with `end` then, before anything is added. */
  endsBefore(timeMs: number): boolean {
    return this.#rule.by === 'time' && this.#open !== undefined && timeMs >= endOf(this.#rule, this.#open);
  }

  /** Adds an observation to the open window; true when it was the last one. */
  add(timeMs: number): boolean {
    if (!this.#open) {
      this.#open = { fromMs: timeMs, toMs: timeMs, count: 0 };
      this.#lateBeforeMs = Math.max(this.#lateBeforeMs ?? -Infinity, startOf(this.#rule, timeMs));
    }
    this.#open.fromMs = Math.min(this.#open.fromMs, timeMs);
    this.#open.toMs = Math.max(this.#open.toMs, timeMs);
    this.#open.count += 1;
    return this.#rule.by === 'count' && this.#open.count === this.#rule.count;
  }

  /** The one place where a window ends; undefined when none was open. */
  end(): EndedWindow | undefined {
    const open = this.#open;
    if (!open) return undefined;
    this.#open = undefined;
    this.#lateBeforeMs = endOf(this.#rule, open);
    const window = { from: instant(open.fromMs), to: instant(open.toMs), count: open.count };
    return { window, full: this.#rule.by === 'count' || open.count >= (this.#rule.minCount ?? 1) };
  }

  /** Forgets the open window; what comes for it later is late. */
  drop(): void {
    if (this.#open) this.#lateBeforeMs = this.#open.toMs;
    this.#open = undefined;
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

function checkWindowRule(rule: WindowRule): void {
  if (rule.by === 'count') {
    checkWhole('window.count', rule.count, { min: 1, max: WINDOW_COUNT_MAX });
    return;
  }
  checkWhole('window.durationMs', rule.durationMs, { min: 1, max: TIME_MAX_MS });
  checkWhole('window.minCount', rule.minCount ?? 1, { min: 1, max: WINDOW_COUNT_MAX });
  if (rule.originMs !== undefined) checkTime(rule.originMs, 'window.originMs');
}

export function instant(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
