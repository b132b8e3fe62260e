import { z } from 'zod';
import { RetrainError } from '../errors.ts';
import { MODEL_NAME_PATTERN, MODEL_NAME_RULE } from './model-name.ts';

/** Why a model should be retrained. */
export const TRIGGER_KINDS = ['performance-decay', 'data-drift', 'new-data', 'schedule', 'manual'] as const;
export type TriggerKind = (typeof TRIGGER_KINDS)[number];

/** Characters of a short text such as a metric's name. */
const NAME_MAX_LENGTH = 200;
/** Characters of an address. */
const URI_MAX_LENGTH = 2_048;
/** Data items in one request; what is bigger belongs behind `dataref` or into one manifest. */
export const DATA_ITEMS_MAX = 1_000;

const name = z.string().min(1).max(NAME_MAX_LENGTH);
const instant = z.iso.datetime({ offset: true });

const modelSchema = z
  .strictObject({
    name: z.string().regex(MODEL_NAME_PATTERN, { error: `use ${MODEL_NAME_RULE}` }),
    version: name.optional(),
  })
  .describe('The model to retrain; its name is the ordering key (SessionId).');

const triggerSchema = z
  .strictObject({
    kind: z.enum(TRIGGER_KINDS),
    detector: name.optional(),
    metric: name.optional(),
    baseline: z.number().optional(),
    observed: z.number().optional(),
    threshold: z.number().optional(),
    window: z
      .strictObject({ from: instant, to: instant, count: z.int().nonnegative().optional() })
      .optional()
      .describe('The stretch of observations behind the trigger; `count` is how many there were.'),
  })
  .describe('Why the model should be retrained, with the numbers behind it.');

const dataItemSchema = z
  .strictObject({
    uri: z.string().min(1).max(URI_MAX_LENGTH),
    etag: name.optional(),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, { error: 'use 64 lower case hex digits' })
      .optional(),
    rows: z.int().nonnegative().optional(),
    contentType: name.optional(),
  })
  .describe('Data to train on. Give `etag` or `sha256`, so that changed content at the same address counts as new.');

/**
 * The data of a `retrain.requested.v1` event. Unknown fields are refused: a misspelt `deadlin` that is silently ignored
 * would cost a wrong run; a new field comes with a new version of the type.
 */
export const retrainRequestSchema = z.strictObject({
  model: modelSchema,
  trigger: triggerSchema,
  data: z.array(dataItemSchema).max(DATA_ITEMS_MAX).default([]),
  parameters: z
    .record(z.string().min(1).max(NAME_MAX_LENGTH), z.json())
    .default({})
    .describe('Handed to the trainer as they are; in a merged plan the later request wins, key by key.'),
  deadline: instant.optional().describe('A request that is not answered by then is dead-lettered, not trained.'),
  requestedBy: name.optional(),
});

/** A request's data as a producer may write it: what has a default may be left out. */
export type RetrainRequestInput = z.input<typeof retrainRequestSchema>;
/** A checked request's data, with defaults filled in. */
export type RetrainRequest = z.output<typeof retrainRequestSchema>;
export type Trigger = RetrainRequest['trigger'];
export type DataItem = RetrainRequest['data'][number];
export type Parameters = RetrainRequest['parameters'];

/** Checks a request's data; raises `REQUEST_INVALID` with one line that names field, value and remedy. */
export function parseRequest(value: unknown): RetrainRequest {
  const result = retrainRequestSchema.safeParse(value);
  if (result.success) return result.data;
  throw new RetrainError('REQUEST_INVALID', `request is not valid: ${result.error.issues[0]?.message}`);
}
