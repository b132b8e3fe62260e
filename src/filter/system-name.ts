import { SYSTEM_PROPERTIES, type SystemProperty } from './message-properties.ts';

/** Names of newer clients (Azure.Messaging.ServiceBus.ServiceBusMessage) for properties that older ones call differently. */
const ALIASES: readonly (readonly [string, SystemProperty])[] = [
  ['Subject', 'Label'],
  ['ScheduledEnqueueTime', 'ScheduledEnqueueTimeUtc'],
  ['EnqueuedTime', 'EnqueuedTimeUtc'],
  ['ExpiresAt', 'ExpiresAtUtc'],
  ['LockedUntil', 'LockedUntilUtc'],
  ['TransactionPartitionKey', 'ViaPartitionKey'],
];

const BY_NAME: ReadonlyMap<string, SystemProperty> = new Map([
  ...SYSTEM_PROPERTIES.map((name) => [name.toLowerCase(), name] as const),
  ...ALIASES.map(([alias, name]) => [alias.toLowerCase(), name] as const),
]);

/** The system property that an expression calls `name`, without regard to case; undefined when there is none. */
export function systemPropertyOf(name: string): SystemProperty | undefined {
  return BY_NAME.get(name.toLowerCase());
}
