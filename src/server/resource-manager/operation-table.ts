import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import { LIMITS } from '../limits.ts';

/** What became of work that its client asks after. */
export type Outcome = { readonly state: 'running' | 'succeeded' } | { readonly state: 'failed'; readonly why: unknown };

const ID_BYTES = 16;

/** Long-running operations by their ids; those that ended long ago, and the oldest of too many, are forgotten. */
export class OperationTable {
  readonly #clock: Clock;
  readonly #random: Random;
  /** In the order in which they began. */
  readonly #operations = new Map<string, { outcome: Outcome; readonly beganMs: number }>();

  constructor({ clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = clock;
    this.#random = random;
  }

  /** The id of a new one, which runs. */
  begin(): string {
    const nowMs = this.#clock.monotonicMs();
    for (const [id, { beganMs }] of this.#operations) {
      if (this.#operations.size < LIMITS.armOperations && nowMs - beganMs < LIMITS.armOperationMs) break;
      this.#operations.delete(id);
    }
    const id = this.#random.bytes(ID_BYTES).toString('hex');
    this.#operations.set(id, { outcome: { state: 'running' }, beganMs: nowMs });
    return id;
  }

  end(id: string, outcome: Outcome): void {
    const operation = this.#operations.get(id);
    if (operation) operation.outcome = outcome;
  }

  outcomeOf(id: string): Outcome | undefined {
    return this.#operations.get(id)?.outcome;
  }
}
