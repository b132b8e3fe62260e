import type { Configuration } from '../retraining/configuration/configuration.ts';

import {
  DEFAULT_QUEUE,
  parseQueueDescription,
  parseSubscriptionDescription,
  parseTopicDescription,
} from '../topology/index.ts';
import type { DeclaredTopic, NamespaceDescription } from '../topology/index.ts';

/** How far back status, runs, events and explain can look. */
const STATUS_TIME_TO_LIVE = 'P14D';
/** An event is delivered anew whenever a notifier that holds it ends. */
const NOTIFY_DELIVERIES_MAX = 1_000;

/** What the embedded broker has to have for a configuration. */
export function embeddedEntities({ queues, outcomes }: Configuration): NamespaceDescription {
  const requests = { ...DEFAULT_QUEUE, name: queues.requests, requiresSession: queues.sessions };
  const intake = parseQueueDescription({ name: queues.intake, requiresDuplicateDetection: true });
  if ('queue' in outcomes)
    return { queues: [requests, intake, parseQueueDescription({ name: outcomes.queue })], topics: [] };
  const { topic, statusSubscription, notifySubscription } = outcomes;
  const description = parseTopicDescription({ name: topic, requiresDuplicateDetection: true });
  const subscriptions: DeclaredTopic['subscriptions'] = [
    parseSubscriptionDescription({
      topicName: topic,
      name: statusSubscription,
      defaultMessageTimeToLive: STATUS_TIME_TO_LIVE,
    }),
    parseSubscriptionDescription({
      topicName: topic,
      name: notifySubscription,
      lockDuration: 'PT5M',
      maxDeliveryCount: NOTIFY_DELIVERIES_MAX,
    }),
  ].map((one) => ({ description: one }));
  return { queues: [requests, intake], topics: [{ description, subscriptions }] };
}
