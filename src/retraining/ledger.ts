import type { Metrics } from './gate.ts';
import type { Answer, Ledger, Owner, PendingEvent, PreviousChampion, RequestRef } from './ledger-record.ts';

/** Everything that can happen to a ledger. Times are wall-clock milliseconds since 1970. */
export type LedgerEvent =
  | { type: 'started'; runId: string; epoch: number; owner: Owner; atMs: number; requests: readonly RequestRef[] }
  | { type: 'leased'; owner: Owner; epoch?: number }
  | { type: 'trained'; atMs: number; metrics: Metrics; artifact: string; digest: string; notes?: string }
  | {
      type: 'decided';
      atMs: number;
      verdict: 'promote' | 'reject';
      reason: string;
      registryEpoch: number;
      previousChampion: PreviousChampion | null;
      pendingEvents: readonly PendingEvent[];
    }
  | { type: 'applied' }
  | { type: 'told' }
  | {
      type: 'stopped';
      atMs: number;
      /** What the end of this run costs its requests. */
      attempt: 'failed' | 'killed' | 'none';
      resolution: 'retry' | 'split' | 'dead-letter' | 'cancel';
      reason: string;
      exitCode?: number;
      signal?: string;
      outputTail?: string;
      /** Needed for retry and split. */
      retryAtMs?: number;
      pendingEvents: readonly PendingEvent[];
    }
  | { type: 'interrupted'; progress: number }
  | { type: 'settled'; nextRunAtMs: number }
  | { type: 'postponed'; requests: readonly (RequestRef & { hop: number })[]; untilMs: number }
  | { type: 'answered'; request: RequestRef; answer: Answer }
  | { type: 'forgotten'; request: RequestRef };

export function emptyLedger(model: string): Ledger {
  return {
    version: 1,
    model,
    epoch: 0,
    run: null,
    answered: [],
    waiting: [],
    nextRunAtMs: 0,
    day: '',
    runsOfDay: 0,
  };
}

/** The one place where a ledger changes. */
export function advance(ledger: Ledger, event: LedgerEvent): Ledger {
  void event;
  return ledger;
}
