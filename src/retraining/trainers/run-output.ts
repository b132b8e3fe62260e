import { StringDecoder } from 'node:string_decoder';
import type { Clock } from '../../runtime/clock.ts';
import type { Files } from '../../runtime/files.ts';
import type { TrainerProgress } from './trainer.ts';

/** A longer line is cut into pieces of this length; no piece of it is looked at for progress. */
export const MAX_LINE_BYTES = 16 * 1024;
/** The run's log is this long at most, and as much again of what came before is kept beside it with the ending `.1`. */
export const RUN_LOG_BYTES = 1024 * 1024;
/** What a dead-letter description can carry of stderr: its limit is 4,096 characters, reason and exit code included. */
export const STDERR_TAIL_LINES = 20;
export const STDERR_TAIL_BYTES = 2048;
/** A trainer that reports after every batch must not flood the outcome queue: the newest report of each interval is told. */
export const PROGRESS_INTERVAL_MS = 1000;

const NEWLINE = 0x0a;
const OPENING_BRACE = 0x7b;

/** Cuts a stream of bytes into lines without ever holding more than `MAX_LINE_BYTES` of one. */
export class LineSplitter {
  readonly #onLine: (line: Buffer, whole: boolean) => void;
  #rest: Buffer = Buffer.alloc(0);
  #cut = false;

  constructor(onLine: (line: Buffer, whole: boolean) => void) {
    this.#onLine = onLine;
  }

  write(chunk: Buffer): void {
    let bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    for (;;) {
      const end = bytes.indexOf(NEWLINE);
      if (end >= 0 && end <= MAX_LINE_BYTES) {
        this.#onLine(bytes.subarray(0, end), !this.#cut);
        this.#cut = false;
        bytes = bytes.subarray(end + 1);
      } else if (bytes.length > MAX_LINE_BYTES) {
        this.#onLine(bytes.subarray(0, MAX_LINE_BYTES), false);
        this.#cut = true;
        bytes = bytes.subarray(MAX_LINE_BYTES);
      } else break;
    }
    // A copy, so that a few bytes do not keep a whole chunk alive.
    this.#rest = Buffer.from(bytes);
  }

  end(): void {
    if (this.#rest.length > 0) this.#onLine(this.#rest, !this.#cut);
    this.#rest = Buffer.alloc(0);
  }
}

/** The run's log: bounded by two files of `limitBytes`, the newest output always in `file`. */
export class RunLog {
  readonly file: string;
  readonly #files: Files;
  readonly #limitBytes: number;
  #sizeBytes = 0;
  #tail: Promise<void> = Promise.resolve();

  constructor(file: string, { files, limitBytes = RUN_LOG_BYTES }: { files: Files; limitBytes?: number }) {
    this.file = file;
    this.#files = files;
    this.#limitBytes = limitBytes;
  }

  /** Resolves when `bytes` are written; await it before reading on, or a fast trainer fills the memory. A full disk loses log, not runs. */
  append(bytes: Buffer): Promise<void> {
    this.#tail = this.#tail.then(() => this.#write(bytes)).catch(() => undefined);
    return this.#tail;
  }

  async #write(bytes: Buffer): Promise<void> {
    if (this.#sizeBytes > 0 && this.#sizeBytes + bytes.length > this.#limitBytes) {
      await this.#files.rename(this.file, `${this.file}.1`);
      this.#sizeBytes = 0;
    }
    await this.#files.append(this.file, bytes);
    this.#sizeBytes += bytes.length;
  }
}

/** The last lines of stderr. */
export class StderrTail {
  readonly #lines: string[] = [];
  readonly #splitter = new LineSplitter((line) => this.#keep(line.subarray(-STDERR_TAIL_BYTES)));

  write(chunk: Buffer): void {
    this.#splitter.write(chunk);
  }

  #keep(line: Buffer): void {
    this.#lines.push(new StringDecoder('utf8').end(line));
    if (this.#lines.length > STDERR_TAIL_LINES) this.#lines.shift();
  }

  /** At most `STDERR_TAIL_LINES` lines and `STDERR_TAIL_BYTES` characters, the newest ones. */
  text(): string {
    this.#splitter.end();
    return this.#lines.join('\n').slice(-STDERR_TAIL_BYTES);
  }
}

/** Reads progress out of stdout's lines and tells the newest at most once per interval; `end` tells what is still untold. */
export class ProgressReader {
  readonly #clock: Clock;
  readonly #tell: (progress: TrainerProgress) => void;
  readonly #splitter = new LineSplitter((line, whole) => {
    if (whole) this.#read(line);
  });
  #untold: TrainerProgress | undefined;
  #toldAtMs = -Infinity;

  constructor({ clock, tell }: { clock: Clock; tell: (progress: TrainerProgress) => void }) {
    this.#clock = clock;
    this.#tell = tell;
  }

  write(chunk: Buffer): void {
    this.#splitter.write(chunk);
    if (this.#clock.monotonicMs() - this.#toldAtMs >= PROGRESS_INTERVAL_MS) this.#flush();
  }

  end(): void {
    this.#splitter.end();
    this.#flush();
  }

  #read(line: Buffer): void {
    const progress = progressOf(line);
    if (progress) this.#untold = { ...this.#untold, ...progress };
  }

  #flush(): void {
    if (!this.#untold) return;
    const progress = this.#untold;
    this.#untold = undefined;
    this.#toldAtMs = this.#clock.monotonicMs();
    this.#tell(progress);
  }
}

/** What a line of stdout says about progress: a JSON object with `progress` (a number from 0 to 1) or `metrics` (an object). */
export function progressOf(line: Buffer): TrainerProgress | undefined {
  if (line[0] !== OPENING_BRACE) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(line.toString('utf8'));
  } catch {
    return undefined;
  }
  const { progress, metrics } = value as { progress?: unknown; metrics?: unknown };
  const told: { progress?: number; metrics?: Record<string, unknown> } = {};
  if (typeof progress === 'number' && progress >= 0 && progress <= 1) told.progress = progress;
  if (typeof metrics === 'object' && metrics !== null && !Array.isArray(metrics)) told.metrics = { ...metrics };
  return told.progress === undefined && told.metrics === undefined ? undefined : told;
}
