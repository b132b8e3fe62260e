import type { ErrorCode } from '../../errors.ts';
import type { LedgerEvent } from './ledger.ts';
import type { Stage } from './ledger-record.ts';
import type { ExitMeaning } from '../trainers/exit-code.ts';
import type { DeadLetterReason } from './worker-sort.ts';

/**
 * What the worker tells whoever operates it: one value per fact, told at the moment it became true. Outcome events
 * (outcome.ts) are for those who use the models; these are for a log.
 */
export type WorkerFact =
  | { readonly fact: 'worker-started'; readonly queue: string; readonly slots: number }
  | { readonly fact: 'worker-stopping' }
  | { readonly fact: 'worker-stopped' }
  /** No session could be accepted; `UNAUTHORIZED` and `ENTITY_NOT_FOUND` hardly pass by themselves, but are tried again, too. */
  | { readonly fact: 'unreachable'; readonly reason: string; readonly code: ErrorCode; readonly retryInMs: number }
  /** The broker answers again, after `unreachable`. */
  | { readonly fact: 'reachable' }
  | { readonly fact: 'client-replaced'; readonly reason: string }
  /** The queue has no sessions: only this process is kept from running a model twice. */
  | { readonly fact: 'queue-without-sessions'; readonly queue: string; readonly ledgerFolder: string }
  | { readonly fact: 'session-accepted'; readonly model: string; readonly lockDurationMs: number }
  | { readonly fact: 'session-released'; readonly model: string }
  /** Another worker's unfinished run: nothing was written. */
  | { readonly fact: 'session-left'; readonly model: string; readonly runId: string; readonly retryInMs: number }
  | { readonly fact: 'session-failed'; readonly model: string; readonly reason: string; readonly code?: ErrorCode }
  | { readonly fact: 'link-lost'; readonly model: string; readonly reason: string }
  | { readonly fact: 'link-renewed'; readonly model: string; readonly runId?: string; readonly lease?: number }
  /** The session could not be had again in time, or somebody else ran the model meanwhile. */
  | { readonly fact: 'session-lost'; readonly model: string; readonly runId?: string; readonly reason: string }
  /** The broker was too busy or did not answer in time; told at the first try only, and tried until the lock expires. */
  | { readonly fact: 'operation-retried'; readonly model: string; readonly reason: string }
  | { readonly fact: 'renewal-failed'; readonly model: string; readonly reason: string; readonly leftMs: number }
  | {
      readonly fact: 'run-taken-over';
      readonly model: string;
      readonly runId: string;
      readonly stage: Stage;
      readonly why: string;
    }
  | {
      readonly fact: 'run-started';
      readonly model: string;
      readonly runId: string;
      readonly epoch: number;
      readonly requests: number;
    }
  | { readonly fact: 'trainer-ended'; readonly model: string; readonly runId: string; readonly result: 'succeeded' }
  | {
      readonly fact: 'trainer-ended';
      readonly model: string;
      readonly runId: string;
      readonly result: Exclude<ExitMeaning, 'success'>;
      readonly reason: string;
      readonly logFile: string;
    }
  /** The registry could not keep what the run has trained; it is asked again. */
  | {
      readonly fact: 'registry-failed';
      readonly model: string;
      readonly runId: string;
      readonly reason: string;
      readonly retryInMs: number;
    }
  | { readonly fact: 'run-aborted'; readonly model: string; readonly runId: string; readonly reason: string }
  | { readonly fact: 'run-cancelled'; readonly model: string; readonly runId: string }
  /** What is left of a settled plan, as its checkpoint, could not be removed. */
  | { readonly fact: 'tidying-failed'; readonly model: string; readonly runId: string; readonly reason: string }
  /** A change of the ledger was acknowledged. */
  | {
      readonly fact: 'stage';
      readonly model: string;
      readonly runId?: string;
      readonly stage: Stage | 'none';
      readonly after: LedgerEvent['type'];
    }
  | {
      readonly fact: 'dead-lettered';
      readonly model: string;
      readonly reason: DeadLetterReason;
      readonly description: string;
      readonly messageId?: string;
    }
  | { readonly fact: 'postponed'; readonly model: string; readonly requests: number; readonly untilMs: number }
  | { readonly fact: 'already-answered'; readonly model: string; readonly id: string }
  | { readonly fact: 'cancelled'; readonly model: string; readonly id: string; readonly targets: number }
  /** The message was not settled; it comes again and is recognised. */
  | { readonly fact: 'settlement-failed'; readonly model: string; readonly reason: string }
  | { readonly fact: 'outcome-untold'; readonly model: string; readonly outcome: string; readonly reason: string };

export type WorkerLog = (fact: WorkerFact) => void;
