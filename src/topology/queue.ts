import { z } from 'zod';
import {
  type Changes,
  changed,
  checkForwarding,
  common,
  entityName,
  incoming,
  mustKeep,
  outgoing,
  parseDescription,
} from './fields.ts';

/** A queue with the property names of Azure Resource Manager (Microsoft.ServiceBus/namespaces/queues). Durations are ISO 8601. */
export const queueDescription = z.strictObject({ name: entityName, ...outgoing, ...incoming, ...common });

/** What is decided when the queue is made (service-bus-queues-topics-subscriptions). */
const FIXED = ['name', 'requiresSession', 'requiresDuplicateDetection', 'enablePartitioning'] as const;

export type QueueDescription = z.infer<typeof queueDescription>;
/** What a caller may leave out of a description. */
export type QueueDescriptionInput = z.input<typeof queueDescription>;
export type QueueDescriptionChanges = Changes<QueueDescriptionInput>;

/**
 * Checks a description and fills in the service's defaults.
 *
 * @throws RetrainError `CONFIGURATION_INVALID`, naming the queue, the property, the value and the limit
 */
export function parseQueueDescription(input: unknown): QueueDescription {
  const description = parseDescription(queueDescription, 'queue', input);
  return checkForwarding('queue', description, description.name);
}

/**
 * The description of a queue after a change of some of its properties. `undefined` for forwardTo, forwardDeadLetteredMessagesTo or userMetadata
 * takes it away; any other property that is undefined stays as it is.
 *
 * @throws RetrainError `CONFIGURATION_INVALID` also when a property changes that is decided when the queue is made
 */
export function changeQueueDescription(present: QueueDescription, changes: QueueDescriptionChanges): QueueDescription {
  const next = parseQueueDescription(changed(present, changes));
  mustKeep('queue', { present, next, fixed: FIXED });
  return next;
}
