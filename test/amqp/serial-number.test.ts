import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { serialAdd, serialBefore, serialDistance } from '../../src/amqp/serial-number.ts';

const serial = fc.oneof(
  fc.integer({ min: 0, max: 0xffff_ffff }),
  fc.constantFrom(0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
);
const step = fc.integer({ min: 0, max: 0x7fff_ffff });

test('adding stays within 32 bits and wraps to 0', () => {
  assert.equal(serialAdd(0xffff_ffff, 1), 0);
  assert.equal(serialAdd(0, -1), 0xffff_ffff);
  fc.assert(
    fc.property(serial, step, (from, by) => {
      assert.equal(serialAdd(from, by), (from + by) % 2 ** 32);
    }),
  );
});

test('the distance is what has to be added, also over the wrap', () => {
  fc.assert(
    fc.property(serial, step, (from, by) => {
      assert.equal(serialDistance(from, serialAdd(from, by)), by);
      assert.equal(serialDistance(serialAdd(from, by), from), by === 0 ? 0 : -by);
      assert.equal(serialAdd(from, serialDistance(from, serialAdd(from, by))), serialAdd(from, by));
    }),
  );
});

test('what was reached by adding up to 2^31 - 1 comes after, and never before', () => {
  fc.assert(
    fc.property(serial, step, (from, by) => {
      assert.equal(serialBefore(from, serialAdd(from, by)), by !== 0);
      assert.equal(serialBefore(serialAdd(from, by), from), false);
    }),
  );
});

test('numbers exactly 2^31 apart have no order: each is before the other', () => {
  fc.assert(
    fc.property(serial, (from) => {
      const opposite = serialAdd(serialAdd(from, 0x7fff_ffff), 1);
      assert.equal(serialBefore(from, opposite), true);
      assert.equal(serialBefore(opposite, from), true);
    }),
  );
});
