import type { CancelTimer, Clock } from '../runtime/clock.ts';
import { RetrainError } from '../errors.ts';
import type { Queue } from './queue.ts';

/** When a deletion is tried again that could not be written, in milliseconds. */
const RETRY_MS = 60_000;

/** Watches a queue that is to go when nobody has used it for a time (`autoDeleteOnIdle`). A start of the broker counts as a use. */
export class IdleDeletion {
  readonly #clock: Clock;
  readonly #queue: Queue;
  readonly #idleMs: number;
  readonly #onIdle: () => void;
  #cancelTimer: CancelTimer | undefined;

  constructor(options: { clock: Clock; queue: Queue; idleMs: number; onIdle: () => void }) {
    this.#clock = options.clock;
    this.#queue = options.queue;
    this.#idleMs = options.idleMs;
    this.#onIdle = options.onIdle;
    this.#arm();
  }

  stop(): void {
    this.#cancelTimer?.();
  }

  #delete(): void {
    try {
      this.#onIdle();
    } catch (error) {
      // A full disk: it is idle later, too.
      if (!(error instanceof RetrainError)) throw error;
      this.#cancelTimer = this.#clock.after(RETRY_MS, () => this.#arm());
    }
  }

  #arm(): void {
    const leftMs = this.#queue.usedAtMs + this.#idleMs - this.#clock.monotonicMs();
    if (leftMs <= 0) this.#delete();
    else this.#cancelTimer = this.#clock.after(leftMs, () => this.#arm());
  }
}
