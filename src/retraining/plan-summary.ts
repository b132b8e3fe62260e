import { z } from 'zod';
import { clipText } from './clipped-text.ts';
import type { MergedRequests } from './plan.ts';
import { present } from './present.ts';

/** Names of parameters that are told of a plan, and bytes of JSON of each. */
const PARAMETERS_MAX = 20;
const NAME_MAX_BYTES = 100;

/** What a run was given, in numbers. */
export const planSummarySchema = z.object({
  requests: z.number(),
  dataItems: z.number(),
  /** Names of the parameters, not their values: they may be secret. */
  parameters: z.array(z.string()),
  deadline: z.string().optional(),
});
export type PlanSummary = z.output<typeof planSummarySchema>;

export function planSummary({ requests, data, parameters, deadline }: MergedRequests): PlanSummary {
  const names = Object.keys(parameters).slice(0, PARAMETERS_MAX);
  return {
    requests: requests.length,
    dataItems: data.length,
    parameters: names.map((name) => clipText(name, { maxBytes: NAME_MAX_BYTES, keep: 'start' })),
    ...present({ deadline }),
  };
}
