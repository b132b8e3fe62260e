import {
  AmqpTimestamp,
  AmqpTyped,
  AmqpUuid,
  HEADER,
  lookup,
  PROPERTIES,
  readComposite,
  scanSections,
} from '../amqp/index.ts';
import type { AmqpMap, AmqpValue, MessageProperties as AmqpProperties, MessageSections } from '../amqp/index.ts';
import {
  FilterDuration,
  FilterError,
  FilterTime,
  type MessageProperties,
  type PropertyChanges,
  type PropertyValue,
  type SystemProperty,
} from '../filter/index.ts';
import { PARTITION_KEY, readAnnotations, SCHEDULED_ENQUEUE_TIME, VIA_PARTITION_KEY } from './annotations.ts';
import {
  overlaidAnnotations,
  overlaidEntries,
  overlaidProperties,
  overlaidTtl,
  type Overlay,
  type OverlayField,
  readOverlay,
  writeOverlay,
} from './overlay.ts';
import { amqpValueOf, propertyValueOf } from './property-values.ts';
import { LIMITS } from './limits.ts';

const TICKS_PER_MS = 10_000n;
/** What a message says that lives for ever, as .NET's clients show it. */
const FOREVER = new FilterDuration(2n ** 63n - 1n);

/** What filters and actions see of a stored message; `overlay`: what was laid over it since it came. A section is decoded when it is asked for. */
export function propertiesOf(bytes: Buffer, overlay?: Buffer): MessageProperties {
  return new StoredProperties(bytes, overlay);
}

class StoredProperties implements MessageProperties {
  readonly #bytes: Buffer;
  readonly #sections: MessageSections;
  readonly #overlay: Overlay;
  #exact: Map<string, PropertyValue> | undefined;
  /** By the name in lower case; of names that differ in case only, the first counts. */
  #folded: Map<string, PropertyValue> | undefined;
  #properties: AmqpProperties | undefined;
  #annotations: AmqpMap | undefined;

  constructor(bytes: Buffer, overlay: Buffer | undefined) {
    this.#bytes = bytes;
    this.#sections = scanSections(bytes);
    this.#overlay = readOverlay(overlay);
  }

  user(name: string): PropertyValue | undefined {
    if (!this.#folded) this.#readApplicationProperties();
    return this.#folded?.get(name.toLowerCase());
  }

  userExact(name: string): PropertyValue | undefined {
    if (!this.#exact) this.#readApplicationProperties();
    return this.#exact?.get(name);
  }

  userNames(): readonly string[] {
    if (!this.#exact) this.#readApplicationProperties();
    return [...(this.#exact?.keys() ?? [])];
  }

  system(name: SystemProperty): PropertyValue | undefined {
    switch (name) {
      case 'ContentType':
        return this.#section().contentType;
      case 'CorrelationId':
        return textOfId(this.#section().correlationId);
      case 'Label':
        return this.#section().subject;
      case 'MessageId':
        return textOfId(this.#section().messageId);
      case 'ReplyTo':
        return this.#section().replyTo;
      case 'ReplyToSessionId':
        return this.#section().replyToGroupId;
      case 'SessionId':
        return this.#section().groupId;
      case 'To':
        return this.#section().to;
      case 'PartitionKey':
        return this.#annotation(PARTITION_KEY);
      case 'ViaPartitionKey':
        return this.#annotation(VIA_PARTITION_KEY);
      case 'ScheduledEnqueueTimeUtc':
        return this.#annotation(SCHEDULED_ENQUEUE_TIME);
      case 'TimeToLive':
        return this.#timeToLive();
      case 'Size':
        return BigInt(this.#bytes.length);
      // A message is looked at when it arrives, before anybody got it.
      case 'DeliveryCount':
        return 0n;
      default:
        return undefined;
    }
  }

  #readApplicationProperties(): void {
    const exact = new Map<string, PropertyValue>();
    let folded: Map<string, PropertyValue> | undefined;
    for (const [name, given] of overlaidEntries(applicationProperties(this.#bytes, this.#sections), this.#overlay)) {
      const value = typeof name === 'string' ? propertyValueOf(given) : undefined;
      if (typeof name !== 'string' || value === undefined) continue;
      const lower = name.toLowerCase();
      // Most messages have names in lower case only, and need one map.
      if (!folded && lower !== name) folded = new Map(exact);
      if (folded && !folded.has(lower)) folded.set(lower, value);
      exact.set(name, value);
    }
    this.#exact = exact;
    this.#folded = folded ?? exact;
  }

  #section(): AmqpProperties {
    if (this.#properties) return this.#properties;
    const { propertiesStart: start, propertiesEnd: end } = this.#sections;
    const given = end > start ? readComposite(PROPERTIES, this.#bytes, start).value : undefined;
    this.#properties = overlaidProperties(given, this.#overlay);
    return this.#properties;
  }

  #annotation(name: string): PropertyValue | undefined {
    if (!this.#annotations) {
      const { messageAnnotationsStart: start, messageAnnotationsEnd: end } = this.#sections;
      const given: AmqpMap = end > start ? readAnnotations(this.#bytes, start) : new Map();
      this.#annotations = overlaidAnnotations(given, this.#overlay);
    }
    const value = lookup(this.#annotations, name);
    if (value instanceof AmqpTimestamp) return new FilterTime(value.ms);
    return typeof value === 'string' ? value : undefined;
  }

  #timeToLive(): FilterDuration {
    const { headerStart: start, headerEnd: end } = this.#sections;
    const header = end > start ? readComposite(HEADER, this.#bytes, start).value : undefined;
    const ttl = overlaidTtl(header, this.#overlay);
    return ttl === undefined ? FOREVER : new FilterDuration(BigInt(ttl) * TICKS_PER_MS);
  }
}

function applicationProperties(bytes: Buffer, sections: MessageSections): AmqpMap | undefined {
  const { applicationPropertiesStart: start, applicationPropertiesEnd: end } = sections;
  return end > start ? readAnnotations(bytes, start) : undefined;
}

/** Ids are texts to the service, whatever a client makes them of; binary ones have none. */
function textOfId(id: AmqpValue | undefined): string | undefined {
  if (typeof id === 'string') return id;
  if (id instanceof AmqpTyped) return String(id.value);
  return id instanceof AmqpUuid ? id.toString() : undefined;
}

const FIELD_OF: ReadonlyMap<SystemProperty, OverlayField> = new Map([
  ['ContentType', 'contentType'],
  ['CorrelationId', 'correlationId'],
  ['Label', 'subject'],
  ['MessageId', 'messageId'],
  ['PartitionKey', 'partitionKey'],
  ['ReplyTo', 'replyTo'],
  ['ReplyToSessionId', 'replyToGroupId'],
  ['SessionId', 'groupId'],
  ['TimeToLive', 'ttl'],
  ['To', 'to'],
]);

/**
 * The overlay that gives the message these changes besides those that it has already. A property keeps the name that the message has for it,
 * whatever the case in which an action wrote it.
 *
 * @throws FilterError when the changes are too large
 */
export function overlayWith(bytes: Buffer, overlay: Buffer | undefined, changes: PropertyChanges): Buffer {
  const former = readOverlay(overlay);
  const set = new Map(former.set);
  const removed = new Set(former.removed);
  const entries = changes.user.size > 0 ? namedEntries(bytes, former) : new Map<string, [string, AmqpValue][]>();
  for (const [written, value] of changes.user) {
    const has = entries.get(written.toLowerCase()) ?? [];
    // Names that differ in case only are one property to an action.
    for (const [name] of value === undefined ? has : has.slice(1)) {
      set.delete(name);
      removed.add(name);
    }
    if (value === undefined) continue;
    const [name, now] = has[0] ?? [written, undefined];
    const becomes = amqpValueOf(value, now);
    set.set(name, becomes);
    removed.delete(name);
    entries.set(written.toLowerCase(), [[name, becomes]]);
  }
  const fields = new Map(former.fields);
  for (const [property, value] of changes.system) {
    const field = FIELD_OF.get(property);
    if (field === 'contentType') checkSymbol(property, value);
    if (field) fields.set(field, fieldValue(value));
  }
  return checkSize(writeOverlay({ set, removed, fields }));
}

/** The application properties of the message as it is, by their names in lower case. */
function namedEntries(bytes: Buffer, overlay: Overlay): Map<string, [string, AmqpValue][]> {
  const entries = new Map<string, [string, AmqpValue][]>();
  for (const [name, value] of overlaidEntries(applicationProperties(bytes, scanSections(bytes)), overlay)) {
    if (typeof name !== 'string') continue;
    const same = entries.get(name.toLowerCase());
    if (same) same.push([name, value]);
    else entries.set(name.toLowerCase(), [[name, value]]);
  }
  return entries;
}

/** AMQP has a symbol there (messaging, 3.2.4), which no other character can be written in. @throws FilterError */
function checkSymbol(property: SystemProperty, value: PropertyValue | undefined): void {
  if (typeof value !== 'string' || /^\p{ASCII}*$/u.test(value)) return;
  throw new FilterError(`SET sys.${property}: the value has characters that are not ASCII; use others`);
}

/** A part of a millisecond is a whole one: nothing expires before its time. */
function fieldValue(value: PropertyValue | undefined): string | number | null {
  if (value instanceof FilterDuration) return Number((value.ticks + TICKS_PER_MS - 1n) / TICKS_PER_MS);
  return typeof value === 'string' ? value : null;
}

function checkSize(overlay: Buffer): Buffer {
  if (overlay.length <= LIMITS.messageHeadBytes) return overlay;
  throw new FilterError(
    `The properties that the action makes have ${overlay.length} bytes; the limit is ${LIMITS.messageHeadBytes}. Set fewer or shorter ones.`,
  );
}
