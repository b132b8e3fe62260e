import { z } from 'zod';
import { RetrainError } from '../errors.ts';
import { FOREVER, parseDuration } from './duration.ts';

/** A duration within [min, max], both ISO 8601; the bounds are those of the service (service-bus-quotas). */
function duration(bounds: { min: string; max: string }) {
  const minMs = parseDuration(bounds.min, 'min');
  const maxMs = parseDuration(bounds.max, 'max');
  return z.string().superRefine((text, context) => {
    try {
      const ms = parseDuration(text, 'value');
      if (ms >= minMs && ms <= maxMs) return;
    } catch {
      // said below, with the bounds
    }
    context.addIssue({
      code: 'custom',
      message: `'${text}' must be an ISO 8601 duration from ${bounds.min} to ${bounds.max}`,
    });
  });
}

/** Queue and topic names: letters, digits, `.`, `-`, `_` and `/`, which neither begin nor end with a separator; 260 characters at most. */
const entityName = z
  .string()
  .max(260, 'must have at most 260 characters')
  .regex(
    /^[A-Za-z0-9]$|^[A-Za-z0-9][\w\-./]*[A-Za-z0-9]$/,
    'must be letters, digits and . - _ / and begin and end with a letter or digit',
  );

const SCHEME_AND_AUTHORITY = /^[a-z][a-z0-9+.-]*:\/\/[^/]+\//i;

/** A queue of the same namespace, by its name or, as the service writes it, by its address `sb://<host>/<name>`. */
const destination = z
  .string()
  .transform((text) => text.replace(SCHEME_AND_AUTHORITY, ''))
  .pipe(entityName);

/** A queue with the property names of Azure Resource Manager (Microsoft.ServiceBus/namespaces/queues). Durations are ISO 8601. */
export const queueDescription = z.strictObject({
  name: entityName,
  lockDuration: duration({ min: 'PT5S', max: 'PT5M' }).default('PT1M'),
  maxDeliveryCount: z.int().min(1).max(2_147_483_647).default(10),
  requiresSession: z.boolean().default(false),
  requiresDuplicateDetection: z.boolean().default(false),
  duplicateDetectionHistoryTimeWindow: duration({ min: 'PT20S', max: 'P7D' }).default('PT10M'),
  defaultMessageTimeToLive: duration({ min: 'PT1S', max: FOREVER }).default(FOREVER),
  deadLetteringOnMessageExpiration: z.boolean().default(false),
  maxSizeInMegabytes: z.int().min(1).max(1_048_576).default(1024),
  maxMessageSizeInKilobytes: z.int().min(1).max(102_400).default(256),
  status: z.enum(['Active', 'Disabled', 'SendDisabled', 'ReceiveDisabled']).default('Active'),
  /** The queue goes when nobody has used it for so long. */
  autoDeleteOnIdle: duration({ min: 'PT5M', max: FOREVER }).default(FOREVER),
  enablePartitioning: z.boolean().default(false),
  /** Messages go on to this queue; none can be received here. */
  forwardTo: destination.optional(),
  forwardDeadLetteredMessagesTo: destination.optional(),
});

/** What is decided when the queue is made (service-bus-queues-topics-subscriptions). */
const FIXED = ['name', 'requiresSession', 'requiresDuplicateDetection', 'enablePartitioning'] as const;

/** What a queue may be without; everything else has a default. */
const MAY_BE_ABSENT: ReadonlySet<string> = new Set(['forwardTo', 'forwardDeadLetteredMessagesTo']);

export type QueueDescription = z.infer<typeof queueDescription>;
/** What a caller may leave out of a description. */
export type QueueDescriptionInput = z.input<typeof queueDescription>;
/** Properties of an existing queue that are to be different. */
export type QueueDescriptionChanges = {
  readonly [P in keyof Omit<QueueDescriptionInput, 'name'>]?: QueueDescriptionInput[P] | undefined;
};

/**
 * Checks a description and fills in the service's defaults.
 *
 * @throws RetrainError `CONFIGURATION_INVALID`, naming the queue, the property, the value and the limit
 */
export function parseQueueDescription(input: unknown): QueueDescription {
  const result = queueDescription.safeParse(input);
  if (result.success) return checkForwarding(result.data);
  const name = (input as { name?: unknown } | null)?.name;
  const said = result.error.issues.map((issue) => `${issue.path.join('.') || 'queue'}: ${issue.message}`).join('; ');
  throw invalid(typeof name === 'string' ? name : undefined, said);
}

/**
 * The description of a queue after a change of some of its properties. `undefined` for forwardTo or forwardDeadLetteredMessagesTo switches
 * the forwarding off; any other property that is undefined stays as it is.
 *
 * @throws RetrainError `CONFIGURATION_INVALID` also when a property changes that is decided when the queue is made
 */
export function changeQueueDescription(present: QueueDescription, changes: QueueDescriptionChanges): QueueDescription {
  const given = Object.entries(changes).filter(([name, value]) => value !== undefined || MAY_BE_ABSENT.has(name));
  const changed = parseQueueDescription({ ...present, ...Object.fromEntries(given) });
  for (const property of FIXED) {
    if (changed[property] === present[property]) continue;
    throw invalid(
      present.name,
      `${property} is ${present[property]} and cannot be changed to ${changed[property]}; delete the queue and make it anew, or use another name`,
    );
  }
  return changed;
}

/** Rules of service-bus-auto-forwarding. A queue that forwards is used by itself, so it never becomes idle. */
function checkForwarding(description: QueueDescription): QueueDescription {
  const { name, forwardTo, requiresSession } = description;
  for (const property of ['forwardTo', 'forwardDeadLetteredMessagesTo'] as const) {
    if (description[property]?.toLowerCase() === name.toLowerCase())
      throw invalid(name, `${property}: a queue cannot forward to itself; name another queue`);
  }
  if (forwardTo === undefined) return description;
  if (requiresSession)
    throw invalid(name, 'forwardTo: a queue with requiresSession cannot forward; leave out one of the two');
  return { ...description, autoDeleteOnIdle: FOREVER };
}

function invalid(name: string | undefined, said: string): RetrainError {
  return new RetrainError('CONFIGURATION_INVALID', `queue ${name === undefined ? '' : `'${name}'`}: ${said}`);
}

/** The queue that `infra/` provisions on Azure and that the broker has by default. */
export const DEFAULT_QUEUE: QueueDescription = parseQueueDescription({
  name: 'model-retraining-queue',
  requiresSession: true,
  requiresDuplicateDetection: true,
  maxDeliveryCount: 10,
  lockDuration: 'PT1M',
});
