import { RetrainError } from '../../src/errors.ts';
import { Log, type LogOptions, type LogRecord, RecordKind, type RecoveredRecord } from '../../src/storage/index.ts';
import { FakeClock } from '../fake-clock.ts';
import { FakeDisk, type FakeDiskOptions } from '../fake-disk.ts';
import { drive, turn } from './storage-run.ts';

export const SEGMENT_BYTES = 16 * 1024;
export const RESERVE_BYTES = 8 * 1024;

export interface Told {
  readonly id: number;
  readonly kind: number;
  readonly refs: readonly number[];
  readonly bytes: string;
  readonly live: boolean;
}

/** A log on a fake disk, with what it told. */
export class LogFixture {
  readonly clock = new FakeClock();
  disk: FakeDisk;
  log!: Log;
  told: Told[] = [];
  durable: number[] = [];
  failures: RetrainError[] = [];

  constructor(options: Partial<FakeDiskOptions> = {}) {
    this.disk = new FakeDisk({ clock: this.clock, seed: 1, ...options });
  }

  async open(options: Partial<LogOptions> = {}): Promise<Log> {
    this.told = [];
    this.durable = [];
    const onRecord = ({ id, kind, refs, bytes }: RecoveredRecord, live: boolean): void => {
      this.told.push({ id, kind, refs, bytes: bytes.toString(), live });
    };
    this.log = await drive(
      this.clock,
      Log.open({
        disk: this.disk,
        folder: '/data',
        clock: this.clock,
        segmentBytes: SEGMENT_BYTES,
        reserveBytes: RESERVE_BYTES,
        onRecord,
        onDurable: (position) => this.durable.push(position),
        onFailed: (error) => this.failures.push(error),
        ...options,
      }),
    );
    return this.log;
  }

  async close(): Promise<void> {
    await drive(this.clock, this.log.close());
  }

  /** The process is gone, and the machine with it unless `cause` says otherwise. */
  crash(cause: 'power' | 'process' = 'power'): void {
    this.disk = this.disk.crash(cause);
    this.clock.dropTimers();
  }

  /** Lets everything that is under way come to an end. */
  async settle(): Promise<void> {
    for (let idle = 0; idle < 20;) {
      await turn();
      const dueMs = this.clock.nextDueMs();
      const busy = dueMs !== undefined && dueMs < 100;
      if (busy) this.clock.advance(dueMs);
      idle = busy ? 0 : idle + 1;
    }
  }

  /** Appends a message: a body and its entry. Returns the ids and the position. */
  send(body: string | Buffer, fields = 'fields'): { body: number; entry: number; position: number } {
    const id = this.log.nextId();
    const entry = this.log.nextId();
    const position = this.log.append(
      [
        { kind: RecordKind.body, id, refs: [], bytes: Buffer.from(body) },
        { kind: RecordKind.entry, id: entry, refs: [id], bytes: Buffer.from(fields) },
      ],
      'send',
    );
    return { body: id, entry, position };
  }

  change(owner: number, bytes: string, supersedes?: number): number {
    const id = this.log.nextId();
    const refs = supersedes === undefined ? [owner] : [owner, supersedes];
    this.log.append([{ kind: RecordKind.change, id, refs, bytes: Buffer.from(bytes) }], 'settle');
    return id;
  }

  settleEntries(...refs: number[]): number {
    const gone: LogRecord = { kind: RecordKind.gone, id: this.log.nextId(), refs, bytes: [] };
    return this.log.append([gone], 'settle');
  }

  /** Sends messages of 1 KiB until `segments` more have begun. Returns their entries. */
  async fill(segments: number): Promise<number[]> {
    const entries: number[] = [];
    const end = this.log.stats().segments + segments;
    while (this.log.stats().segments < end) {
      entries.push(this.send(Buffer.alloc(1024, entries.length)).entry);
      if (this.log.congested || entries.length % 8 === 0) await this.settle();
    }
    await this.settle();
    return entries;
  }

  async readBack(body: number): Promise<Buffer> {
    const read = this.log.read(body);
    return Buffer.isBuffer(read) ? read : drive(this.clock, read);
  }

  liveIds(): number[] {
    return this.told.filter(({ live }) => live).map(({ id }) => id);
  }
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof RetrainError ? error.code : undefined;
}
