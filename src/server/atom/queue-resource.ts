import type { AccessRule } from '../access-rule.ts';
import type { QueueStatus } from '../queue-admin.ts';
import { shownSize, withSizes } from '../entity-sizes.ts';
import { mustKeep } from './atom-refusal.ts';
import { WITH_MESSAGE_SIZE } from './atom-request.ts';
import type { AtomRequest } from './atom-request.ts';
import { authorizationRulesXml, giveRules, readAuthorizationRules } from './authorization-rules.ts';
import { QUEUE_FIELDS, readFields } from './description-fields.ts';
import { AVAILABLE, countDetailsXml, destinationXml, timesXml } from './description-parts.ts';
import type { Entry } from './feed.ts';
import { DESCRIPTION } from './namespaces.ts';
import { withDestinations } from './forwarding.ts';
import type { AtomParts } from './parts.ts';
import type { XmlElement } from './xml-element.ts';
import { field, xml } from './xml-writer.ts';
import type { XmlNode } from './xml-writer.ts';

const FIXED = [
  ['RequiresSession', 'requiresSession'],
  ['RequiresDuplicateDetection', 'requiresDuplicateDetection'],
  ['EnablePartitioning', 'enablePartitioning'],
] as const;

export async function createQueue(
  parts: AtomParts,
  request: AtomRequest,
  { name, body }: { readonly name: string; readonly body: XmlElement },
): Promise<void> {
  const { admin, access } = parts;
  const given = withDestinations(parts, request, { given: withSizes(readFields(body, QUEUE_FIELDS)) });
  const rules = readAuthorizationRules(body) ?? [];
  access.check(name, rules);
  await admin.queues.create({ ...given, name });
  await giveRules(access, { entity: name, rules, undo: () => admin.queues.delete(name) });
}

export async function updateQueue(
  parts: AtomParts,
  request: AtomRequest,
  { present, body }: { readonly present: QueueStatus; readonly body: XmlElement },
): Promise<void> {
  const { admin, access } = parts;
  const { description } = present;
  const wanted = withSizes(readFields(body, QUEUE_FIELDS), description);
  const given = withDestinations(parts, request, { given: wanted, present: description });
  mustKeep('Queue', FIXED, { given, present: description });
  const rules = readAuthorizationRules(body);
  if (rules) access.check(description.name, rules);
  await admin.queues.update(description.name, {
    // What a queue may be without is taken away unless it is given.
    forwardTo: undefined,
    forwardDeadLetteredMessagesTo: undefined,
    userMetadata: undefined,
    ...given,
  });
  if (rules) await access.replace(description.name, rules);
}

export function queueEntry(parts: AtomParts, request: AtomRequest, status: QueueStatus): Entry {
  const { name } = status.description;
  return {
    title: name,
    path: name,
    publishedMs: status.times.createdMs,
    updatedMs: status.times.updatedMs,
    content: queueXml(request, status, parts.access.rulesOf(name)),
  };
}

/** Elements in the order of the service's data contract (service-bus-protocol.md §12.2). */
function queueXml(
  request: AtomRequest,
  { description, counts, times }: QueueStatus,
  rules: readonly AccessRule[],
): XmlNode {
  const queue = description;
  return xml(
    'QueueDescription',
    DESCRIPTION,
    field('LockDuration', queue.lockDuration),
    field('MaxSizeInMegabytes', shownSize(queue)),
    field('RequiresDuplicateDetection', queue.requiresDuplicateDetection),
    field('RequiresSession', queue.requiresSession),
    field('DefaultMessageTimeToLive', queue.defaultMessageTimeToLive),
    field('DeadLetteringOnMessageExpiration', queue.deadLetteringOnMessageExpiration),
    field('DuplicateDetectionHistoryTimeWindow', queue.duplicateDetectionHistoryTimeWindow),
    field('MaxDeliveryCount', queue.maxDeliveryCount),
    field('EnableBatchedOperations', queue.enableBatchedOperations),
    field('SizeInBytes', counts.sizeBytes),
    field('MessageCount', counts.total),
    field('IsAnonymousAccessible', false),
    authorizationRulesXml(rules),
    field('Status', queue.status),
    destinationXml('ForwardTo', request, queue.forwardTo),
    field('UserMetadata', queue.userMetadata),
    ...timesXml(times),
    field('SupportOrdering', true),
    countDetailsXml(counts),
    field('AutoDeleteOnIdle', queue.autoDeleteOnIdle),
    field('EnablePartitioning', queue.enablePartitioning),
    destinationXml('ForwardDeadLetteredMessagesTo', request, queue.forwardDeadLetteredMessagesTo),
    AVAILABLE,
    field('EnableExpress', queue.enableExpress),
    request.apiVersion >= WITH_MESSAGE_SIZE
      ? field('MaxMessageSizeInKilobytes', queue.maxMessageSizeInKilobytes)
      : undefined,
  );
}
