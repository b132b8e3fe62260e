import { z } from 'zod';

const share = z.number().gt(0).max(1);

const pageHinkley = z
  .strictObject({
    minInstances: z.int().min(1).max(1_000_000).default(30).describe('Values before anything is told.'),
    delta: z.number().nonnegative().default(0.005).describe('Deviation from the mean that is no change.'),
    threshold: z.number().positive().default(50).describe('Sum of deviations that is a change.'),
    alpha: z.number().gt(0).max(1).default(0.9999).describe('How slowly the sum forgets.'),
  })
  .describe('Page-Hinkley test: the mean of the values has changed for the worse.');

const adwin = z
  .strictObject({
    delta: z.number().gt(0).lt(1).default(0.002).describe('Confidence: smaller means fewer false alarms.'),
  })
  .describe('ADWIN: the mean of an adaptive window of the values has changed for the worse.');

const ddm = z
  .strictObject({
    warmStart: z.int().min(1).max(1_000_000).default(30).describe('Values before anything is told.'),
    warningThreshold: z.number().positive().default(2).describe('Standard deviations that are a warning.'),
    driftThreshold: z.number().positive().default(3).describe('Standard deviations that are a change.'),
  })
  .describe('DDM: the rate of errors, observed as 0 (right) and 1 (wrong), has risen.');

const kswin = z
  .strictObject({
    alpha: z.number().gt(0).lt(1).default(0.005).describe('Level of significance.'),
    windowSize: z.int().min(2).max(10_000).default(100).describe('Values that are remembered.'),
    statSize: z.int().min(1).max(5_000).default(30).describe('Newest values that are compared with older ones.'),
    seed: z.int().nonnegative().default(1).describe('Of the sample of older values: the same seed, the same verdicts.'),
  })
  .describe('KSWIN: the newest values are distributed otherwise than those before them (Kolmogorov-Smirnov).');

const drift = z
  .strictObject({
    share: share.default(0.5).describe('The data has drifted when at least this share of the features has.'),
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
