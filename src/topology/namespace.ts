import type { QueueDescription } from './queue.ts';
import type { RuleDescription } from './rule.ts';
import type { SubscriptionDescription } from './subscription.ts';
import type { TopicDescription } from './topic.ts';

/** All that a namespace holds, or all of it that somebody declares. */
export interface NamespaceDescription {
  readonly queues: readonly QueueDescription[];
  readonly topics: readonly DeclaredTopic[];
}

export interface DeclaredTopic {
  readonly description: TopicDescription;
  readonly subscriptions: readonly DeclaredSubscription[];
}

export interface DeclaredSubscription {
  readonly description: SubscriptionDescription;
  /**
   * All its rules. Absent: a subscription that is made gets `$Default`, which lets every message in; one that exists keeps the rules that it
   * has. An empty list lets nothing in.
   */
  readonly rules?: readonly RuleDescription[];
}
