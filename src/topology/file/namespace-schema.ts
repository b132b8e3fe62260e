import { z } from 'zod';
import { queueDescription } from '../queue.ts';
import { ruleDescription } from '../rule.ts';
import { subscriptionDescription } from '../subscription.ts';
import { topicDescription } from '../topic.ts';

/** What editors tell about a property. */
const DESCRIPTIONS: Readonly<Record<string, string>> = {
  queues: 'The queues of the namespace.',
  topics: 'The topics of the namespace, with their subscriptions.',
  subscriptions: 'Each gets a copy of every message that one of its rules lets in.',
  rules:
    'All rules of the subscription. Without this property a new subscription has the rule $Default, which lets every message in, and one that exists keeps its rules; an empty list lets nothing in.',
  lockDuration: 'For so long a received message, or a session, belongs to its receiver.',
  maxDeliveryCount: 'After so many failed deliveries a message is dead-lettered.',
  requiresSession: 'Messages belong to sessions. Fixed when the entity is made.',
  deadLetteringOnMessageExpiration: 'Expired messages are dead-lettered instead of dropped.',
  deadLetteringOnFilterEvaluationExceptions:
    'A message whose filter cannot be evaluated is dead-lettered instead of left out.',
  forwardTo: 'A queue or topic that messages go on to.',
  forwardDeadLetteredMessagesTo: 'A queue or topic that dead letters go on to.',
  requiresDuplicateDetection: 'A MessageId that has been seen is dropped. Fixed when the entity is made.',
  duplicateDetectionHistoryTimeWindow: 'For so long a MessageId is remembered',
  maxSizeInMegabytes: 'What the entity may hold.',
  maxMessageSizeInKilobytes: 'The largest message.',
  enablePartitioning: 'Messages are spread over partitions. Fixed when the entity is made.',
  enableExpress: 'Kept for clients that ask for it; it changes nothing.',
  supportOrdering: 'Kept for clients that ask for it; messages keep their order whatever it says.',
  defaultMessageTimeToLive: 'The longest time that a message lives',
  status: 'What may be done with the entity.',
  autoDeleteOnIdle: 'The entity goes when nobody has used it for so long',
  enableBatchedOperations: 'Kept for clients that ask for it; writes are gathered whatever it says.',
  userMetadata: 'Whatever its owner wants to note.',
  filterType: 'May be left out when the rule has a filter, or lets every message in.',
  sqlFilter: 'Lets in what the expression is true of.',
  correlationFilter: 'Lets in what is equal in all properties that are given.',
  action: 'Changes the copy of a message that the rule lets in.',
  sqlExpression: 'In the language of Service Bus.',
  parameters: 'Values of the names that begin with @ in the expression.',
};

/** The JSON Schema (draft 7, which editors know best) of a file that declares a namespace. */
export function namespaceSchema(): object {
  return {
    title: 'Queues and topics',
    description: 'What a namespace of retrain broker, or of Azure Service Bus, is to have.',
    ...(described(z.toJSONSchema(fileSchema(), { target: 'draft-7', io: 'input' })) as object),
  };
}

/** Made when it is asked for: it costs every start otherwise. */
function fileSchema(): z.ZodType {
  const [sql, correlation, everything, nothing] = ruleDescription.options;
  const untyped = { filterType: true } as const;
  const rule = z.union([sql.partial(untyped), correlation.partial(untyped), everything.partial(untyped), nothing]);
  const subscription = subscriptionDescription.omit({ topicName: true }).extend({ rules: z.array(rule).optional() });
  const topic = topicDescription.extend({ subscriptions: z.array(subscription).optional() });
  return z.strictObject({
    $schema: z.string().optional(),
    queues: z.array(queueDescription).optional(),
    topics: z.array(topic).optional(),
  });
}

/** With a description for every property that is known by its name. */
function described(schema: unknown, name?: string): unknown {
  if (typeof schema !== 'object' || schema === null) return schema;
  if (Array.isArray(schema)) return schema.map((part) => described(part));
  const text = name === undefined ? undefined : DESCRIPTIONS[name];
  const { description, ...rest } = schema as { description?: string };
  const parts = Object.entries(rest).map(([key, part]) => [
    key,
    key === 'properties' ? eachDescribed(part as object) : described(part),
  ]);
  return {
    ...(text !== undefined && { description: description === undefined ? text : `${text}: ${description}.` }),
    ...Object.fromEntries(parts),
  };
}

function eachDescribed(properties: object): object {
  return Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, described(schema, name)]));
}
