import assert from 'node:assert/strict';
import { RetrainError } from '../../src/errors.ts';
import { Log, type LogOptions, type LogRecord, RecordKind, type RecoveredRecord } from '../../src/storage/index.ts';
import { FakeClock } from '../fake-clock.ts';
import { FakeDisk, type FakeDiskOptions, seededFraction } from '../fake-disk.ts';

/** Lets time pass, step by step, until the promise has settled. */
export async function drive<T>(clock: FakeClock, promise: Promise<T>): Promise<T> {
  const state = { settled: false };
  void promise.catch(() => {}).finally(() => (state.settled = true));
  for (let idle = 0; !state.settled;) {
    await turn();
    const dueMs = clock.nextDueMs();
    if (dueMs !== undefined) clock.advance(dueMs);
    idle = dueMs === undefined ? idle + 1 : 0;
    if (idle > 50) throw new Error('nothing is under way and the promise has not settled');
  }
  return promise;
}

/** Everything that is ready runs; no time passes. */
export function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** What the model knows of a live record. */
interface Known {
  readonly kind: number;
  readonly refs: readonly number[];
  readonly bytes: Buffer;
}

/** The live records of a log by the rules of `RecordKind`, in the simplest way that could work. */
export class Model {
  readonly bodies = new Map<number, Buffer>();
  readonly live = new Map<number, Known>();

  copy(): Model {
    const copy = new Model();
    for (const [id, bytes] of this.bodies) copy.bodies.set(id, bytes);
    for (const [id, known] of this.live) copy.live.set(id, known);
    return copy;
  }

  apply(batch: readonly LogRecord[]): void {
    for (const { kind, id, refs, bytes } of batch) {
      const whole = Buffer.isBuffer(bytes) ? bytes : Buffer.concat(bytes);
      if (kind === RecordKind.body) this.bodies.set(id, whole);
      else if (kind === RecordKind.gone) for (const victim of refs) this.#kill(victim);
      else if (kind === RecordKind.entry) this.live.set(id, { kind, refs, bytes: whole });
      else if (this.live.has(refs[0] as number)) {
        if (refs[1] !== undefined) this.live.delete(refs[1]);
        this.live.set(id, { kind, refs, bytes: whole });
      }
    }
  }

  #kill(victim: number): void {
    const known = this.live.get(victim);
    this.live.delete(victim);
    if (known?.kind !== RecordKind.entry) return;
    for (const [id, { kind, refs }] of this.live)
      if (kind === RecordKind.change && refs[0] === victim) this.live.delete(id);
  }
}

export interface RunOptions {
  readonly seed: number;
  readonly steps: number;
  readonly disk?: Partial<FakeDiskOptions>;
  /** Probability of a crash at a step. */
  readonly crashes: number;
}

export interface SeedsOptions {
  readonly seeds: number;
  readonly steps: number;
  readonly crashes: number;
  readonly capacityBytes?: number;
}

/** What happened in all of the runs together. */
export interface SeedsResult {
  crashes: number;
  compactions: number;
  refused: number;
}

/** Runs histories 0 to `seeds` - 1. With STORAGE_SEED=n in the environment it replays that one alone. */
export async function runSeeds({ seeds, steps, crashes, capacityBytes }: SeedsOptions): Promise<SeedsResult> {
  const only = process.env['STORAGE_SEED'];
  const list = only === undefined ? Array.from({ length: seeds }, (_, index) => index) : [Number(only)];
  const result = { crashes: 0, compactions: 0, refused: 0 };
  for (const seed of list) {
    const run = new StorageRun({ seed, steps, crashes, disk: capacityBytes === undefined ? {} : { capacityBytes } });
    try {
      await run.run();
    } catch (error) {
      throw new Error(`seed ${seed} fails; replay it with STORAGE_SEED=${seed}`, { cause: error });
    }
    result.crashes += run.crashes;
    result.compactions += run.compactions;
    result.refused += run.refused;
  }
  return result;
}

/** A random history of one data folder, checked against the model after each crash. Throws on the first difference. */
export class StorageRun {
  readonly #options: RunOptions;
  readonly #fraction: () => number;
  readonly #clock = new FakeClock();
  #disk: FakeDisk;
  #log!: Log;
  #model = new Model();
  /** Batches since the last start that may be lost, by position. */
  #history = new Map<number, readonly LogRecord[]>();
  /** The model as of `#durable`. */
  #base = new Model();
  #durable = 0;
  #highestId = 0;
  #highestKeptId = 0;
  #counterOwner = 0;
  #counter = 0;
  refused = 0;
  crashes = 0;
  compactions = 0;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#fraction = seededFraction(options.seed);
    const latencyMs = this.#chance(0.5) ? { min: 0, max: 3 } : undefined;
    this.#disk = new FakeDisk({
      clock: this.#clock,
      seed: options.seed ^ 0x5bd1e995,
      ...(latencyMs && { latencyMs }),
      ...options.disk,
    });
  }

  async run(): Promise<void> {
    await this.#open();
    for (let step = 0; step < this.#options.steps; step++) {
      await this.#step();
      if (this.#chance(this.#options.crashes)) await this.#crash();
    }
    await this.#close();
    await this.#open();
    await this.#close();
  }

  #chance(probability: number): boolean {
    return this.#fraction() < probability;
  }

  #below(limit: number): number {
    return Math.floor(this.#fraction() * limit);
  }

  #pick(kind: number): number | undefined {
    const ids = [...this.#model.live].filter(([, known]) => known.kind === kind).map(([id]) => id);
    return ids[this.#below(ids.length)];
  }

  async #step(): Promise<void> {
    const dice = this.#fraction();
    if (dice < 0.3) this.#send();
    else if (dice < 0.42) this.#change();
    else if (dice < 0.62) this.#settle();
    else if (dice < 0.67) this.#forward();
    else if (dice < 0.72) await this.#readOne();
    else if (dice < 0.73 && this.#model.live.size > 20) this.#settleMost();
    else if (dice < 0.9) await this.#pass(1 + this.#below(4));
    else await this.#pass(10);
  }

  async #pass(turns: number): Promise<void> {
    for (let count = 0; count < turns; count++) {
      this.#clock.advance(this.#clock.nextDueMs() ?? 0);
      await turn();
    }
  }

  #append(batch: readonly LogRecord[], purpose: 'send' | 'settle'): void {
    let position;
    try {
      position = this.#log.append(batch, purpose);
    } catch (error) {
      if (!(error instanceof RetrainError) || !['DISK_FULL', 'MESSAGE_TOO_LARGE'].includes(error.code)) throw error;
      this.refused++;
      return;
    }
    this.#record(position, batch);
  }

  #record(position: number, batch: readonly LogRecord[]): void {
    this.#history.set(position, batch);
    this.#model.apply(batch);
  }

  #bytes(limit: number): Buffer {
    return Buffer.alloc(this.#below(limit), this.#below(256));
  }

  #id(): number {
    const id = this.#log.nextId();
    const before = Math.max(this.#highestId, this.#highestKeptId);
    assert.ok(id > before, `id ${id} does not rise above ${before}`);
    this.#highestId = id;
    return id;
  }

  #send(): void {
    const batch: LogRecord[] = [];
    for (let count = this.#chance(0.8) ? 1 : 1 + this.#below(5); count > 0; count--) {
      const bodies: number[] = [];
      for (let bodyCount = this.#chance(0.9) ? 1 : this.#below(4); bodyCount > 0; bodyCount--) {
        const bytes = this.#bytes(this.#chance(0.9) ? 200 : 800);
        const parts = this.#chance(0.5)
          ? bytes
          : [bytes.subarray(0, bytes.length / 2), bytes.subarray(bytes.length / 2)];
        const id = this.#id();
        bodies.push(id);
        batch.push({ kind: RecordKind.body, id, refs: [], bytes: parts });
      }
      for (let entries = this.#chance(0.9) ? 1 : 2; entries > 0; entries--) {
        batch.push({ kind: RecordKind.entry, id: this.#id(), refs: bodies, bytes: this.#bytes(60) });
      }
    }
    this.#append(batch, 'send');
  }

  #change(): void {
    const owner = this.#pick(RecordKind.entry);
    if (owner === undefined) return;
    const former = [...this.#model.live].filter(
      ([, { kind, refs }]) => kind === RecordKind.change && refs[0] === owner,
    );
    const superseded = this.#chance(0.8) ? former[this.#below(former.length)]?.[0] : undefined;
    const refs = superseded === undefined ? [owner] : [owner, superseded];
    this.#append([{ kind: RecordKind.change, id: this.#id(), refs, bytes: this.#bytes(100) }], 'settle');
  }

  #settle(): void {
    const victims = new Set<number>();
    for (let count = this.#chance(0.7) ? 1 : 1 + this.#below(6); count > 0; count--) {
      const id = this.#pick(this.#chance(0.85) ? RecordKind.entry : RecordKind.change);
      if (id !== undefined && id !== this.#counterOwner) victims.add(id);
    }
    if (victims.size > 0) this.#kill([...victims]);
  }

  #settleMost(): void {
    const victims = [...this.#model.live.keys()].filter((id) => id !== this.#counterOwner && this.#chance(0.9));
    for (let at = 0; at < victims.length; at += 20) this.#kill(victims.slice(at, at + 20));
  }

  #kill(refs: readonly number[]): void {
    this.#append([{ kind: RecordKind.gone, id: this.#id(), refs, bytes: [] }], 'settle');
  }

  /** One entry gives its bodies to another, as dead-lettering does. */
  #forward(): void {
    const id = this.#pick(RecordKind.entry);
    if (id === undefined || id === this.#counterOwner) return;
    const { refs } = this.#model.live.get(id) as Known;
    const gone: LogRecord = { kind: RecordKind.gone, id: this.#id(), refs: [id], bytes: [] };
    this.#append([gone, { kind: RecordKind.entry, id: this.#id(), refs, bytes: this.#bytes(60) }], 'settle');
  }

  async #readOne(): Promise<void> {
    const id = this.#pick(RecordKind.entry);
    if (id !== undefined) await this.#checkBodies(this.#model, id);
  }

  async #checkBodies(model: Model, id: number): Promise<void> {
    for (const body of (model.live.get(id) as Known).refs) {
      const read = this.#log.read(body);
      const bytes = Buffer.isBuffer(read) ? read : await drive(this.#clock, read);
      assert.ok(bytes.equals(model.bodies.get(body) as Buffer), `body ${body} of entry ${id} differs`);
    }
  }

  async #crash(): Promise<void> {
    this.crashes++;
    this.compactions += this.#log.stats().compactions;
    this.#disk = this.#disk.crash(this.#chance(0.8) ? 'power' : 'process');
    this.#clock.dropTimers();
    await this.#open();
  }

  async #close(): Promise<void> {
    this.compactions += this.#log.stats().compactions;
    const appended = this.#log.appended;
    await drive(this.#clock, this.#log.close());
    assert.ok(this.#log.durable >= appended);
    assert.ok(this.#log.stats().pendingBytes === 0);
  }

  async #open(): Promise<void> {
    // Ids that were lost with their records may come again, others never.
    this.#highestId = 0;
    const found = new Map<number, Known>();
    const dead = new Set<number>();
    let lastId = 0;
    const onRecord = ({ kind, id, refs, bytes }: RecoveredRecord, live: boolean): void => {
      assert.ok(id > lastId, `record ${id} is told after ${lastId}`);
      lastId = id;
      if (live) found.set(id, { kind, refs, bytes: Buffer.from(bytes) });
      else dead.add(id);
      if (live && kind === RecordKind.change)
        assert.ok(found.has(refs[0] as number), `change ${id} comes before its owner`);
    };
    // A second crash may interrupt the recovery of the first.
    if (this.#chance(0.1)) {
      void Log.open(this.#logOptions(() => {})).catch(() => {});
      await this.#pass(this.#below(30));
      this.#disk = this.#disk.crash(this.#chance(0.8) ? 'power' : 'process');
      this.#clock.dropTimers();
    }
    this.#log = await drive(this.#clock, Log.open(this.#logOptions(onRecord)));
    this.#model = this.#match(found);
    for (const id of dead) assert.ok(!this.#model.live.has(id), `record ${id} is told dead and alive`);
    this.#base = this.#model.copy();
    this.#history.clear();
    this.#durable = 0;
    for (const [id, { kind }] of this.#model.live)
      if (kind === RecordKind.entry) await this.#checkBodies(this.#model, id);
    if (this.#model.live.get(this.#counterOwner)?.kind !== RecordKind.entry) this.#declareCounter();
  }

  #logOptions(onRecord: LogOptions['onRecord']): LogOptions {
    const sizes = [4096, 6000, 8192, 16384];
    return {
      disk: this.#disk,
      folder: '/data',
      clock: this.#clock,
      segmentBytes: 8192,
      reserveBytes: sizes[this.#options.seed % 3] as number,
      cacheBytes: 4096 * (this.#options.seed % 5),
      onRecord,
      onDurable: (position) => this.#onDurable(position),
      onFailed: (error) => {
        throw error;
      },
      snapshot: () => this.#snapshot(),
    };
  }

  /** What was found must be the model after some batch between the last durable one and the last appended one. */
  #match(found: Map<number, Known>): Model {
    const model = this.#base.copy();
    let difference = differenceOf(model, found);
    for (const [position, batch] of this.#history) {
      if (position > this.#durable && difference === undefined) return model;
      this.#keep(model, batch);
      difference = differenceOf(model, found);
    }
    if (difference !== undefined) throw new Error(difference);
    return model;
  }

  #onDurable(position: number): void {
    for (const [at, batch] of this.#history) {
      if (at > position) break;
      this.#keep(this.#base, batch);
      this.#history.delete(at);
    }
    this.#durable = position;
  }

  #keep(model: Model, batch: readonly LogRecord[]): void {
    model.apply(batch);
    for (const { id } of batch) this.#highestKeptId = Math.max(this.#highestKeptId, id);
  }

  #declareCounter(): void {
    const owner = this.#id();
    this.#append([{ kind: RecordKind.entry, id: owner, refs: [], bytes: Buffer.from('counters') }], 'settle');
    if (this.#model.live.has(owner)) this.#counterOwner = owner;
    this.#counter = 0;
  }

  /** Ids that a crash has undone may come again for something else. */
  #isCounterOf(owner: number, id: number): boolean {
    const known = this.#model.live.get(id);
    return known?.kind === RecordKind.change && known.refs[0] === owner;
  }

  #snapshot(): LogRecord[] {
    const owner = this.#counterOwner;
    if (this.#model.live.get(owner)?.kind !== RecordKind.entry) return [];
    const former = this.#isCounterOf(owner, this.#counter) ? [this.#counter] : [];
    const id = this.#id();
    const batch: LogRecord[] = [
      { kind: RecordKind.change, id, refs: [owner, ...former], bytes: Buffer.from(String(id)) },
    ];
    this.#counter = id;
    this.#record(this.#log.appended + 1, batch);
    return batch;
  }
}

function differenceOf(model: Model, found: Map<number, Known>): string | undefined {
  for (const [id, known] of model.live) {
    const other = found.get(id);
    if (!other) return `record ${id} is missing`;
    if (other.kind !== known.kind || !other.bytes.equals(known.bytes) || other.refs.join() !== known.refs.join())
      return `record ${id} differs`;
  }
  for (const id of found.keys()) if (!model.live.has(id)) return `record ${id} has risen again`;
  return undefined;
}
