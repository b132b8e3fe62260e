import { RetrainError } from '../../errors.ts';
import { pause, systemClock } from '../../runtime/clock.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { FolderLock } from '../../runtime/disk.ts';
import { files as systemFiles } from '../../runtime/files.ts';
import type { Files } from '../../runtime/files.ts';
import { nodeDisk } from '../../runtime/node-disk.ts';
import { systemRandom } from '../../runtime/random.ts';
import type { Random } from '../../runtime/random.ts';
import { fileReader } from '../../runtime/read-file.ts';
import { backoffMs } from '../backoff.ts';
import type { Backoff } from '../backoff.ts';
import { outcomeOf } from '../outcome.ts';
import type { OutcomeEvent } from '../outcome.ts';
import { readReference } from './drift-reference.ts';
import { Monitor, RequestNotSent } from './monitor.ts';
import type { MonitorStatus, SendRequest } from './monitor.ts';
import type { MonitorLog } from './monitor-log.ts';
import type { MonitorSettings } from './monitor-settings.ts';
import { sourceOf } from './monitor-source.ts';
import { MonitorStates } from './monitor-state.ts';
import { journalFolder, trimJournal } from './observation-journal.ts';

/** How often sources are looked at. */
export const POLL_MS = 5_000;
/** How often the registry is asked for champions, which may lie beyond a network. */
const CHAMPION_MS = 15_000;
/** Monitors that are worked on at the same time. */
const CONCURRENCY = 8;
/** Chunks of one monitor before another one has its turn. */
const CHUNKS_PER_TURN = 4;
/** After a failure: a broker that is away, a file that cannot be read. */
const FAILURE_BACKOFF: Backoff = { baseMs: 1_000, maxMs: 60_000 };

export interface MonitorRunnerOptions {
  /** The monitors of each model. */
  readonly models: ReadonlyMap<string, readonly MonitorSettings[]>;
  /** Where monitors keep their state, such as `<state>/monitors`; this process alone may use it. */
  readonly folder: string;
  /** Where an `ObservationSink` keeps what was pushed, such as `<state>/observations`. */
  readonly observationFolder: string;
  /** Relative paths in the settings are relative to it. */
  readonly baseFolder: string;
  /** See `SendRequest`. Without it nothing is requested and nothing is written. */
  readonly send?: SendRequest;
  /** Epoch of the model's champion as the registry knows it; a higher one than before makes its monitors start afresh. */
  readonly championEpoch?: (model: string) => Promise<number | undefined>;
  readonly pollMs?: number;
  readonly log?: MonitorLog;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly files?: Files;
}

interface Entry {
  readonly model: string;
  readonly settings: MonitorSettings;
  readonly monitor: Monitor;
  failures: number;
  /** Of the newest failure; told once as long as it stays the same. */
  reason: string;
  /** Why the champion is not known; told once, too. */
  championReason: string;
  /** Monotonic milliseconds. */
  notBeforeMs: number;
}

/** Runs all monitors of all models: looks at their sources again and again, and sends what they request. */
export class MonitorRunner {
  readonly #options: MonitorRunnerOptions;
  readonly #clock: Clock;
  readonly #files: Files;
  readonly #stop = new AbortController();
  #lock: FolderLock | undefined;
  #opened = false;
  #entries: Entry[] = [];
  #failed = 0;
  #champions = { notBeforeMs: -Infinity };
  #loop: Promise<void> | undefined;

  constructor(options: MonitorRunnerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#files = options.files ?? systemFiles;
  }

  /**
   * Takes the folder, reads the states, and begins. A monitor whose state cannot be read is told of and left out.
   *
   * @throws RetrainError `DATA_LOCKED` when another process runs these monitors.
   */
  async start(): Promise<void> {
    await this.#open();
    this.#loop = this.#run();
  }

  /** Reads what is there now, to its end, and returns how many monitors could not do their work. For a job instead of a service. */
  async once(): Promise<{ failed: number }> {
    await this.#open();
    while (await this.#turn()) if (this.#stop.signal.aborted) break;
    return { failed: this.#failed + this.#entries.filter(({ failures }) => failures > 0).length };
  }

  /** Resolves when what was begun is through. What is in the middle of being read is read again by the next one. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    await this.#lock?.release();
    this.#lock = undefined;
  }

  get status(): readonly MonitorStatus[] {
    return this.#entries.map(({ monitor }) => monitor.status);
  }

  /** Bytes of all sources that were not read, such as last lines that are not finished. */
  async behind(): Promise<number> {
    let bytes = 0;
    for (const { monitor } of this.#entries) bytes += await monitor.behind().catch(() => 0);
    return bytes;
  }

  /** Takes an outcome event: the monitors of a model that was promoted start afresh, durably when it resolves. The same event twice does nothing. */
  async outcome(event: OutcomeEvent): Promise<void> {
    const { model, epoch } = event.data;
    if (outcomeOf(event) !== 'promoted' || epoch === undefined) return;
    for (const entry of this.#entries)
      if (entry.model === model) await entry.monitor.champion(epoch, { promotedNow: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #open(): Promise<void> {
    const { folder, models, send, log } = this.#options;
    if (this.#opened)
      throw new RetrainError('ARGUMENT_INVALID', 'the monitors ran already: make another MonitorRunner');
    this.#opened = true;
    if (send) {
      await this.#files.makeFolder(folder);
      this.#lock = await nodeDisk.lock(folder);
    }
    const states = new MonitorStates({ folder, files: this.#files });
    for (const [model, monitors] of models)
      for (const settings of monitors) {
        try {
          const source = sourceOf(model, settings, { ...this.#options, reader: fileReader });
          const { baseFolder } = this.#options;
          const reference = await readReference(settings, { baseFolder, reader: fileReader });
          const monitor = await Monitor.open({
            model,
            settings,
            states,
            source,
            ...(send && { send }),
            ...(log && { log }),
            ...(reference && { reference }),
          });
          this.#entries.push({ model, settings, monitor, failures: 0, reason: '', championReason: '', notBeforeMs: 0 });
        } catch (error) {
          this.#failed += 1;
          log?.({ fact: 'monitor-failed', model, monitor: settings.name, reason: messageOf(error) });
        }
      }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const more = await this.#turn();
      if (!more) await pause(this.#clock, this.#options.pollMs ?? POLL_MS, signal);
    }
  }

  /** One look at every source; true when there is more to read at once. */
  async #turn(): Promise<boolean> {
    await this.#hearOfChampions();
    const nowMs = this.#clock.monotonicMs();
    const due = this.#entries.filter(({ notBeforeMs }) => notBeforeMs <= nowMs);
    let next = 0;
    let more = false;
    const slot = async (): Promise<void> => {
      for (let entry = due[next++]; entry && !this.#stop.signal.aborted; entry = due[next++])
        if (await this.#poll(entry)) more = true;
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, slot));
    await this.#trimJournals();
    return more;
  }

  async #poll(entry: Entry): Promise<boolean> {
    try {
      for (let chunk = 0; chunk < CHUNKS_PER_TURN; chunk += 1) {
        const { more } = await entry.monitor.poll();
        if (!more || this.#stop.signal.aborted) break;
        if (chunk === CHUNKS_PER_TURN - 1) return true;
      }
      entry.failures = 0;
      entry.reason = '';
    } catch (error) {
      this.#failure(entry, error);
    }
    return false;
  }

  #failure(entry: Entry, error: unknown): void {
    const { random = systemRandom, log } = this.#options;
    entry.failures += 1;
    entry.notBeforeMs = this.#clock.monotonicMs() + backoffMs(entry.failures, FAILURE_BACKOFF, random);
    const reason = messageOf(error);
    if (reason === entry.reason) return;
    entry.reason = reason;
    const { model, settings } = entry;
    const fact = error instanceof RequestNotSent ? 'request-failed' : 'monitor-held-up';
    log?.({ fact, model, monitor: settings.name, reason });
  }

  /** A registry that cannot be read now is asked again at the next turn. */
  async #hearOfChampions(): Promise<void> {
    const { championEpoch } = this.#options;
    const nowMs = this.#clock.monotonicMs();
    if (!championEpoch || nowMs < this.#champions.notBeforeMs) return;
    this.#champions = { notBeforeMs: nowMs + CHAMPION_MS };
    for (const model of new Set(this.#entries.map((entry) => entry.model))) {
      const entries = this.#entries.filter((entry) => entry.model === model);
      const epoch = await championEpoch(model).catch((error: unknown) => {
        for (const entry of entries) this.#championUnknown(entry, messageOf(error));
      });
      if (epoch === undefined) continue;
      for (const entry of entries) {
        entry.championReason = '';
        await entry.monitor.champion(epoch).catch((error: unknown) => this.#failure(entry, error));
      }
    }
  }

  #championUnknown(entry: Entry, reason: string): void {
    if (entry.championReason === reason) return;
    entry.championReason = reason;
    const { model, settings } = entry;
    this.#options.log?.({ fact: 'champion-unknown', model, monitor: settings.name, reason });
  }

  /** What was pushed is removed when all monitors that it is for have read it. */
  async #trimJournals(): Promise<void> {
    const { send, observationFolder } = this.#options;
    if (!send) return;
    const pushed = this.#entries.filter(({ settings }) => settings.source.pushed);
    for (const model of new Set(pushed.map((entry) => entry.model))) {
      const all = this.#options.models.get(model)?.filter(({ source }) => source.pushed) ?? [];
      const monitors = pushed.filter((entry) => entry.model === model).map(({ monitor }) => monitor.positions);
      // One whose state could not be read has not read anything.
      if (monitors.length < all.length) continue;
      const folder = journalFolder(observationFolder, model);
      await trimJournal(folder, { monitors, files: this.#files, reader: fileReader }).catch(() => undefined);
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
