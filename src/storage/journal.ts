/**
 * The kinds of record, and what keeps a record of each kind alive. Storage counts liveness from `refs` alone.
 *
 * - `body`: counted; alive while at least one live entry names it in `refs`. It has no refs itself. Its bytes are not read at recovery.
 * - `entry`: a root; alive until a `gone` names it. `refs` are the bodies that it holds alive; there may be none.
 * - `change`: `refs[0]` is its owner, an entry. Alive while the owner is alive, until a later change names it in `refs[1]` (the
 *   change that it supersedes, of the same owner) or a `gone` names it.
 * - `gone`: `refs` are the entries and changes that it kills, one or many. It stays on disk for as long as any of these does.
 */
export const RecordKind = { body: 1, entry: 2, change: 3, gone: 4 } as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

export interface LogRecord {
  readonly kind: RecordKind;
  /** From `nextId`. Every id in `refs` is smaller. */
  readonly id: number;
  readonly refs: readonly number[];
  /** Parts are stored one after the other. Copied by `append`: the caller may use the memory again at once. */
  readonly bytes: Buffer | readonly Buffer[];
}

/** What recovery tells about an entry or a change that is still on disk. */
export interface RecoveredRecord {
  readonly kind: typeof RecordKind.entry | typeof RecordKind.change;
  readonly id: number;
  readonly refs: readonly number[];
  /** Valid during the call only; copy what should stay. */
  readonly bytes: Buffer;
}

/**
 * `send` adds work and is refused first when the disk is full; `settle` takes work away (or keeps state that somebody waits for)
 * and may use the reserve. `move` writes anew what is there already; it may use the reserve, too, but leaves a share of it to settlements,
 * without which nothing would ever give room back.
 */
export type AppendPurpose = 'send' | 'settle' | 'move';

/** The log as its users see it. Everything is synchronous: `append` fills a buffer, and the disk works behind it. */
export interface Journal {
  /**
   * The next record id: rising over the whole life of the folder, from 1, below 2^53. Only an id whose record a crash has undone, and
   * that nothing durable bears or names, may come again.
   */
  nextId(): number;
  /**
   * Appends records as one unit: after a crash either all of them are there or none.
   *
   * @returns the position that must be `durable` before anything that depends on these records leaves the process.
   * @throws RetrainError `DISK_FULL` when no room is left for this purpose, `MESSAGE_TOO_LARGE` when the batch does not fit a segment,
   * `DISK_FAILED` after a failed write, `ARGUMENT_INVALID` when a record breaks the rules of its kind. Nothing is appended then.
   */
  append(batch: readonly LogRecord[], purpose: AppendPurpose): number;
  /** The most bytes that one batch may take, frames included. */
  readonly maxBatchBytes: number;
  /** The position of the last append. */
  readonly appended: number;
  /** Everything up to this position survives a power cut. */
  readonly durable: number;
  /**
   * The file of the next segment is still being prepared and what may wait for it in memory is nearly used up: whoever goes on sending will be
   * refused as if the disk were full. It is over before the next position becomes durable.
   */
  readonly congested: boolean;
  /**
   * The bytes of a body: at once when they are in the cache of recently written blocks (which holds everything that is not yet durable),
   * else from the disk. The record must be alive when `read` is called; it need not stay so, because a segment is not recycled while it
   * is being read. The buffer may share memory with the cache: read it, never write to it, and copy it to keep it for long.
   *
   * @throws RetrainError `DATA_CORRUPT` (as a rejection) when the stored bytes fail their checksum.
   */
  read(id: number): Buffer | Promise<Buffer>;
}
