import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../../src/server/index.ts';
import { OperationTable } from '../../../src/server/resource-manager/operation-table.ts';
import { FakeClock } from '../../fake-clock.ts';

function start() {
  const clock = new FakeClock();
  let drawn = 0;
  const random = { bytes: (length: number) => Buffer.alloc(length, `${++drawn},`), fraction: () => 0.5 };
  return { clock, table: new OperationTable({ clock, random }) };
}

test('an operation runs until its outcome is told', () => {
  const { table } = start();
  const [one, other] = [table.begin(), table.begin()];
  assert.notEqual(one, other);
  table.end(one, { state: 'succeeded' });
  assert.deepEqual([table.outcomeOf(one), table.outcomeOf(other)], [{ state: 'succeeded' }, { state: 'running' }]);
  assert.equal(table.outcomeOf('another'), undefined);
});

test('what began long ago is forgotten when another begins, and what is told of it then is nothing', () => {
  const { clock, table } = start();
  const old = table.begin();
  clock.advance(1);
  const young = table.begin();
  clock.advance(LIMITS.armOperationMs - 1);
  table.begin();
  table.end(old, { state: 'succeeded' });
  assert.deepEqual([table.outcomeOf(old), table.outcomeOf(young)], [undefined, { state: 'running' }]);
});

test('there are never more than the limit', () => {
  const { table } = start();
  const ids = Array.from({ length: LIMITS.armOperations + 1 }, () => table.begin());
  assert.deepEqual(
    ids.filter((id) => table.outcomeOf(id) === undefined),
    [ids[0]],
  );
});
