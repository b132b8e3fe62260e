import { z } from 'zod';
import { type Changes, changed, common, entityName, incoming, mustKeep, parseDescription } from './fields.ts';

/** A topic with the property names of Azure Resource Manager (Microsoft.ServiceBus/namespaces/topics). Durations are ISO 8601. */
export const topicDescription = z.strictObject({
  name: entityName,
  ...incoming,
  /** Kept for clients that ask; messages keep their order whatever it says. */
  supportOrdering: z.boolean().default(true),
  ...common,
});

const FIXED = ['name', 'requiresDuplicateDetection', 'enablePartitioning'] as const;

export type TopicDescription = z.infer<typeof topicDescription>;
/** What a caller may leave out of a description. */
export type TopicDescriptionInput = z.input<typeof topicDescription>;
export type TopicDescriptionChanges = Changes<TopicDescriptionInput>;

/**
 * Checks a description and fills in the service's defaults.
 *
 * @throws RetrainError `CONFIGURATION_INVALID`, naming the topic, the property, the value and the limit
 */
export function parseTopicDescription(input: unknown): TopicDescription {
  return parseDescription(topicDescription, 'topic', input);
}

/** As `changeQueueDescription`. @throws RetrainError `CONFIGURATION_INVALID` */
export function changeTopicDescription(present: TopicDescription, changes: TopicDescriptionChanges): TopicDescription {
  const next = parseTopicDescription(changed(present, changes));
  mustKeep('topic', { present, next, fixed: FIXED });
  return next;
}
