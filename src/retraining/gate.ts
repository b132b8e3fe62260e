import { z } from 'zod';

/** What a trainer measured, both on the same newest window, on which the challenger was not fitted. */
export const metricsSchema = z.object({
  challenger: z.record(z.string(), z.number()),
  champion: z.record(z.string(), z.number()).optional(),
});
export type Metrics = z.output<typeof metricsSchema>;

/** The rule by which a challenger replaces the champion. */
export interface GateRule {
  readonly metric: string;
  readonly direction: 'minimize' | 'maximize';
  /** In the metric's unit, 0 or more. */
  readonly minImprovement: number;
}

export interface GateResult {
  readonly verdict: 'promote' | 'reject';
  /** One line in words, with the numbers. */
  readonly reason: string;
}
