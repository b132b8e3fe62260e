import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { present } from '../retraining/present.ts';

/** A message in AMQP's own terms, which the official client sends as it is: with types that its own message does not have. */
export type AmqpMessage = ServiceBusReceivedMessage['_rawAmqpMessage'];
export type MessageId = string | number | Buffer;

/** What a sender says of a message. Application properties and a body that is not `data` are as the official client takes them. */
export interface OutgoingMessage {
  readonly messageId?: MessageId | undefined;
  readonly sessionId?: string | undefined;
  readonly partitionKey?: string | undefined;
  readonly correlationId?: MessageId | undefined;
  readonly subject?: string | undefined;
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly to?: string | undefined;
  readonly replyTo?: string | undefined;
  readonly replyToSessionId?: string | undefined;
  /** Milliseconds. */
  readonly timeToLive?: number | undefined;
  readonly applicationProperties?: Readonly<Record<string, unknown>> | undefined;
  readonly bodyType?: 'data' | 'value' | 'sequence' | undefined;
  /** Bytes when `bodyType` is `data` or left out. */
  readonly body: unknown;
}

export function amqpMessage(message: OutgoingMessage): AmqpMessage {
  const { timeToLive, partitionKey, applicationProperties, bodyType = 'data', body } = message;
  return {
    ...(timeToLive !== undefined && { header: { timeToLive } }),
    properties: present({
      messageId: message.messageId,
      groupId: message.sessionId,
      correlationId: message.correlationId,
      subject: message.subject,
      contentType: message.contentType,
      contentEncoding: message.contentEncoding,
      to: message.to,
      replyTo: message.replyTo,
      replyToGroupId: message.replyToSessionId,
    }),
    ...(partitionKey !== undefined && { messageAnnotations: { 'x-opt-partition-key': partitionKey } }),
    ...(applicationProperties !== undefined && { applicationProperties: { ...applicationProperties } }),
    bodyType,
    body,
  };
}
