import type { Outcome } from './ledger-record.ts';

/** The full type of an outcome event, such as `retrain.promoted.v1`. */
export type OutcomeType = `retrain.${Outcome}.v1`;

export interface OutcomeData {
  readonly model: string;
  readonly runId?: string | undefined;
  readonly epoch?: number | undefined;
}

export interface OutcomeEvent {
  readonly id: string;
  readonly source: string;
  readonly type: OutcomeType;
  readonly subject: string;
  readonly time: string;
  readonly data: OutcomeData;
}
