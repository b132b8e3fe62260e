import type { AccessRule } from '../access-rule.ts';
import type { EntityAdmin } from '../entity-admin.ts';
import type { TopicStatus } from '../topic-admin.ts';
import { shownSize, withSizes } from '../entity-sizes.ts';
import { mustKeep } from './atom-refusal.ts';
import { WITH_FILTER_COUNTS, WITH_MESSAGE_SIZE } from './atom-request.ts';
import type { AtomRequest } from './atom-request.ts';
import { authorizationRulesXml, giveRules, readAuthorizationRules } from './authorization-rules.ts';
import { TOPIC_FIELDS, readFields } from './description-fields.ts';
import { AVAILABLE, countDetailsXml, timesXml } from './description-parts.ts';
import type { Entry } from './feed.ts';
import { DESCRIPTION } from './namespaces.ts';
import type { AtomParts } from './parts.ts';
import type { XmlElement } from './xml-element.ts';
import { field, xml } from './xml-writer.ts';
import type { XmlNode } from './xml-writer.ts';

const FIXED = [
  ['RequiresDuplicateDetection', 'requiresDuplicateDetection'],
  ['EnablePartitioning', 'enablePartitioning'],
] as const;

export async function createTopic({ admin, access }: AtomParts, name: string, body: XmlElement): Promise<void> {
  const given = withSizes(readFields(body, TOPIC_FIELDS));
  const rules = readAuthorizationRules(body) ?? [];
  access.check(name, rules);
  await admin.topics.create({ ...given, name });
  await giveRules(access, { entity: name, rules, undo: () => admin.topics.delete(name) });
}

export async function updateTopic(
  { admin, access }: AtomParts,
  { description }: TopicStatus,
  body: XmlElement,
): Promise<void> {
  const given = withSizes(readFields(body, TOPIC_FIELDS), description);
  mustKeep('Topic', FIXED, { given, present: description });
  const rules = readAuthorizationRules(body);
  if (rules) access.check(description.name, rules);
  await admin.topics.update(description.name, { userMetadata: undefined, ...given });
  if (rules) await access.replace(description.name, rules);
}

export function topicEntry({ admin, access }: AtomParts, request: AtomRequest, status: TopicStatus): Entry {
  const { name } = status.description;
  return {
    title: name,
    path: name,
    publishedMs: status.times.createdMs,
    updatedMs: status.times.updatedMs,
    content: topicXml(request, { status, admin, rules: access.rulesOf(name) }),
  };
}

/** Elements in the order of the service's data contract (service-bus-protocol.md §12.2). */
function topicXml(
  request: AtomRequest,
  parts: { readonly status: TopicStatus; readonly admin: EntityAdmin; readonly rules: readonly AccessRule[] },
): XmlNode {
  const { status, admin, rules } = parts;
  const { description: topic, counts, times } = status;
  return xml(
    'TopicDescription',
    DESCRIPTION,
    field('DefaultMessageTimeToLive', topic.defaultMessageTimeToLive),
    field('MaxSizeInMegabytes', shownSize(topic)),
    field('RequiresDuplicateDetection', topic.requiresDuplicateDetection),
    field('DuplicateDetectionHistoryTimeWindow', topic.duplicateDetectionHistoryTimeWindow),
    field('EnableBatchedOperations', topic.enableBatchedOperations),
    field('SizeInBytes', status.sizeBytes),
    field('FilteringMessagesBeforePublishing', false),
    field('IsAnonymousAccessible', false),
    authorizationRulesXml(rules),
    field('Status', topic.status),
    field('UserMetadata', topic.userMetadata),
    ...timesXml(times),
    field('SupportOrdering', topic.supportOrdering),
    countDetailsXml(counts),
    field('SubscriptionCount', status.subscriptionCount),
    field('AutoDeleteOnIdle', topic.autoDeleteOnIdle),
    field('EnablePartitioning', topic.enablePartitioning),
    AVAILABLE,
    field('EnableSubscriptionPartitioning', false),
    field('EnableExpress', topic.enableExpress),
    request.apiVersion >= WITH_MESSAGE_SIZE
      ? field('MaxMessageSizeInKilobytes', topic.maxMessageSizeInKilobytes)
      : undefined,
    ...(request.apiVersion >= WITH_FILTER_COUNTS ? filterCountsXml(admin, topic.name) : []),
  );
}

/** True and false filters count as the SQL filters that they stand for. */
function filterCountsXml(admin: EntityAdmin, topic: string): (XmlNode | undefined)[] {
  let sql = 0;
  let correlation = 0;
  for (const { description: subscription } of admin.subscriptions.list(topic) ?? [])
    for (const rule of admin.rules.list(subscription) ?? [])
      if (rule.description.filterType === 'CorrelationFilter') correlation++;
      else sql++;
  return [field('SqlFilterCount', sql), field('CorrelationFilterCount', correlation)];
}
