import { namespaceRulesKind, queueRulesKind, topicRulesKind } from './authorization-rules.ts';
import { namespaceKind, operationKind } from './namespace-resource.ts';
import type { ChildKind, TopKind } from './resource-kind.ts';

export const TOP_KINDS: readonly TopKind[] = [namespaceKind, operationKind];

/** Each has a file of its own. */
export const CHILD_KINDS: readonly ChildKind[] = [namespaceRulesKind, queueRulesKind, topicRulesKind];
