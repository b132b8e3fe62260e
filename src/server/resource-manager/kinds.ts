import { namespaceRulesKind, queueRulesKind, topicRulesKind } from './authorization-rules.ts';
import { providerKind } from './check-name.ts';
import { namespaceKind, operationKind } from './namespace-resource.ts';
import { networkRuleSetKind } from './network-rule-set-resource.ts';
import { queueKind } from './queue-resource.ts';
import type { ChildKind, TopKind } from './resource-kind.ts';
import { ruleKind } from './rule-resource.ts';
import { subscriptionKind } from './subscription-resource.ts';
import { topicKind } from './topic-resource.ts';

export const TOP_KINDS: readonly TopKind[] = [providerKind, namespaceKind, operationKind];

/** Each has a file of its own. */
export const CHILD_KINDS: readonly ChildKind[] = [
  queueKind,
  topicKind,
  subscriptionKind,
  ruleKind,
  namespaceRulesKind,
  queueRulesKind,
  topicRulesKind,
  networkRuleSetKind,
];
