import { z } from 'zod';
import { RetrainError } from '../../errors.ts';
import { dataDrift } from '../../monitoring/data-drift.ts';
import type { Columns, DataDrift } from '../../monitoring/data-drift.ts';
import { DriftSample } from '../../monitoring/drift-sample.ts';
import { checkTime } from '../../monitoring/observation.ts';
import { parseState } from '../../monitoring/stored-state.ts';
import { TumblingWindows, windowsStateSchema } from '../../monitoring/tumbling-windows.ts';
import type { MetricWindow } from '../../monitoring/tumbling-windows.ts';
import type { MonitorSettings } from './monitor-settings.ts';
import type { ObservedRow } from './observed-row.ts';
import { windowRuleOf } from './watch.ts';
import type { Watch, Watched } from './watch.ts';

/** Rows of a window, and of a reference, that are kept; of more, so many are drawn. */
const ROWS_MAX = 10_000;
/** Cells of a window that are kept: with many features, fewer rows. */
const CELLS_MAX = 500_000;
/** Features that a note names. */
const NAMED_MAX = 8;

/** What evidence of data drift is about: the share of features that drifted, by the rule for a data set. */
const DRIFT_METRIC = 'share-of-drifted-features';
const DRIFT_DETECTOR = 'data-drift';

const STATE_SCHEMA = 'retrain.drift-watch';
const STATE_VERSION = 1;

const stateSchema = z.strictObject({
  schema: z.literal(STATE_SCHEMA),
  version: z.literal(STATE_VERSION),
  /** The reference is the settings' file; a promotion ends that. */
  fromFile: z.boolean(),
  /** The reference, or as much of it as was gathered, unless it is the file's. */
  reference: z.unknown(),
  referenceWindows: z.int().min(0).max(1_000),
  current: z.unknown(),
  windows: windowsStateSchema,
  coolDownLeft: z.int().min(0).max(1_000),
  beyond: z.array(z.int().min(0).max(1)).max(100),
});

/** Compares windows of rows with a reference, feature by feature, and tells when enough features have drifted. */
export class DriftWatch implements Watch {
  readonly baseline = undefined;
  readonly #settings: MonitorSettings;
  readonly #names: readonly string[];
  readonly #file: Columns | undefined;
  #fromFile: boolean;
  #reference: DriftSample;
  /** Windows that the gathered reference is of. */
  #referenceWindows = 0;
  #current: DriftSample;
  #windows: TumblingWindows;
  #coolDownLeft = 0;
  #beyond: boolean[] = [];

  /**
   * @param file the rows of the settings' reference, when they name one
   * @throws RetrainError `DATA_CORRUPT` or `DATA_VERSION` for a state that cannot be read.
   */
  constructor(settings: MonitorSettings, state: unknown, file: Columns | undefined) {
    const rule = windowRuleOf(settings);
    if (!rule) throw new TypeError(`monitor ${settings.name} has no windows`);
    this.#settings = settings;
    this.#names = featureNames(settings);
    this.#file = file;
    this.#fromFile = file !== undefined;
    this.#reference = this.#sample();
    this.#current = this.#sample();
    this.#windows = new TumblingWindows(rule);
    if (state === undefined) return;
    const kept = parseState(stateSchema, STATE_VERSION, 'the monitor', state);
    this.#fromFile = kept.fromFile && file !== undefined;
    this.#reference = DriftSample.restore(this.#sampleOptions(), kept.reference);
    this.#referenceWindows = kept.referenceWindows;
    this.#current = DriftSample.restore(this.#sampleOptions(), kept.current);
    this.#windows = new TumblingWindows(rule, kept.windows);
    this.#coolDownLeft = kept.coolDownLeft;
    this.#beyond = kept.beyond.slice(-(settings.atLeast?.of ?? 1)).map((one) => one === 1);
  }

  toJSON(): unknown {
    return {
      schema: STATE_SCHEMA,
      version: STATE_VERSION,
      fromFile: this.#fromFile,
      reference: this.#reference.toJSON(),
      referenceWindows: this.#referenceWindows,
      current: this.#current.toJSON(),
      windows: this.#windows.toJSON(),
      coolDownLeft: this.#coolDownLeft,
      beyond: this.#beyond.map(Number),
    };
  }

  get lateCount(): number {
    return this.#windows.lateCount;
  }

  observe({ timeMs, cells = [] }: ObservedRow): Watched | undefined {
    checkTime(timeMs);
    if (this.#windows.refuseLate(timeMs)) return undefined;
    const closed = this.#windows.endsBefore(timeMs) ? this.#close() : undefined;
    const last = this.#windows.add(timeMs);
    this.#current.add(Object.fromEntries(this.#names.map((name, index) => [name, cells[index] ?? null])));
    return last ? this.#close() : closed;
  }

  rebase(reference: 'gather' | 'keep'): void {
    if (reference === 'gather') {
      this.#fromFile = false;
      this.#reference = this.#sample();
      this.#referenceWindows = 0;
    }
    this.#current = this.#sample();
    this.#windows.drop();
    this.#coolDownLeft = 0;
    this.#beyond = [];
  }

  #close(): Watched | undefined {
    const ended = this.#windows.end();
    const current = this.#current.columns();
    this.#current = this.#sample();
    if (!ended) return undefined;
    const { window, full } = ended;
    if (!full) return { kind: 'discarded', observed: 0, window };
    const reference = this.#referenceColumns();
    if (!reference) {
      this.#gather(current);
      return { kind: 'baseline', observed: 0, window };
    }
    if (this.#coolDownLeft > 0) {
      this.#coolDownLeft -= 1;
      return { kind: 'cooling', observed: 0, window };
    }
    const drift = this.#compare(reference, current);
    if (drift instanceof RetrainError) return { kind: 'discarded', observed: 0, window, note: drift.message };
    return this.#judge(drift, window);
  }

  #compare(reference: Columns, current: Columns): DataDrift | RetrainError {
    const { features = [], drift } = this.#settings;
    const columns = Object.fromEntries(
      features.map((feature) => {
        if (typeof feature === 'string') return [feature, {}];
        const { name, ...options } = feature;
        return [name, options];
      }),
    );
    try {
      return dataDrift(reference, current, { columns, ...(drift && { share: drift.share }) });
    } catch (error) {
      // One window with text among numbers must not hold up all that follow.
      if (error instanceof RetrainError) return error;
      throw error;
    }
  }

  #judge({ share, threshold, drifted, columns, notCompared }: DataDrift, window: MetricWindow): Watched {
    const { atLeast = { windows: 1, of: 1 }, coolDownWindows } = this.#settings;
    this.#beyond = [...this.#beyond, drifted].slice(-atLeast.of);
    const names = columns
      .filter((column) => column.drifted)
      .map(({ column, test, score }) => `${column} (${test} ${Number(score.toPrecision(3))})`);
    const absent = notCompared.map(({ column, reason }) => `${column} not compared: ${reason}`);
    const parts = [...shortened(names), ...shortened(absent)];
    const told = { observed: share, window, ...(parts.length > 0 && { note: parts.join(', ') }) };
    if (!drifted) return { kind: 'steady', ...told };
    if (this.#beyond.filter(Boolean).length < atLeast.windows) return { kind: 'suspect', ...told };
    this.#beyond = [];
    this.#coolDownLeft = coolDownWindows;
    const trigger = { kind: 'data-drift' as const, metric: DRIFT_METRIC, detector: DRIFT_DETECTOR };
    return { kind: 'decayed', ...told, trigger: { ...trigger, observed: share, threshold, window } };
  }

  #referenceColumns(): Columns | undefined {
    if (this.#fromFile) return this.#file;
    return this.#referenceWindows >= (this.#settings.baselineWindows ?? 1) ? this.#reference.columns() : undefined;
  }

  #gather(columns: Columns): void {
    this.#referenceWindows += 1;
    const rows = columns[this.#names[0] ?? '']?.length ?? 0;
    for (let row = 0; row < rows; row += 1)
      this.#reference.add(Object.fromEntries(this.#names.map((name) => [name, columns[name]?.[row] ?? null])));
  }

  #sample(): DriftSample {
    return new DriftSample(this.#sampleOptions());
  }

  #sampleOptions(): { columns: string[]; maxRows: number } {
    return sampleOptions(this.#names);
  }
}

/** How many rows are kept of so many features. */
export function sampleOptions(names: readonly string[]): { columns: string[]; maxRows: number } {
  return { columns: [...names], maxRows: Math.max(1, Math.min(ROWS_MAX, Math.floor(CELLS_MAX / names.length))) };
}

export function featureNames({ features = [] }: MonitorSettings): string[] {
  return features.map((feature) => (typeof feature === 'string' ? feature : feature.name));
}

function shortened(list: readonly string[]): string[] {
  return list.length > NAMED_MAX ? [...list.slice(0, NAMED_MAX), `${list.length - NAMED_MAX} more`] : [...list];
}
