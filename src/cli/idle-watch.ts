import type { WorkerFact } from '../retraining/worker-log.ts';
import type { CancelTimer, Clock } from '../runtime/clock.ts';

/** Notices when the worker has had no session for `idleMs`; without a limit it never does. */
export class IdleWatch {
  /** Resolves at that moment. */
  readonly happened: Promise<void>;
  readonly #idleMs: number | undefined;
  readonly #clock: Clock;
  readonly #sessions = new Set<string>();
  #tell: () => void = () => undefined;
  #cancel: CancelTimer | undefined;

  constructor({ idleMs, clock }: { idleMs: number | undefined; clock: Clock }) {
    this.#idleMs = idleMs;
    this.#clock = clock;
    this.happened = new Promise((resolve) => (this.#tell = resolve));
  }

  /** Takes every fact of the worker. */
  see(fact: WorkerFact): void {
    if (fact.fact === 'session-accepted') this.#sessions.add(fact.model);
    else if (fact.fact === 'session-released') this.#sessions.delete(fact.model);
    else if (fact.fact !== 'worker-started') return;
    this.stop();
    if (this.#idleMs !== undefined && this.#sessions.size === 0)
      this.#cancel = this.#clock.after(this.#idleMs, this.#tell);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
