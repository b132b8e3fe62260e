import type { EntityTimes, QueueCounts } from '../../broker/index.ts';
import { PROPERTIES, canonicalProperties, skuFault } from '../../topology/index.ts';
import { withSizes } from '../entity-sizes.ts';
import { listAnswer } from './list-answer.ts';
import { plainLocation } from './namespace-description.ts';
import type { NamespaceRecord } from './namespace-record.ts';
import { propertiesIn } from './read-body.ts';
import { badRequest } from './refusal.ts';
import { PROVIDER, armName, resourceId } from './resource-id.ts';
import type { Segment } from './resource-id.ts';
import type { ArmAnswer, Body, ChildCall } from './resource-kind.ts';

// What resources within the namespace have in common.

/** A resource on its way out; `within` are its type and name, and those of what it lies in below the namespace, outermost first. */
export function childBody({ namespace }: ChildCall, within: readonly Segment[], properties: object): object {
  const { subscription, resourceGroup, name, location } = namespace;
  const segments = [{ type: 'namespaces', name }, ...within];
  return {
    id: resourceId(`/subscriptions/${subscription}/resourceGroups/${resourceGroup}`, segments),
    name: armName(segments.at(-1)?.name ?? ''),
    type: `${PROVIDER}/${segments.map(({ type }) => type).join('/')}`,
    location: plainLocation(location),
    properties,
  };
}

/** A list as `listAnswer` has it, sorted by name. */
export function sortedList<T extends { readonly description: { readonly name: string } }>(
  { request }: ChildCall,
  all: readonly T[],
  body: (status: T) => object,
): ArmAnswer {
  const sorted = all
    .map((status) => ({ status, key: status.description.name.toLowerCase() }))
    .toSorted((one, other) => (one.key < other.key ? -1 : Number(one.key > other.key)));
  return listAnswer(request, sorted, ({ status }) => body(status));
}

/**
 * What a queue or topic is to be. What is left out gets its default, or stays when it is decided as the entity is made.
 *
 * @param fixed the names of what is decided then
 */
export function wantedEntity<P extends EntityDescription>(
  { namespace, names: [, name = ''] }: ChildCall,
  body: Body,
  kept: { readonly what: 'queue' | 'topic'; readonly present: P | undefined; readonly fixed: readonly (keyof P)[] },
): object {
  const { what, present, fixed } = kept;
  const given = canonicalProperties(propertiesIn(body, PROPERTIES[what]));
  return {
    maxMessageSizeInKilobytes: usualMessageKb(namespace),
    ...(present && Object.fromEntries(fixed.map((property) => [property, present[property]]))),
    ...withSizes(Object.fromEntries(given), present),
    name: present?.name ?? name,
  };
}

type EntityDescription = NonNullable<Parameters<typeof withSizes>[1]> & { readonly name: string };

/** What never was is the first day of .NET's calendar. */
const NEVER = '0001-01-01T00:00:00Z';

export function timesOf({ createdMs, updatedMs, accessedMs }: EntityTimes) {
  return {
    createdAt: new Date(createdMs).toISOString(),
    updatedAt: new Date(updatedMs).toISOString(),
    accessedAt: accessedMs === undefined ? NEVER : new Date(accessedMs).toISOString(),
  };
}

export function countDetailsOf({ active, deadLetter, scheduled, transferDeadLetter }: QueueCounts) {
  return {
    activeMessageCount: active,
    deadLetterMessageCount: deadLetter,
    scheduledMessageCount: scheduled,
    // What is to be forwarded waits among the active messages.
    transferMessageCount: 0,
    transferDeadLetterMessageCount: transferDeadLetter,
  };
}

/** Kilobytes of the largest message of an entity that does not say, by the tier of its namespace (service-bus-quotas). */
function usualMessageKb({ sku }: NamespaceRecord): number {
  return sku.name === 'Premium' ? 1_024 : 256;
}

/** @throws ArmRefusal 400 when the tier of the namespace has not what `entity` is to have */
export function mustFitSku(
  { namespace }: ChildCall,
  what: 'queue' | 'topic' | 'subscription',
  entity: Parameters<typeof skuFault>[2],
): void {
  const { sku, properties } = namespace;
  const fault = skuFault({ name: sku.name, partitions: properties.premiumMessagingPartitions }, what, entity);
  if (fault !== undefined) throw badRequest(`${fault}.`);
}

/** `description` without what it is called. */
export function withoutNames<D extends { readonly name: string; readonly topicName?: string }>(
  description: D,
): Omit<D, 'name' | 'topicName'> {
  const { name: _name, topicName: _topicName, ...properties } = description;
  return properties;
}
