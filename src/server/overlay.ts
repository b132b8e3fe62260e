import { AmqpSymbol, AmqpTyped, decode, plain, Writer } from '../amqp/index.ts';
import type { AmqpMap, AmqpValue, MessageHeader, MessageProperties } from '../amqp/index.ts';
import { keyText, PARTITION_KEY } from './annotations.ts';

/** The fields of a message, besides its application properties, that can be laid over. */
export type OverlayField =
  | 'messageId'
  | 'to'
  | 'subject'
  | 'replyTo'
  | 'correlationId'
  | 'contentType'
  | 'groupId'
  | 'replyToGroupId'
  | 'partitionKey'
  | 'ttl';

/**
 * What was laid over a stored message since it came, by settlements and by the actions of rules. It is kept in one of two forms: an AMQP map of
 * the application properties, when nothing else was changed, or a list of that map, of the names of application properties that are gone, and of
 * a map of other fields, with null for those that are gone.
 */
export interface Overlay {
  /** Application properties by their names. */
  readonly set: ReadonlyMap<string, AmqpValue>;
  readonly removed: ReadonlySet<string>;
  /** Texts, and the time to live in milliseconds; null: the message no longer has the field. */
  readonly fields: ReadonlyMap<OverlayField, string | number | null>;
}

const NOTHING: Overlay = { set: new Map(), removed: new Set(), fields: new Map() };

export function readOverlay(bytes: Buffer | undefined): Overlay {
  if (!bytes) return NOTHING;
  const { value } = decode(bytes, 0, 'typed');
  if (value instanceof Map) return { ...NOTHING, set: value as ReadonlyMap<string, AmqpValue> };
  const [set, removed, fields] = value as [AmqpMap, string[], AmqpMap];
  return {
    set: set as ReadonlyMap<string, AmqpValue>,
    removed: new Set(removed),
    fields: new Map(
      [...fields].map(([name, field]) => {
        const given = plain(field);
        return [name as OverlayField, typeof given === 'bigint' ? Number(given) : (given as string | null)];
      }),
    ),
  };
}

export function writeOverlay({ set, removed, fields }: Overlay): Buffer {
  const writer = new Writer();
  if (removed.size === 0 && fields.size === 0) {
    writer.writeMap(set);
    return writer.take();
  }
  const others = new Map<AmqpValue, AmqpValue>();
  for (const [name, value] of fields)
    others.set(name, typeof value === 'number' ? new AmqpTyped('ulong', BigInt(value)) : value);
  writer.writeList([set, [...removed], others]);
  return writer.take();
}

/** Adds application properties to an overlay. Returns undefined when there is nothing to add. */
export function mergeOverlay(
  overlay: Buffer | undefined,
  properties: AmqpMap | ReadonlyMap<string, AmqpValue>,
): Buffer | undefined {
  if (properties.size === 0) return undefined;
  const former = readOverlay(overlay);
  const set = new Map(former.set);
  const removed = new Set(former.removed);
  for (const [key, value] of properties as AmqpMap) {
    const name = keyText(key);
    if (name === undefined) continue;
    set.set(name, value);
    removed.delete(name);
  }
  return writeOverlay({ ...former, set, removed });
}

/** The application properties of a message, and what was laid over them. Keys are texts, but for what clients write that is none. */
export function overlaidEntries(given: AmqpMap | undefined, { set, removed }: Overlay): Map<AmqpValue, AmqpValue> {
  const properties = new Map<AmqpValue, AmqpValue>();
  for (const [key, value] of given ?? []) {
    const name = keyText(key) ?? key;
    if (typeof name !== 'string' || !removed.has(name)) properties.set(name, value);
  }
  for (const [name, value] of set) properties.set(name, value);
  return properties;
}

/** Fields of the properties section that can be laid over. */
const OF_PROPERTIES = [
  'messageId',
  'to',
  'subject',
  'replyTo',
  'correlationId',
  'contentType',
  'groupId',
  'replyToGroupId',
] as const satisfies readonly (keyof MessageProperties & OverlayField)[];

/** The properties section, and what was laid over it; the same object when that is nothing. */
export function overlaidProperties(given: MessageProperties | undefined, { fields }: Overlay): MessageProperties {
  const properties: { -readonly [K in keyof MessageProperties]: MessageProperties[K] } = { ...given };
  for (const name of OF_PROPERTIES) {
    const value = fields.get(name);
    if (value === null) delete properties[name];
    else if (typeof value === 'string') properties[name] = value;
  }
  return properties;
}

export function changesProperties({ fields }: Overlay): boolean {
  return OF_PROPERTIES.some((name) => fields.has(name));
}

/** Milliseconds; undefined when the message says none. */
export function overlaidTtl(header: MessageHeader | undefined, { fields }: Overlay): number | undefined {
  const ttl = fields.get('ttl');
  return ttl === null ? undefined : typeof ttl === 'number' ? ttl : header?.ttl;
}

/** The message annotations, and what was laid over them. */
export function overlaidAnnotations(given: AmqpMap, { fields }: Overlay): AmqpMap {
  const key = fields.get('partitionKey');
  if (key === undefined) return given;
  const annotations = new Map([...given].filter(([name]) => keyText(name) !== PARTITION_KEY));
  if (key !== null) annotations.set(new AmqpSymbol(PARTITION_KEY), key);
  return annotations;
}
