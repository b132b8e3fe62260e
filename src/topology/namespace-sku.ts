import { FOREVER } from './duration.ts';
import type { QueueDescription } from './queue.ts';
import type { SubscriptionDescription } from './subscription.ts';
import type { TopicDescription } from './topic.ts';

/** Tiers of a namespace. */
export const SKUS = ['Basic', 'Standard', 'Premium'] as const;
export type SkuName = (typeof SKUS)[number];

/** Messaging units of a Premium namespace (service-bus-premium-messaging). */
export const PREMIUM_CAPACITIES = [1, 2, 4, 8, 16] as const;

/** Kilobytes of a message on Basic and Standard (service-bus-quotas). */
const STANDARD_MESSAGE_KB = 256;

type Described = Partial<QueueDescription & TopicDescription & SubscriptionDescription>;

/**
 * What of an entity a namespace of this tier has not, with the remedy; undefined when there is nothing.
 *
 * Basic has neither topics, sessions, duplicate detection, auto-forwarding nor deletion when idle (service-bus-messaging-overview, service-bus-auto-forwarding); Premium
 * neither express entities nor, unless the namespace has partitions, partitioned ones (service-bus-partitioning, service-bus-premium-messaging).
 */
export function skuFault(
  { name: sku, partitions = 0 }: { readonly name: SkuName; readonly partitions?: number },
  what: 'queue' | 'topic' | 'subscription',
  entity: Described,
): string | undefined {
  const known = entity.name === undefined ? what : `${what} '${entity.name}'`;
  const refused = (property: string, remedy: string): string =>
    `${known}: ${property} is not to be had in a namespace of the tier ${sku}; ${remedy}`;
  if (sku === 'Basic' && what !== 'queue') return refused(`a ${what}`, 'make the namespace Standard or Premium');
  if (sku === 'Basic') {
    for (const property of ['requiresSession', 'requiresDuplicateDetection'] as const)
      if (entity[property]) return refused(property, 'leave it out, or make the namespace Standard or Premium');
    for (const property of ['forwardTo', 'forwardDeadLetteredMessagesTo'] as const)
      if (entity[property] !== undefined)
        return refused(property, 'leave it out, or make the namespace Standard or Premium');
    if (entity.autoDeleteOnIdle !== undefined && entity.autoDeleteOnIdle !== FOREVER)
      return refused('autoDeleteOnIdle', 'leave it out, or make the namespace Standard or Premium');
  }
  if (sku !== 'Premium')
    return (entity.maxMessageSizeInKilobytes ?? 0) > STANDARD_MESSAGE_KB
      ? refused(
          `maxMessageSizeInKilobytes ${entity.maxMessageSizeInKilobytes}, over ${STANDARD_MESSAGE_KB},`,
          'leave it out, or make the namespace Premium',
        )
      : undefined;
  if (entity.enableExpress) return refused('enableExpress', 'leave it out');
  if (entity.enablePartitioning && partitions <= 1)
    return refused('enablePartitioning', 'leave it out, or make the namespace with premiumMessagingPartitions 2 or 4');
  return undefined;
}
