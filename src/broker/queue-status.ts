/** Messages of a queue or subscription by where they are. */
export interface QueueCounts {
  readonly active: number;
  readonly deadLetter: number;
  readonly scheduled: number;
  readonly transferDeadLetter: number;
  /** Of all subqueues. */
  readonly total: number;
  readonly sizeBytes: number;
}

/** Milliseconds since 1970. */
export interface EntityTimes {
  readonly createdMs: number;
  readonly updatedMs: number;
  /** Undefined: nobody has used it since the broker started. */
  readonly accessedMs: number | undefined;
}

/** Who is told what becomes of a queue. */
export interface QueueListener {
  /** The queue is gone. */
  onDeleted(): void;
  /** Its description has changed. */
  onUpdated?(): void;
}
