import { z } from 'zod';
import {
  type Changes,
  changed,
  checkForwarding,
  common,
  entityName,
  mustKeep,
  outgoing,
  parseDescription,
  partName,
} from './fields.ts';

/**
 * A subscription with the property names of Azure Resource Manager (Microsoft.ServiceBus/namespaces/topics/subscriptions). Durations are ISO
 * 8601.
 */
export const subscriptionDescription = z.strictObject({
  topicName: entityName,
  name: partName,
  ...outgoing,
  /** A message whose filter cannot be evaluated goes to the subscription's dead-letter queue; otherwise it does not come here. */
  deadLetteringOnFilterEvaluationExceptions: z.boolean().default(true),
  ...common,
});

const FIXED = ['topicName', 'name', 'requiresSession'] as const;

export type SubscriptionDescription = z.infer<typeof subscriptionDescription>;
/** What a caller may leave out of a description. */
export type SubscriptionDescriptionInput = z.input<typeof subscriptionDescription>;
export type SubscriptionDescriptionChanges = Changes<SubscriptionDescriptionInput>;

/**
 * Checks a description and fills in the service's defaults.
 *
 * @throws RetrainError `CONFIGURATION_INVALID`, naming the subscription, the property, the value and the limit
 */
export function parseSubscriptionDescription(input: unknown): SubscriptionDescription {
  const description = parseDescription(subscriptionDescription, 'subscription', input);
  return checkForwarding('subscription', description, description.topicName);
}

/** As `changeQueueDescription`. @throws RetrainError `CONFIGURATION_INVALID` */
export function changeSubscriptionDescription(
  present: SubscriptionDescription,
  changes: SubscriptionDescriptionChanges,
): SubscriptionDescription {
  const next = parseSubscriptionDescription(changed(present, changes));
  mustKeep('subscription', { present, next, fixed: FIXED });
  return next;
}

/** The path of a subscription, as clients address it. */
export function subscriptionPath(topicName: string, name: string): string {
  return `${topicName}/Subscriptions/${name}`;
}
