import type { DataItem, Parameters, RetrainRequest, Trigger } from './request.ts';
import type { Metrics } from './gate.ts';

/** A request as a plan needs it: identity, place in the order, data. */
export interface PlanRequest {
  readonly id: string;
  readonly source: string;
  /** CloudEvents `time`, RFC 3339. */
  readonly time: string;
  /** Decimal text of the first sequence number (extension `retrainseq`): orders requests of the same time. */
  readonly seq: string;
  readonly dataref?: string | undefined;
  readonly request: RetrainRequest;
}

/** What one run answers, as written to the trainer's `RETRAIN_REQUEST` file. */
export interface Plan {
  readonly runId: string;
  readonly epoch: number;
  readonly model: RetrainRequest['model'];
  readonly requests: readonly PlannedRequest[];
  readonly triggers: readonly Trigger[];
  readonly data: readonly DataItem[];
  readonly parameters: Parameters;
  readonly deadline?: string;
  readonly champion: PlanChampion | null;
}

/** One request as the trainer sees it. */
export interface PlannedRequest extends Omit<RetrainRequest, 'model'> {
  readonly id: string;
  readonly source: string;
  readonly time: string;
  readonly dataref?: string;
}

export interface PlanChampion {
  readonly artifact: string;
  readonly epoch: number;
  readonly metrics: Metrics;
}
