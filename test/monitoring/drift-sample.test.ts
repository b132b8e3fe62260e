import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Cell } from '../../src/monitoring/column-values.ts';
import { DriftSample } from '../../src/monitoring/drift-sample.ts';

const options = { columns: ['age', 'plan'], maxRows: 20 };

test('a sample keeps every row while there is room, and what JSON cannot tell as missing', () => {
  const sample = new DriftSample(options);
  sample.add({ age: 30, plan: 'free', other: 1 });
  sample.add({ age: Number.NaN, plan: true });
  sample.add({ age: Infinity });
  assert.deepEqual(sample.columns(), { age: [30, null, null], plan: ['free', true, null] });
  assert.equal(sample.seen, 3);
});

test('of more rows than there is room for, each is as likely to be kept, and rows stay whole', () => {
  const times = Array.from({ length: 60 }, () => 0);
  for (let seed = 0; seed < 1500; seed += 1) {
    const sample = new DriftSample({ ...options, seed });
    for (let row = 0; row < 60; row += 1) sample.add({ age: row, plan: `p${row}` });
    const { age = [], plan } = sample.columns();
    assert.equal(age.length, 20);
    assert.deepEqual(
      plan,
      age.map((row) => `p${String(row)}`),
    );
    for (const row of age) times[Number(row)] = (times[Number(row)] ?? 0) + 1;
  }
  for (const [row, count] of times.entries())
    assert.ok(count > 400 && count < 600, `row ${row} was kept ${count} times of 500`);
});

test('with room for one row, the second replaces the first in about half of the cases', () => {
  let second = 0;
  for (let seed = 0; seed < 1000; seed += 1) {
    const sample = new DriftSample({ columns: ['age'], maxRows: 1, seed });
    sample.add({ age: 1 });
    sample.add({ age: 2 });
    if (sample.columns().age?.[0] === 2) second += 1;
  }
  assert.ok(second > 420 && second < 580, `${second} of 1000`);
});

test('property: a sample restored from JSON at any point goes on as if it had never stopped', () => {
  const cells = fc.oneof(fc.double(), fc.string(), fc.boolean(), fc.constant(null)) as fc.Arbitrary<Cell>;
  fc.assert(
    fc.property(fc.array(fc.record({ age: cells, plan: cells }), { maxLength: 60 }), fc.nat(), (rows, at) => {
      const cut = at % (rows.length + 1);
      const whole = new DriftSample({ ...options, maxRows: 7 });
      const first = new DriftSample({ ...options, maxRows: 7 });
      for (const row of rows) whole.add(row);
      for (const row of rows.slice(0, cut)) first.add(row);
      const second = DriftSample.restore({ ...options, maxRows: 7 }, JSON.parse(JSON.stringify(first)));
      for (const row of rows.slice(cut)) second.add(row);
      assert.equal(JSON.stringify(second), JSON.stringify(whole));
    }),
  );
});

test('a state that cannot be read, or is of another sample, is refused by code', () => {
  const sample = new DriftSample(options);
  sample.add({ age: 1, plan: 'free' });
  const state = sample.toJSON();
  const restore =
    (value: unknown, given = options) =>
    () =>
      DriftSample.restore(given, value);
  assert.throws(restore({ ...state, version: 2 }), { code: 'DATA_VERSION' });
  assert.throws(restore({ ...state, seen: 0 }), { code: 'DATA_CORRUPT' });
  assert.throws(restore({ ...state, rows: [[1]] }), { code: 'DATA_CORRUPT' });
  assert.throws(restore(null), { code: 'DATA_CORRUPT' });
  assert.throws(restore(state, { ...options, columns: ['plan', 'age'] }), { code: 'CONFIGURATION_INVALID' });
  assert.throws(() => new DriftSample({ columns: [] }), {
    code: 'ARGUMENT_INVALID',
    message: /columns of a drift sample/,
  });
  assert.throws(() => new DriftSample({ ...options, maxRows: 1e6 }), {
    code: 'ARGUMENT_INVALID',
    message: /maxRows of a drift sample is 1000000/,
  });
});
