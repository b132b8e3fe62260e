import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RetrainError } from '../../src/errors.ts';
import {
  compileAction,
  compileFilter,
  type Filter,
  type FilterDescription,
  FilterError,
  FilterIndex,
} from '../../src/filter/index.ts';
import { condition, message, routing, value, written, writtenAction } from './arbitrary.ts';
import { ENVIRONMENT, messageOf, type Properties } from './message-of.ts';
import { type Condition, Fails, matches, read } from './reference.ts';

// What is compiled means what the slow reference says, and an index finds what trying one filter after the other finds.

/** Undefined when it is refused: too long, or a pattern of constants that can match nothing. */
function compiled(tree: Condition): Filter | undefined {
  const sqlFilter = written(tree);
  try {
    return compileFilter({ filterType: 'SqlFilter', sqlFilter }, ENVIRONMENT);
  } catch (error) {
    if (error instanceof RetrainError && /the limit is 1024|pattern|ESCAPE/.test(error.message)) return undefined;
    throw error;
  }
}

function attempted<T>(evaluate: () => T): T | 'fails' {
  try {
    return evaluate();
  } catch (error) {
    if (error instanceof Fails || error instanceof FilterError) return 'fails';
    throw error;
  }
}

test('a compiled filter and the reference agree', () => {
  const seen = { true: 0, false: 0, fails: 0 };
  fc.assert(
    fc.property(condition, fc.array(message, { minLength: 1, maxLength: 4 }), (tree, messages) => {
      const filter = compiled(tree);
      if (!filter) return;
      for (const properties of messages) {
        const expected: boolean | 'fails' = attempted((): boolean => matches(tree, properties));
        const actual: boolean | 'fails' = attempted((): boolean => filter.matches(messageOf(properties)));
        seen[`${expected}`] += 1;
        assert.equal(actual, expected, written(tree).sqlExpression);
        if (filter.always) assert.equal(expected, true, written(tree).sqlExpression);
      }
    }),
    { numRuns: 4000 },
  );
  for (const [what, times] of Object.entries(seen)) assert.ok(times > 100, `${what}: ${times}`);
});

test('a compiled action and the reference agree', () => {
  const seen = { set: 0, fails: 0 };
  fc.assert(
    fc.property(value, value, message, (first, second, properties) => {
      const sql = writtenAction({ first, second });
      if (sql.sqlExpression.length > 1024) return;
      const action = compileAction(sql, ENVIRONMENT);
      const expected = attempted(() => ({
        first: read(first, properties) ?? null,
        second: read(second, properties) ?? null,
      }));
      const actual = attempted(() => Object.fromEntries(action.changes(messageOf(properties)).user));
      assert.deepEqual(actual, expected, sql.sqlExpression);
      seen[expected === 'fails' ? 'fails' : 'set'] += 1;
    }),
    { numRuns: 2000 },
  );
  for (const [what, times] of Object.entries(seen)) assert.ok(times > 100, `${what}: ${times}`);
});

/** One after the other, as the index must not do it. */
function tried(filters: ReadonlyMap<number, Filter>, properties: Properties): { matched: number[]; failed: number[] } {
  const matched: number[] = [];
  const failed: number[] = [];
  for (const [key, filter] of filters) {
    const result = attempted((): boolean => filter.matches(messageOf(properties)));
    if (result === 'fails') failed.push(key);
    else if (result) matched.push(key);
  }
  return { matched, failed };
}

const correlation = fc
  .record(
    {
      label: fc.constantFrom('red', 'blue'),
      properties: fc.dictionary(
        fc.constantFrom('color', 'size', 'COLOR'),
        fc.oneof(fc.constantFrom('red', 'blue', ''), fc.integer({ min: 0, max: 10 }), fc.boolean()),
        { minKeys: 1, maxKeys: 2 },
      ),
    },
    { requiredKeys: ['properties'] },
  )
  .map((correlationFilter) => compileFilter({ filterType: 'CorrelationFilter', correlationFilter }, ENVIRONMENT));

const anyFilter: fc.Arbitrary<Filter> = fc.oneof(
  { arbitrary: routing.map((tree) => compiled(tree)).filter((filter) => filter !== undefined), weight: 6 },
  { arbitrary: correlation, weight: 2 },
  fc
    .constantFrom('TrueFilter' as const, 'FalseFilter' as const)
    .map((filterType) => compileFilter({ filterType }, ENVIRONMENT)),
);

/** Filters on many properties that no message here has. */
const OTHERS = Array.from({ length: 20 }, (_, index) => {
  const filter: FilterDescription =
    index % 2 === 0
      ? { filterType: 'CorrelationFilter', correlationFilter: { properties: { [`other${index}`]: true } } }
      : { filterType: 'SqlFilter', sqlFilter: { sqlExpression: `other${index} = 1` } };
  return [100 + index, compileFilter(filter, ENVIRONMENT)] as const;
});

test('an index finds the filters that match, and those that fail, whatever was added, replaced and deleted', () => {
  const change = fc.record({ key: fc.nat(9), filter: fc.option(anyFilter, { freq: 4, nil: undefined }) });
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 16 }),
      fc.array(message, { minLength: 1, maxLength: 4 }),
      fc.boolean(),
      (changes, messages, crowded) => {
        const index = new FilterIndex<number>();
        const filters = new Map<number, Filter>(crowded ? OTHERS : []);
        for (const [key, filter] of filters) index.add(key, filter);
        for (const { key, filter } of changes) {
          filters.delete(key);
          index.delete(key);
          if (!filter) continue;
          filters.set(key, filter);
          index.add(key, filter);
        }
        assert.equal(index.size, filters.size);
        for (const properties of messages) {
          const failed: number[] = [];
          const matched = index.match(
            () => messageOf(properties),
            (key) => failed.push(key),
          );
          assert.deepEqual({ matched, failed }, tried(filters, properties));
        }
      },
    ),
    { numRuns: 3000 },
  );
});
