import { PREMIUM_CAPACITIES, SKUS, namespaceNameFault } from '../../topology/index.ts';
import { namespaceProperties, namespaceSku, tags } from './namespace-record.ts';
import type { NamespaceRecord, NamespaceSku } from './namespace-record.ts';
import { anyCase, checked, objectIn } from './read-body.ts';
import { ArmRefusal, badRequest } from './refusal.ts';
import type { Body } from './resource-kind.ts';

/** What the client says of a namespace. */
type Description = Pick<NamespaceRecord, 'location' | 'tags' | 'sku' | 'properties'>;

const PARTITIONS = [1, 2, 4];
const MAX_LOCATION_CHARS = 90;

/** A namespace that is to be made. @throws ArmRefusal */
export function newNamespace(
  identity: Pick<NamespaceRecord, 'subscription' | 'resourceGroup' | 'name'>,
  body: Body,
  nowMs: number,
): NamespaceRecord {
  const fault = namespaceNameFault(identity.name);
  if (fault !== undefined) throw badRequest(`${fault}.`);
  return { ...identity, ...describedIn(body), createdAtMs: nowMs, updatedAtMs: nowMs };
}

/** PUT: what is left out gets its default, but for what is decided when a namespace is made. @throws ArmRefusal */
export function replacedNamespace(present: NamespaceRecord, body: Body, nowMs: number): NamespaceRecord {
  const { zoneRedundant, premiumMessagingPartitions } = present.properties;
  const kept = { zoneRedundant, premiumMessagingPartitions };
  const wanted = {
    location: present.location,
    sku: present.sku,
    ...body,
    properties: { ...kept, ...objectIn(body, 'properties') },
  };
  return keeping(present, wanted, nowMs);
}

/** PATCH: what is left out stays; tags are replaced as a whole. @throws ArmRefusal */
export function changedNamespace(present: NamespaceRecord, body: Body, nowMs: number): NamespaceRecord {
  const { location, tags: formerTags, sku, properties } = present;
  const wanted = {
    location,
    tags: formerTags,
    ...body,
    sku: changedSku(sku, body),
    properties: { ...properties, ...objectIn(body, 'properties') },
  };
  return keeping(present, wanted, nowMs);
}

/** Of the same tier: what is left out stays. */
function changedSku(present: NamespaceSku, body: Body): Body {
  const given = objectIn(body, 'sku');
  const name = skuName('sku.name', given['name'] ?? given['tier'] ?? present.name);
  return { ...(name === present.name ? present : {}), ...given, name };
}

function describedIn(body: Body): Description {
  const { location } = body;
  if (typeof location !== 'string' || location.trim() === '')
    throw new ArmRefusal('LocationRequired', 'The location property is required for this definition: such as eastus.');
  if (location.length > MAX_LOCATION_CHARS)
    throw badRequest(`location has ${location.length} characters, and at most ${MAX_LOCATION_CHARS} are taken.`);
  const sku = skuIn(body);
  const properties = checked(namespaceProperties, objectIn(body, 'properties'), 'properties');
  const { premiumMessagingPartitions: partitions } = properties;
  if (sku.name !== 'Premium' && partitions > 0)
    throw badRequest(
      `properties.premiumMessagingPartitions is ${partitions}, and only a Premium namespace has partitions; leave it out.`,
    );
  if (sku.name === 'Premium' && partitions > 0 && !PARTITIONS.includes(partitions))
    throw badRequest(`properties.premiumMessagingPartitions is ${partitions}; it must be ${PARTITIONS.join(', ')}.`);
  const units = sku.capacity ?? 0;
  if (partitions > 0 && units % partitions !== 0)
    throw badRequest(
      `sku.capacity is ${units}, and must be a multiple of properties.premiumMessagingPartitions, which is ${partitions}.`,
    );
  return {
    location,
    tags: checked(tags, body['tags'] ?? {}, 'tags'),
    sku,
    properties: {
      ...properties,
      premiumMessagingPartitions: sku.name === 'Premium' ? Math.max(partitions, 1) : 0,
    },
  };
}

/** Standard unless given. The tier says the same as the name. */
function skuIn(body: Body): NamespaceSku {
  const { name: givenName, tier: givenTier, capacity } = objectIn(body, 'sku');
  const name = skuName('sku.name', givenName ?? givenTier ?? 'Standard');
  const tier = skuName('sku.tier', givenTier ?? name);
  if (tier !== name) throw badRequest(`sku.tier is ${tier} and sku.name ${name}; they must be the same.`);
  if (name !== 'Premium') {
    if (capacity !== undefined && capacity !== 0)
      throw badRequest(`sku.capacity is ${JSON.stringify(capacity)}, and only Premium has one; leave it out.`);
    return { name };
  }
  if (capacity !== undefined && !(PREMIUM_CAPACITIES as readonly unknown[]).includes(capacity))
    throw badRequest(
      `sku.capacity is ${JSON.stringify(capacity)}; Premium has ${PREMIUM_CAPACITIES.join(', ')} messaging units.`,
    );
  return checked(namespaceSku, { name, capacity: capacity ?? 1 }, 'sku');
}

function skuName(field: string, given: unknown): NamespaceSku['name'] {
  const name = anyCase(SKUS, given);
  if (!name) throw badRequest(`${field} is ${JSON.stringify(given)}; it must be ${SKUS.join(', ')}.`);
  return name;
}

/** What is decided when a namespace is made must be as it is. */
function keeping(present: NamespaceRecord, wanted: Body, nowMs: number): NamespaceRecord {
  mustStayPremium(present.sku, skuIn(wanted));
  const next = describedIn(wanted);
  if (plainLocation(next.location) !== plainLocation(present.location))
    throw new ArmRefusal(
      'InvalidResourceLocation',
      `The namespace '${present.name}' already exists in location '${present.location}', and cannot be moved to '${next.location}'; delete it first.`,
    );
  for (const property of ['zoneRedundant', 'premiumMessagingPartitions'] as const)
    if (next.properties[property] !== present.properties[property])
      throw badRequest(
        `properties.${property} is ${present.properties[property]} and cannot be changed to ${next.properties[property]}; it is decided when the namespace is made.`,
      );
  return { ...present, ...next, location: present.location, updatedAtMs: nowMs };
}

/** Said before what else would follow from the other tier. */
function mustStayPremium({ name: present }: NamespaceSku, { name: wanted }: NamespaceSku): void {
  if ((wanted === 'Premium') === (present === 'Premium')) return;
  throw badRequest(
    `sku.name is ${present} and cannot be changed to ${wanted}: a namespace cannot become Premium, nor leave it; delete it first.`,
  );
}

/** `East US` is `eastus`. */
export function plainLocation(location: string): string {
  return location.toLowerCase().replaceAll(' ', '');
}
