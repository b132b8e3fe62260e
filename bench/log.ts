import { mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../src/runtime/clock.ts';
import { nodeDisk } from '../src/runtime/node-disk.ts';
import { Log, type LogRecord, RecordKind } from '../src/storage/index.ts';

/** The indexed fields that stand beside a message's body. */
const ENTRY_BYTES = 60;

export interface LogBenchOptions {
  /** A folder on the disk to be measured; everything is made in a temporary folder within it. */
  readonly parentFolder: string;
  /** Messages appended per number in flight. */
  readonly messages: number;
  readonly bodyBytes: number;
  readonly inFlight: readonly number[];
}

export interface LogBenchRow {
  readonly inFlight: number;
  /** Messages (a body and an entry each) appended, each acknowledged after its sync. */
  readonly messagesPerSecond: number;
  /** Bare writes of as many bytes as the log's mean write onto a zero-filled file, each with fdatasync: messages that fit in. */
  readonly floorPerSecond: number;
  readonly syncs: number;
  readonly diskBytesPerMessage: number;
}

/** Measures the log alone, and beside it the bare disk, in the same run. */
export async function benchLog(options: LogBenchOptions): Promise<LogBenchRow[]> {
  const rows: LogBenchRow[] = [];
  for (const inFlight of options.inFlight) {
    const folder = await mkdtemp(join(options.parentFolder, 'bench-log-'));
    try {
      rows.push(await benchOne(options, { folder, inFlight }));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  return rows;
}

async function benchOne(
  { messages, bodyBytes }: LogBenchOptions,
  { folder, inFlight }: { folder: string; inFlight: number },
): Promise<LogBenchRow> {
  let refill = (): void => {};
  const log = await openLog(join(folder, 'log'), { onDurable: () => refill() });
  const body = Buffer.alloc(bodyBytes, 0x61);
  const fields = Buffer.alloc(ENTRY_BYTES, 0x62);
  const started = performance.now();
  let sent = 0;
  let acknowledged = 0;
  await new Promise<void>((resolve) => {
    refill = () => {
      acknowledged = log.durable;
      while (sent < messages && sent - acknowledged < inFlight) {
        log.append(message(log, { body, fields }), 'send');
        sent++;
      }
      if (acknowledged === messages) resolve();
    };
    refill();
  });
  const seconds = (performance.now() - started) / 1000;
  const { syncs } = log.stats();
  const bytes = log.stats().neededBytes;
  refill = () => {};
  await log.close();
  const perSync = messages / syncs;
  const floor = await benchFloor(join(folder, 'floor'), {
    writeBytes: Math.round(bytes / syncs),
    writes: Math.min(syncs, 400),
  });
  return {
    inFlight,
    messagesPerSecond: Math.round(messages / seconds),
    floorPerSecond: Math.round(floor * perSync),
    syncs,
    diskBytesPerMessage: Math.round(bytes / messages),
  };
}

/** Bare `write` and `fdatasync` onto a zero-filled file, one after the other: rounds per second. */
async function benchFloor(
  path: string,
  { writeBytes, writes }: { writeBytes: number; writes: number },
): Promise<number> {
  const file = await open(path, 'w+');
  try {
    const fileBytes = Math.max(writeBytes, 64 * 1024 * 1024);
    await file.write(Buffer.alloc(fileBytes), 0, fileBytes, 0);
    await file.sync();
    const chunk = Buffer.alloc(writeBytes, 0x63);
    const started = performance.now();
    for (let count = 0, at = 0; count < writes; count++, at += writeBytes) {
      if (at + writeBytes > fileBytes) at = 0;
      await file.write(chunk, 0, writeBytes, at);
      await file.datasync();
    }
    return (writes * 1000) / (performance.now() - started);
  } finally {
    await file.close();
  }
}

export interface RecoveryBench {
  readonly messages: number;
  readonly seconds: number;
}

/** Fills a log with live messages, closes it, and measures how long it takes to open it again. */
export async function benchRecovery(
  options: Pick<LogBenchOptions, 'parentFolder' | 'messages' | 'bodyBytes'>,
): Promise<RecoveryBench> {
  const folder = await mkdtemp(join(options.parentFolder, 'bench-log-'));
  try {
    let wake = (): void => {};
    const log = await openLog(folder, { onDurable: () => wake() });
    const body = Buffer.alloc(options.bodyBytes, 0x61);
    const fields = Buffer.alloc(ENTRY_BYTES, 0x62);
    for (let sent = 0; sent < options.messages; sent++) {
      log.append(message(log, { body, fields }), 'send');
      if (sent % 1000 === 999) await new Promise<void>((resolve) => (wake = resolve));
    }
    await log.close();
    let found = 0;
    const started = performance.now();
    const again = await openLog(folder, { onRecord: () => found++ });
    const seconds = (performance.now() - started) / 1000;
    await again.close();
    if (found !== options.messages) throw new Error(`${found} of ${options.messages} messages recovered`);
    return { messages: found, seconds };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function message(log: Log, { body, fields }: { body: Buffer; fields: Buffer }): LogRecord[] {
  const id = log.nextId();
  return [
    { kind: RecordKind.body, id, refs: [], bytes: body },
    { kind: RecordKind.entry, id: log.nextId(), refs: [id], bytes: fields },
  ];
}

/** A log in a folder, which throws when its disk fails. */
export function openLog(
  folder: string,
  { onDurable, onRecord }: { onDurable?: () => void; onRecord?: () => void },
): Promise<Log> {
  return Log.open({
    disk: nodeDisk,
    clock: systemClock,
    folder,
    onRecord: onRecord ?? (() => {}),
    onDurable: onDurable ?? (() => {}),
    onFailed: (error) => {
      throw error;
    },
  });
}
