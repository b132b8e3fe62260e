import { z } from 'zod';
import { RetrainError } from '../errors.ts';
import { MODEL_NAME_PATTERN, MODEL_NAME_RULE } from './model-name.ts';
import { issueText } from '../document/issue-text.ts';

/** Why a model should be retrained. */
export const TRIGGER_KINDS = ['performance-decay', 'data-drift', 'new-data', 'schedule', 'manual'] as const;
export type TriggerKind = (typeof TRIGGER_KINDS)[number];

/** Characters of a short text such as a metric's name. */
const NAME_MAX_LENGTH = 200;
/** Characters of an address. */
const URI_MAX_LENGTH = 2_048;
/** Items of `data` in one request; more belong into a manifest that one item names. */
export const DATA_ITEMS_MAX = 1_000;
/** Levels of nesting in a parameter: deeper text is an attack on whoever walks it. */
const PARAMETER_MAX_DEPTH = 32;
/** Characters of a refused value that an error repeats. */
const SHOWN_MAX_LENGTH = 80;

const name = z.string().min(1).max(NAME_MAX_LENGTH);
const instant = z.iso.datetime({ offset: true, error: 'use RFC 3339 with an offset, such as 2026-01-31T00:00:00Z' });

const modelSchema = z
  .strictObject({
    name: z
      .string()
      .regex(MODEL_NAME_PATTERN, { error: `use ${MODEL_NAME_RULE}` })
      .describe(`The model: ${MODEL_NAME_RULE}.`),
    version: name.optional().describe('Its version, when only this one is meant.'),
  })
  .describe('The model to retrain; its name is the ordering key (SessionId).');

const triggerSchema = z
  .strictObject({
    kind: z.enum(TRIGGER_KINDS).describe('Why; manual is never held back to gather others.'),
    detector: name.optional().describe('What noticed it.'),
    metric: name.optional().describe('The metric that tells why.'),
    baseline: z.number().optional().describe('Its reference.'),
    observed: z.number().optional().describe('What was observed.'),
    threshold: z.number().optional().describe('The limit that was crossed.'),
    window: z
      .strictObject({
        from: instant.describe('The first observation, RFC 3339 with an offset.'),
        to: instant.describe('The last observation, not before the first.'),
        count: z.int().nonnegative().optional().describe('How many there were.'),
      })
      .refine(({ from, to }) => Date.parse(from) <= Date.parse(to), {
        path: ['to'],
        error: 'use an instant that is not before window.from',
      })
      .optional()
      .describe('The stretch of observations behind the trigger; `count` is how many there were.'),
  })
  .describe('Why the model should be retrained, with the numbers behind it.');

const dataItemSchema = z
  .strictObject({
    uri: z.string().min(1).max(URI_MAX_LENGTH).describe('Where it is.'),
    etag: name.optional().describe('Changes with its content.'),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, { error: 'use 64 lower case hex digits' })
      .optional()
      .describe('SHA-256 of its content, lower case hex.'),
    rows: z.int().nonnegative().optional().describe('How many rows it has.'),
    contentType: name.optional().describe('Its media type.'),
  })
  .describe('Data to train on. Give `etag` or `sha256`, so that changed content at the same address counts as new.');

const parameterSchema = z.unknown().refine((value) => isJson(value, PARAMETER_MAX_DEPTH), {
  error: `use JSON of at most ${PARAMETER_MAX_DEPTH} levels`,
});

/**
 * The data of a `retrain.requested.v1` event. Unknown fields are refused: a misspelt `deadlin` that is silently ignored
 * would cost a wrong run; a new field comes with a new version of the type.
 */
export const retrainRequestSchema = z.strictObject({
  model: modelSchema,
  trigger: triggerSchema,
  data: z.array(dataItemSchema).max(DATA_ITEMS_MAX).default([]).describe('Data to train on.'),
  parameters: z
    .record(name, parameterSchema)
    .default({})
    .describe('Handed to the trainer as they are; in a merged plan the later request wins, key by key.'),
  deadline: instant.optional().describe('A request that is not answered by then is dead-lettered, not trained.'),
  requestedBy: name.optional().describe('Who asks, for the record.'),
});

/** A request's data as a producer may write it: what has a default may be left out. */
export type RetrainRequestInput = z.input<typeof retrainRequestSchema>;
/** A checked request's data, with defaults filled in. */
export type RetrainRequest = z.output<typeof retrainRequestSchema>;
export type Trigger = RetrainRequest['trigger'];
export type DataItem = RetrainRequest['data'][number];
export type Parameters = RetrainRequest['parameters'];

/** One thing that is wrong with a request's data. */
export interface RequestIssue {
  readonly path: readonly PropertyKey[];
  /** Field, value and remedy on one line. */
  readonly text: string;
}

export type CheckedRequest =
  | { readonly kind: 'valid'; readonly request: RetrainRequest }
  | { readonly kind: 'invalid'; readonly issues: readonly RequestIssue[] };

/** Checks a request's data and tells everything that is wrong with it. */
export function checkRequest(value: unknown): CheckedRequest {
  const result = retrainRequestSchema.safeParse(value, { error: issueText });
  if (result.success) return { kind: 'valid', request: result.data };
  const issues = result.error.issues.map((issue) => ({ path: pathOf(issue), text: explain(issue, value) }));
  return { kind: 'invalid', issues };
}

/** Checks a request's data; raises `REQUEST_INVALID` with one line that names field, value and remedy. */
export function parseRequest(value: unknown): RetrainRequest {
  const checked = checkRequest(value);
  if (checked.kind === 'valid') return checked.request;
  const [first, ...others] = checked.issues;
  const more = others.length > 0 ? ` (and ${others.length} more)` : '';
  throw new RetrainError('REQUEST_INVALID', `request: ${first?.text ?? 'is not valid'}${more}`);
}

/** Whether `text` is RFC 3339 with an offset, as every time in requests and events has to be. */
export function isInstant(text: string): boolean {
  return instant.safeParse(text).success;
}

/** The published contract of a request's data for producers in every language: JSON Schema 2020-12. */
export function retrainRequestJsonSchema(): Record<string, unknown> {
  return {
    title: 'retrain.requested.v1',
    ...z.toJSONSchema(retrainRequestSchema, { target: 'draft-2020-12', io: 'input' }),
  };
}

function explain(issue: z.core.$ZodIssue, value: unknown): string {
  const field = fieldOf(issue.path);
  if (issue.code === 'unrecognized_keys')
    return `${fieldOf([...issue.path, issue.keys[0] ?? ''])} is not a known field: remove it or correct its spelling`;
  const found = valueAt(value, issue.path);
  if (found === undefined) return `${field} is missing: add it`;
  const remedy =
    issue.code === 'invalid_value' ? `use one of ${issue.values.map(String).join(', ')}` : oneLine(issue.message);
  return `${field} = ${show(found)}: ${remedy}`;
}

/** Where it is; what has no business there is the place itself. */
function pathOf(issue: z.core.$ZodIssue): readonly PropertyKey[] {
  return issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] ?? ''] : issue.path;
}

function fieldOf(path: readonly PropertyKey[]): string {
  let field = '';
  for (const part of path) field += typeof part === 'number' ? `[${part}]` : `${field && '.'}${String(part)}`;
  return field === '' ? 'the whole' : oneLine(field).slice(0, 2 * SHOWN_MAX_LENGTH);
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let found = value;
  for (const part of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, part)) return undefined;
    found = (found as Record<PropertyKey, unknown>)[part];
  }
  return found;
}

function show(value: unknown): string {
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = typeof value === 'string' ? JSON.stringify(value.slice(0, SHOWN_MAX_LENGTH)) : String(value);
  return oneLine(text).slice(0, SHOWN_MAX_LENGTH);
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}

function isJson(value: unknown, levelsLeft: number): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || levelsLeft === 0) return false;
  const plain = Array.isArray(value) || [Object.prototype, null].includes(Object.getPrototypeOf(value));
  return plain && Object.values(value).every((inner) => isJson(inner, levelsLeft - 1));
}
