import type { WorkerFact } from '../retraining/worker/worker-log.ts';
import type { CancelTimer, Clock } from '../runtime/clock.ts';

/** `unreachable`: for the whole span no broker answered, so that nobody knows whether there is something to do. */
export type IdleReason = 'no-session' | 'unreachable';

/** Notices when the worker has had no session for `idleMs`; without a limit it never does. */
export class IdleWatch {
  /** Resolves at that moment. */
  readonly happened: Promise<IdleReason>;
  readonly #idleMs: number | undefined;
  readonly #clock: Clock;
  readonly #sessions = new Set<string>();
  #tell: (reason: IdleReason) => void = () => undefined;
  #reason: IdleReason = 'no-session';
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
    else if (fact.fact !== 'worker-started' && !this.#turns(fact)) return;
    this.stop();
    if (this.#idleMs !== undefined && this.#sessions.size === 0)
      this.#cancel = this.#clock.after(this.#idleMs, () => this.#tell(this.#reason));
  }

  /** Whether the broker has gone or come back: then the span begins anew. Each further failed try leaves it as it is. */
  #turns({ fact }: WorkerFact): boolean {
    if (fact !== 'unreachable' && fact !== 'reachable') return false;
    const before = this.#reason;
    this.#reason = fact === 'unreachable' ? fact : 'no-session';
    return this.#reason !== before;
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
