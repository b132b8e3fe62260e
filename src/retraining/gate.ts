import { z } from 'zod';
import { RetrainError } from '../errors.ts';

/** Bytes of JSON of a run's metrics; they are part of the ledger, which has a limit of its own. */
export const METRICS_MAX_BYTES = 3 * 1024;

/**
 * What a trainer measured: of the challenger, and of the champion on the same newest window, on which the challenger was
 * not fitted. Names are the trainer's own, values are finite numbers.
 */
export const metricsSchema = z
  .object({
    challenger: z.record(z.string(), z.number()),
    champion: z.record(z.string(), z.number()).optional(),
  })
  .refine((metrics) => Buffer.byteLength(JSON.stringify(metrics)) <= METRICS_MAX_BYTES, {
    error: `metrics take more than ${METRICS_MAX_BYTES} bytes as JSON: keep the ones that matter, write the rest to a file`,
  });
export type Metrics = z.output<typeof metricsSchema>;

/** The rule by which a challenger replaces the champion. */
export const gateRuleSchema = z.strictObject({
  /** Name of the metric, as the trainer reports it. */
  metric: z.string().min(1),
  direction: z.enum(['minimize', 'maximize']),
  /** In the metric's unit, 0 or more. At 0 the challenger still has to be better: equal keeps the champion. */
  minImprovement: z.number().nonnegative(),
});
export type GateRule = z.output<typeof gateRuleSchema>;

/** A rule out of a configuration; raises `CONFIGURATION_INVALID` naming the field that breaks a rule of the schema. */
export function parseGateRule(value: unknown): GateRule {
  const parsed = gateRuleSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = ['gate', ...(issue?.path ?? [])].join('.');
  throw new RetrainError(
    'CONFIGURATION_INVALID',
    `${field}: ${issue?.message}: use a metric's name, direction minimize or maximize, minImprovement 0 or more`,
  );
}

export interface GateResult {
  readonly verdict: 'promote' | 'reject';
  /** One line in words, with the numbers. */
  readonly reason: string;
}

/**
 * Decides whether the challenger becomes champion. It is compared with `metrics.champion`, measured on the same window; when
 * the trainer did not measure the champion, with what the registry recorded at its promotion, and the reason says so.
 * Raises `TRAINER_FAILED` when a number that the rule needs is missing or not finite.
 *
 * @param champion the registry's champion; undefined when the model has none, which promotes
 */
export function judge(
  rule: GateRule,
  metrics: Metrics,
  champion: { readonly metrics: Metrics } | undefined,
): GateResult {
  const challenger = numberOf(rule, metrics.challenger, 'challenger');
  if (!champion) return { verdict: 'promote', reason: `${rule.metric} ${challenger}: the model had no champion` };
  const measured = metrics.champion !== undefined;
  const incumbent = numberOf(rule, metrics.champion ?? champion.metrics.challenger, 'champion');
  const improvement = rule.direction === 'minimize' ? incumbent - challenger : challenger - incumbent;
  // 0.3 - 0.2 is less than 0.1 in binary: allow for the rounding of one subtraction.
  const rounding = Number.EPSILON * Math.max(Math.abs(incumbent), Math.abs(challenger));
  const promoted = improvement > 0 && improvement >= rule.minImprovement - rounding;
  const against = measured
    ? `the champion's ${incumbent}`
    : `the ${incumbent} recorded when the champion was promoted (the trainer did not measure it on this window)`;
  const need = rule.minImprovement > 0 ? `at least ${rule.minImprovement}` : 'more than 0';
  return {
    verdict: promoted ? 'promote' : 'reject',
    reason: `${rule.metric} ${challenger} against ${against}: better by ${Number(improvement.toPrecision(6))}, needed ${need} (${rule.direction})`,
  };
}

function numberOf(rule: GateRule, metrics: Readonly<Record<string, number>>, of: 'challenger' | 'champion'): number {
  const value = Object.hasOwn(metrics, rule.metric) ? metrics[rule.metric] : undefined;
  if (value !== undefined && Number.isFinite(value)) return value;
  throw new RetrainError(
    'TRAINER_FAILED',
    `metrics.${of}.${rule.metric} is ${value ?? 'missing'}: have the trainer write it as a number to RETRAIN_RESULT, or change the gate's metric`,
  );
}
