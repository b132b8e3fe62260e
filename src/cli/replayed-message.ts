import { createHash } from 'node:crypto';
import type { ServiceBusMessage, ServiceBusReceivedMessage } from '@azure/service-bus';
import { readRequest, replayMessage } from '../retraining/envelope.ts';
import { bodyOf } from './message-json.ts';
import { amqpMessage } from './outgoing-message.ts';
import type { AmqpMessage } from './outgoing-message.ts';
import { messageIdAgain, plainText, structureAgain, valueAgain } from './typed-value.ts';

/** The MessageId that a message had before it was first replayed. */
export const REPLAY_OF = 'RetrainReplayOf';
/** The subscription whose dead letter it was, for the rules of the others. */
export const REPLAY_FOR = 'RetrainReplayFor';

/** Application properties that dead-lettering added. */
const DEAD_LETTER_PROPERTIES: ReadonlySet<string> = new Set(['DeadLetterReason', 'DeadLetterErrorDescription']);

/** The limit of Service Bus for a MessageId, in characters. */
const MESSAGE_ID_MAX_LENGTH = 128;
/** Hex digits that tell sources apart. */
const SOURCE_DIGITS = 8;

export interface ReplayRoute {
  /** Path of the entity whose dead letter it is. */
  readonly source: string;
  readonly subscription: string | undefined;
  /** Queue or topic that it is sent to. */
  readonly target: string;
  /** Now, wall-clock milliseconds. */
  readonly nowMs: number;
}

/**
 * A dead letter as it is sent again. A retraining request follows its own rules (`replayMessage`: a new id, or the worker
 * would take it for answered). Any other message keeps its body, session, partition key, time to live and properties; it
 * loses what dead-lettering added, and gets a fresh MessageId.
 */
export function replayedMessage(
  message: ServiceBusReceivedMessage,
  route: ReplayRoute,
): ServiceBusMessage | AmqpMessage {
  const sequence = message.sequenceNumber?.toString() ?? '0';
  const request = readRequest(message);
  if (request.kind === 'valid')
    return replayMessage(request.event, { deadLetterSequence: sequence, nowMs: route.nowMs });
  const { type, content } = bodyOf(message);
  return amqpMessage({
    messageId: freshMessageId(message, sequence, route),
    sessionId: message.sessionId,
    partitionKey: message.partitionKey,
    correlationId: messageIdAgain(message.correlationId),
    subject: message.subject,
    contentType: message.contentType,
    contentEncoding: message._rawAmqpMessage.properties?.contentEncoding,
    to: message.to,
    replyTo: message.replyTo,
    replyToSessionId: message.replyToSessionId,
    timeToLive: message.timeToLive,
    applicationProperties: propertiesAgain(message, route),
    bodyType: type,
    body: type === 'data' ? content : structureAgain(content),
  });
}

/** The MessageId for people, of either kind of message. */
export function idOfReplay(message: ServiceBusMessage | AmqpMessage): string {
  return String('bodyType' in message ? message.properties?.messageId : (message as ServiceBusMessage).messageId);
}

/**
 * Hangs on the first MessageId and the dead letter alone: it is fresh, so that duplicate detection does not swallow it, and
 * a replay that is repeated after a crash has the same, so that duplicate detection swallows that. What goes elsewhere than where
 * it came from also names its source: dead letters of two subscriptions are two.
 */
function freshMessageId(message: ServiceBusReceivedMessage, sequence: string, route: ReplayRoute): string {
  const first = originalId(message);
  const sameQueue = route.source.toLowerCase() === route.target.toLowerCase();
  const mark = createHash('sha256').update(route.source.toLowerCase()).digest('hex').slice(0, SOURCE_DIGITS);
  const ending = `~r${sequence}${sameQueue ? '' : `.${mark}`}`;
  const start = first === '' ? 'dead-letter' : first;
  if (start.length + ending.length <= MESSAGE_ID_MAX_LENGTH) return `${start}${ending}`;
  return `${createHash('sha256').update(start).digest('hex').slice(0, 32)}${ending}`;
}

/** Of a message that was replayed before, the id that it had at first. */
function originalId({ messageId, applicationProperties }: ServiceBusReceivedMessage): string {
  const known = applicationProperties?.[REPLAY_OF];
  return typeof known === 'string' ? known : plainText(messageId);
}

function propertiesAgain(message: ServiceBusReceivedMessage, { subscription }: ReplayRoute): Record<string, unknown> {
  const kept = Object.entries(message.applicationProperties ?? {}).filter(
    ([name]) => !DEAD_LETTER_PROPERTIES.has(name),
  );
  const properties = Object.fromEntries(kept.map(([name, value]) => [name, valueAgain(value)]));
  delete properties[REPLAY_FOR];
  const original = originalId(message);
  return {
    ...properties,
    ...(original !== '' && { [REPLAY_OF]: original }),
    ...(subscription !== undefined && { [REPLAY_FOR]: subscription }),
  };
}
