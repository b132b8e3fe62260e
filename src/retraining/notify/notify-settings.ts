import { z } from 'zod';
import { durationSchema } from '../configuration/duration.ts';
import { MODEL_NAME_PATTERN, MODEL_NAME_RULE } from '../model-name.ts';

/** Rules of a configuration. */
export const NOTIFY_RULES_MAX = 100;
const NAME_MAX_LENGTH = 64;
const URL_MAX_LENGTH = 2_048;
const HEADERS_MAX = 32;
const ARGUMENTS_MAX = 64;
const TRIES_MAX = 100;
const INTERRUPTIONS_MAX = 50;
/** Waiting events are held under their locks: not for ever. */
const HOLD_MAX_MS = 86_400_000;
const TIMEOUT_MAX_MS = 600_000;
/** Header names that the request needs for itself. */
const OWN_HEADERS: ReadonlySet<string> = new Set(['host', 'content-length', 'content-type', 'transfer-encoding']);

/** What a rule can be about without a number. */
export const NOTIFY_KINDS = ['dead-lettered', 'rejected', 'failed', 'interrupted', 'promoted', 'cancelled'] as const;

const onSchema = z.union([
  z.enum(NOTIFY_KINDS).describe('Every outcome of this kind.'),
  z
    .strictObject({
      interrupted: z
        .int()
        .min(1)
        .max(INTERRUPTIONS_MAX)
        .describe('So many interruptions of a model without an answer in between.'),
    })
    .describe('Runs that do not get through: told at every so many interruptions.'),
  z
    .strictObject({
      backlogAge: durationSchema.describe('Age of the oldest request of a model that no run has taken up.'),
    })
    .describe('Requests that wait for too long.'),
]);

const webhookSchema = z
  .strictObject({
    url: z
      .string()
      .max(URL_MAX_LENGTH)
      .refine((text) => /^https?:\/\//i.test(text) && URL.canParse(text), {
        error: 'use an address that begins with https:// or http://',
      })
      .describe('Where the JSON is sent by POST. Whoever knows it can write there: keep it in a variable, ${NAME}.'),
    headers: z
      .record(
        z
          .string()
          .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/, { error: 'use the name of a header' })
          .refine((name) => !OWN_HEADERS.has(name.toLowerCase()), { error: 'this header is set by retrain' }),
        z
          .string()
          .max(URL_MAX_LENGTH)
          .regex(/^[\t\x20-\x7e]*$/, { error: 'use printable ASCII' }),
      )
      .refine((headers) => Object.keys(headers).length <= HEADERS_MAX, {
        error: `use at most ${HEADERS_MAX} headers`,
      })
      .default({})
      .describe('Headers of the request, such as Authorization.'),
    secret: z
      .string()
      .min(8, { error: 'use a secret of 8 characters or more' })
      .optional()
      .describe(
        'Signs the request as Standard Webhooks do (webhook-signature: HMAC-SHA256 of id, time and body); with the prefix whsec_ the rest is base64.',
      ),
  })
  .describe('An HTTP address that takes JSON with a field "text", as chat systems do.');

/** One rule of `notify`. */
export const notifyRuleSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9._-]+$/, { error: 'use letters, digits, dots, hyphens and underscores' })
      .max(NAME_MAX_LENGTH)
      .optional()
      .describe('For log and state; by default the place of the rule in the list. Texts that wait are kept under it.'),
    on: z.array(onSchema).min(1).describe('What is told.'),
    models: z
      .array(z.string().regex(MODEL_NAME_PATTERN, { error: `use ${MODEL_NAME_RULE}` }))
      .min(1)
      .optional()
      .describe('Of these models only; all unless given.'),
    webhook: webhookSchema.optional(),
    command: z
      .array(z.string())
      .min(1)
      .max(ARGUMENTS_MAX)
      .optional()
      .describe(
        'A program and its arguments, started without a shell; it gets the JSON on stdin and has to exit with 0.',
      ),
    env: z.record(z.string().min(1), z.string()).default({}).describe('Variables for the command, besides our own.'),
    timeout: durationSchema
      .refine((ms) => ms > 0 && ms <= TIMEOUT_MAX_MS, { error: 'use more than 0 and at most 10m' })
      .prefault('10s')
      .describe('For one try of the request or the command.'),
    tries: z
      .int()
      .min(1)
      .max(TRIES_MAX)
      .default(10)
      .describe('After so many the events are dead-lettered in their subscription, with the reason.'),
    every: durationSchema
      .refine((ms) => ms <= HOLD_MAX_MS, { error: 'use at most 1d' })
      .prefault('5m')
      .describe('At most one text about a model in this time; what comes meanwhile is told in the next one.'),
    groupFor: durationSchema
      .refine((ms) => ms <= HOLD_MAX_MS, { error: 'use at most 1d' })
      .prefault('10s')
      .describe('How long a text waits for further events of its model.'),
  })
  .refine(({ webhook, command }) => (webhook === undefined) !== (command === undefined), {
    error: 'give exactly one of webhook and command',
  })
  .describe('Tells people or programs about outcomes.');
export type NotifyRule = z.output<typeof notifyRuleSchema>;

/** The section `notify`. */
export const notifySettingsSchema = z
  .array(notifyRuleSchema)
  .max(NOTIFY_RULES_MAX)
  .superRefine((rules, context) => {
    const names = rules.map(ruleName);
    names.forEach((name, i) => {
      if (names.indexOf(name) !== i)
        context.addIssue({ code: 'custom', path: [i, 'name'], message: `"${name}" is there twice: use another name` });
    });
  })
  .describe('Who is told what, and how.');
export type NotifySettings = z.output<typeof notifySettingsSchema>;

/** A rule's own name, or its place in the list, from 1. */
export function ruleName({ name }: { readonly name?: string | undefined }, index: number): string {
  return name ?? `rule-${index + 1}`;
}
