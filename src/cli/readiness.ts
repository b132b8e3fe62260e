import { RetrainError } from '../errors.ts';

/** Whether the broker can be reached, as the parts tell it; for `/readyz`. */
export class Readiness {
  #trouble: string | undefined;

  /** Takes every fact of worker and intake. */
  see(fact: { readonly fact: string; readonly reason?: string }): void {
    switch (fact.fact) {
      case 'unreachable':
      case 'intake-unreachable':
      case 'notifier-unreachable':
      case 'outbox-waiting':
        this.#trouble = fact.reason ?? 'the broker does not answer';
        return;
      case 'reachable':
      case 'intake-reachable':
      case 'notifier-reachable':
      case 'outbox-flushed':
      case 'session-accepted':
        this.#trouble = undefined;
        return;
      default:
        return;
    }
  }

  /** @throws RetrainError `UNREACHABLE` with what was told last */
  check(): void {
    if (this.#trouble !== undefined) throw new RetrainError('UNREACHABLE', this.#trouble);
  }
}
