import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compileFilter,
  type CorrelationDescription,
  type Filter,
  FilterError,
  FilterIndex,
} from '../../src/filter/index.ts';
import { ENVIRONMENT, messageOf, type Properties } from './message-of.ts';

const TRUE = compileFilter({ filterType: 'TrueFilter' }, ENVIRONMENT);
const FALSE = compileFilter({ filterType: 'FalseFilter' }, ENVIRONMENT);

function correlation(correlationFilter: CorrelationDescription): Filter {
  return compileFilter({ filterType: 'CorrelationFilter', correlationFilter }, ENVIRONMENT);
}

function match<K>(index: FilterIndex<K>, message: Properties): K[] {
  return index.match(
    () => messageOf(message),
    (key, error) => assert.fail(`${String(key)}: ${error.message}`),
  );
}

/** A filter that fails for every message, and counts how often it was asked. */
function failing(): Filter & { asked: number } {
  const filter = {
    always: false,
    probes: [],
    asked: 0,
    matches: () => {
      filter.asked += 1;
      throw new FilterError('no');
    },
  };
  return filter;
}

test('an empty index matches nothing', () => {
  assert.deepEqual(match(new FilterIndex(), {}), []);
});

test('keys come in the order in which their filters were added', () => {
  const index = new FilterIndex<string>();
  index.add('label', correlation({ label: 'x' }));
  index.add('never', FALSE);
  index.add('always', TRUE);
  index.add('color', correlation({ properties: { color: 'red' } }));
  index.add('label again', correlation({ label: 'x' }));
  const message = { system: { Label: 'x' }, user: { color: 'red' } };
  assert.deepEqual(match(index, message), ['label', 'always', 'color', 'label again']);
  assert.deepEqual(match(index, { user: { color: 'red' } }), ['always', 'color']);
  assert.deepEqual(match(index, {}), ['always']);
});

test('a message is not looked at while every filter is always true', () => {
  const index = new FilterIndex<number>();
  index.add(1, TRUE);
  index.add(2, TRUE);
  const unread = index.match(
    () => assert.fail('the message was read'),
    () => assert.fail(),
  );
  assert.deepEqual(unread, [1, 2]);
});

test('a filter that was deleted or replaced no longer matches', () => {
  const index = new FilterIndex<string>();
  index.add('a', correlation({ label: 'x' }));
  index.add('b', TRUE);
  index.add('c', correlation({ label: 'x' }));
  index.delete('a');
  index.delete('a');
  index.delete('unknown');
  assert.deepEqual(match(index, { system: { Label: 'x' } }), ['b', 'c']);
  index.add('b', correlation({ label: 'y' }));
  assert.deepEqual(match(index, { system: { Label: 'x' } }), ['c']);
  assert.deepEqual(match(index, { system: { Label: 'y' } }), ['b']);
});

test('a filter that cannot be evaluated does not match, is told of, and leaves the others alone', () => {
  const index = new FilterIndex<string>();
  index.add('a', correlation({ label: 'x' }));
  index.add('failing', failing());
  index.add('b', TRUE);
  const failed: string[] = [];
  const matched = index.match(
    () => messageOf({ system: { Label: 'x' } }),
    (key, error) => failed.push(`${key}: ${error.message}`),
  );
  assert.deepEqual(matched, ['a', 'b']);
  assert.deepEqual(failed, ['failing: no']);
});

test('a fault of ours is not taken for a failed filter', () => {
  const index = new FilterIndex<string>();
  const broken = new TypeError('broken');
  index.add('a', {
    always: false,
    probes: [],
    matches: () => {
      throw broken;
    },
  });
  assert.throws(() => match(index, {}), broken);
});

test('of many filters only those are tried whose value the message has', () => {
  const index = new FilterIndex<number>();
  const tenants = 2000;
  let tried = 0;
  for (let n = 0; n < tenants; n++) {
    // What all have in common must not be what they are found by.
    const filter = correlation({ label: 'same', properties: { tenant: `t${n}` } });
    index.add(n, {
      ...filter,
      matches: (message) => {
        tried += 1;
        return filter.matches(message);
      },
    });
  }
  assert.deepEqual(match(index, { system: { Label: 'same' }, user: { tenant: 't77' } }), [77]);
  assert.ok(tried <= 2, `${tried} filters were tried`);
});

test('of many names those that a message has are looked for, as SQL and as correlation filters name them', () => {
  const index = new FilterIndex<string>();
  for (let n = 0; n < 50; n++) {
    index.add(`exact ${n}`, correlation({ properties: { [`Name${n}`]: 'x' } }));
    const sqlFilter = { sqlExpression: `NAME${n} = 'x'` };
    index.add(`sql ${n}`, compileFilter({ filterType: 'SqlFilter', sqlFilter }, ENVIRONMENT));
  }
  assert.deepEqual(match(index, { user: { Name7: 'x' } }), ['exact 7', 'sql 7']);
  assert.deepEqual(match(index, { user: { name7: 'x', Name8: 'y', Name49: 'x', other: 'x' } }), [
    'sql 7',
    'exact 49',
    'sql 49',
  ]);
  assert.deepEqual(match(index, { user: {} }), []);
});
