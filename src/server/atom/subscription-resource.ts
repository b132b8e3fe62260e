import { DEFAULT_RULE_NAME, subscriptionPath } from '../../topology/index.ts';
import type { SubscriptionStatus } from '../subscription-admin.ts';
import { mustKeep } from './atom-refusal.ts';
import type { AtomRequest } from './atom-request.ts';
import { SUBSCRIPTION_FIELDS, readFields } from './description-fields.ts';
import { AVAILABLE, countDetailsXml, destinationXml, timesXml } from './description-parts.ts';
import type { Entry } from './feed.ts';
import { withDestinations } from './forwarding.ts';
import { DESCRIPTION } from './namespaces.ts';
import type { AtomParts } from './parts.ts';
import { readRule } from './rule-description.ts';
import { childOf, textOf } from './xml-element.ts';
import type { XmlElement } from './xml-element.ts';
import { field, xml } from './xml-writer.ts';
import type { XmlNode } from './xml-writer.ts';

const FIXED = [['RequiresSession', 'requiresSession']] as const;

/** With its first rule, if one is given. */
export async function createSubscription(
  parts: AtomParts,
  request: AtomRequest,
  options: { readonly topicName: string; readonly name: string; readonly body: XmlElement },
): Promise<void> {
  const { topicName, name, body } = options;
  const given = withDestinations(parts, request, { given: readFields(body, SUBSCRIPTION_FIELDS) });
  const rule = childOf(body, 'DefaultRuleDescription');
  const described = rule && readRule(rule, textOf(rule, 'Name') ?? DEFAULT_RULE_NAME);
  await parts.admin.subscriptions.create({ ...given, topicName, name }, described && [described]);
}

export async function updateSubscription(
  parts: AtomParts,
  request: AtomRequest,
  { present, body }: { readonly present: SubscriptionStatus; readonly body: XmlElement },
): Promise<void> {
  const { description } = present;
  const wanted = readFields(body, SUBSCRIPTION_FIELDS);
  const given = withDestinations(parts, request, { given: wanted, present: description });
  mustKeep('Subscription', FIXED, { given, present: description });
  await parts.admin.subscriptions.update(description.topicName, description.name, {
    // What a subscription may be without is taken away unless it is given.
    forwardTo: undefined,
    forwardDeadLetteredMessagesTo: undefined,
    userMetadata: undefined,
    ...given,
  });
}

export function subscriptionEntry(request: AtomRequest, status: SubscriptionStatus): Entry {
  const { topicName, name } = status.description;
  return {
    title: name,
    path: subscriptionPath(topicName, name),
    publishedMs: status.times.createdMs,
    updatedMs: status.times.updatedMs,
    content: subscriptionXml(request, status),
  };
}

/** Elements in the order of the service's data contract (service-bus-protocol.md §12.2). */
function subscriptionXml(request: AtomRequest, { description, counts, times }: SubscriptionStatus): XmlNode {
  const subscription = description;
  return xml(
    'SubscriptionDescription',
    DESCRIPTION,
    field('LockDuration', subscription.lockDuration),
    field('RequiresSession', subscription.requiresSession),
    field('DefaultMessageTimeToLive', subscription.defaultMessageTimeToLive),
    field('DeadLetteringOnMessageExpiration', subscription.deadLetteringOnMessageExpiration),
    field('DeadLetteringOnFilterEvaluationExceptions', subscription.deadLetteringOnFilterEvaluationExceptions),
    field('MessageCount', counts.total),
    field('MaxDeliveryCount', subscription.maxDeliveryCount),
    field('EnableBatchedOperations', subscription.enableBatchedOperations),
    field('Status', subscription.status),
    destinationXml('ForwardTo', request, subscription.forwardTo),
    ...timesXml(times),
    field('UserMetadata', subscription.userMetadata),
    destinationXml('ForwardDeadLetteredMessagesTo', request, subscription.forwardDeadLetteredMessagesTo),
    countDetailsXml(counts),
    field('AutoDeleteOnIdle', subscription.autoDeleteOnIdle),
    AVAILABLE,
  );
}
