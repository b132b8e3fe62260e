import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RetrainError } from '../../src/errors.ts';
import {
  AmqpArray,
  AmqpDecodeError,
  AmqpDescribed,
  AmqpSymbol,
  AmqpTimestamp,
  AmqpTyped,
  decode,
  encode,
  lookup,
  plain,
  Writer,
  type AmqpValue,
} from '../../src/amqp/index.ts';
import { typedScalar, typedValue } from './value-arbitrary.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

test('every value comes back with its type', () => {
  fc.assert(
    fc.property(typedValue, (value) => {
      const bytes = encode(value);
      const decoded = decode(bytes, 0, 'typed');
      assert.deepEqual(decoded.value, value);
      assert.equal(decoded.end, bytes.length);
    }),
    { numRuns: 1000 },
  );
});

test('the plain form is the typed one without its wrappers of numbers', () => {
  fc.assert(
    fc.property(typedScalar, (value) => {
      const expected = value instanceof AmqpTyped ? value.value : value;
      assert.deepEqual(decode(encode(value)).value, expected);
    }),
  );
});

test('values in a row are decoded one after the other', () => {
  fc.assert(
    fc.property(fc.array(typedScalar), (values) => {
      const writer = new Writer();
      for (const value of values) writer.writeValue(value);
      const bytes = writer.take();
      let offset = 0;
      const decoded: AmqpValue[] = [];
      while (offset < bytes.length) {
        const { value, end } = decode(bytes, offset, 'typed');
        decoded.push(value);
        offset = end;
      }
      assert.deepEqual(decoded, values);
    }),
  );
});

/** Every encoding of the standard (1.6), also those that our own encoder does not choose. */
const ENCODINGS: readonly [string, AmqpValue][] = [
  ['40', null],
  ['41', true],
  ['42', false],
  ['56 00', false],
  ['56 01', true],
  ['50 ff', new AmqpTyped('ubyte', 255)],
  ['60 ffff', new AmqpTyped('ushort', 65535)],
  ['43', new AmqpTyped('uint', 0)],
  ['52 00', new AmqpTyped('uint', 0)],
  ['52 ff', new AmqpTyped('uint', 255)],
  ['70 00000000', new AmqpTyped('uint', 0)],
  ['70 ffffffff', new AmqpTyped('uint', 0xffff_ffff)],
  ['44', new AmqpTyped('ulong', 0n)],
  ['53 ff', new AmqpTyped('ulong', 255n)],
  ['80 0000000000000000', new AmqpTyped('ulong', 0n)],
  ['80 ffffffffffffffff', new AmqpTyped('ulong', 2n ** 64n - 1n)],
  ['51 80', new AmqpTyped('byte', -128)],
  ['61 8000', new AmqpTyped('short', -32768)],
  ['54 ff', new AmqpTyped('int', -1)],
  ['71 ffffffff', new AmqpTyped('int', -1)],
  ['71 80000000', new AmqpTyped('int', -(2 ** 31))],
  ['55 ff', new AmqpTyped('long', -1n)],
  ['81 ffffffffffffffff', new AmqpTyped('long', -1n)],
  ['81 8000000000000000', new AmqpTyped('long', -(2n ** 63n))],
  ['72 3fc00000', new AmqpTyped('float', 1.5)],
  ['82 3ff8000000000000', new AmqpTyped('double', 1.5)],
  ['83 00000000000003e8', new AmqpTimestamp(1000)],
  ['83 8000000000000000', new AmqpTimestamp(-(2n ** 63n))],
  ['a0 00', Buffer.alloc(0)],
  ['a0 01 ff', Buffer.from([255])],
  ['b0 00000001 ff', Buffer.from([255])],
  ['a1 02 c3a4', 'ä'],
  ['b1 00000002 c3a4', 'ä'],
  ['a3 01 61', new AmqpSymbol('a')],
  ['b3 00000001 61', new AmqpSymbol('a')],
  ['45', []],
  ['c0 01 00', []],
  ['d0 00000004 00000000', []],
  ['c0 03 02 4041', [null, true]],
  ['d0 00000006 00000002 4041', [null, true]],
  ['c1 01 00', new Map()],
  ['d1 00000004 00000000', new Map()],
  ['c1 04 02 a10041', new Map([['', true]])],
  ['d1 00000007 00000002 a10041', new Map([['', true]])],
  ['e0 04 02 50 0102', new AmqpArray('ubyte', [1, 2])],
  ['f0 00000007 00000002 50 0102', new AmqpArray('ubyte', [1, 2])],
  ['e0 02 03 41', new AmqpArray('boolean', [true, true, true])],
  ['e0 04 02 56 0100', new AmqpArray('boolean', [true, false])],
  ['e0 02 02 43', new AmqpArray('uint', [0, 0])],
  ['e0 04 02 52 0102', new AmqpArray('uint', [1, 2])],
  ['e0 04 02 53 0102', new AmqpArray('ulong', [1n, 2n])],
  ['e0 02 02 45', new AmqpArray('list', [[], []])],
  ['e0 06 02 a3 0161 0162', new AmqpArray('symbol', [new AmqpSymbol('a'), new AmqpSymbol('b')])],
  ['e0 05 01 c0 02 01 40', new AmqpArray('list', [[null]])],
  ['e0 05 01 e0 02 00 50', new AmqpArray('array', [new AmqpArray('ubyte', [])])],
  ['e0 06 01 00 5301 50 07', new AmqpArray('ubyte', [7], new AmqpTyped('ulong', 1n))],
  ['00 53 24 45', new AmqpDescribed(new AmqpTyped('ulong', 0x24n), [])],
  ['00 a3 01 61 40', new AmqpDescribed(new AmqpSymbol('a'), null)],
];

for (const [bytes, value] of ENCODINGS) {
  test(`the encoding ${bytes} is understood`, () => {
    const decoded = decode(hex(bytes), 0, 'typed');
    assert.deepEqual(decoded.value, value);
    assert.equal(decoded.end, hex(bytes).length);
  });

  test(`the encoding ${bytes} is refused when it is cut off anywhere`, () => {
    const whole = hex(bytes);
    for (let length = 0; length < whole.length; length += 1) {
      assert.throws(() => decode(whole.subarray(0, length)), AmqpDecodeError);
    }
  });
}

test('the narrowest encoding is written', () => {
  const cases: readonly [AmqpValue, string][] = [
    [new AmqpTyped('uint', 0), '43'],
    [new AmqpTyped('uint', 255), '52ff'],
    [new AmqpTyped('uint', 256), '7000000100'],
    [new AmqpTyped('ulong', 0n), '44'],
    [new AmqpTyped('ulong', 255n), '53ff'],
    [new AmqpTyped('int', -128), '5480'],
    [new AmqpTyped('int', 128), '7100000080'],
    [new AmqpTyped('long', 127n), '557f'],
    [[], '45'],
    [[null], 'c0020140'],
    [new Map(), 'c10100'],
    [new AmqpArray('uint', []), 'e0020070'],
    [new AmqpArray('symbol', [new AmqpSymbol('a')]), 'e00401a30161'],
  ];
  for (const [value, expected] of cases) assert.equal(encode(value).toString('hex'), expected);
});

test('plain numbers become an int, a long or a double', () => {
  const typeOf = (value: AmqpValue): unknown => (decode(encode(value), 0, 'typed').value as AmqpTyped).type;
  assert.equal(typeOf(0), 'int');
  assert.equal(typeOf(-(2 ** 31)), 'int');
  assert.equal(typeOf(2 ** 31), 'long');
  assert.equal(typeOf(1.5), 'double');
  assert.equal(typeOf(-0), 'double');
  assert.equal(typeOf(2 ** 60), 'double');
  assert.equal(typeOf(5n), 'long');
  assert.equal(typeOf(2n ** 63n), 'ulong');
});

test('a list or map of over 255 bytes or items has sizes of four bytes', () => {
  const long = Array.from({ length: 300 }, () => null);
  assert.equal(encode(long)[0], 0xd0);
  assert.equal(encode(['x'.repeat(260)])[0], 0xd0);
  assert.equal(encode(new Map([['a', 'x'.repeat(260)]]))[0], 0xd1);
});

test('lists and maps can be written piece by piece, nested, around values that grow the buffer', () => {
  const writer = new Writer();
  const large = Buffer.alloc(20_000, 7);
  writer.beginList();
  writer.writeUint(1);
  writer.beginMap();
  writer.writeSymbol('k');
  writer.beginList();
  writer.writeBinary(large);
  writer.endList();
  writer.endMap();
  writer.writeDescriptor(0x24);
  writer.beginList();
  writer.endList();
  writer.endList();
  assert.deepEqual(decode(writer.take(), 0, 'typed').value, [
    new AmqpTyped('uint', 1),
    new Map([[new AmqpSymbol('k'), [large]]]),
    new AmqpDescribed(new AmqpTyped('ulong', 0x24n), []),
  ]);
});

test('what was taken from a writer stays as it is', () => {
  const writer = new Writer();
  writer.writeString('first');
  const first = writer.take();
  const copy = Buffer.from(first);
  for (let index = 0; index < 1000; index += 1) writer.writeString('something else');
  assert.deepEqual(first, copy);
  assert.equal(writer.take().length, 16_000);
  assert.equal(writer.length, 0);
});

test('a number that does not fit its type is refused with the limit', () => {
  const bad: readonly AmqpValue[] = [
    new AmqpTyped('ubyte', 256),
    new AmqpTyped('uint', -1),
    new AmqpTyped('uint', 1.5),
    new AmqpTyped('ulong', -1n),
    new AmqpTyped('long', 2n ** 63n),
    new AmqpTyped('byte', 128),
    new AmqpSymbol('ä'),
    new AmqpArray('uint', ['text']),
    new AmqpArray('ubyte', [256]),
  ];
  for (const value of bad) {
    assert.throws(
      () => encode(value),
      (error: unknown) => error instanceof RetrainError && error.code === 'ARGUMENT_INVALID',
    );
  }
});

test('lookup finds string and symbol keys; plain unwraps numbers and symbols', () => {
  const map = new Map<AmqpValue, AmqpValue>([
    [new AmqpSymbol('a'), new AmqpTyped('uint', 1)],
    ['b', new AmqpSymbol('x')],
  ]);
  assert.equal(plain(lookup(map, 'a')), 1);
  assert.equal(plain(lookup(map, 'b')), 'x');
  assert.equal(plain(lookup(map, 'c')), undefined);
});
