import { z } from 'zod';
import { columnDriftOptionsSchema } from '../../monitoring/drift.ts';
import { durationSchema } from '../configuration/duration.ts';
import { RULE_NAMES, ruleFields, STREAMING_RULES } from './rule-settings.ts';
import type { RuleName } from './rule-settings.ts';
import { columnSchema, referenceSettingsSchema, sourceSettingsSchema } from './source-settings.ts';

/** Features that one monitor compares. */
export const FEATURES_MAX = 500;
/** Windows that make a reference, or that are looked back on, or that cool down. */
const WINDOWS_MAX = 1_000;
/** Windows of which N have to be beyond the limit. */
const N_OF_M_MAX = 100;
/** Observations in a window by count. */
const COUNT_MAX = 10_000_000;

const windows = z.int().min(1).max(WINDOWS_MAX);

const windowSchema = z
  .strictObject({
    count: z.int().min(1).max(COUNT_MAX).optional().describe('A window closes with its so many-th observation.'),
    every: durationSchema
      .refine((ms) => ms > 0, { error: 'use a span of more than 0' })
      .optional()
      .describe('Length of a window by time, such as `7d`.'),
    origin: z.iso
      .datetime({ offset: true, error: 'use RFC 3339 with an offset, such as 2026-01-31T00:00:00Z' })
      .optional()
      .describe('With `every`: an instant at which a window begins; without it, 1970-01-01T00:00:00Z.'),
    minCount: z
      .int()
      .min(1)
      .max(COUNT_MAX)
      .optional()
      .describe('With `every`: a window with fewer observations is discarded, whatever it says. Without it: 1.'),
  })
  .refine(({ count, every }) => (count === undefined) !== (every === undefined), {
    error: 'give exactly one of count and every',
  })
  .refine(({ count, origin, minCount }) => count === undefined || (origin === undefined && minCount === undefined), {
    error: 'origin and minCount go with every, not with count',
  })
  .describe('How observations are grouped: by `count`, or by time with `every`.');

const featureSchema = z.union([
  columnSchema,
  columnDriftOptionsSchema.extend({ name: columnSchema.describe('The column.') }),
]);

/** What may be written, field by field; `monitorSettingsSchema` checks what belongs together. */
const monitorFields = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, { error: 'use 1 to 64 of A-Z a-z 0-9 . _ -, a letter or digit first' })
    .describe('Name of the monitor, unique within its model; its state is kept under it.'),
  source: sourceSettingsSchema,
  metric: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('What is observed, such as `mape`; it names the evidence, and the column unless `value` does.'),
  value: columnSchema.optional().describe('Column with the value of the metric; without it, the column named as it.'),
  features: z
    .array(featureSchema)
    .min(1)
    .max(FEATURES_MAX)
    .optional()
    .describe('Columns that are compared with the reference, with the rule `drift`.'),
  reference: referenceSettingsSchema.optional(),
  ...ruleFields,
  direction: z
    .enum(['minimize', 'maximize'])
    .default('minimize')
    .describe('Which way is better: `minimize` for errors, `maximize` for scores. Evidence is only what is worse.'),
  window: windowSchema.optional(),
  atLeast: z
    .strictObject({
      windows: z.int().min(1).max(N_OF_M_MAX).describe('So many windows have to be beyond the limit,'),
      of: z.int().min(1).max(N_OF_M_MAX).describe('of the newest so many.'),
    })
    .refine(({ windows: n, of: m }) => n <= m, { error: 'windows must not be more than of', path: ['windows'] })
    .optional()
    .describe('N of M: one bad window alone is no decay. Without it, it is.'),
  coolDownWindows: z
    .int()
    .min(0)
    .max(WINDOWS_MAX)
    .default(0)
    .describe('Windows that are not judged after a request; of a detector without windows: observations.'),
  baseline: z
    .number()
    .optional()
    .describe("The reference in the metric's unit; without it, the first windows make it."),
  baselineStd: z
    .number()
    .nonnegative()
    .optional()
    .describe('With `baseline` and `sigma`: the standard deviation of the windows.'),
  baselineWindows: windows
    .optional()
    .describe('How many windows make the reference: 1, with `sigma` 10. Take as many as level seasons out.'),
  afterPromotion: z
    .enum(['gather', 'keep'])
    .default('gather')
    .describe(
      'When the model is replaced: `gather` a new reference from the windows of the new one, or `keep` the old reference.',
    ),
  parameters: z
    .record(z.string().min(1).max(200), z.json())
    .default({})
    .describe('Parameters of the request, handed to the trainer.'),
});

/** One monitor of a model: where observations come from, what is observed, and one rule that tells decay. */
export const monitorSettingsSchema = monitorFields.superRefine((settings, context) => {
  const tell = (path: string, message: string): void => {
    context.addIssue({ code: 'custom', path: [path], message });
  };
  const rules = RULE_NAMES.filter((rule) => settings[rule] !== undefined);
  const [rule] = rules;
  if (rule === undefined || rules.length > 1) {
    const found = rules.length > 1 ? `, not ${rules.join(' and ')}` : '';
    context.addIssue({ code: 'custom', message: `give exactly one of ${RULE_NAMES.join(', ')}${found}` });
    return;
  }
  if (rule === 'drift') {
    if (!settings.features) tell('features', 'name the columns that are compared');
    for (const field of ['metric', 'value', 'baseline', 'baselineStd'] as const)
      if (settings[field] !== undefined) tell(field, 'goes with a rule for a metric, not with drift');
  } else {
    if (settings.metric === undefined) tell('metric', 'name what is observed, such as mape');
    for (const field of ['features', 'reference'] as const)
      if (settings[field] !== undefined) tell(field, 'goes with the rule drift only');
  }
  if (!settings.window && !STREAMING_RULES.has(rule)) tell('window', `${rule} needs windows: give count or every`);
  if (settings.atLeast && STREAMING_RULES.has(rule)) tell('atLeast', `${rule} tells of changes, not of windows`);
  if (rule === 'ddm' && settings.window) tell('window', 'ddm takes single observations, 0 or 1: leave it out');
  if (rule === 'ratio' && settings.baseline !== undefined && settings.baseline <= 0)
    tell('baseline', 'a ratio needs a reference above 0');
  if (rule === 'sigma' && (settings.baseline === undefined) !== (settings.baselineStd === undefined))
    tell('baselineStd', 'give baseline and baselineStd, or neither');
  if (rule === 'sigma' && settings.baselineWindows === 1)
    tell('baselineWindows', 'one window has no deviation: use 2 or more');
});
export type MonitorSettings = z.output<typeof monitorSettingsSchema>;
/** As a configuration may write it: what has a default may be left out. */
export type MonitorSettingsInput = z.input<typeof monitorSettingsSchema>;

/** The one rule that the settings have. */
export function ruleOf(settings: MonitorSettings): RuleName {
  const rule = RULE_NAMES.find((name) => settings[name] !== undefined);
  // The schema has let nothing else through.
  if (rule === undefined) throw new TypeError(`monitor ${settings.name} has no rule`);
  return rule;
}
