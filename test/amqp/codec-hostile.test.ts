import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AmqpDecodeError, decode, encode } from '../../src/amqp/index.ts';
import { LIMITS } from '../../src/amqp/limits.ts';
import { typedValue } from './value-arbitrary.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

function refuses(bytes: Buffer, what: RegExp): void {
  assert.throws(
    () => decode(bytes),
    (error: unknown) =>
      error instanceof AmqpDecodeError && error.condition === 'amqp:decode-error' && what.test(error.message),
  );
}

test('a value that is cut off at any byte is a decode error', () => {
  fc.assert(
    fc.property(typedValue, fc.nat(), (value, at) => {
      const bytes = encode(value);
      assert.throws(() => decode(bytes.subarray(0, at % bytes.length)), AmqpDecodeError);
    }),
    { numRuns: 500 },
  );
});

test('bytes at random are a value or a decode error, and nothing is read behind their end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (array) => {
      // The surroundings would change the result if they were read.
      const inside = Buffer.concat([Buffer.alloc(9, 0x41), Buffer.from(array)]);
      try {
        const { end } = decode(inside, 9);
        assert.ok(end <= inside.length);
      } catch (error) {
        assert.ok(error instanceof AmqpDecodeError);
      }
    }),
    { numRuns: 5000 },
  );
});

test('a valid value with any byte changed is a value or a decode error', () => {
  fc.assert(
    fc.property(typedValue, fc.nat(), fc.integer({ min: 0, max: 255 }), (value, at, byte) => {
      const bytes = Buffer.from(encode(value));
      bytes[at % bytes.length] = byte;
      try {
        decode(bytes);
      } catch (error) {
        assert.ok(error instanceof AmqpDecodeError, String(error));
      }
    }),
    { numRuns: 3000 },
  );
});

test('a length of 4 GB in a few bytes is refused before anything is allocated', () => {
  for (const code of ['b0', 'b1', 'b3']) refuses(hex(`${code} ffffffff 00`), /needs 4294967295 bytes, 1 are left/);
  for (const code of ['d0', 'd1', 'f0']) refuses(hex(`${code} ffffffff ffffffff 00`), /claims 4294967295 bytes/);
});

test('a list, map or array that claims more items than it has bytes is refused', () => {
  refuses(hex('d0 00000005 ffffffff 40'), /claims 4294967295 items in 1 bytes/);
  refuses(hex('d1 00000005 fffffffe 40'), /claims 4294967294 items/);
  refuses(hex('f0 00000006 7fffffff 50 01'), /claims 2147483647 items in 1 bytes/);
});

test('an array of elements without bytes is refused over the limit', () => {
  const count = LIMITS.zeroWidthItems.toString(16).padStart(8, '0');
  const over = (LIMITS.zeroWidthItems + 1).toString(16).padStart(8, '0');
  for (const code of ['40', '41', '43', '44', '45']) {
    decode(hex(`f0 00000005 ${count} ${code}`));
    refuses(hex(`f0 00000005 ${over} ${code}`), /over the limit of 1024/);
  }
});

test('a compound value whose size disagrees with its items is refused', () => {
  refuses(hex('c0 04 02 40 40 40'), /the list ends at offset 5, its size says 6/);
  refuses(hex('c0 02 02 40 40'), /claims 2 items in 1 bytes/);
  refuses(hex('c1 04 02 40 40 40'), /the map ends/);
  refuses(hex('e0 04 01 50 01 02'), /the array ends/);
  refuses(hex('c0 00'), /cut off/);
});

test('a map with an odd number of items is refused', () => {
  refuses(hex('c1 02 01 40'), /odd count of 1/);
});

test('values nested deeper than the limit are refused, however they nest', () => {
  const lists = (depth: number): Buffer => {
    let bytes = Buffer.from([0x45]);
    for (let level = 1; level < depth; level += 1)
      bytes = Buffer.concat([Buffer.from([0xc0, bytes.length + 1, 1]), bytes]);
    return bytes;
  };
  decode(lists(LIMITS.nestingDepth));
  refuses(lists(LIMITS.nestingDepth + 2), /nested deeper than 32 levels/);
  refuses(Buffer.alloc(100_000, 0x00), /nested deeper than 32 levels/);
  let arrays = Buffer.from([0xe0, 0x02, 0x00, 0x50]);
  for (let level = 0; level < 40; level += 1) {
    arrays = Buffer.concat([Buffer.from([0xe0, arrays.length + 1, 0x01, 0xe0]), arrays.subarray(1)]);
  }
  refuses(arrays, /nested deeper/);
});

test('text that is not UTF-8, a symbol that is not ASCII and a boolean that is neither are refused', () => {
  refuses(hex('a1 02 c3 28'), /not valid UTF-8/);
  refuses(hex('a3 01 80'), /not ASCII/);
  refuses(hex('56 02'), /a boolean is 0x02/);
});

test('every constructor byte that the standard does not define is refused', () => {
  const defined = new Set(
    '00 40 41 42 43 44 45 50 51 52 53 54 55 56 60 61 70 71 72 73 74 80 81 82 83 84 94 98 a0 a1 a3 b0 b1 b3 c0 c1 d0 d1 e0 f0'
      .split(' ')
      .map((code) => Number.parseInt(code, 16)),
  );
  for (let code = 0; code < 256; code += 1) {
    if (!defined.has(code)) refuses(Buffer.concat([Buffer.from([code]), Buffer.alloc(32)]), /unknown type/);
  }
});

test('an array of an unknown or a doubly described type is refused', () => {
  refuses(hex('e0 03 01 5f 00'), /unknown type 0x5f/);
  refuses(hex('e0 07 01 00 40 00 40 50 01'), /unknown type 0x00/);
});
