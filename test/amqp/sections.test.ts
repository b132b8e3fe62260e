import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PROPERTIES } from '../../src/amqp/composites.ts';
import {
  AmqpDecodeError,
  AmqpSymbol,
  AmqpTyped,
  AmqpUuid,
  readEntry,
  readProperty,
  scanSections,
  Writer,
  type AmqpValue,
  type MessageSections,
} from '../../src/amqp/index.ts';
import { encodeComposite } from './raw-peer.ts';

function section(code: number, write: (writer: Writer) => void): Buffer {
  const writer = new Writer();
  writer.writeDescriptor(code);
  write(writer);
  return writer.take();
}

const map = (entries: readonly (readonly [AmqpValue, AmqpValue])[]) => (writer: Writer) =>
  writer.writeMap(new Map(entries));
const HEADER = section(0x70, (writer) => writer.writeList([true, null, new AmqpTyped('uint', 1000)]));
const DELIVERY_ANNOTATIONS = section(0x71, map([]));
const MESSAGE_ANNOTATIONS = section(0x72, map([[new AmqpSymbol('x-opt-partition-key'), 'p']]));
const PROPERTIES_SECTION = encodeComposite(PROPERTIES, {
  messageId: 'm1',
  userId: Buffer.from('u'),
  subject: 'hello',
  correlationId: new AmqpTyped('ulong', 7n),
  groupId: 'session-1',
  groupSequence: 3,
});
const APPLICATION_PROPERTIES = section(
  0x74,
  map([
    ['a', new AmqpTyped('long', 5n)],
    ['b', 'text'],
  ]),
);
const DATA = section(0x75, (writer) => writer.writeBinary(Buffer.from('body')));
const SEQUENCE = section(0x76, (writer) => writer.writeList([1, 2]));
const VALUE = section(0x77, (writer) => writer.writeString('value'));
const FOOTER = section(0x78, map([]));

const IN_ORDER: readonly (readonly [string, Buffer])[] = [
  ['header', HEADER],
  ['deliveryAnnotations', DELIVERY_ANNOTATIONS],
  ['messageAnnotations', MESSAGE_ANNOTATIONS],
  ['properties', PROPERTIES_SECTION],
  ['applicationProperties', APPLICATION_PROPERTIES],
];
const NAMES = [...IN_ORDER.map(([name]) => name), 'body', 'footer'];

function slice(message: Buffer, sections: MessageSections, name: string): Buffer {
  const offsets = sections as unknown as Record<string, number>;
  return message.subarray(offsets[`${name}Start`], offsets[`${name}End`]);
}

test('whatever sections there are, their slices are the sections, and together they are the message', () => {
  const bodies = [[], [DATA], [DATA, DATA, DATA], [SEQUENCE], [SEQUENCE, SEQUENCE], [VALUE]];
  fc.assert(
    fc.property(fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }), fc.constantFrom(...bodies), (there, body) => {
      const parts = new Map<string, Buffer>(IN_ORDER.filter((_, index) => there[index]));
      parts.set('body', Buffer.concat(body));
      if (there[5]) parts.set('footer', FOOTER);
      const message = Buffer.concat([...parts.values()]);
      const sections = scanSections(message);
      for (const name of NAMES)
        assert.deepEqual(slice(message, sections, name), parts.get(name) ?? Buffer.alloc(0), name);
      assert.deepEqual(Buffer.concat(NAMES.map((name) => slice(message, sections, name))), message);
      const kind = body[0] === DATA ? 'data' : body[0] === SEQUENCE ? 'sequence' : body[0] === VALUE ? 'value' : 'none';
      assert.equal(sections.body, kind);
    }),
  );
});

test('an absent section lies where it would stand, between its neighbours', () => {
  const message = Buffer.concat([HEADER, DATA]);
  const sections = scanSections(message);
  for (const name of ['deliveryAnnotations', 'messageAnnotations', 'properties', 'applicationProperties']) {
    const offsets = sections as unknown as Record<string, number>;
    assert.equal(offsets[`${name}Start`], HEADER.length);
    assert.equal(offsets[`${name}End`], HEADER.length);
  }
  assert.equal(sections.footerStart, message.length);
});

test('a footer before the body, where rhea puts it, is found, and so is the body', () => {
  const message = Buffer.concat([HEADER, PROPERTIES_SECTION, FOOTER, DATA, DATA]);
  const sections = scanSections(message);
  assert.deepEqual(slice(message, sections, 'footer'), FOOTER);
  assert.deepEqual(slice(message, sections, 'body'), Buffer.concat([DATA, DATA]));
  assert.deepEqual(slice(message, sections, 'properties'), PROPERTIES_SECTION);
  assert.equal(sections.applicationPropertiesStart, HEADER.length + PROPERTIES_SECTION.length);
  assert.equal(sections.applicationPropertiesEnd, sections.applicationPropertiesStart);
});

test('delivery annotations that come last, where the Python client writes them, are found, and so is what is before them', () => {
  for (const body of [Buffer.alloc(0), DATA, Buffer.concat([VALUE, FOOTER]), Buffer.concat([FOOTER, DATA])]) {
    const before = Buffer.concat([HEADER, PROPERTIES_SECTION, body]);
    const message = Buffer.concat([before, DELIVERY_ANNOTATIONS]);
    const sections = scanSections(message);
    assert.deepEqual(slice(message, sections, 'deliveryAnnotations'), DELIVERY_ANNOTATIONS);
    const without = scanSections(before);
    for (const name of NAMES.filter((name) => name !== 'deliveryAnnotations'))
      assert.deepEqual(slice(message, sections, name), slice(before, without, name), name);
  }
});

test('sections with ulong descriptors of eight bytes and with symbolic ones are found', () => {
  const wide = Buffer.concat([Buffer.from([0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x75]), DATA.subarray(3)]);
  assert.equal(scanSections(wide).bodyEnd, wide.length);
  const symbolic = Buffer.concat([Buffer.from([0, 0xa3, 16]), Buffer.from('amqp:data:binary'), DATA.subarray(3)]);
  assert.equal(scanSections(symbolic).body, 'data');
});

const REFUSED: readonly (readonly [string, Buffer])[] = [
  ['sections out of order', Buffer.concat([PROPERTIES_SECTION, HEADER])],
  ['a repeated section', Buffer.concat([HEADER, HEADER])],
  ['two values as body', Buffer.concat([VALUE, VALUE])],
  ['data and sequences as body', Buffer.concat([DATA, SEQUENCE])],
  ['a sequence and a value as body', Buffer.concat([SEQUENCE, VALUE])],
  ['a footer inside the body', Buffer.concat([DATA, FOOTER, DATA])],
  ['another section than the body behind the footer', Buffer.concat([FOOTER, APPLICATION_PROPERTIES])],
  ['two footers', Buffer.concat([FOOTER, DATA, FOOTER])],
  ['two delivery annotations', Buffer.concat([DELIVERY_ANNOTATIONS, DATA, DELIVERY_ANNOTATIONS])],
  ['delivery annotations inside the body', Buffer.concat([DATA, DELIVERY_ANNOTATIONS, DATA])],
  ['delivery annotations between body and footer', Buffer.concat([DATA, DELIVERY_ANNOTATIONS, FOOTER])],
  ['an unknown section', section(0x79, (writer) => writer.writeNull())],
  ['a header that is a map', section(0x70, map([]))],
  ['properties that are binary', section(0x73, (writer) => writer.writeBinary(Buffer.from('x')))],
  ['data that is a string', section(0x75, (writer) => writer.writeString('x'))],
  ['annotations that are a list', section(0x72, (writer) => writer.writeList([]))],
  ['a bare value', Buffer.from([0x40])],
  ['a descriptor without a value', Buffer.from([0x00, 0x53, 0x77])],
];

for (const [what, message] of REFUSED) {
  test(`a message with ${what} is a decode error`, () => {
    assert.throws(() => scanSections(message), AmqpDecodeError);
  });
}

test('a message that is cut off inside a section is a decode error, between sections it is a shorter message', () => {
  const parts = [HEADER, MESSAGE_ANNOTATIONS, PROPERTIES_SECTION, APPLICATION_PROPERTIES, DATA];
  const message = Buffer.concat(parts);
  const borders = new Set([0]);
  let border = 0;
  for (const part of parts) borders.add((border += part.length));
  for (let length = 0; length <= message.length; length += 1) {
    if (borders.has(length)) scanSections(message.subarray(0, length));
    else assert.throws(() => scanSections(message.subarray(0, length)), AmqpDecodeError);
  }
});

test('bytes at random are a message or a decode error', () => {
  const start = fc.constantFrom(HEADER, MESSAGE_ANNOTATIONS, PROPERTIES_SECTION, APPLICATION_PROPERTIES, DATA, VALUE);
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 60 }), fc.nat(), fc.nat({ max: 255 }), (part, tail, at, byte) => {
      const message = Buffer.concat([part, Buffer.from(tail)]);
      message[at % message.length] = byte;
      try {
        const sections = scanSections(message);
        readProperty(message, sections, 'groupId');
        readEntry(message, sections.applicationPropertiesStart, sections.applicationPropertiesEnd, 'b');
      } catch (error) {
        assert.ok(error instanceof AmqpDecodeError, String(error));
      }
    }),
    { numRuns: 3000 },
  );
});

test('single properties are read without the others, a message id in its exact type', () => {
  const message = Buffer.concat([HEADER, PROPERTIES_SECTION, DATA]);
  const sections = scanSections(message);
  assert.equal(readProperty(message, sections, 'messageId'), 'm1');
  assert.deepEqual(readProperty(message, sections, 'userId'), Buffer.from('u'));
  assert.equal(readProperty(message, sections, 'subject'), 'hello');
  assert.deepEqual(readProperty(message, sections, 'correlationId'), new AmqpTyped('ulong', 7n));
  assert.equal(readProperty(message, sections, 'groupId'), 'session-1');
  assert.equal(readProperty(message, sections, 'groupSequence'), 3);
  assert.equal(readProperty(message, sections, 'replyTo'), undefined);
  assert.equal(readProperty(DATA, scanSections(DATA), 'groupId'), undefined);
  const uuid = encodeComposite(PROPERTIES, { messageId: new AmqpUuid(Buffer.alloc(16, 1)) });
  assert.deepEqual(readProperty(uuid, scanSections(uuid), 'messageId'), new AmqpUuid(Buffer.alloc(16, 1)));
});

test('a property of the wrong type is a decode error when it is read', () => {
  const message = section(0x73, (writer) => writer.writeList([null, null, null, new AmqpTyped('uint', 1)]));
  const sections = scanSections(message);
  assert.throws(() => readProperty(message, sections, 'subject'), AmqpDecodeError);
  assert.equal(readProperty(message, sections, 'to'), undefined);
});

test('single entries of maps are found by string and by symbol key', () => {
  const message = Buffer.concat([MESSAGE_ANNOTATIONS, APPLICATION_PROPERTIES]);
  const { messageAnnotationsStart, messageAnnotationsEnd, applicationPropertiesStart, applicationPropertiesEnd } =
    scanSections(message);
  assert.equal(readEntry(message, messageAnnotationsStart, messageAnnotationsEnd, 'x-opt-partition-key'), 'p');
  assert.equal(readEntry(message, applicationPropertiesStart, applicationPropertiesEnd, 'b'), 'text');
  assert.deepEqual(
    readEntry(message, applicationPropertiesStart, applicationPropertiesEnd, 'a'),
    new AmqpTyped('long', 5n),
  );
  assert.equal(readEntry(message, applicationPropertiesStart, applicationPropertiesEnd, 'c'), undefined);
  assert.equal(readEntry(message, 0, 0, 'c'), undefined);
});
