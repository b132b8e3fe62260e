import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readRow, timeOf } from '../../../src/retraining/monitors/observed-row.ts';

test('times are read as people and programs write them, without an offset as UTC', () => {
  const noon = Date.UTC(2026, 0, 31, 12);
  for (const time of [
    '2026-01-31T12:00:00Z',
    '2026-01-31t12:00:00.000z',
    '2026-01-31T13:00:00+01:00',
    '2026-01-31 13:00:00+0100',
    '2026-01-31 12:00:00',
    '2026-01-31 12:00',
    String(noon),
    noon,
    noon / 1000,
    `${noon / 1000}.0`,
  ])
    assert.equal(timeOf(time), noon, String(time));
  assert.equal(timeOf('2026-01-31'), Date.UTC(2026, 0, 31));
  for (const time of ['', 'yesterday', '31.01.2026', '2026-13-01', '2026-01-31T25:00:00Z', 'NaN', null, {}, 1e300])
    assert.equal(timeOf(time), undefined, JSON.stringify(time));
});

test('a row gives the value of its metric, and what is wrong with it names the column', () => {
  const columns = { time: 'day', value: 'mape', where: { model: 'births', region: 7 } };
  const row = { day: '1970-01-02', mape: '2.5', model: 'births', region: '7' };
  assert.deepEqual(readRow(row, columns), { kind: 'observed', row: { timeMs: 86_400_000, value: 2.5 } });
  assert.deepEqual(readRow({ ...row, model: 'deaths' }, columns), { kind: 'other' });
  const { region: _, ...unknown } = row;
  assert.deepEqual(readRow(unknown, columns), { kind: 'other' });
  for (const [fields, reason] of [
    [{ ...row, mape: 'nan' }, 'mape is "nan", no number'],
    [{ ...row, mape: '' }, 'mape is missing'],
    [{ ...row, mape: '1e999' }, 'mape is "1e999", no number'],
    [{ ...row, day: 'soon' }, 'day is "soon", no time'],
    [{ ...row, day: undefined }, 'day is missing'],
  ] as const)
    assert.deepEqual(readRow(fields, columns), { kind: 'bad', reason });
});

test('fields of inner objects are found by dots, and a field of that name before them', () => {
  const read = (fields: Record<string, unknown>): unknown =>
    readRow({ time: 0, ...fields }, { time: 'time', value: 'm.e' });
  assert.deepEqual(read({ m: { e: 1 } }), { kind: 'observed', row: { timeMs: 0, value: 1 } });
  assert.deepEqual(read({ m: { e: 1 }, 'm.e': 2 }), { kind: 'observed', row: { timeMs: 0, value: 2 } });
  assert.deepEqual(read({ m: 'text' }), { kind: 'bad', reason: 'm.e is missing' });
});

test('cells of features are numbers, categories, or nothing', () => {
  const columns = { time: 'time', features: ['a', 'b', 'c', 'd'] };
  assert.deepEqual(readRow({ time: 0, a: '1.5', b: 'red', c: '' }, columns), {
    kind: 'observed',
    row: { timeMs: 0, cells: [1.5, 'red', null, null] },
  });
});
