import type { CancelTimer, Clock } from '../runtime/clock.ts';
import type { WorkerFact } from '../retraining/worker-log.ts';

/** Calls `onIdle` once, when the worker has had no session for `idleMs`. Tell it every fact. */
export class IdleWatch {
  readonly #idleMs: number;
  readonly #clock: Clock;
  readonly #onIdle: () => void;
  readonly #sessions = new Set<string>();
  #cancel: CancelTimer | undefined;

  constructor(options: { idleMs: number; clock: Clock; onIdle: () => void }) {
    this.#idleMs = options.idleMs;
    this.#clock = options.clock;
    this.#onIdle = options.onIdle;
  }

  see(fact: WorkerFact): void {
    if (fact.fact === 'session-accepted') this.#sessions.add(fact.model);
    else if (fact.fact === 'session-released') this.#sessions.delete(fact.model);
    else if (fact.fact !== 'worker-started') return;
    this.stop();
    if (this.#sessions.size === 0) this.#cancel = this.#clock.after(this.#idleMs, this.#onIdle);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
