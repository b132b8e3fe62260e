import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { Journal } from '../storage/index.ts';
import type { LockTokens } from './message-lock.ts';
import type { MessageTable } from './message-table.ts';

/** What all queues of a namespace share. */
export interface BrokerState {
  readonly clock: Clock;
  readonly random: Random;
  readonly journal: Journal;
  readonly messages: MessageTable;
  readonly tokens: LockTokens;
  /** Bytes of the messages that open transactions hold. */
  readonly transactionBytes: { held: number };
}
