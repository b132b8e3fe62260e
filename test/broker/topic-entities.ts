import type { Subscription, Topic } from '../../src/broker/index.ts';
import {
  parseRuleDescription,
  parseSubscriptionDescription,
  parseTopicDescription,
  type RuleDescription,
  type SubscriptionDescriptionInput,
  type TopicDescriptionInput,
} from '../../src/topology/index.ts';
import type { BrokerHarness } from './broker-harness.ts';

// Topic `t` of the tests, its subscriptions and rules.

export function topicOf(broker: BrokerHarness, description: Partial<TopicDescriptionInput> = {}): Topic {
  return broker.namespace.topics.create(parseTopicDescription({ name: 't', ...description })).topic;
}

export function subscribe(
  broker: BrokerHarness,
  name: string,
  description: Partial<SubscriptionDescriptionInput> = {},
  rules?: readonly object[],
): Subscription {
  const parsed = parseSubscriptionDescription({ topicName: 't', name, ...description });
  return broker.namespace.topics.subscribe(parsed, rules?.map(rule)).subscription;
}

export function rule(description: object): RuleDescription {
  return parseRuleDescription({ name: 'r', ...description });
}

export function label(value: string, more: object = {}): object {
  return { name: value, filterType: 'CorrelationFilter', correlationFilter: { properties: { label: value } }, ...more };
}

export function again(broker: BrokerHarness, name: string): Subscription {
  return broker.namespace.topics.existingSubscription('t', name).subscription;
}
