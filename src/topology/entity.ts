import { queueDescription, type QueueDescription } from './queue.ts';
import type { RuleDescription } from './rule.ts';
import { subscriptionDescription, type SubscriptionDescription } from './subscription.ts';
import { topicDescription, type TopicDescription } from './topic.ts';

/** A part of a namespace. */
export type Entity =
  | { readonly what: 'queue'; readonly description: QueueDescription }
  | { readonly what: 'topic'; readonly description: TopicDescription }
  | { readonly what: 'subscription'; readonly description: SubscriptionDescription }
  | {
      readonly what: 'rule';
      readonly topicName: string;
      readonly subscriptionName: string;
      readonly description: RuleDescription;
    };

/** For people: `queue 'orders'`, `rule 'big' of subscription 'all' of topic 'outcomes'`. */
export function entityText(entity: Entity): string {
  const { name } = entity.description;
  if (entity.what === 'subscription') return `subscription '${name}' of topic '${entity.description.topicName}'`;
  if (entity.what === 'rule')
    return `rule '${name}' of subscription '${entity.subscriptionName}' of topic '${entity.topicName}'`;
  return `${entity.what} '${name}'`;
}

/** The names of the properties of a description. */
export const PROPERTIES = {
  queue: Object.keys(queueDescription.shape),
  topic: Object.keys(topicDescription.shape),
  subscription: Object.keys(subscriptionDescription.shape),
} as const;
