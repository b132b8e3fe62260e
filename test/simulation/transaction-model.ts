import type { DeliveryRecord, Settlement } from './copy-history.ts';
import type { QueueModel } from './queue-model.ts';
import type { Attempt, SentMessage } from './sent-message.ts';
import type { World } from './world.ts';

/** What a client knows of its end. `unknown`: a commit was asked for, and never answered. */
export type TransactionEnd = 'open' | 'committed' | 'refused' | 'unknown';

export interface EnlistedSend {
  readonly model: QueueModel;
  readonly message: SentMessage;
}

export interface EnlistedSettlement {
  readonly model: QueueModel;
  readonly record: DeliveryRecord;
  readonly kind: Settlement['kind'];
}

/**
 * Sends and settlements that happen together or not at all. Until a commit is asked for, none of them has been tried as far as the
 * queues' models know: what shows up of them before is a flaw there, and so is what shows up after the broker has refused the commit.
 */
export class TransactionModel {
  readonly name: string;
  readonly sends: EnlistedSend[] = [];
  readonly settlements: EnlistedSettlement[] = [];
  end: TransactionEnd = 'open';
  readonly #world: World;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
  }

  /** Its dead letters have a reason by which they are known. */
  get deadLetterReason(): string {
    return `transaction ${this.name}`;
  }

  /** A commit is asked for. To be called with what the broker said. */
  startCommit(): (result: { kind: 'done' | 'refused' | 'lost'; condition?: string }) => void {
    this.end = 'unknown';
    this.#world.markDelicate();
    const attempts: Attempt[] = this.sends.map(({ model, message }) => model.startSend(message));
    for (const { model, record, kind } of this.settlements) model.startSettle(record, kind);
    return ({ kind, condition = '' }) => {
      this.#world.trace(this.name, `commits: ${kind} ${condition}`);
      if (kind !== 'lost') this.end = kind === 'done' ? 'committed' : 'refused';
      const sent = kind === 'done' ? 'accepted' : kind;
      for (const [i, { model, message }] of this.sends.entries())
        model.endSend(message, attempts[i] as Attempt, { kind: sent, condition });
      for (const { model, record } of this.settlements) model.endSettle(record, { kind, condition });
    };
  }
}
