import { z } from 'zod';
import { gateRuleSchema } from '../gate.ts';
import { monitorSettingsSchema } from '../monitors/monitor-settings.ts';
import { trainerSettingsSchema } from '../trainers/trainer-settings.ts';
import type { TrainerSettings } from '../trainers/trainer-settings.ts';
import { durationSchema } from './duration.ts';

/** Monitors of one model. */
const MONITORS_MAX = 100;
/** Requests that one plan can hold: what the ledger has room for. */
const REQUESTS_MAX = 100;
const ATTEMPTS_MAX = 1_000;
const RUNS_PER_DAY_MAX = 10_000;

/** Runs of a model whose folders are kept. */
const KEPT_RUNS_MAX = 100_000;

/** How a model is retrained: what `defaults` may say for all and each model for itself. */
const policyFields = {
  trainer: trainerSettingsSchema.optional().describe('What trains: a command, a module, an HTTP service or a Job.'),
  gate: gateRuleSchema
    .extend({ minImprovement: gateRuleSchema.shape.minImprovement.default(0) })
    .optional()
    .describe('The rule by which a challenger replaces the champion.'),
  maxRuntime: durationSchema
    .refine((ms) => ms > 0, { error: 'use a span of more than 0' })
    .optional()
    .describe('A run that takes longer is ended and counts as failed. Default 24h.'),
  gatherWindow: durationSchema
    .optional()
    .describe('Requests of one such window become active together and cost one run. Default: at once.'),
  maxRequests: z.int().min(1).max(REQUESTS_MAX).optional().describe('Requests that one run answers. Default 100.'),
  coolDown: durationSchema
    .optional()
    .describe('Pause between the end of a run and the start of the next. Default: none.'),
  budgetPerDay: z
    .int()
    .min(1)
    .max(RUNS_PER_DAY_MAX)
    .optional()
    .describe('Runs that may start within one UTC day. Default: no limit.'),
  attempts: z
    .int()
    .min(1)
    .max(ATTEMPTS_MAX)
    .optional()
    .describe('Failed runs after which a request is dead-lettered. Default 5.'),
  killedAttempts: z
    .int()
    .min(1)
    .max(ATTEMPTS_MAX)
    .optional()
    .describe('Of those, runs that were killed (exit code 137). Default 2.'),
  backoff: z
    .strictObject({
      base: durationSchema.describe('After the first failure, on average half of it.'),
      max: durationSchema.describe('It doubles up to this.'),
    })
    .refine(({ base, max }) => base <= max, { path: ['max'], error: 'must not be less than base' })
    .optional()
    .describe('Pause between attempts, with jitter. Default 30s up to 1h.'),
  keep: z
    .strictObject({
      runs: z.int().min(1).max(KEPT_RUNS_MAX).optional().describe('So many, the newest. Default 10.'),
      megabytes: z.int().min(1).optional().describe('Together, in units of 1,048,576 bytes. Default 10240.'),
      age: durationSchema.optional().describe('For so long. Default 90d.'),
    })
    .optional()
    .describe('Folders of runs that are kept on the worker’s disk, with their logs; of a command or a module.'),
};

/** `defaults`: what holds for every model that does not say otherwise. */
export const modelDefaultsSchema = z
  .strictObject(policyFields)
  .describe('What holds for every model that does not say otherwise.');

/** One of `models`. */
export const modelSettingsSchema = z
  .strictObject({
    ...policyFields,
    monitors: z
      .array(monitorSettingsSchema)
      .max(MONITORS_MAX)
      .default([])
      .describe('What watches the model and asks for its retraining.'),
  })
  .describe('How one model is watched and retrained.');

type Whole = z.output<typeof modelSettingsSchema>;

/** A model's settings with the defaults filled in; trainer and gate are there. */
export type ModelSettings = Omit<Whole, 'trainer' | 'gate'> & {
  readonly trainer: TrainerSettings;
  readonly gate: NonNullable<Whole['gate']>;
};
