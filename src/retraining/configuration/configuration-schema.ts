import { z } from 'zod';
import { intakeRulesSchema } from '../intake/intake-settings.ts';
import { listenerSettingsSchema } from '../listener/listener-settings.ts';
import { MODEL_NAME_PATTERN, MODEL_NAME_RULE } from '../model-name.ts';
import { NAMESPACE_HOST, NAMESPACE_HOST_RULE } from '../namespace-host.ts';
import { notifySettingsSchema } from '../notify/notify-settings.ts';
import { registrySettingsSchema } from '../registries/registry-settings.ts';
import { durationSchema } from './duration.ts';
import { modelDefaultsSchema, modelSettingsSchema } from './model-settings.ts';

/** Models of one configuration. */
const MODELS_MAX = 10_000;
const CONCURRENCY_MAX = 64;
const GRACE_MAX_MS = 3_600_000;

/** Stands for every model that is not named. */
export const ANY_MODEL = '*';

/** The name of a queue, topic or subscription. */
export const entityName = z
  .string()
  .regex(/^[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,258}[A-Za-z0-9_])?$/, { error: 'use the name of a queue or topic' });
const port = z.int().min(0).max(65_535);
const folder = z.string().min(1);

const connectionSchema = z
  .strictObject({
    connectionString: z
      .string()
      .min(1, 'must not be empty')
      .optional()
      .describe('Of Azure Service Bus or of retrain broker; usually ${RETRAIN_CONNECTION_STRING}.'),
    fullyQualifiedNamespace: z
      .string()
      .regex(NAMESPACE_HOST, { error: NAMESPACE_HOST_RULE })
      .optional()
      .describe(
        'Host of a namespace that is entered with tokens of Entra ID (environment, managed identity, az login), such as contoso.servicebus.windows.net.',
      ),
    clientId: z
      .string()
      .min(1)
      .optional()
      .describe('With fullyQualifiedNamespace: client id of a user-assigned managed identity.'),
  })
  .refine(
    ({ connectionString, fullyQualifiedNamespace }) =>
      (connectionString === undefined) !== (fullyQualifiedNamespace === undefined),
    { error: 'give exactly one of connectionString and fullyQualifiedNamespace' },
  )
  .refine(({ connectionString, clientId }) => clientId === undefined || connectionString === undefined, {
    path: ['clientId'],
    error: 'goes with fullyQualifiedNamespace only',
  })
  .describe('Which Service Bus. Without it, retrain up runs the embedded broker, and the other commands find it.');

const outcomesSchema = z
  .strictObject({
    topic: entityName.optional().describe('Topic that outcome events go to. Default model-retraining-outcomes.'),
    status: entityName
      .default('status')
      .describe('Its subscription that retrain status, runs, events and explain look into; nothing takes from it.'),
    notify: entityName.default('notify').describe('Its subscription that the notifier takes from.'),
    queue: entityName
      .optional()
      .describe('A queue instead of a topic, as in the tier Basic; the notifier, if there is one, empties it.'),
  })
  .refine(({ topic, queue }) => topic === undefined || queue === undefined, {
    path: ['queue'],
    error: 'give a topic or a queue, not both',
  })
  .describe('Where outcome events go.');

/** A whole configuration, as it is written. */
export const configurationSchema = z
  .strictObject({
    $schema: z.string().optional().describe('For editors: where the schema of this file is.'),
    connection: connectionSchema.optional(),
    queues: z
      .strictObject({
        requests: entityName
          .default('model-retraining-queue')
          .describe('Queue of the requests, with sessions and duplicate detection.'),
        sessions: z
          .boolean()
          .default(true)
          .describe(
            'false: the queue of the requests has no sessions, as in the tier Basic; then this is the only worker (docs/plain-queues.md).',
          ),
        intake: entityName
          .default('retraining-intake')
          .describe('Queue that events from elsewhere come in by, without sessions, with duplicate detection.'),
      })
      .prefault({})
      .describe('Names of the queues.'),
    outcomes: outcomesSchema.prefault({}),
    folders: z
      .strictObject({
        state: folder
          .default('.retrain')
          .describe('What must survive: runs, registry, outbox, states of monitors, the embedded broker’s data.'),
      })
      .prefault({})
      .describe("Folders, relative to the file's own."),
    broker: z
      .strictObject({
        amqpPort: port.default(5672).describe('Port for clients of every protocol; 0 picks a free one.'),
        httpPort: port.default(5300).describe("The emulator's port for HTTP; 0 picks a free one."),
      })
      .prefault({})
      .describe('The broker that retrain up embeds when there is no connection.'),
    worker: z
      .strictObject({
        concurrency: z
          .int()
          .min(1)
          .max(CONCURRENCY_MAX)
          .default(2)
          .describe('Models worked on at the same time by one worker.'),
        grace: durationSchema
          .refine((ms) => ms <= GRACE_MAX_MS, { error: 'use at most 1h' })
          .prefault('30s')
          .describe('What a trainer has between SIGTERM and SIGKILL.'),
      })
      .prefault({})
      .describe('The worker.'),
    registry: registrySettingsSchema.prefault({ file: {} }),
    listen: listenerSettingsSchema.optional(),
    defaults: modelDefaultsSchema.prefault({}),
    models: z
      .record(
        z
          .string()
          .refine((name) => name === ANY_MODEL || MODEL_NAME_PATTERN.test(name), { error: `use ${MODEL_NAME_RULE}` }),
        modelSettingsSchema,
      )
      .refine((models) => Object.keys(models).length > 0, { error: 'name at least one model' })
      .refine((models) => Object.keys(models).length <= MODELS_MAX, { error: `name at most ${MODELS_MAX} models` })
      .describe('The models, by name; "*" is every other one.'),
    intake: z
      .strictObject({ rules: intakeRulesSchema })
      .optional()
      .describe('What events from elsewhere, such as those of Event Grid, ask for.'),
    notify: notifySettingsSchema.default([]),
  })
  .describe('Configuration of retrain: retrain.yaml.');

export type ConfigurationFile = z.output<typeof configurationSchema>;

/** The published contract of the file: JSON Schema 2020-12, in which `${NAME}` may stand for every scalar. */
export function configurationJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(configurationSchema, { target: 'draft-2020-12', io: 'input', unrepresentable: 'any' });
  const { $defs = {}, ...rest } = withVariables(schema) as Record<string, unknown>;
  return {
    title: 'retrain.yaml',
    ...rest,
    $defs: {
      ...($defs as object),
      variable: { type: 'string', pattern: '\\$\\{[A-Za-z_]', description: '${NAME}: the environment variable NAME.' },
    },
  };
}

const SCALARS: ReadonlySet<unknown> = new Set(['string', 'integer', 'number', 'boolean']);
/** Under these names the schema has names and values of the file, not schemas. */
const NO_SCHEMAS: ReadonlySet<string> = new Set(['propertyNames', 'enum', 'const', 'default', 'required', 'examples']);

function withVariables(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withVariables);
  if (typeof schema !== 'object' || schema === null) return schema;
  const entries = Object.entries(schema);
  const inner = Object.fromEntries(
    entries.map(([name, part]) => [name, NO_SCHEMAS.has(name) ? part : withVariables(part)]),
  );
  if (!SCALARS.has(inner['type'])) return inner;
  const { description, default: normal, ...limits } = inner;
  // A text without limits takes a variable as it is.
  if (limits['type'] === 'string' && Object.keys(limits).length === 1) return inner;
  return {
    ...(description !== undefined && { description }),
    ...(normal !== undefined && { default: normal }),
    anyOf: [limits, { $ref: '#/$defs/variable' }],
  };
}
