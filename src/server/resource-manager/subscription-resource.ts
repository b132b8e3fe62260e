import { PROPERTIES, canonicalProperties, parseSubscriptionDescription } from '../../topology/index.ts';
import type { SubscriptionDescription } from '../../topology/index.ts';
import type { SubscriptionStatus } from '../subscription-admin.ts';
import { childBody, countDetailsOf, sortedList, mustFitSku, timesOf, withoutNames } from './child-resource.ts';
import { idIn } from './namespace-resource.ts';
import { objectIn, propertiesIn } from './read-body.ts';
import { badRequest, parentNotFound, resourceNotFound } from './refusal.ts';
import type { ArmAnswer, Body, ChildCall, ChildKind } from './resource-kind.ts';

export const subscriptionKind: ChildKind = {
  type: 'namespaces/topics/subscriptions',
  list: (call) => {
    const [, topicName = ''] = call.names;
    const all = call.admin.subscriptions.list(topicName);
    if (!all) throw withoutTopic(call);
    return sortedList(call, all, (subscription) => subscriptionBody(call, subscription));
  },
  get: (call) => shown(call),
  put: async (call, body) => {
    const [, topicName = '', name = ''] = call.names;
    const { subscriptions, topics } = call.admin;
    const topic = topics.get(topicName)?.description;
    if (!topic) throw withoutTopic(call);
    const present = subscriptions.get(topicName, name)?.description;
    const wanted = describedSubscription(body, { topicName: topic.name, name, present });
    mustFitSku(call, 'subscription', wanted);
    await (present
      ? subscriptions.update(topic.name, present.name, { ...TAKEN_AWAY, ...withoutNames(wanted) })
      : subscriptions.create(wanted));
    return shown(call);
  },
  delete: async (call) => {
    const [, topicName = '', name = ''] = call.names;
    if (!call.admin.topics.get(topicName)) throw withoutTopic(call);
    if (!call.admin.subscriptions.get(topicName, name)) return { status: 204 };
    await call.admin.subscriptions.delete(topicName, name);
    return { status: 200 };
  },
};

/** What a subscription may be without. */
const TAKEN_AWAY = { forwardTo: undefined, forwardDeadLetteredMessagesTo: undefined, userMetadata: undefined };

/** What is left out gets its default, or stays when it is decided as the subscription is made. */
function describedSubscription(
  body: Body,
  names: {
    readonly topicName: string;
    readonly name: string;
    readonly present: SubscriptionDescription | undefined;
  },
): SubscriptionDescription {
  const { topicName, name, present } = names;
  if (objectIn(body, 'properties')['isClientAffine'] === true)
    throw badRequest(
      'properties.isClientAffine is true, and subscriptions of JMS clients are not served here; leave it out.',
    );
  const given = canonicalProperties(propertiesIn(body, PROPERTIES.subscription));
  return parseSubscriptionDescription({
    ...(present && { requiresSession: present.requiresSession }),
    ...Object.fromEntries(given),
    topicName,
    name: present?.name ?? name,
  });
}

function shown(call: ChildCall): ArmAnswer {
  const [, topicName = '', name = ''] = call.names;
  if (!call.admin.topics.get(topicName)) throw withoutTopic(call);
  const subscription = call.admin.subscriptions.get(topicName, name);
  if (!subscription) throw resourceNotFound(call.request.urlPath);
  return { status: 200, body: subscriptionBody(call, subscription) };
}

function subscriptionBody(call: ChildCall, { description, counts, times }: SubscriptionStatus): object {
  const { topicName, name } = description;
  const within = [
    { type: 'topics', name: topicName },
    { type: 'subscriptions', name },
  ];
  return childBody(call, within, {
    isClientAffine: false,
    ...withoutNames(description),
    messageCount: counts.total,
    countDetails: countDetailsOf(counts),
    ...timesOf(times),
  });
}

function withoutTopic({ request }: ChildCall): Error {
  const { path } = request;
  return parentNotFound(
    idIn({ ...path, segments: path.segments.slice(0, 2) }),
    'Make the topic first, or correct its name.',
  );
}
