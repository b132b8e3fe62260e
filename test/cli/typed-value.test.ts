import assert from 'node:assert/strict';
import { test } from 'node:test';
import { message as rhea, types } from 'rhea-promise';
import {
  jsonOfStructure,
  jsonOfValue,
  parseProperty,
  structureAgain,
  structureOfJson,
  valueAgain,
  valueOfJson,
} from '../../src/cli/typed-value.ts';
import type { ValueJson } from '../../src/cli/typed-value.ts';

/** What a receiver gets of a value, and the AMQP type code that it travelled with. */
function overTheWire(value: unknown): { received: unknown; code: number } {
  const bytes = rhea.encode({ body: undefined, application_properties: { k: value } });
  // The value is the last one of the section: behind the name, which is one letter.
  const name = bytes.indexOf(Buffer.from([0xa1, 1, 'k'.charCodeAt(0)]));
  const decoded = rhea.decode(bytes) as unknown as { application_properties: Record<string, unknown> };
  return { received: decoded.application_properties['k'], code: bytes[name + 3] ?? 0 };
}

/** AMQP 1.0, part 1, section 1.6. */
const CODES = {
  null: [0x40],
  bool: [0x41, 0x42],
  ubyte: [0x50],
  byte: [0x51],
  ushort: [0x60],
  short: [0x61],
  uint: [0x43, 0x52, 0x70],
  int: [0x54, 0x71],
  ulong: [0x44, 0x53, 0x80],
  long: [0x55, 0x81],
  float: [0x72],
  double: [0x82],
  timestamp: [0x83],
  uuid: [0x98],
  binary: [0xa0],
  string: [0xa1],
  symbol: [0xa3],
};

const UUID = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';

test('a property is sent with the type that it was given, and shown as what it is', () => {
  const cases: readonly (readonly [flag: string, type: keyof typeof CODES, shown: ValueJson])[] = [
    ['k=v', 'string', 'v'],
    ['k=', 'string', ''],
    ['k=a=b', 'string', 'a=b'],
    ['k:string=5', 'string', '5'],
    ['k:bool=true', 'bool', true],
    ['k:boolean=false', 'bool', false],
    ['k:byte=-128', 'byte', -128],
    ['k:short=-32768', 'short', -32768],
    ['k:int=3', 'int', 3],
    ['k:int=-2147483648', 'int', -2147483648],
    ['k:int=2147483647', 'int', 2147483647],
    ['k:long=3', 'long', 3],
    ['k:long=-9223372036854775808', 'long', { type: 'long', value: '-9223372036854775808' }],
    ['k:long=9223372036854775807', 'long', { type: 'long', value: '9223372036854775807' }],
    ['k:ubyte=255', 'ubyte', 255],
    ['k:ushort=65535', 'ushort', 65535],
    ['k:uint=4294967295', 'uint', 4294967295],
    ['k:ulong=9007199254740991', 'ulong', 9007199254740991],
    ['k:float=1.5', 'float', 1.5],
    ['k:double=-1.5e3', 'double', -1500],
    ['k:double=3', 'double', 3],
    ['k:double=NaN', 'double', { type: 'double', value: 'NaN' }],
    ['k:double=-Infinity', 'double', { type: 'double', value: '-Infinity' }],
    ['k:timestamp=2026-01-31T06:00:00.5+01:00', 'timestamp', { type: 'timestamp', value: '2026-01-31T05:00:00.500Z' }],
    ['k:datetime=2026-01-31', 'timestamp', { type: 'timestamp', value: '2026-01-31T00:00:00.000Z' }],
    [`k:uuid=${UUID}`, 'uuid', { type: 'uuid', value: UUID }],
    [`k:guid=${UUID.toUpperCase()}`, 'uuid', { type: 'uuid', value: UUID }],
    ['k:binary=AP8=', 'binary', { type: 'binary', value: 'AP8=' }],
    ['k:symbol=eu', 'symbol', 'eu'],
    ['k:null=', 'null', null],
  ];
  for (const [flag, type, shown] of cases) {
    const [name, value] = parseProperty(flag);
    assert.equal(name, 'k');
    const { received, code } = overTheWire(value);
    assert.ok(CODES[type].includes(code), `${flag} travels with code 0x${code.toString(16)}`);
    assert.deepEqual(jsonOfValue(received), shown, flag);
  }
});

test('what is shown as JSON can be sent from it again, with the same value', () => {
  const values: readonly ValueJson[] = [
    'text',
    '',
    true,
    null,
    0,
    -7,
    2.5,
    2 ** 31,
    -(2 ** 40),
    1e300,
    { type: 'long', value: '9223372036854775807' },
    { type: 'timestamp', value: '1969-12-31T23:59:59.000Z' },
    { type: 'uuid', value: UUID },
    { type: 'binary', value: 'AP8=' },
    { type: 'double', value: 'Infinity' },
  ];
  for (const value of values) {
    const once = overTheWire(valueOfJson(value, 'k'));
    assert.deepEqual(jsonOfValue(once.received), value);
    const again = overTheWire(valueAgain(once.received));
    assert.deepEqual([again.received, again.code], [once.received, once.code], JSON.stringify(value));
  }
});

test('a number that was received is sent again as an int, a long or a double, not as an unsigned one', () => {
  const codes = [3, -3, 2 ** 31, 0.5].map((value) => overTheWire(valueAgain(value)).code);
  assert.deepEqual(codes, [0x54, 0x54, 0x81, 0x82]);
});

test('bytes that are text are no UUID and no number, however many they are', () => {
  for (const text of ['abcdefgh', 'abcdefghijklmnop'])
    assert.deepEqual(jsonOfValue(Buffer.from(text)), {
      type: 'binary',
      value: Buffer.from(text).toString('base64'),
    });
});

test('values of .NET that AMQP describes are shown with their descriptor and sent again as they came', () => {
  const sent = types.wrap_described(6_000_000_000, 'com.microsoft:timespan');
  const once = overTheWire(sent);
  assert.deepEqual(jsonOfValue(once.received), { type: 'com.microsoft:timespan', value: 6_000_000_000 });
  const again = overTheWire(valueAgain(once.received));
  assert.deepEqual(jsonOfValue(again.received), { type: 'com.microsoft:timespan', value: 6_000_000_000 });
});

test('lists and maps keep their form', () => {
  const json = { list: [1, 'a', null, { type: 'long', value: '9223372036854775807' }], map: { x: true } };
  const body = structureOfJson(json);
  const decoded = rhea.decode(rhea.encode({ body })) as unknown as { body: unknown };
  assert.deepEqual(jsonOfStructure(decoded.body), json);
  const again = rhea.decode(rhea.encode({ body: structureAgain(decoded.body) })) as unknown as { body: unknown };
  assert.deepEqual(again.body, decoded.body);
});

test('a property that cannot be is refused with its name, the value and what the type takes', () => {
  const refused: readonly (readonly [flag: string, said: RegExp])[] = [
    ['k', /"k": use NAME=VALUE/],
    ['=v', /"=v": use NAME=VALUE/],
    [':int=3', /":int=3": use NAME=VALUE/],
    ['k:int=3.5', /property "k": "3\.5" is no int: use a whole number from -2147483648 to 2147483647/],
    ['k:int=2147483648', /is no int/],
    ['k:ubyte=-1', /is no ubyte: use a whole number from 0 to 255/],
    ['k:long=9223372036854775808', /is no long/],
    ['k:bool=yes', /is no bool: use true or false/],
    ['k:double=', /is no double: use a number such as 0\.5/],
    ['k:timestamp=tomorrow', /is no timestamp: use a time of RFC 3339/],
    ['k:timestamp=2026-13-01', /is no timestamp/],
    ['k:uuid=1', /is no uuid/],
    ['k:binary=%%', /is no binary: use base64/],
    ['k:null=x', /is no null/],
    ['k:integer=3', /there is no type "integer": use one of string, .*k:integer:string=…/],
    ['cloudEvents:id=5', /there is no type "id".*cloudEvents:id:string=…/],
    ['k:constructor=3', /there is no type "constructor"/],
  ];
  for (const [flag, said] of refused)
    assert.throws(() => parseProperty(flag), { code: 'ARGUMENT_INVALID', message: said }, flag);
  assert.deepEqual(parseProperty('cloudEvents:id:string=5'), ['cloudEvents:id', '5']);
});
