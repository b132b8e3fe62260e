import type { PropertyValue } from './property-value.ts';

/**
 * The system properties of a message (service-bus-messages-payloads). In an expression their names are matched without regard to case,
 * and `Subject`, as newer clients call it, is another name of `Label`.
 */
export const SYSTEM_PROPERTIES = [
  'ContentType',
  'CorrelationId',
  'DeadLetterSource',
  'DeliveryCount',
  'EnqueuedSequenceNumber',
  'EnqueuedTimeUtc',
  'ExpiresAtUtc',
  'ForcePersistence',
  'Label',
  'LockedUntilUtc',
  'LockToken',
  'MessageId',
  'PartitionKey',
  'ReplyTo',
  'ReplyToSessionId',
  'ScheduledEnqueueTimeUtc',
  'SequenceNumber',
  'SessionId',
  'Size',
  'State',
  'TimeToLive',
  'To',
  'ViaPartitionKey',
] as const;

export type SystemProperty = (typeof SYSTEM_PROPERTIES)[number];

/** What an expression reads of a message. */
export interface NamedProperties {
  /** A user property, its name without regard to case; undefined when the message has none. */
  user(name: string): PropertyValue | undefined;
  /** A system property; undefined when the message does not say it. */
  system(name: SystemProperty): PropertyValue | undefined;
}

/** What filters and actions read of a message. */
export interface MessageProperties extends NamedProperties {
  /** A user property of exactly this name; undefined when the message has none. */
  userExact(name: string): PropertyValue | undefined;
  /** Of all user properties: an index that knows more names than a message has looks for the message's. */
  userNames(): readonly string[];
}

/** What an action makes of a message: the properties that it set last, `undefined` for those that it removed. */
export interface PropertyChanges {
  readonly user: ReadonlyMap<string, PropertyValue | undefined>;
  readonly system: ReadonlyMap<SystemProperty, PropertyValue | undefined>;
}
