import { z } from 'zod';
import { TRIGGER_KINDS } from '../request.ts';
import { MODEL_NAME_RULE } from '../model-name.ts';
import { starsIn } from './glob.ts';
import { highestCapture, templateProblem } from './template.ts';

/** Rules of one intake; each event is held against them in order. */
export const RULES_MAX = 1_000;
/** Conditions on an event's data in one rule, and parameters that it adds. */
const FIELDS_MAX = 32;
const PATTERN_MAX_LENGTH = 512;
const NAME_MAX_LENGTH = 200;

const pattern = z.string().min(1).max(PATTERN_MAX_LENGTH);
const template = z
  .string()
  .min(1)
  .max(PATTERN_MAX_LENGTH)
  .superRefine((text, context) => {
    const problem = templateProblem(text);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  });

const textConditionSchema = z
  .strictObject({
    equals: pattern.optional().describe('The whole text.'),
    prefix: pattern.optional().describe('How it begins.'),
    suffix: pattern.optional().describe('How it ends.'),
    glob: pattern
      .optional()
      .describe('A pattern in which * stands for any text; what each takes is {1}, {2} and so on.'),
  })
  .refine((condition) => Object.values(condition).some((part) => part !== undefined), {
    error: 'give at least one of equals, prefix, suffix and glob',
  });

const conditionSchema = z.union([pattern, textConditionSchema]);
const dataConditionSchema = z.union([pattern, z.number(), z.boolean(), textConditionSchema]);

/** Which events a rule is for. All that is given must hold. */
const whenSchema = z
  .strictObject({
    type: z
      .union([pattern, z.array(pattern).min(1).max(FIELDS_MAX)])
      .optional()
      .describe('The type of the event, or several, in any casing; * stands for any text.'),
    source: conditionSchema
      .optional()
      .describe('Where it comes from: source of a CloudEvent, topic of the Event Grid schema. A text may have *.'),
    subject: conditionSchema.optional().describe('What it is about. A text may have *, whose parts are {1}, {2}….'),
    data: z
      .record(z.string().min(1).max(NAME_MAX_LENGTH), dataConditionSchema)
      .refine((conditions) => Object.keys(conditions).length <= FIELDS_MAX, { error: `use at most ${FIELDS_MAX}` })
      .optional()
      .describe('Fields of its data, by their path in any casing, such as runTags.stage; a text may have *.'),
  })
  .refine((when) => Object.values(when).some((part) => part !== undefined), {
    error: 'give at least one of type, source, subject and data',
  })
  .describe('Which events the rule is for; everything that is given must hold.');

const placeholders =
  '{1}… (what the * of subject took), {container}, {blob}, {account}, {modelName}, {subject}, {source}, {type}, {id}, {data.path}';

/** One item of `intake.rules`: the first rule that an event meets decides about it. */
export const intakeRuleSchema = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(NAME_MAX_LENGTH)
      .optional()
      .describe('For logs and dead letters; default: rule 1, rule 2…'),
    when: whenSchema,
    model: template
      .optional()
      .describe(`The model to retrain: its name (${MODEL_NAME_RULE}), which may be made of ${placeholders}.`),
    ignore: z.literal(true).optional().describe('Events of this rule are taken and forgotten.'),
    trigger: z
      .strictObject({
        kind: z.enum(TRIGGER_KINDS).optional().describe('Why; default: by the type of the event, else new-data.'),
        metric: template.optional().describe('The metric that tells why; may have placeholders.'),
        detector: template.optional().describe('What noticed it; may have placeholders.'),
      })
      .optional()
      .describe('What the request gives as its reason.'),
    parameters: z
      .record(z.string().min(1).max(NAME_MAX_LENGTH), z.union([template, z.number(), z.boolean()]))
      .refine((parameters) => Object.keys(parameters).length <= FIELDS_MAX, { error: `use at most ${FIELDS_MAX}` })
      .optional()
      .describe('Handed to the trainer; texts may have placeholders.'),
    data: z
      .strictObject({
        uri: template.describe('Address of the data, such as {data.url}.'),
        etag: template.optional().describe('What changes with its content, such as {data.eTag}.'),
      })
      .optional()
      .describe('The data to train on; default: what events of a known type name.'),
  })
  .refine(({ model, ignore }) => (model === undefined) === (ignore === true), {
    path: ['model'],
    error: 'name the model to retrain, or say ignore: true, one of the two',
  })
  .superRefine(({ when, model, trigger, parameters, data }, context) => {
    const { subject } = when;
    const stars = starsIn((typeof subject === 'string' ? subject : subject?.glob) ?? '');
    const texts = [
      model,
      trigger?.metric,
      trigger?.detector,
      data?.uri,
      data?.etag,
      ...Object.values(parameters ?? {}),
    ];
    const highest = Math.max(...texts.map((text) => (typeof text === 'string' ? highestCapture(text) : 0)));
    if (highest > stars)
      context.addIssue({
        code: 'custom',
        path: ['when', 'subject'],
        message: `{${highest}} is used, but subject has ${stars} *: give it as many`,
      });
  });

export const intakeRulesSchema = z
  .array(intakeRuleSchema)
  .max(RULES_MAX)
  .describe('Rules that turn events of the intake queue into requests; the first that an event meets decides.');

/** A rule as somebody writes it. */
export type IntakeRuleInput = z.input<typeof intakeRuleSchema>;
/** A checked rule. */
export type IntakeRule = z.output<typeof intakeRuleSchema>;
