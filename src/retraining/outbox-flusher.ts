import { RetrainError } from '../errors.ts';
import { pause } from '../runtime/clock.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { backoffMs } from './backoff.ts';
import type { FlushResult } from './outbox-flush.ts';
import { OUTBOX_MAX } from './outbox.ts';
import type { ProducerLog } from './producer-log.ts';

/** The longest pause between two tries to send what waits, however long the broker has been away, milliseconds. */
export const FLUSH_PAUSE_MAX_MS = 60_000;

/** How long a stop waits for what is being sent, milliseconds. */
const STOP_WITHIN_MS = 5_000;

export interface OutboxFlusherOptions {
  /** Sends what waits; raises what stops all of it. */
  readonly flush: (signal: AbortSignal) => Promise<FlushResult>;
  /** Pause between two looks at the outbox, and the ceiling of the first pause after a failure, milliseconds. */
  readonly everyMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: ProducerLog;
}

/**
 * Sends what is left over in an outbox, again and again: at once, then every `everyMs` (another process may have put something
 * there), after failures with growing pauses. It keeps the process alive until it is stopped.
 */
export class OutboxFlusher {
  readonly #options: OutboxFlusherOptions;
  readonly #stop = new AbortController();
  readonly #loop: Promise<void>;
  /** Entries that were told to be unusable. */
  readonly #told = new Set<string>();
  #failures = 0;
  #trouble: Error | undefined;
  #woken = new AbortController();

  constructor(options: OutboxFlusherOptions) {
    this.#options = options;
    this.#loop = this.#run();
  }

  /** Why what was tried last did not reach the broker; undefined when it did. */
  get trouble(): Error | undefined {
    return this.#trouble;
  }

  /** Something was put into the outbox: it goes out now, or, while the broker is away, with the next try. */
  wake(): void {
    if (!this.#trouble) this.#woken.abort();
  }

  /** Waits for what is being sent, but not for long: the client may not come back from a silent host, and what is not sent stays. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#woken.abort();
    const ended = new AbortController();
    const loop = this.#loop.finally(() => ended.abort());
    await Promise.race([loop, pause(this.#options.clock, STOP_WITHIN_MS, ended.signal)]);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.#woken = new AbortController();
      const pauseMs = await this.#once(signal);
      if (signal.aborted) return;
      await pause(this.#options.clock, pauseMs, this.#woken.signal);
    }
  }

  /** Tries once; returns how long to wait. */
  async #once(signal: AbortSignal): Promise<number> {
    const { flush, everyMs, random, log } = this.#options;
    try {
      const { sent, expired, failed } = await flush(signal);
      this.#failures = 0;
      this.#trouble = undefined;
      if (sent + expired > 0) log({ fact: 'outbox-flushed', sent, expired });
      for (const { name, error } of failed) this.#tellOnce(name, error);
      return everyMs;
    } catch (error) {
      this.#failures++;
      this.#trouble = error instanceof Error ? error : new Error(String(error));
      const backoff = { baseMs: everyMs, maxMs: Math.max(everyMs, FLUSH_PAUSE_MAX_MS) };
      // Not less than a half: full jitter may be next to nothing, and nobody waits for the first try but us.
      const retryInMs = Math.max(everyMs / 2, backoffMs(this.#failures, backoff, random));
      const code = error instanceof RetrainError ? { code: error.code } : {};
      log({ fact: 'outbox-waiting', ...code, reason: this.#trouble.message, retryInMs });
      return retryInMs;
    }
  }

  #tellOnce(name: string, error: Error): void {
    if (this.#told.has(name)) return;
    if (this.#told.size >= OUTBOX_MAX) this.#told.clear();
    this.#told.add(name);
    this.#options.log({ fact: 'outbox-entry-failed', name, reason: error.message });
  }
}
