import { Writer } from '../amqp/index.ts';
import type { AmqpMap, AmqpValue, MessageProperties, MessageSections } from '../amqp/index.ts';
import { RetrainError } from '../errors.ts';
import { keyText, PARTITION_KEY, VIA_PARTITION_KEY } from './annotations.ts';
import { LIMITS } from './limits.ts';

/** Message annotations of the sender that have the limit of an id. */
const KEY_ANNOTATIONS = { PartitionKey: PARTITION_KEY, ViaPartitionKey: VIA_PARTITION_KEY } as const;

/**
 * The service's limits on what stands before a message's body (service-bus-quotas): ids and keys of 128 characters, properties of
 * 32 KB each, 64 KB in all. Each is named with its value.
 *
 * @throws RetrainError `ARGUMENT_INVALID` for an id or key, `MESSAGE_TOO_LARGE` for properties, as the service calls it
 */
export function checkMessageLimits(
  sections: MessageSections,
  message: {
    readonly properties: MessageProperties | undefined;
    readonly annotations: AmqpMap | undefined;
    readonly applicationProperties: AmqpMap | undefined;
  },
): void {
  const { properties, annotations, applicationProperties } = message;
  if (properties) {
    checkId('MessageId', properties.messageId);
    checkId('SessionId', properties.groupId);
    checkId('ReplyToSessionId', properties.replyToGroupId);
  }
  if (annotations) {
    for (const [key, value] of annotations) {
      const name = keyText(key);
      if (name === KEY_ANNOTATIONS.PartitionKey) checkId('PartitionKey', value);
      else if (name === KEY_ANNOTATIONS.ViaPartitionKey) checkId('ViaPartitionKey', value);
    }
  }
  // Properties this small in all have none that is too large.
  const propertiesBytes = sections.applicationPropertiesEnd - sections.applicationPropertiesStart;
  if (applicationProperties && propertiesBytes > LIMITS.propertyBytes) checkProperties(applicationProperties);
  checkHead(sections, propertiesBytes);
}

/** An id that is no string is as long as it likes. @throws RetrainError `ARGUMENT_INVALID` */
export function checkId(name: string, value: AmqpValue | undefined): void {
  if (typeof value !== 'string' || value.length <= LIMITS.idCharacters) return;
  throw new RetrainError(
    'ARGUMENT_INVALID',
    `${name} has ${value.length} characters; the limit is ${LIMITS.idCharacters}. Use a shorter one.`,
  );
}

function checkProperties(properties: AmqpMap): void {
  for (const [key, value] of properties) {
    const bytes = bytesOf(value);
    if (bytes <= LIMITS.propertyBytes) continue;
    throw new RetrainError(
      'MESSAGE_TOO_LARGE',
      `The application property '${keyText(key) ?? 'unnamed'}' has ${bytes} bytes; the limit is ${LIMITS.propertyBytes}. Put large data into the body.`,
    );
  }
}

function bytesOf(value: AmqpValue): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Buffer.isBuffer(value)) return value.length;
  const writer = new Writer();
  writer.writeValue(value);
  return writer.take().length;
}

/** Header, annotations, properties and application properties count; annotations for the next hop do not. */
function checkHead(sections: MessageSections, propertiesBytes: number): void {
  const bytes =
    propertiesBytes +
    (sections.headerEnd - sections.headerStart) +
    (sections.messageAnnotationsEnd - sections.messageAnnotationsStart) +
    (sections.propertiesEnd - sections.propertiesStart);
  if (bytes <= LIMITS.messageHeadBytes) return;
  throw new RetrainError(
    'MESSAGE_TOO_LARGE',
    `Header, annotations and properties of the message have ${bytes} bytes; the limit is ${LIMITS.messageHeadBytes}. Put large data into the body.`,
  );
}
