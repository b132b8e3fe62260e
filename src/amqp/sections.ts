import { enterList, readDescriptor, readField } from './composite-codec.ts';
import { PROPERTIES, type MessageProperties } from './composites.ts';
import { hexCode, Reader } from './decoder.ts';
import { AmqpDecodeError } from './protocol-error.ts';
import { AmqpSymbol, type AmqpValue } from './value.ts';

export type BodyKind = 'data' | 'sequence' | 'value' | 'none';

/**
 * Where the sections of a message lie (3.2): offsets into its bytes, start inclusive, end exclusive, descriptor included. An
 * absent section has start and end where it would stand, so that its slice is empty and a new one can be put there. The body
 * goes from the first to the last body section.
 */
export class MessageSections {
  headerStart = 0;
  headerEnd = 0;
  deliveryAnnotationsStart = 0;
  deliveryAnnotationsEnd = 0;
  messageAnnotationsStart = 0;
  messageAnnotationsEnd = 0;
  propertiesStart = 0;
  propertiesEnd = 0;
  applicationPropertiesStart = 0;
  applicationPropertiesEnd = 0;
  bodyStart = 0;
  bodyEnd = 0;
  footerStart = 0;
  footerEnd = 0;
  body: BodyKind = 'none';
}

const SYMBOLS: ReadonlyMap<string, number> = new Map([
  ['amqp:header:list', 0x70],
  ['amqp:delivery-annotations:map', 0x71],
  ['amqp:message-annotations:map', 0x72],
  ['amqp:properties:list', 0x73],
  ['amqp:application-properties:map', 0x74],
  ['amqp:data:binary', 0x75],
  ['amqp:amqp-sequence:list', 0x76],
  ['amqp:amqp-value:*', 0x77],
  ['amqp:footer:map', 0x78],
]);

/**
 * Finds the sections without decoding them. The footer may also stand right before the body, where rhea, and with it the
 * JavaScript client of Service Bus, writes it; delivery annotations may also stand last of all, where the Python client
 * writes them. Throws `AmqpDecodeError` when sections are malformed, repeated or out of order.
 */
export function scanSections(message: Buffer): MessageSections {
  const sections = new MessageSections();
  const reader = new Reader(message);
  /** The last section but the footer, and the last one before the footer. */
  let last = 0;
  let beforeFooter = -1;
  /** Where the sections end, but for delivery annotations that come last. */
  let ordered = reader.end;
  let annotated = false;
  while (reader.offset < ordered) {
    const start = reader.offset;
    const code = sectionCode(reader);
    if (code === DELIVERY_ANNOTATIONS && !annotated) {
      annotated = true;
      if (last > code || beforeFooter >= 0) {
        ordered = start;
        skipLast(reader, code);
        break;
      }
    }
    const follows = beforeFooter >= 0 && (code < DATA || beforeFooter >= DATA || code === FOOTER) ? FOOTER : last;
    checkOrder(follows, code, start);
    checkShape(reader, code);
    reader.skip();
    mark(sections, code, start, reader.offset);
    if (code === FOOTER) beforeFooter = last;
    else {
      markAbsent(sections, last, code, beforeFooter >= 0 ? sections.footerStart : start, start);
      last = code;
    }
  }
  const end = beforeFooter >= 0 ? sections.footerStart : ordered;
  markAbsent(sections, last, FOOTER, end, end);
  if (beforeFooter < 0) mark(sections, FOOTER, end, end);
  if (ordered < reader.end) mark(sections, DELIVERY_ANNOTATIONS, ordered, reader.end);
  return sections;
}

/** Steps over a section that nothing may follow. */
function skipLast(reader: Reader, code: number): void {
  checkShape(reader, code);
  reader.skip();
  if (reader.offset < reader.end)
    throw new AmqpDecodeError(`nothing may follow message section ${hexCode(code)} at offset ${reader.offset}`);
}

const DELIVERY_ANNOTATIONS = 0x71;
const DATA = 0x75;
const FOOTER = 0x78;

/** Says where the sections between `after` and `before` would stand. */
function markAbsent(sections: MessageSections, after: number, before: number, at: number, bodyAt: number): void {
  for (let code = Math.max(0x70, after + 1); code < before; code += 1) {
    const position = code < DATA ? at : bodyAt;
    mark(sections, code, position, position);
  }
}

function sectionCode(reader: Reader): number {
  const at = reader.offset;
  const b = reader.buffer;
  if (b[at] === 0x00 && b[at + 1] === 0x53 && reader.end - at >= 3) {
    reader.offset = at + 3;
    return b[at + 2] as number;
  }
  return readDescriptor(reader, SYMBOLS);
}

function checkOrder(previous: number, code: number, at: number): void {
  if (code < 0x70 || code > 0x78)
    throw new AmqpDecodeError(`no message section has the code ${hexCode(code)} (offset ${at})`);
  // Only data and sequence sections repeat, and a body is of one kind (3.2).
  const repeats = code === previous && (code === 0x75 || code === 0x76);
  const mixes = previous >= 0x75 && code >= 0x75 && code <= 0x77;
  if ((code <= previous || mixes) && !repeats) {
    throw new AmqpDecodeError(`message section ${hexCode(code)} at offset ${at} must not follow ${hexCode(previous)}`);
  }
}

/** Whether the section's value has the type that the section must have. */
function checkShape(reader: Reader, code: number): void {
  const type = reader.buffer[reader.offset];
  const wanted = SHAPES[code - 0x70];
  if (reader.offset >= reader.end) throw new AmqpDecodeError(`message section ${hexCode(code)} has no value`);
  if (wanted !== undefined && !wanted.includes(type as number)) {
    throw new AmqpDecodeError(`message section ${hexCode(code)} has a value of type ${hexCode(type as number)}`);
  }
}

const LIST = [0x45, 0xc0, 0xd0];
const MAP = [0xc1, 0xd1];
/** Constructor bytes of the values of sections 0x70 to 0x78; undefined: any. */
const SHAPES: readonly (readonly number[] | undefined)[] = [
  LIST,
  MAP,
  MAP,
  LIST,
  MAP,
  [0xa0, 0xb0],
  LIST,
  undefined,
  MAP,
];

function mark(sections: MessageSections, code: number, start: number, end: number): void {
  switch (code) {
    case 0x70:
      sections.headerStart = start;
      sections.headerEnd = end;
      break;
    case 0x71:
      sections.deliveryAnnotationsStart = start;
      sections.deliveryAnnotationsEnd = end;
      break;
    case 0x72:
      sections.messageAnnotationsStart = start;
      sections.messageAnnotationsEnd = end;
      break;
    case 0x73:
      sections.propertiesStart = start;
      sections.propertiesEnd = end;
      break;
    case 0x74:
      sections.applicationPropertiesStart = start;
      sections.applicationPropertiesEnd = end;
      break;
    case 0x78:
      sections.footerStart = start;
      sections.footerEnd = end;
      break;
    default:
      markBody(sections, code, start, end);
  }
}

function markBody(sections: MessageSections, code: number, start: number, end: number): void {
  if (start === end) {
    // An absent kind of body: it counts only while no other kind was there.
    if (sections.body === 'none') sections.bodyStart = sections.bodyEnd = start;
    return;
  }
  if (sections.body === 'none') sections.bodyStart = start;
  sections.bodyEnd = end;
  sections.body = code === 0x75 ? 'data' : code === 0x76 ? 'sequence' : 'value';
}

/**
 * One field of the properties section, the fields before it skipped; undefined when absent. A message-id or correlation-id is
 * in the typed form, so that it can be echoed. Throws `AmqpDecodeError`.
 */
export function readProperty<N extends keyof MessageProperties>(
  message: Buffer,
  sections: MessageSections,
  name: N,
): MessageProperties[N] | undefined {
  const { propertiesStart: start, propertiesEnd: end } = sections;
  if (start === end) return undefined;
  const reader = new Reader(message, start, end);
  sectionCode(reader);
  const count = enterList(reader, PROPERTIES.symbol);
  for (let index = 0; index < count; index += 1) {
    const field = PROPERTIES.fields[index];
    if (field === undefined) break;
    if (field.name === name) return readField(reader, PROPERTIES, field) as MessageProperties[N];
    reader.skip();
  }
  return undefined;
}

/**
 * The value under a string or symbol key of a map section (annotations, application properties, footer) that lies from `start`
 * to `end`, in the typed form; entries before it are skipped. Undefined when absent. Throws `AmqpDecodeError`.
 */
export function readEntry(message: Buffer, start: number, end: number, name: string): AmqpValue | undefined {
  if (start === end) return undefined;
  const reader = new Reader(message, start, end);
  sectionCode(reader);
  const code = reader.byte();
  if (code !== 0xc1 && code !== 0xd1) throw new AmqpDecodeError(`a map section has a value of type ${hexCode(code)}`);
  const count = reader.compound(code === 0xc1, 'map');
  for (let index = 0; index + 1 < count; index += 2) {
    const key = reader.value();
    if ((key instanceof AmqpSymbol ? key.value : key) === name) return reader.value();
    reader.skip();
  }
  return undefined;
}
