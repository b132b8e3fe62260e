import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  AmqpChar,
  AmqpDecimal,
  AmqpDescribed,
  AmqpSymbol,
  AmqpTimestamp,
  AmqpTyped,
  AmqpUuid,
  type AmqpValue,
  PROPERTIES,
  HEADER,
  lookup,
  readComposite,
  scanSections,
  Writer,
} from '../../src/amqp/index.ts';
import type { MessageView } from '../../src/broker/index.ts';
import {
  compileAction,
  FilterDuration,
  FilterTime,
  FilterUuid,
  type PropertyValue,
  type RuleValue,
} from '../../src/filter/index.ts';
import { readAnnotations } from '../../src/server/annotations.ts';
import { encodeMessage } from '../../src/server/message-encoder.ts';
import { factsOf } from '../../src/server/message-intake.ts';
import { overlayWith, propertiesOf } from '../../src/server/message-properties.ts';
import { mergeOverlay } from '../../src/server/overlay.ts';
import { typedValue } from '../amqp/value-arbitrary.ts';
import { storedMessage } from './stored-message.ts';

const ID = '9a8e5b1c-3b4d-4e5f-8a9b-0c1d2e3f4a5b';
const UUID = new AmqpUuid(Buffer.from(ID.replaceAll('-', ''), 'hex'));
const PARTITION_KEY = 'x-opt-partition-key';

const long = (value: bigint): AmqpTyped => new AmqpTyped('long', value);
const int = (value: number): AmqpTyped => new AmqpTyped('int', value);

const MESSAGE = storedMessage({
  ttl: 60_000,
  annotations: {
    [PARTITION_KEY]: 'k',
    'x-opt-via-partition-key': 'v',
    'x-opt-scheduled-enqueue-time': new AmqpTimestamp(5),
  },
  properties: {
    messageId: 'm1',
    to: 'to',
    subject: 'order',
    replyTo: 'answers',
    correlationId: 'c1',
    contentType: 'text/plain',
    groupId: 's1',
    groupSequence: 9,
    replyToGroupId: 'r1',
  },
  application: [
    ['Color', 'red'],
    ['quantity', int(10)],
    ['price', new AmqpTyped('double', 2.5)],
    ['priority', 'low'],
  ],
});

const BARE = storedMessage({});

function act(
  sqlExpression: string,
  options: { bytes?: Buffer; overlay?: Buffer; parameters?: Record<string, RuleValue> } = {},
): Buffer {
  const { bytes = MESSAGE, overlay, parameters } = options;
  const action = compileAction({ sqlExpression, parameters }, { newId: () => new FilterUuid(ID) });
  return overlayWith(bytes, overlay, action.changes(propertiesOf(bytes, overlay)));
}

interface Decoded {
  readonly header: object;
  readonly annotations: ReadonlyMap<AmqpValue, AmqpValue>;
  readonly properties: object;
  readonly application: Readonly<Record<string, AmqpValue>>;
}

/** The message as a client gets it. */
function delivered(bytes: Buffer, overlay: Buffer | undefined, view: Partial<MessageView> = {}): Decoded {
  const whole: MessageView = {
    bodyId: 1,
    sizeBytes: bytes.length,
    sequenceNumber: 1,
    enqueuedSequenceNumber: 1,
    partitionId: undefined,
    enqueuedTimeMs: 0,
    timeToLiveMs: undefined,
    deliveryCount: 0,
    state: 'active',
    sessionId: undefined,
    lockedUntilMs: undefined,
    overlay,
    deadLetter: undefined,
    deadLetterSource: undefined,
    ...view,
  };
  const encoded = Buffer.concat(encodeMessage(bytes, whole));
  const sections = scanSections(encoded);
  const { propertiesStart, propertiesEnd, applicationPropertiesStart: start, applicationPropertiesEnd: end } = sections;
  assert.ok(
    encoded.subarray(sections.bodyStart).equals(BARE.subarray(scanSections(BARE).bodyStart)),
    'the body is as it came',
  );
  return {
    header: readComposite(HEADER, encoded, sections.headerStart).value,
    annotations: readAnnotations(encoded, sections.messageAnnotationsStart),
    properties: propertiesEnd > propertiesStart ? readComposite(PROPERTIES, encoded, propertiesStart).value : {},
    application: Object.fromEntries(end > start ? readAnnotations(encoded, start) : []),
  };
}

test('system properties are read from the sections that hold them', () => {
  const expected = {
    ContentType: 'text/plain',
    CorrelationId: 'c1',
    DeadLetterSource: undefined,
    DeliveryCount: 0n,
    EnqueuedTimeUtc: undefined,
    Label: 'order',
    MessageId: 'm1',
    PartitionKey: 'k',
    ReplyTo: 'answers',
    ReplyToSessionId: 'r1',
    ScheduledEnqueueTimeUtc: new FilterTime(5),
    SequenceNumber: undefined,
    SessionId: 's1',
    Size: BigInt(MESSAGE.length),
    TimeToLive: new FilterDuration(600_000_000n),
    To: 'to',
    ViaPartitionKey: 'v',
  } as const;
  for (const [name, value] of Object.entries(expected))
    assert.deepEqual(propertiesOf(MESSAGE).system(name as keyof typeof expected), value, name);
});

test('a bare message has no properties, and lives for ever', () => {
  const message = propertiesOf(BARE);
  assert.equal(message.user('x'), undefined);
  assert.equal(message.userExact('x'), undefined);
  for (const name of ['MessageId', 'Label', 'PartitionKey'] as const) assert.equal(message.system(name), undefined);
  assert.deepEqual(message.system('TimeToLive'), new FilterDuration(2n ** 63n - 1n));
});

test('ids of every type have a text, but binary ones', () => {
  const cases: readonly (readonly [AmqpValue, string | undefined])[] = [
    [new AmqpTyped('ulong', 7n), '7'],
    [UUID, ID],
    [Buffer.from('x'), undefined],
    ['', ''],
  ];
  for (const [id, text] of cases) {
    const message = propertiesOf(storedMessage({ properties: { messageId: id, correlationId: id } }));
    assert.equal(message.system('MessageId'), text);
    assert.equal(message.system('CorrelationId'), text);
  }
});

test('application properties of every type', () => {
  const decimal = (hex: string): AmqpDecimal => new AmqpDecimal(Buffer.from(hex, 'hex'));
  const described = (name: string, value: AmqpValue): AmqpDescribed =>
    new AmqpDescribed(new AmqpSymbol(`com.microsoft:${name}`), value);
  const cases: readonly (readonly [AmqpValue, PropertyValue | undefined])[] = [
    [null, null],
    [true, true],
    ['text', 'text'],
    [new AmqpSymbol('symbol'), 'symbol'],
    [new AmqpChar(0x1f600), '\u{1f600}'],
    [new AmqpTyped('ubyte', 255), 255n],
    [new AmqpTyped('ushort', 1), 1n],
    [new AmqpTyped('uint', 2), 2n],
    [new AmqpTyped('ulong', 2n ** 64n - 1n), 2n ** 64n - 1n],
    [new AmqpTyped('byte', -1), -1n],
    [new AmqpTyped('short', -2), -2n],
    [int(-3), -3n],
    [long(-(2n ** 63n)), -(2n ** 63n)],
    [new AmqpTyped('float', 0.5), 0.5],
    [new AmqpTyped('double', 0.1), 0.1],
    [new AmqpTimestamp(-1), new FilterTime(-1)],
    [new AmqpTimestamp(2n ** 63n - 1n), new FilterTime(Date.UTC(9999, 11, 31, 23, 59, 59, 999))],
    [new AmqpTimestamp(-(2n ** 63n)), new FilterTime(Date.parse('0001-01-01T00:00:00Z'))],
    [UUID, new FilterUuid(ID)],
    [Buffer.from([1]), Buffer.from([1])],
    [described('timespan', long(10n)), new FilterDuration(10n)],
    [described('datetime-offset', long(621_355_968_000_010_000n)), new FilterTime(1)],
    [described('uri', 'http://x/'), 'http://x/'],
    [described('unknown', 'x'), undefined],
    [described('timespan', 'x'), undefined],
    [[1], undefined],
    [new Map([['a', 1]]), undefined],
    // 12345E-2, -1E0, and a coefficient with the long form, in each width
    [decimal('31803039'), 123.45],
    [decimal('b2800001'), -1],
    [decimal('6ca00000'), 8388608],
    [decimal('31800000000003e8'), 10],
    [decimal('303c0000000000000000000000003039'), 123.45],
    [decimal('b0400000000000000000000000000001'), -1],
    [decimal('78000000'), Infinity],
    [decimal('f800000000000000'), -Infinity],
    [decimal('7c000000'), Number.NaN],
  ];
  const message = propertiesOf(storedMessage({ application: cases.map(([value], index) => [`p${index}`, value]) }));
  for (const [index, [, value]] of cases.entries()) assert.deepEqual(message.user(`p${index}`), value, `p${index}`);
});

test('names are matched with and without regard to case; of names that differ in case only the first counts', () => {
  const message = propertiesOf(
    storedMessage({
      application: [
        ['a', 1],
        ['B', 2],
        ['b', 3],
        [new AmqpSymbol('C'), 4],
        ['c', 5],
      ],
    }),
  );
  for (const [name, folded, exact] of [
    ['a', 1n, 1n],
    ['A', 1n, undefined],
    ['b', 2n, 3n],
    ['B', 2n, 2n],
    ['C', 4n, 4n],
    ['c', 4n, 5n],
  ] as const) {
    assert.equal(message.user(name), folded, name);
    assert.equal(message.userExact(name), exact, name);
  }
});

test('an overlay that holds application properties only is read as it always was', () => {
  const writer = new Writer();
  writer.writeMap(
    new Map<AmqpValue, AmqpValue>([
      ['color', 'blue'],
      ['new', 1],
    ]),
  );
  const overlay = writer.take();
  assert.deepEqual(
    mergeOverlay(
      undefined,
      new Map<AmqpValue, AmqpValue>([
        ['color', 'blue'],
        [new AmqpSymbol('new'), 1],
      ]),
    ),
    overlay,
  );
  assert.equal(propertiesOf(MESSAGE, overlay).userExact('color'), 'blue');
  assert.equal(propertiesOf(MESSAGE, overlay).user('NEW'), 1n);
  assert.equal(delivered(MESSAGE, overlay).application['color'], 'blue');
  assert.deepEqual(delivered(MESSAGE, overlay).properties, delivered(MESSAGE, undefined).properties);
});

test('an action changes application properties under the names and with the widths that they have', () => {
  const overlay = act("SET color = 'blue'; SET QUANTITY = quantity / 2; SET price = 3; REMOVE Priority; SET New = 1");
  assert.deepEqual(delivered(MESSAGE, overlay).application, {
    Color: 'blue',
    quantity: int(5),
    price: new AmqpTyped('double', 3),
    New: long(1n),
  });
  const message = propertiesOf(MESSAGE, overlay);
  assert.equal(message.userExact('Color'), 'blue');
  assert.equal(message.user('priority'), undefined);
  assert.equal(message.user('new'), 1n);
  assert.equal(propertiesOf(MESSAGE).userExact('Color'), 'red');
});

test('an integer that outgrows its width becomes a long', () => {
  const bytes = storedMessage({
    application: [
      ['b', new AmqpTyped('ubyte', 200)],
      ['i', int(2 ** 31 - 1)],
      ['s', 'text'],
    ],
  });
  assert.deepEqual(delivered(bytes, act('SET b = b + 55; SET i = i + 1; SET s = 1', { bytes })).application, {
    b: new AmqpTyped('ubyte', 255),
    i: long(2n ** 31n),
    s: long(1n),
  });
  assert.deepEqual(delivered(bytes, act('SET b = -1', { bytes })).application['b'], long(-1n));
});

test('values of every kind go out as clients know them', () => {
  const parameters = {
    t: { type: 'dateTime', value: '2026-01-01T00:00:00Z' },
    d: { type: 'duration', value: 'PT1S' },
  } as const;
  const overlay = act('SET t = @t; SET d = @d; SET u = newid(); SET n = NULL; SET b = TRUE; SET x = 0.5', {
    parameters,
  });
  const { application } = delivered(MESSAGE, overlay);
  assert.deepEqual(application['t'], new AmqpTimestamp(Date.UTC(2026, 0, 1)));
  assert.deepEqual(application['d'], new AmqpDescribed(new AmqpSymbol('com.microsoft:timespan'), long(10_000_000n)));
  assert.deepEqual(application['u'], UUID);
  assert.equal(application['n'], null);
  assert.equal(application['b'], true);
  assert.deepEqual(application['x'], new AmqpTyped('double', 0.5));
});

test('names that differ in case only are one property to an action', () => {
  const bytes = storedMessage({
    application: [
      ['Color', 'red'],
      ['color', 'blue'],
      ['other', 'x'],
    ],
  });
  assert.deepEqual(delivered(bytes, act("SET color = 'green'", { bytes })).application, { Color: 'green', other: 'x' });
  assert.deepEqual(delivered(bytes, act('REMOVE COLOR', { bytes })).application, { other: 'x' });
});

test('the last change of a property that the message does not have is the one that counts', () => {
  const user = new Map<string, PropertyValue>([
    ['rulename', 'mine'],
    ['RuleName', 'theirs'],
  ]);
  const { application } = delivered(BARE, overlayWith(BARE, undefined, { user, system: new Map() }));
  assert.deepEqual(application, { rulename: 'theirs' });
});

test('an action sets and removes system properties; the others of the section stay', () => {
  const sets = {
    messageId: 'MessageId',
    to: 'To',
    subject: 'Label',
    replyTo: 'ReplyTo',
    correlationId: 'CorrelationId',
    contentType: 'ContentType',
    groupId: 'SessionId',
    replyToGroupId: 'ReplyToSessionId',
  } as const;
  const before = delivered(MESSAGE, undefined);
  for (const [field, name] of Object.entries(sets)) {
    const overlay = act(`SET sys.${name} = 'x'`);
    assert.deepEqual(delivered(MESSAGE, overlay).properties, { ...before.properties, [field]: 'x' }, name);
    assert.equal(propertiesOf(MESSAGE, overlay).system(name), 'x');
    assert.deepEqual(delivered(MESSAGE, overlay).application, before.application);
    assert.deepEqual(delivered(BARE, act(`SET sys.${name} = 'x'`, { bytes: BARE })).properties, { [field]: 'x' });
    if (name === 'MessageId') continue;
    const without: Record<string, unknown> = { ...before.properties };
    delete without[field];
    assert.deepEqual(delivered(MESSAGE, act(`REMOVE sys.${name}`)).properties, without, `without ${name}`);
    assert.equal(propertiesOf(MESSAGE, act(`REMOVE sys.${name}`)).system(name), undefined);
  }
});

test('an action sets and removes the partition key', () => {
  assert.equal(lookup(delivered(MESSAGE, act("SET sys.PartitionKey = 'x'")).annotations, PARTITION_KEY), 'x');
  assert.equal(lookup(delivered(MESSAGE, act('REMOVE sys.PartitionKey')).annotations, PARTITION_KEY), undefined);
  assert.equal(
    lookup(delivered(BARE, act("SET sys.PartitionKey = 'x'", { bytes: BARE })).annotations, PARTITION_KEY),
    'x',
  );
  assert.equal(lookup(delivered(MESSAGE, act('REMOVE sys.To')).annotations, PARTITION_KEY), 'k');
});

test('an action sets and removes the time to live; what the queue makes of it is what is shown', () => {
  const parameters = {
    d: { type: 'duration', value: 'PT1.5005S' },
    long: { type: 'duration', value: 'P60D' },
  } as const;
  const overlay = act('SET sys.TimeToLive = @d', { parameters });
  assert.deepEqual(delivered(MESSAGE, overlay).header, { ttl: 1501, deliveryCount: 0 });
  assert.equal(factsOf(MESSAGE, overlay).timeToLiveMs, 1501);
  assert.deepEqual(propertiesOf(MESSAGE, overlay).system('TimeToLive'), new FilterDuration(15_010_000n));
  assert.equal((delivered(MESSAGE, overlay, { timeToLiveMs: 1000 }).header as { ttl: number }).ttl, 1000);
  const lasting = act('SET sys.TimeToLive = @long', { parameters });
  assert.equal(factsOf(MESSAGE, lasting).timeToLiveMs, 60 * 86_400_000);
  assert.equal((delivered(MESSAGE, lasting).header as { ttl: number }).ttl, 0xffff_ffff);
  const immortal = act('REMOVE sys.TimeToLive');
  assert.equal(factsOf(MESSAGE, immortal).timeToLiveMs, undefined);
  assert.equal((delivered(MESSAGE, immortal).header as { ttl?: number }).ttl, undefined);
});

test('the broker is told what an action has made of ids, session and keys', () => {
  assert.deepEqual(factsOf(MESSAGE), { messageId: 'sm1', sessionId: 's1', partitionKey: 'k', timeToLiveMs: 60_000 });
  const overlay = act("SET sys.MessageId = 'm2'; SET sys.SessionId = 's2'; SET sys.PartitionKey = 'k2'");
  assert.deepEqual(factsOf(MESSAGE, overlay), {
    messageId: 'sm2',
    sessionId: 's2',
    partitionKey: 'k2',
    timeToLiveMs: 60_000,
  });
  assert.deepEqual(factsOf(MESSAGE, act('REMOVE sys.SessionId; REMOVE sys.PartitionKey')), {
    messageId: 'sm1',
    timeToLiveMs: 60_000,
  });
});

test('changes come on top of one another: actions after actions, settlements after actions', () => {
  const first = act("SET color = 'blue'; REMOVE quantity; SET sys.Label = 'first'; SET sys.To = 'there'");
  const second = act("SET seen = color + sys.Label; SET quantity = 1; REMOVE color; SET sys.Label = 'second'", {
    overlay: first,
  });
  const settled = mergeOverlay(
    second,
    new Map<AmqpValue, AmqpValue>([
      ['Color', 'green'],
      ['note', 'x'],
    ]),
  );
  assert.ok(settled);
  const { application, properties } = delivered(MESSAGE, settled);
  assert.deepEqual(application, {
    price: new AmqpTyped('double', 2.5),
    priority: 'low',
    seen: 'bluefirst',
    quantity: long(1n),
    Color: 'green',
    note: 'x',
  });
  assert.deepEqual(properties, { ...delivered(MESSAGE, undefined).properties, subject: 'second', to: 'there' });
  assert.deepEqual(delivered(MESSAGE, second).application['Color'], undefined);
});

test('a dead-letter reason stands beside what an action has changed', () => {
  const { application } = delivered(MESSAGE, act('REMOVE color'), {
    deadLetter: { reason: 'why', description: 'because' },
  });
  assert.equal(application['Color'], undefined);
  assert.equal(application['DeadLetterReason'], 'why');
  assert.equal(application['DeadLetterErrorDescription'], 'because');
});

test('a content type that AMQP cannot write fails: the message could not be delivered', () => {
  assert.throws(() => act("SET sys.ContentType = 'text/größe'"), {
    code: 'FILTER_FAILED',
    message: 'SET sys.ContentType: the value has characters that are not ASCII; use others',
  });
  assert.equal(propertiesOf(MESSAGE, act("SET sys.ContentType = 'text/x-~'")).system('ContentType'), 'text/x-~');
});

test('changes that are too large fail', () => {
  const bytes = storedMessage({ application: [['a', 'x'.repeat(30_000)]] });
  act('SET b = a; SET c = a', { bytes });
  assert.throws(() => act('SET b = a; SET c = a; SET d = a', { bytes }), {
    code: 'FILTER_FAILED',
    message: /have 90\d{3} bytes; the limit is 65536/,
  });
});

test('whatever a property is, an action can copy it, and what it cannot see it leaves alone', () => {
  fc.assert(
    fc.property(fc.array(typedValue, { minLength: 1, maxLength: 4 }), (values) => {
      const names = values.map((_, index) => `p${index}`);
      const bytes = storedMessage({ application: values.map((value, index) => [`p${index}`, value]) });
      const message = propertiesOf(bytes);
      let overlay: Buffer;
      try {
        overlay = act(names.map((name) => `SET copy${name} = ${name}`).join(';'), { bytes });
      } catch (error) {
        assert.match((error as Error).message, /the limit is 65536/);
        return;
      }
      const changed = propertiesOf(bytes, overlay);
      for (const name of names) {
        assert.deepEqual(changed.user(name), message.user(name));
        assert.deepEqual(changed.user(`copy${name}`), message.user(name) ?? null);
      }
      const { application } = delivered(bytes, overlay);
      const { application: before } = delivered(bytes, undefined);
      for (const name of names) assert.deepEqual(application[name], before[name]);
    }),
    { numRuns: 1000 },
  );
});
