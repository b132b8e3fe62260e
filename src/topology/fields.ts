import { z } from 'zod';
import { RetrainError } from '../errors.ts';
import { DURATION_SHAPE, FOREVER, parseDuration } from './duration.ts';

/** A duration within [min, max], both ISO 8601; the bounds are those of the service (service-bus-quotas). */
export function duration(bounds: { min: string; max: string }) {
  const minMs = parseDuration(bounds.min, 'min');
  const maxMs = parseDuration(bounds.max, 'max');
  const range = `an ISO 8601 duration from ${bounds.min} to ${bounds.max}`;
  return z
    .string()
    .superRefine((text, context) => {
      try {
        const ms = parseDuration(text, 'value');
        if (ms >= minMs && ms <= maxMs) return;
      } catch {
        // said below, with the bounds
      }
      context.addIssue({ code: 'custom', message: `'${text}' must be ${range}` });
    })
    .meta({ pattern: DURATION_SHAPE.source, description: range });
}

const RESERVED_PATH = /\/(subscriptions|rules)(\/|$)/i;

/** Queue and topic names: letters, digits, `.`, `-`, `_` and `/`, which neither begin nor end with a separator; 260 characters at most. */
export const entityName = z
  .string()
  .max(260, 'must have at most 260 characters')
  .regex(
    /^[A-Za-z0-9]$|^[A-Za-z0-9][\w\-./]*[A-Za-z0-9]$/,
    'must be letters, digits and . - _ / and begin and end with a letter or digit',
  )
  .refine(
    (name) => !RESERVED_PATH.test(name),
    'must not contain /Subscriptions/ or /Rules/, nor end so, which name parts of topics',
  );

/** Names of subscriptions and rules: as those of queues but without `/`; 50 characters at most. */
export const partName = z
  .string()
  .max(50, 'must have at most 50 characters')
  .regex(
    /^[A-Za-z0-9]$|^[A-Za-z0-9][\w\-.]*[A-Za-z0-9]$/,
    'must be letters, digits and . - _ and begin and end with a letter or digit',
  );

const SCHEME_AND_AUTHORITY = /^[a-z][a-z0-9+.-]*:\/\/[^/]+\//i;

/** A queue or topic of the same namespace, by its name or, as the service writes it, by its address `sb://<host>/<name>`. */
export const destination = z
  .string()
  .transform((text) => text.replace(SCHEME_AND_AUTHORITY, ''))
  .pipe(entityName);

export const status = z.enum(['Active', 'Disabled', 'SendDisabled', 'ReceiveDisabled']).default('Active');

/** What queues and topics have in common: what bears on messages that come in. Durations are ISO 8601. */
export const incoming = {
  requiresDuplicateDetection: z.boolean().default(false),
  duplicateDetectionHistoryTimeWindow: duration({ min: 'PT20S', max: 'P7D' }).default('PT10M'),
  maxSizeInMegabytes: z.int().min(1).max(1_048_576).default(1024),
  maxMessageSizeInKilobytes: z.int().min(1).max(102_400).default(256),
  enablePartitioning: z.boolean().default(false),
  /** Kept for clients that ask; express entities are as durable as others here. */
  enableExpress: z.boolean().default(false),
};

/** What queues and subscriptions have in common: what bears on messages that are received. */
export const outgoing = {
  lockDuration: duration({ min: 'PT5S', max: 'PT5M' }).default('PT1M'),
  maxDeliveryCount: z.int().min(1).max(2_147_483_647).default(10),
  requiresSession: z.boolean().default(false),
  deadLetteringOnMessageExpiration: z.boolean().default(false),
  /** Messages go on to this queue or topic; none can be received here. */
  forwardTo: destination.optional(),
  forwardDeadLetteredMessagesTo: destination.optional(),
};

/** What all three have. */
export const common = {
  defaultMessageTimeToLive: duration({ min: 'PT1S', max: FOREVER }).default(FOREVER),
  status,
  /** The entity goes when nobody has used it for so long. */
  autoDeleteOnIdle: duration({ min: 'PT5M', max: FOREVER }).default(FOREVER),
  /** Kept for clients that ask; writes are gathered whatever it says. */
  enableBatchedOperations: z.boolean().default(true),
  /** Whatever its owner wants to note. */
  userMetadata: z.string().max(1024, 'must have at most 1024 characters').optional(),
};

/** Properties that an entity may be without; every other one has a default. */
const MAY_BE_ABSENT: ReadonlySet<string> = new Set(['forwardTo', 'forwardDeadLetteredMessagesTo', 'userMetadata']);

/** Properties of an existing entity that are to be different. */
export type Changes<Input> = { readonly [P in keyof Omit<Input, 'name' | 'topicName'>]?: Input[P] | undefined };

/**
 * Checks a description and fills in the defaults.
 *
 * @throws RetrainError `CONFIGURATION_INVALID`, naming the entity, the property, the value and the limit
 */
export function parseDescription<S extends z.ZodType>(schema: S, what: string, input: unknown): z.output<S> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const said = result.error.issues.map((issue) => `${issue.path.join('.') || what}: ${issue.message}`).join('; ');
  throw invalid(what, nameOf(input), said);
}

/**
 * A description after a change of some of its properties, before it is checked. `undefined` switches off what an entity may be without; any other
 * property that is undefined stays as it is.
 */
export function changed(present: object, changes: object): Record<string, unknown> {
  const given = Object.entries(changes).filter(([name, value]) => value !== undefined || MAY_BE_ABSENT.has(name));
  return { ...present, ...Object.fromEntries(given) };
}

/** @throws RetrainError `CONFIGURATION_INVALID` when a property differs that is decided when the entity is made */
export function mustKeep<T extends { readonly name: string }>(
  what: string,
  { present, next, fixed }: { present: T; next: T; fixed: readonly (keyof T & string)[] },
): void {
  for (const property of fixed) {
    if (next[property] === present[property]) continue;
    throw invalid(
      what,
      present.name,
      `${property} is ${String(present[property])} and cannot be changed to ${String(next[property])}; delete the ${what} and make it anew, or use another name`,
    );
  }
}

/**
 * Rules of service-bus-auto-forwarding. What forwards is used by itself, so it never becomes idle.
 *
 * @throws RetrainError `CONFIGURATION_INVALID`
 */
export function checkForwarding<
  T extends {
    readonly name: string;
    readonly requiresSession: boolean;
    readonly forwardTo?: string | undefined;
    readonly forwardDeadLetteredMessagesTo?: string | undefined;
    readonly autoDeleteOnIdle: string;
  },
>(what: string, description: T, ownName: string): T {
  const { forwardTo, requiresSession } = description;
  for (const property of ['forwardTo', 'forwardDeadLetteredMessagesTo'] as const) {
    if (description[property]?.toLowerCase() === ownName.toLowerCase())
      throw invalid(
        what,
        description.name,
        `${property}: a ${what} cannot forward to itself; name another queue or topic`,
      );
  }
  if (forwardTo === undefined) return description;
  if (requiresSession)
    throw invalid(
      what,
      description.name,
      `forwardTo: a ${what} with requiresSession cannot forward; leave out one of the two`,
    );
  return { ...description, autoDeleteOnIdle: FOREVER };
}

function nameOf(input: unknown): string | undefined {
  const name = (input as { name?: unknown } | null | undefined)?.name;
  return typeof name === 'string' ? name : undefined;
}

function invalid(what: string, name: string | undefined, said: string): RetrainError {
  return new RetrainError('CONFIGURATION_INVALID', `${what} ${name === undefined ? '' : `'${name}'`}: ${said}`);
}
