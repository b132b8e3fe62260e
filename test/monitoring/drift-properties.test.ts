import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Cell, ColumnKind } from '../../src/monitoring/column-values.ts';
import { dataDrift } from '../../src/monitoring/data-drift.ts';
import { DRIFT_TESTS, columnDrift } from '../../src/monitoring/drift.ts';
import type { ColumnDrift, DriftTest } from '../../src/monitoring/drift.ts';

const missing = fc.constantFrom<Cell>(null, undefined, Number.NaN, Infinity, -Infinity, 1e300);
const numbers = fc.oneof(
  fc.double({ min: -1000, max: 1000, noNaN: true }),
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(-0, 0, 5e-324, 1e100, -1e100, 1e16, 1e16 + 2),
);
const categories = fc.constantFrom('a', 'b', 'c', '', '__proto__', 'constructor', true, false, 1, 0);

function column(value: fc.Arbitrary<Cell>): fc.Arbitrary<Cell[]> {
  return fc
    .tuple(fc.array(value, { minLength: 1, maxLength: 80 }), fc.array(missing, { maxLength: 3 }))
    .map(([values, holes]) => [...values, ...holes]);
}

interface Drawn {
  readonly kind: ColumnKind;
  readonly test: DriftTest;
  readonly reference: Cell[];
  readonly current: Cell[];
}

const anyPair: fc.Arbitrary<Drawn> = fc.oneof(
  fc.record({
    kind: fc.constant('numerical' as const),
    test: fc.constantFrom(...DRIFT_TESTS),
    reference: column(numbers),
    current: column(numbers),
  }),
  fc.record({
    kind: fc.constant('categorical' as const),
    test: fc.constantFrom('chisquare' as const, 'z' as const, 'jensenshannon' as const, 'psi' as const),
    reference: column(categories),
    current: column(categories),
  }),
);

function compare({ kind, test, reference, current }: Drawn): ColumnDrift {
  return columnDrift('x', { reference, current }, { kind, test });
}

/** Sums in another order differ in their last digits; of numbers of 1e100, in more than that. */
function assertSame(a: ColumnDrift, b: ColumnDrift): void {
  assert.ok(
    a.score === b.score || Math.abs(a.score - b.score) <= 1e-9 * Math.max(1, a.score, b.score),
    `${a.score} and ${b.score}`,
  );
}

test('property: a p-value is in 0 to 1, a distance at least 0, and nothing is NaN', () => {
  fc.assert(
    fc.property(anyPair, (pair) => {
      const { score, statistic, measure, test } = compare(pair);
      assert.ok(score >= 0 && score <= (measure === 'p-value' ? 1 : Number.MAX_VALUE), `${test} scores ${score}`);
      assert.ok(!Number.isNaN(statistic));
      if (test === 'jensenshannon') assert.ok(score <= Math.sqrt(Math.log(2)) + 1e-12);
      if (test === 'ks') assert.ok(statistic >= 0 && statistic <= 1);
    }),
    { numRuns: 500 },
  );
});

test('property: the order of the rows, and missing values, are of no account', () => {
  const reordered = anyPair.chain((pair) =>
    fc.tuple(
      fc.constant(pair),
      fc.shuffledSubarray(pair.reference, { minLength: pair.reference.length }),
      fc.shuffledSubarray(pair.current, { minLength: pair.current.length }),
    ),
  );
  fc.assert(
    fc.property(reordered, ([pair, reference, current]) => {
      const holes = [null, Number.NaN, ...reference, Infinity];
      assertSame(compare(pair), compare({ ...pair, reference: holes, current }));
    }),
    { numRuns: 300 },
  );
});

test('property: a sample compared with itself has not drifted', () => {
  fc.assert(
    fc.property(anyPair, (pair) => {
      const { score, measure, drifted } = compare({ ...pair, current: pair.reference });
      assert.equal(drifted, false);
      assert.ok(Math.abs(score - (measure === 'p-value' ? 1 : 0)) < 1e-9, `${score}`);
    }),
  );
});

test('property: Kolmogorov-Smirnov, z, Jensen-Shannon and PSI say the same of both directions', () => {
  // Whether there are bins depends on the reference only: here there are none.
  const few = (cells: readonly Cell[]) => new Set(cells).size <= 20;
  const symmetric = anyPair.filter(
    ({ test, reference, current }) =>
      test === 'ks' || test === 'z' || ((test === 'jensenshannon' || test === 'psi') && few(reference) && few(current)),
  );
  fc.assert(
    fc.property(symmetric, (pair) => {
      assertSame(compare(pair), compare({ ...pair, reference: pair.current, current: pair.reference }));
    }),
  );
});

const half = { reference: [1.5, 2.5, 3.5, 4.5, 5.5, 6.5], current: [11.5, 12.5, 13.5, 14.5, 15.5, 16.5] };

test('the kind of a column is inferred as Evidently does it, from the reference', () => {
  const kindOf = (reference: Cell[]) => columnDrift('x', { reference, current: reference }).kind;
  assert.equal(kindOf([1.5, 2.5, 1.5]), 'numerical');
  assert.equal(kindOf([1, 2, 3, 1]), 'categorical');
  assert.equal(kindOf([1, 2, 3, null]), 'categorical');
  assert.equal(kindOf(Array.from({ length: 11 }, (_, index) => index)), 'numerical');
  assert.equal(kindOf([true, false]), 'categorical');
  assert.equal(kindOf(['a', 'b', 'a', 'b']), 'categorical');
});

test('a column that cannot be compared is refused, with its name and what to do', () => {
  const run =
    (reference: Cell[], current: Cell[] = reference, options = {}) =>
    () =>
      columnDrift('size', { reference, current }, options);
  const refused = (code: string, message: RegExp) => ({ code, message });
  assert.throws(
    run(['one text', 'another']),
    refused('CONFIGURATION_INVALID', /column "size" seems to be free text \(2 different of 2 values\)/),
  );
  assert.throws(run([1, 'a', 1, 'a']), refused('CONFIGURATION_INVALID', /column "size" mixes number, string/));
  assert.throws(
    run([null, Number.NaN]),
    refused('CONFIGURATION_INVALID', /column "size" has no value in the reference/),
  );
  assert.throws(
    run([], [], { kind: 'numerical' }),
    refused('ARGUMENT_INVALID', /no value in the reference sample \(0 missing\)/),
  );
  assert.throws(
    run([1.5], [null], { kind: 'numerical' }),
    refused('ARGUMENT_INVALID', /no value in the current sample \(1 missing\)/),
  );
  assert.throws(run([1.5], ['x']), refused('ARGUMENT_INVALID', /column "size" is numerical and has the value "x"/));
  assert.throws(
    run(['a', 'a'], ['a'], { test: 'ks' }),
    refused('CONFIGURATION_INVALID', /test is "ks" for the categorical column "size"/),
  );
  assert.throws(run([1.5], [1.5], { threshold: -1 }), refused('ARGUMENT_INVALID', /threshold of column "size" is -1/));
  const many = Array.from({ length: 1001 }, (_, index) => `c${index}`);
  assert.throws(
    run(many, many, { kind: 'categorical', test: 'chisquare' }),
    refused('CONFIGURATION_INVALID', /1001 categories, at most 1000/),
  );
});

test('a data set drifts from the given share of drifted columns on; what has no values is told apart and counts neither way', () => {
  const steady = [1.5, 2.5, 3.5, 4.5, 5.5, 6.5];
  const reference = { moved: half.reference, steady, gone: steady, never: [null] };
  const current = { moved: half.current, steady, gone: [null, Number.NaN], more: [1] };
  const found = dataDrift(reference, current);
  assert.deepEqual(
    found.columns.map(({ column, drifted }) => [column, drifted]),
    [
      ['moved', true],
      ['steady', false],
    ],
  );
  assert.deepEqual(found.notCompared, [
    { column: 'gone', reason: 'the current data have no value' },
    { column: 'never', reason: 'the reference has no value' },
  ]);
  assert.equal(found.share, 0.5);
  assert.equal(found.drifted, true);
  assert.equal(dataDrift(reference, current, { share: 0.51 }).drifted, false);
  const none = dataDrift({ gone: steady }, {});
  assert.deepEqual(none, {
    columns: [],
    notCompared: [{ column: 'gone', reason: 'the current data do not have the column' }],
    driftedCount: 0,
    share: 0,
    threshold: 0.5,
    drifted: false,
  });
});

test('a score exactly at its threshold is drift for Kolmogorov-Smirnov and distances, and not for chi-squared and z', () => {
  const pair = { reference: [1.5, 2.5, 3.5, 1.5, 1.5, 2.5], current: [2.5, 3.5, 3.5, 2.5, 3.5, 1.5] };
  for (const test of DRIFT_TESTS) {
    const { score } = columnDrift('x', pair, { kind: 'numerical', test });
    const { drifted } = columnDrift('x', pair, { kind: 'numerical', test, threshold: score });
    assert.equal(drifted, test !== 'chisquare' && test !== 'z', test);
  }
});

test('columns and their tests can be chosen', () => {
  const reference = { a: half.reference, b: half.reference };
  const current = { a: half.current, b: half.current };
  const { columns } = dataDrift(reference, current, { columns: { b: { test: 'psi', threshold: 100 } } });
  assert.deepEqual(
    columns.map(({ column, test, threshold, drifted }) => ({ column, test, threshold, drifted })),
    [{ column: 'b', test: 'psi', threshold: 100, drifted: false }],
  );
  assert.throws(() => dataDrift(reference, current, { columns: { c: {} } }), {
    code: 'CONFIGURATION_INVALID',
    message: 'column "c" is not in the reference, which has "a", "b": correct its name',
  });
});
