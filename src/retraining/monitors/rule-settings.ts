import { z } from 'zod';
import { adwinOptionsSchema } from '../../monitoring/adwin.ts';
import { ddmOptionsSchema } from '../../monitoring/ddm.ts';
import { kswinOptionsSchema } from '../../monitoring/kswin.ts';
import { pageHinkleyOptionsSchema } from '../../monitoring/page-hinkley.ts';

const pageHinkley = pageHinkleyOptionsSchema.describe(
  'Page-Hinkley test: the values have moved away from their mean for the worse.',
);
const adwin = adwinOptionsSchema.describe(
  'ADWIN: the mean of an adaptive window of the values has changed for the worse.',
);
const ddm = ddmOptionsSchema.describe('DDM: the rate of errors, observed as 0 (right) and 1 (wrong), has risen.');
const kswin = kswinOptionsSchema.describe(
  'KSWIN: the newest values are distributed otherwise than those before them, and larger (for scores: smaller).',
);

const drift = z
  .strictObject({
    share: z
      .number()
      .gt(0)
      .max(1)
      .default(0.5)
      .describe('The data has drifted when at least this share of the features has.'),
  })
  .describe(
    "The distributions of features differ from the reference, each by the test that Evidently's rule chooses for it.",
  );

const absolute = z
  .strictObject({
    above: z.number().optional().describe("A window whose mean is above it decays, in the metric's unit."),
    below: z.number().optional().describe("A window whose mean is below it decays, in the metric's unit."),
  })
  .refine(({ above, below }) => above !== undefined || below !== undefined, { error: 'give above, below or both' })
  .describe('A fixed limit.');

/** The rules of which a monitor has exactly one. */
export const ruleFields = {
  ratio: z
    .number()
    .gt(1)
    .optional()
    .describe(
      'A window decays when its mean is this many times the reference; for scores, the reference divided by it.',
    ),
  absolute: absolute.optional(),
  sigma: z
    .number()
    .positive()
    .optional()
    .describe(
      "A window decays when its mean is more than this many standard deviations (usually 3) off the mean of the reference windows' means.",
    ),
  pageHinkley: pageHinkley.optional(),
  adwin: adwin.optional(),
  ddm: ddm.optional(),
  kswin: kswin.optional(),
  drift: drift.optional(),
} as const;

export const RULE_NAMES = ['ratio', 'absolute', 'sigma', 'pageHinkley', 'adwin', 'ddm', 'kswin', 'drift'] as const;
export type RuleName = (typeof RULE_NAMES)[number];

/** Rules that take a value at a time; windows are optional for them. */
export const STREAMING_RULES: ReadonlySet<RuleName> = new Set(['pageHinkley', 'adwin', 'ddm', 'kswin']);
