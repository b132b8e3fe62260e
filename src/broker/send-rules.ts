import type { QueueDescription } from '../topology/index.ts';
import type { IncomingMessage, MessageFacts } from './message.ts';
import { MAX_MESSAGES } from './message-table.ts';
import { MAX_TIME_MS } from './records.ts';
import { BrokerRefusal } from './refusal.ts';

/** Characters of a message id and of a session id (service-bus-quotas). */
const MAX_ID_CHARACTERS = 128;
/** Messages of one batch. */
const MAX_BATCH_MESSAGES = 5000;
const BYTES_PER_KILOBYTE = 1024;
const BYTES_PER_MEGABYTE = 1024 * 1024;

/** What is looked at of a message. */
export type MessageToCheck = MessageFacts & Pick<IncomingMessage, 'sizeBytes' | 'scheduledEnqueueTimeMs'>;

/** What bears on whether a queue takes messages. */
export interface SendSituation {
  readonly description: QueueDescription;
  /** Bytes that the queue holds. */
  readonly heldBytes: number;
  /** Messages that the namespace holds. */
  readonly heldMessages: number;
}

/** @throws BrokerRefusal `entity-disabled`, `argument-invalid`, `message-size-exceeded`, `not-allowed`, `quota-exceeded` */
export function checkSend(
  messages: readonly MessageToCheck[],
  { description, heldBytes, heldMessages }: SendSituation,
): void {
  const { name, maxSizeInMegabytes } = description;
  mustAllowSend(description);
  if (messages.length === 0 || messages.length > MAX_BATCH_MESSAGES) {
    throw new BrokerRefusal(
      'argument-invalid',
      `A batch has 1 to ${MAX_BATCH_MESSAGES} messages; this one has ${messages.length}.`,
    );
  }
  let bytes = heldBytes;
  for (const message of messages) {
    bytes += message.sizeBytes;
    checkMessage(message, description);
  }
  if (bytes > maxSizeInMegabytes * BYTES_PER_MEGABYTE) {
    throw new BrokerRefusal(
      'quota-exceeded',
      `The maximum entity size has been reached or exceeded for entity '${name}' (${maxSizeInMegabytes} MB). Receive messages or raise maxSizeInMegabytes.`,
    );
  }
  if (heldMessages + messages.length > MAX_MESSAGES) {
    throw new BrokerRefusal(
      'quota-exceeded',
      `The namespace holds ${MAX_MESSAGES} messages, which is the limit. Receive some.`,
    );
  }
}

/** @throws BrokerRefusal `entity-disabled` */
export function mustAllowSend({ status, name }: QueueDescription): void {
  if (status !== 'Disabled' && status !== 'SendDisabled') return;
  throw new BrokerRefusal(
    'entity-disabled',
    `Messaging entity '${name}' is currently disabled for sending (status ${status}).`,
  );
}

function checkMessage(
  message: MessageToCheck,
  { name, requiresSession, enablePartitioning, maxMessageSizeInKilobytes }: QueueDescription,
): void {
  const { sizeBytes, sessionId, messageId, partitionKey, scheduledEnqueueTimeMs = 0 } = message;
  const limitBytes = maxMessageSizeInKilobytes * BYTES_PER_KILOBYTE;
  if (sizeBytes > limitBytes) {
    throw new BrokerRefusal(
      'message-size-exceeded',
      `The received message (${sizeBytes} bytes) exceeds the limit (${limitBytes} bytes) currently allowed on the link.`,
    );
  }
  if (requiresSession && sessionId === undefined) {
    throw new BrokerRefusal(
      'not-allowed',
      `The SessionId was not set on a message, and it cannot be sent to the entity. Entity '${name}' requires sessions.`,
    );
  }
  if (enablePartitioning && sessionId !== undefined && partitionKey !== undefined && sessionId !== partitionKey) {
    throw new BrokerRefusal(
      'not-allowed',
      `The PartitionKey '${partitionKey}' differs from the SessionId '${sessionId}'. In a partitioned entity they must be equal; leave out the PartitionKey.`,
    );
  }
  // The duplicate detection key carries a type prefix of one character.
  if ((sessionId?.length ?? 0) > MAX_ID_CHARACTERS || (messageId?.length ?? 0) > MAX_ID_CHARACTERS + 1) {
    throw new BrokerRefusal(
      'argument-invalid',
      `MessageId and SessionId have at most ${MAX_ID_CHARACTERS} characters.`,
    );
  }
  if ((partitionKey?.length ?? 0) > MAX_ID_CHARACTERS) {
    throw new BrokerRefusal('argument-invalid', `PartitionKey has at most ${MAX_ID_CHARACTERS} characters.`);
  }
  if (!(scheduledEnqueueTimeMs <= MAX_TIME_MS)) {
    throw new BrokerRefusal(
      'argument-invalid',
      `ScheduledEnqueueTimeUtc ${scheduledEnqueueTimeMs} is beyond the limit of ${MAX_TIME_MS} ms since 1970. Use an earlier time.`,
    );
  }
}
