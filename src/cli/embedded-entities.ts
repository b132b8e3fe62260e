import type { Configuration } from '../retraining/configuration/configuration.ts';
import { type NamespaceDescription, parseQueueDescription } from '../topology/index.ts';
import { namespaceOf, renderTopology, type StackTopic, TOPOLOGY_TEMPLATE } from '../topology/stack/index.ts';

/** What the embedded broker has to have for a configuration: what `infra/` provisions, by the names that the configuration has for it. */
export function embeddedEntities({ queues, outcomes }: Configuration): NamespaceDescription {
  const stack = renderTopology(TOPOLOGY_TEMPLATE, {
    queueName: queues.requests,
    sessions: queues.sessions,
    intakeQueueName: queues.intake,
    ...('topic' in outcomes && { outcomeTopicName: outcomes.topic }),
  });
  if ('queue' in outcomes) {
    const { queues: known } = namespaceOf(stack);
    return { queues: [...known, parseQueueDescription({ name: outcomes.queue })], topics: [] };
  }
  const names = { status: outcomes.statusSubscription, notify: outcomes.notifySubscription };
  const topics = Object.entries(stack.topics).map(([role, topic]) => [role, renamed(topic, names)] as const);
  return namespaceOf({ ...stack, topics: Object.fromEntries(topics) });
}

/** A topic with the names for its subscriptions, by their roles. */
function renamed({ description, subscriptions }: StackTopic, names: Readonly<Record<string, string>>): StackTopic {
  const named = Object.entries(subscriptions).map(
    ([role, subscription]) => [role, { ...subscription, name: names[role] ?? subscription.name }] as const,
  );
  return { description, subscriptions: Object.fromEntries(named) };
}
