import { AmqpTyped, HEADER, PROPERTIES, Writer, readComposite, scanSections, writeComposite } from '../amqp/index.ts';
import type { AmqpMap, AmqpValue, MessageHeader, MessageSections } from '../amqp/index.ts';
import type { MessageView } from '../broker/index.ts';
import { keyText, readAnnotations } from './annotations.ts';
import {
  changesProperties,
  overlaidAnnotations,
  overlaidEntries,
  overlaidProperties,
  overlaidTtl,
  type Overlay,
  readOverlay,
} from './overlay.ts';
import { DEAD_LETTER_DESCRIPTION, DEAD_LETTER_REASON } from './settlement.ts';

/**
 * A stored message as a client gets it: header and annotations are written anew with what the broker knows, everything
 * behind them passes through as it came. Properties and application properties are only touched when something was laid over them.
 *
 * The common message (no header of its own but with delivery count and perhaps the queue's time to live, no annotations) costs one copy of a
 * template.
 */

const STATE_CODE = { active: 0, deferred: 1, scheduled: 2 } as const;

/** Annotations that the broker sets; a sender's values for them do not count (service-bus-protocol.md §6.4). */
const SEQUENCE_NUMBER = 'x-opt-sequence-number';
const ENQUEUED_TIME = 'x-opt-enqueued-time';
const ENQUEUE_SEQUENCE_NUMBER = 'x-opt-enqueue-sequence-number';
const MESSAGE_STATE = 'x-opt-message-state';
const LOCKED_UNTIL = 'x-opt-locked-until';
const PARTITION_ID = 'x-opt-partition-id';
const DEAD_LETTER_SOURCE = 'x-opt-deadletter-source';
const BROKER_ANNOTATIONS: ReadonlySet<string> = new Set([
  SEQUENCE_NUMBER,
  ENQUEUED_TIME,
  ENQUEUE_SEQUENCE_NUMBER,
  MESSAGE_STATE,
  LOCKED_UNTIL,
  PARTITION_ID,
  DEAD_LETTER_SOURCE,
]);
const LOCK_TOKEN = 'x-opt-lock-token';

const DELIVERY_ANNOTATIONS = 0x71;
const MESSAGE_ANNOTATIONS = 0x72;
const APPLICATION_PROPERTIES = 0x74;
const MAX_UINT = 0xffff_ffff;

export interface EncodeOptions {
  /** Adds the delivery annotation `x-opt-lock-token`, 16 bytes in RFC order. */
  readonly lockToken?: Buffer;
  /** Leaves the body sections out (`omit-message-body` of peek-message). */
  readonly omitBody?: boolean;
}

/** The pieces of the encoded message, to be sent one after the other; they share memory with `stored`. */
export function encodeMessage(stored: Buffer, view: MessageView, options: EncodeOptions = {}): Buffer[] {
  const sections = scanSections(stored);
  if (options.omitBody && sections.body !== 'none')
    return encodeMessage(withoutBody(stored, sections), view, { ...options, omitBody: false });
  const plain =
    sections.headerStart === sections.headerEnd &&
    sections.messageAnnotationsStart === sections.messageAnnotationsEnd &&
    sections.deliveryAnnotationsStart === sections.deliveryAnnotationsEnd &&
    view.partitionId === undefined &&
    view.deadLetterSource === undefined &&
    !options.lockToken;
  if (view.overlay || view.deadLetter) return encodeChanged(stored, sections, view, { ...options, plain });
  return [
    plain ? fillTemplate(view) : writeHead(stored, sections, view, options),
    stored.subarray(sections.propertiesStart),
  ];
}

function fillTemplate(view: MessageView): Buffer {
  return (view.timeToLiveMs === undefined ? IMMORTAL_HEAD : MORTAL_HEAD).fill(view);
}

/** A message that has another property than it came with. */
function encodeChanged(
  stored: Buffer,
  sections: MessageSections,
  view: MessageView,
  { plain, ...options }: EncodeOptions & { readonly plain: boolean },
): Buffer[] {
  const overlay = readOverlay(view.overlay);
  const isPlain = plain && overlay.fields.size === 0;
  return [
    isPlain ? fillTemplate(view) : writeHead(stored, sections, view, options, overlay),
    changesProperties(overlay)
      ? writeProperties(stored, sections, overlay)
      : stored.subarray(sections.propertiesStart, sections.propertiesEnd),
    writeApplicationProperties(stored, sections, view, overlay),
    stored.subarray(sections.applicationPropertiesEnd),
  ];
}

function withoutBody(stored: Buffer, { bodyStart, bodyEnd }: MessageSections): Buffer {
  return Buffer.concat([stored.subarray(0, bodyStart), stored.subarray(bodyEnd)]);
}

function writeHead(
  stored: Buffer,
  sections: MessageSections,
  view: MessageView,
  options: EncodeOptions,
  overlay?: Overlay,
): Buffer {
  const writer = new Writer();
  const header =
    sections.headerEnd > sections.headerStart ? readComposite(HEADER, stored, sections.headerStart).value : undefined;
  writeHeader(writer, header, view, overlay ? overlaidTtl(header, overlay) : header?.ttl);
  writeDeliveryAnnotations(writer, stored, sections, options.lockToken);
  writer.writeDescriptor(MESSAGE_ANNOTATIONS);
  writer.beginMap();
  const { messageAnnotationsStart: start, messageAnnotationsEnd: end } = sections;
  const given: AmqpMap = end > start ? readAnnotations(stored, start) : new Map();
  for (const [key, value] of overlay ? overlaidAnnotations(given, overlay) : given) {
    if (BROKER_ANNOTATIONS.has(keyText(key) ?? '')) continue;
    writer.writeValue(key);
    writer.writeValue(value);
  }
  writeBrokerAnnotations(writer, view);
  writer.endMap();
  return writer.take();
}

/** The sender's as they came, but for what only the broker may say: the lock token. */
function writeDeliveryAnnotations(
  writer: Writer,
  stored: Buffer,
  sections: MessageSections,
  lockToken: Buffer | undefined,
): void {
  const { deliveryAnnotationsStart: start, deliveryAnnotationsEnd: end } = sections;
  const given: AmqpMap = end > start ? readAnnotations(stored, start) : new Map();
  if (!lockToken && ![...given.keys()].some(isLockToken)) return writer.writeRaw(stored.subarray(start, end));
  writer.writeDescriptor(DELIVERY_ANNOTATIONS);
  writer.beginMap();
  for (const [key, value] of given) {
    if (isLockToken(key)) continue;
    writer.writeValue(key);
    writer.writeValue(value);
  }
  if (lockToken) {
    writer.writeSymbol(LOCK_TOKEN);
    writer.writeUuid(lockToken);
  }
  writer.endMap();
}

function isLockToken(key: AmqpValue): boolean {
  return keyText(key) === LOCK_TOKEN;
}

function shownTtl(timeToLiveMs: number): number {
  return Math.min(timeToLiveMs, MAX_UINT);
}

/** The time to live is what the queue has made of it (message-expiration), from which clients reckon when the message expires. */
function writeHeader(
  writer: Writer,
  header: MessageHeader | undefined,
  view: MessageView,
  ownTtl: number | undefined,
): void {
  const ttlMs = view.timeToLiveMs ?? ownTtl;
  const ttl = ttlMs === undefined ? undefined : shownTtl(ttlMs);
  writer.writeDescriptor(HEADER.code);
  writer.beginList();
  if (header?.durable === undefined) writer.writeNull();
  else writer.writeBoolean(header.durable);
  if (header?.priority === undefined) writer.writeNull();
  else writer.writeUbyte(header.priority);
  if (ttl === undefined) writer.writeNull();
  else writer.writeUint(ttl);
  if (header?.firstAcquirer === undefined) writer.writeNull();
  else writer.writeBoolean(header.firstAcquirer);
  writer.writeUint(view.deliveryCount);
  writer.endList();
}

function writeBrokerAnnotations(writer: Writer, view: MessageView): void {
  writer.writeSymbol(SEQUENCE_NUMBER);
  writer.writeLong(view.sequenceNumber);
  writer.writeSymbol(ENQUEUED_TIME);
  writer.writeTimestamp(view.enqueuedTimeMs);
  writer.writeSymbol(ENQUEUE_SEQUENCE_NUMBER);
  writer.writeLong(view.enqueuedSequenceNumber);
  writer.writeSymbol(MESSAGE_STATE);
  writer.writeInt(STATE_CODE[view.state]);
  if (view.partitionId !== undefined) {
    writer.writeSymbol(PARTITION_ID);
    writer.writeValue(new AmqpTyped('short', view.partitionId));
  }
  if (view.deadLetterSource !== undefined) {
    writer.writeSymbol(DEAD_LETTER_SOURCE);
    writer.writeString(view.deadLetterSource);
  }
  if (view.lockedUntilMs === undefined) return;
  writer.writeSymbol(LOCKED_UNTIL);
  writer.writeTimestamp(Math.round(view.lockedUntilMs));
}

function writeProperties(stored: Buffer, sections: MessageSections, overlay: Overlay): Buffer {
  const { propertiesStart: start, propertiesEnd: end } = sections;
  const writer = new Writer();
  const given = end > start ? readComposite(PROPERTIES, stored, start).value : undefined;
  writeComposite(writer, PROPERTIES, overlaidProperties(given, overlay));
  return writer.take();
}

function writeApplicationProperties(
  stored: Buffer,
  sections: MessageSections,
  view: MessageView,
  overlay: Overlay,
): Buffer {
  const { applicationPropertiesStart: start, applicationPropertiesEnd: end } = sections;
  const properties = overlaidEntries(end > start ? readAnnotations(stored, start) : undefined, overlay);
  if (view.deadLetter?.reason !== undefined) properties.set(DEAD_LETTER_REASON, view.deadLetter.reason);
  if (view.deadLetter?.description !== undefined) properties.set(DEAD_LETTER_DESCRIPTION, view.deadLetter.description);
  const writer = new Writer();
  writer.writeDescriptor(APPLICATION_PROPERTIES);
  writer.writeMap(properties);
  return writer.take();
}

/** Header and annotations of a message that has none of its own, encoded by hand so that one copy and five writes make it. */
class HeadTemplate {
  readonly #header: Header;
  readonly #unlocked: Template;
  readonly #locked: Template;

  constructor(header: Header) {
    const names = [SEQUENCE_NUMBER, ENQUEUED_TIME, ENQUEUE_SEQUENCE_NUMBER, MESSAGE_STATE];
    this.#header = header;
    this.#unlocked = templateOf(header.bytes, names);
    this.#locked = templateOf(header.bytes, [...names, LOCKED_UNTIL]);
  }

  fill(view: MessageView): Buffer {
    const template = view.lockedUntilMs === undefined ? this.#unlocked : this.#locked;
    const { offsets } = template;
    const { ttlAt, deliveryCountAt } = this.#header;
    const head = Buffer.allocUnsafe(template.bytes.length);
    template.bytes.copy(head);
    if (view.timeToLiveMs !== undefined) head.writeUInt32BE(shownTtl(view.timeToLiveMs), ttlAt);
    head.writeUInt32BE(view.deliveryCount, deliveryCountAt);
    writeInt64(head, view.sequenceNumber, offsets[0] as number);
    writeInt64(head, view.enqueuedTimeMs, offsets[1] as number);
    writeInt64(head, view.enqueuedSequenceNumber, offsets[2] as number);
    head.writeInt32BE(STATE_CODE[view.state], offsets[3]);
    if (view.lockedUntilMs !== undefined) writeInt64(head, Math.round(view.lockedUntilMs), offsets[4] as number);
    return head;
  }
}

interface Header {
  readonly bytes: Buffer;
  readonly ttlAt: number;
  readonly deliveryCountAt: number;
}

interface Template {
  readonly bytes: Buffer;
  /** Of the annotations' values. */
  readonly offsets: readonly number[];
}

/** Described list8 of four nulls and delivery-count as uint. */
const IMMORTAL: Header = {
  bytes: Buffer.from([0x00, 0x53, 0x70, 0xc0, 0x0a, 0x05, 0x40, 0x40, 0x40, 0x40, 0x70, 0, 0, 0, 0]),
  ttlAt: 0,
  deliveryCountAt: 11,
};
/** The same with ttl as uint in the place of the third null. */
const MORTAL: Header = {
  bytes: Buffer.from([0x00, 0x53, 0x70, 0xc0, 0x0e, 0x05, 0x40, 0x40, 0x70, 0, 0, 0, 0, 0x40, 0x70, 0, 0, 0, 0]),
  ttlAt: 9,
  deliveryCountAt: 15,
};
const LONG = { code: 0x81, bytes: 8 };
const TIMESTAMP = { code: 0x83, bytes: 8 };
const INT = { code: 0x71, bytes: 4 };
const TYPE_OF: Record<string, { readonly code: number; readonly bytes: number }> = {
  [SEQUENCE_NUMBER]: LONG,
  [ENQUEUED_TIME]: TIMESTAMP,
  [ENQUEUE_SEQUENCE_NUMBER]: LONG,
  [MESSAGE_STATE]: INT,
  [LOCKED_UNTIL]: TIMESTAMP,
};

function templateOf(header: Buffer, names: readonly string[]): Template {
  const map = Buffer.from([0x00, 0x53, MESSAGE_ANNOTATIONS, 0xd1, 0, 0, 0, 0, 0, 0, 0, names.length * 2]);
  const parts = [header, map];
  const offsets: number[] = [];
  let length = header.length + map.length;
  for (const name of names) {
    const type = TYPE_OF[name] ?? LONG;
    const key = Buffer.concat([Buffer.from([0xa3, name.length]), Buffer.from(name), Buffer.from([type.code])]);
    parts.push(key, Buffer.alloc(type.bytes));
    offsets.push(length + key.length);
    length += key.length + type.bytes;
  }
  // The size of a map32 counts what follows it.
  map.writeUInt32BE(length - header.length - 8, 4);
  return { bytes: Buffer.concat(parts), offsets };
}

/** Writes a non-negative integer below 2^53 as 8 bytes. */
function writeInt64(buffer: Buffer, value: number, offset: number): void {
  buffer.writeUInt32BE(Math.floor(value / 2 ** 32), offset);
  buffer.writeUInt32BE(value >>> 0, offset + 4);
}

const IMMORTAL_HEAD = new HeadTemplate(IMMORTAL);
const MORTAL_HEAD = new HeadTemplate(MORTAL);
