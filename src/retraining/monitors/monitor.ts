import { RetrainError } from '../../errors.ts';
import type { Columns } from '../../monitoring/data-drift.ts';
import { present } from '../present.ts';
import type { RetrainRequestInput, Trigger } from '../request.ts';
import { createWatch } from './create-watch.ts';
import { featureNames } from './drift-watch.ts';
import type { FilePositions, FollowedFiles, RowBatch } from './followed-files.ts';
import type { MonitorFact, MonitorLog } from './monitor-log.ts';
import type { MonitorSettings } from './monitor-settings.ts';
import { emptyState } from './monitor-state.ts';
import type { MonitorState, MonitorStates } from './monitor-state.ts';
import { readRow } from './observed-row.ts';
import type { RowColumns } from './observed-row.ts';
import type { Fields } from './source-row.ts';
import { watchKey } from './watch.ts';
import type { Watch } from './watch.ts';

/**
 * Sends a request. When it resolves, the broker has accepted it, or it is in an outbox: the monitor forgets it then. When it rejects,
 * the same evidence is sent again, with the same id.
 */
export type SendRequest = (
  model: string,
  request: RetrainRequestInput,
) => Promise<{ readonly id?: string } | undefined | void>;

export interface MonitorOptions {
  readonly model: string;
  readonly settings: MonitorSettings;
  readonly states: MonitorStates;
  /** The files that are followed; without them, observations only come from `observe`. */
  readonly source?: FollowedFiles;
  /** Rows of the file that the settings name for data drift. */
  readonly reference?: Columns;
  /** Without it nothing is requested, only told. */
  readonly send?: SendRequest;
  readonly log?: MonitorLog;
}

/** One observation of a program: the columns by name, or just the value of the metric. */
export interface GivenObservation {
  /** Text as in a file; a number is milliseconds since 1970. */
  readonly time: Date | string | number;
  readonly value?: number;
  readonly values?: Fields;
}

export interface MonitorStatus {
  readonly model: string;
  readonly monitor: string;
  readonly rows: number;
  readonly badRows: number;
  readonly late: number;
  readonly requests: number;
  readonly baseline?: number;
  readonly lastRequest?: string;
}

/** What one look at a source brought. */
export interface Polled {
  readonly rows: number;
  /** There may be more to read at once. */
  readonly more: boolean;
}

/**
 * One monitor of one model: reads rows, watches them, and requests a retraining when they tell decay.
 *
 * Its state is written when a batch of rows is through, and at once after a request was accepted; never before. A crash between the
 * two reads the same rows again and sends the same request again, with the same id, because ids come from the evidence:
 * the broker drops it. A request that cannot be sent does the same without a crash: the monitor goes back to what is on the disk.
 */
export class Monitor {
  readonly #options: MonitorOptions;
  readonly #columns: RowColumns;
  #state: MonitorState;
  #watch: Watch;
  /** What was last written. */
  #durable: MonitorState;
  /** Windows that have closed since then, and of how many of them was told: what is watched again is not told again. */
  #closed = 0;
  #told = 0;
  /** Calls run one after the other. */
  #tail: Promise<unknown> = Promise.resolve();

  private constructor(options: MonitorOptions, state: MonitorState) {
    this.#options = options;
    this.#columns = columnsOf(options.settings);
    this.#state = state;
    this.#durable = state;
    this.#watch = createWatch(options.settings, state.watch ?? undefined, options.reference);
  }

  /**
   * The monitor where it stood when its state was last written.
   *
   * @throws RetrainError `DATA_CORRUPT` or `DATA_VERSION` when the state cannot be read, `ARGUMENT_INVALID` when the settings cannot be meant.
   */
  static async open(options: MonitorOptions): Promise<Monitor> {
    const { model, settings, states, log } = options;
    const key = watchKey(settings);
    const kept = (await states.read(model, settings.name)) ?? emptyState(model, settings.name, key);
    if (kept.watchKey === key) return new Monitor(options, kept);
    log?.({ fact: 'monitor-restarted', model, monitor: settings.name });
    return new Monitor(options, { ...kept, watchKey: key, watch: undefined });
  }

  get status(): MonitorStatus {
    const { model, monitor, rows, badRows, requests, lastRequest } = this.#state;
    const { baseline, lateCount: late } = this.#watch;
    return {
      model,
      monitor,
      rows,
      badRows,
      late,
      requests,
      ...present({ baseline, lastRequest: lastRequest ?? undefined }),
    };
  }

  /** How far each file of the source has been read. */
  get positions(): FilePositions {
    return this.#state.files;
  }

  /** Bytes of the source that have not been read, such as a line that is not finished. */
  behind(): Promise<number> {
    return this.#options.source?.behind(this.#state.files) ?? Promise.resolve(0);
  }

  /**
   * Reads the next rows of the source, at most a chunk, and does what they call for. When it resolves the state is durable.
   *
   * @throws what kept a request from being sent, or the source from being read; nothing is lost, the next call tries again.
   */
  poll(): Promise<Polled> {
    return this.#exclusively(async () => {
      const batch = await this.#options.source?.next(this.#state.files);
      if (!batch) return { rows: 0, more: false };
      try {
        await this.#takeBatch(batch);
        return { rows: batch.rows.length, more: batch.more };
      } finally {
        await batch.close();
      }
    });
  }

  /**
   * Takes observations of a program, in order. When it resolves they are remembered durably, and what they call for was requested. When
   * it rejects, none of them since the newest request has counted: give them again.
   *
   * @throws RetrainError `ARGUMENT_INVALID` for an observation that is none; or what kept a request from being sent.
   */
  observe(given: GivenObservation | readonly GivenObservation[]): Promise<void> {
    return this.#exclusively(async () => {
      const { name } = this.#options.settings;
      const list = Array.isArray(given) ? (given as readonly GivenObservation[]) : [given as GivenObservation];
      const rows = list.map((observation) => {
        const read = readRow(this.#fieldsOf(observation), this.#columns);
        if (read.kind === 'bad')
          throw new RetrainError('ARGUMENT_INVALID', `observation of monitor ${name}: ${read.reason}`);
        return read;
      });
      await this.#orRecall(async () => {
        for (const read of rows) {
          if (read.kind !== 'observed') continue;
          if (await this.#take(read.row)) await this.#write(this.#state.files);
        }
        await this.#write(this.#state.files);
      });
    });
  }

  /**
   * Says which champion is served now. A newer one than before was trained on other data: the monitor starts afresh.
   *
   * @param promotedNow it is known to have been promoted just now; otherwise a monitor that never heard of a champion takes it for the one it has watched
   */
  champion(epoch: number, { promotedNow = false }: { promotedNow?: boolean } = {}): Promise<void> {
    return this.#exclusively(async () => {
      const { epoch: known } = this.#state;
      if (known !== null && epoch <= known) return;
      if (known !== null || promotedNow) {
        this.#watch.rebase(this.#options.settings.afterPromotion);
        this.#tell({ fact: 'monitor-rebased', epoch });
      }
      this.#state = { ...this.#state, epoch };
      await this.#orRecall(() => this.#write(this.#state.files));
    });
  }

  async #takeBatch(batch: RowBatch): Promise<void> {
    if (batch.restarted) this.#tell({ fact: 'source-restarted', source: batch.path, why: batch.restarted });
    let bad = 0;
    let reason = '';
    const refuse = (why: string): void => {
      if (bad === 0) reason = why;
      bad += 1;
    };
    await this.#orRecall(async () => {
      for (const row of batch.rows) {
        const read = 'bad' in row ? ({ kind: 'bad', reason: row.bad } as const) : readRow(row.fields, this.#columns);
        if (read.kind === 'other') continue;
        if (read.kind === 'bad') {
          refuse(read.reason);
          continue;
        }
        if (await this.#take(read.row, refuse)) await this.#write(await batch.positionsAt(row.end));
      }
      this.#state = { ...this.#state, badRows: this.#state.badRows + bad };
      await this.#write(await batch.positionsAt());
    });
    if (bad > 0) this.#tell({ fact: 'rows-bad', source: batch.path, count: bad, reason });
  }

  /** Takes one row; true when something was requested, and the state has to be written. */
  async #take(row: Parameters<Watch['observe']>[0], refuse?: (why: string) => void): Promise<boolean> {
    let watched;
    try {
      watched = this.#watch.observe(row);
    } catch (error) {
      if (!refuse || !(error instanceof RetrainError) || error.code !== 'ARGUMENT_INVALID') throw error;
      refuse(error.message);
      return false;
    }
    this.#state = { ...this.#state, rows: this.#state.rows + 1 };
    if (!watched) return false;
    const { kind, observed, window, trigger, note } = watched;
    const { baseline } = this.#watch;
    this.#closed += 1;
    if (this.#closed > this.#told) {
      this.#told = this.#closed;
      this.#tell({ fact: 'window-closed', kind, observed, window, ...present({ baseline, note }) });
    }
    if (!trigger) return false;
    await this.#request(trigger);
    return true;
  }

  async #request(trigger: Trigger): Promise<void> {
    const { model, settings, send } = this.#options;
    if (!send) {
      this.#tell({ fact: 'retraining-withheld', trigger });
      return;
    }
    const { name, parameters } = settings;
    try {
      const sent = await send(model, { model: { name: model }, trigger, parameters, requestedBy: `monitor ${name}` });
      this.#tell({ fact: 'retraining-requested', trigger, ...(sent?.id !== undefined && { id: sent.id }) });
    } catch (error) {
      // What is refused for its form will be refused again, and must not hold up what comes after it.
      if (!isRefusal(error)) throw new RequestNotSent(error);
      this.#tell({ fact: 'request-refused', reason: error.message });
      return;
    }
    this.#state = { ...this.#state, requests: this.#state.requests + 1, lastRequest: trigger.window?.to ?? null };
  }

  /** Only watching, nothing is written: whoever really sends later must see the same evidence. */
  async #write(files: FilePositions): Promise<void> {
    this.#state = { ...this.#state, files, watch: JSON.parse(JSON.stringify(this.#watch)) as unknown };
    if (this.#options.send) await this.#options.states.write(this.#state);
    this.#durable = this.#state;
    this.#closed = 0;
    this.#told = 0;
  }

  /** What fails has not happened: the monitor goes back to what it last wrote. */
  async #orRecall(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#state = this.#durable;
      this.#closed = 0;
      const { settings, reference } = this.#options;
      this.#watch = createWatch(settings, this.#durable.watch ?? undefined, reference);
      throw error;
    }
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#tail.then(work);
    this.#tail = done.catch(() => undefined);
    return done;
  }

  #fieldsOf({ time, value, values }: GivenObservation): Fields {
    const { time: timeColumn, value: valueColumn } = this.#columns;
    return {
      ...values,
      [timeColumn]: typeof time === 'string' ? time : new Date(time).toISOString(),
      ...(value !== undefined && valueColumn !== undefined && { [valueColumn]: value }),
    };
  }

  #tell(fact: DistributiveOmit<MonitorFact, 'model' | 'monitor'>): void {
    const { model, settings, log } = this.#options;
    log?.({ ...fact, model, monitor: settings.name });
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** The broker has not taken a request, nor has an outbox; `cause` says why. */
export class RequestNotSent extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'RequestNotSent';
  }
}

/** The columns that a monitor reads. */
export function columnsOf(settings: MonitorSettings): RowColumns {
  const { source, metric, value } = settings;
  return {
    time: source.time,
    value: value ?? metric,
    features: settings.features && featureNames(settings),
    where: source.where,
  };
}

function isRefusal(error: unknown): error is RetrainError {
  return error instanceof RetrainError && (error.code === 'REQUEST_INVALID' || error.code === 'MESSAGE_TOO_LARGE');
}
