import { RetrainError } from '../../errors.ts';
import type { GateRule } from '../gate.ts';
import type { MonitorSettings } from '../monitors/monitor-settings.ts';

/** Policies of one backtest: every combination of what was varied. */
export const POLICIES_MAX = 500;

/** What asks for retrainings. */
export type Asking =
  | { readonly by: 'monitor'; readonly settings: MonitorSettings }
  | { readonly by: 'schedule'; readonly everyMs: number }
  | { readonly by: 'nothing' };

/** When a model is retrained, and when the result replaces the champion. */
export interface Policy {
  /** For people: what sets it apart. */
  readonly name: string;
  readonly asking: Asking;
  /** Milliseconds; 0: requests become active at once. */
  readonly gatherWindowMs: number;
  /** Milliseconds between the end of a run and the start of the next. */
  readonly coolDownMs: number;
  readonly maxRunsPerDay: number;
  /** Requests that one run answers. */
  readonly maxRequests: number;
  /** Absent: every result is promoted. */
  readonly gate?: GateRule;
  /** How long a run takes, milliseconds. */
  readonly trainingMs: number;
}

/** Every combination of the values, the last field varying fastest. */
export function combinations<T extends Record<string, readonly unknown[]>>(
  values: T,
): { [K in keyof T]: T[K][number] }[] {
  let all: Record<string, unknown>[] = [{}];
  for (const [field, list] of Object.entries(values)) {
    all = all.flatMap((one) => list.map((value) => ({ ...one, [field]: value })));
    if (all.length > POLICIES_MAX)
      throw new RetrainError(
        'ARGUMENT_INVALID',
        `the values make more than ${POLICIES_MAX} policies: vary fewer things at a time`,
      );
  }
  return all as { [K in keyof T]: T[K][number] }[];
}
