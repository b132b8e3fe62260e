export { FOREVER, formatDuration, parseDuration } from './duration.ts';
export {
  changeQueueDescription,
  parseQueueDescription,
  type QueueDescription,
  type QueueDescriptionChanges,
  type QueueDescriptionInput,
} from './queue.ts';
export { parseQueueFlag } from './queue-flag.ts';
export {
  changeTopicDescription,
  parseTopicDescription,
  type TopicDescription,
  type TopicDescriptionChanges,
  type TopicDescriptionInput,
} from './topic.ts';
export {
  changeSubscriptionDescription,
  parseSubscriptionDescription,
  subscriptionPath,
  type SubscriptionDescription,
  type SubscriptionDescriptionChanges,
  type SubscriptionDescriptionInput,
} from './subscription.ts';
export {
  DEFAULT_RULE,
  DEFAULT_RULE_NAME,
  parseRuleDescription,
  type RuleDescription,
  type RuleValue,
  TYPED_VALUES,
} from './rule.ts';
export type { DeclaredSubscription, DeclaredTopic, NamespaceDescription } from './namespace.ts';
export { entityText, PROPERTIES } from './entity.ts';
export { type NamespacePlan, planNamespace, type Step } from './namespace-plan.ts';
export { canonicalProperties, numberType } from './canonical.ts';
export { entityProperties, type EntityKind, type EntityProperty } from './entity-property.ts';
export { namespaceNameFault } from './namespace-name.ts';
export { PREMIUM_CAPACITIES, skuFault, SKUS } from './namespace-sku.ts';
export { DEFAULT_QUEUE } from './stack/default-queue.ts';
