import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cell, ColumnKind } from '../../src/monitoring/column-values.ts';
import { dataDrift } from '../../src/monitoring/data-drift.ts';
import type { Columns } from '../../src/monitoring/data-drift.ts';
import { columnDrift } from '../../src/monitoring/drift.ts';
import type { DriftTest } from '../../src/monitoring/drift.ts';
import { births } from './births-series.ts';
import { assertClose } from './detector-fixture.ts';
import { fixture } from './fixture.ts';

interface ColumnCase {
  readonly column: string;
  readonly kind: ColumnKind;
  readonly chosen: DriftTest;
  readonly scores: Readonly<Record<DriftTest, readonly [number | 'nan', boolean]>>;
  readonly reference?: readonly Cell[];
  readonly current?: readonly Cell[];
}

const days = births();
const levels = days.map((day) => (day < 8500 ? 'low' : day < 10_000 ? 'middle' : 'high'));
/** The columns that make.py does not write, but makes by a rule. */
const byRule: Record<string, { reference: readonly Cell[]; current: readonly Cell[] }> = {
  'births 1969 to 1970 and 1987 to 1988': { reference: days.slice(0, 730), current: days.slice(-731) },
  'births 1969 to 1971 and 1986 to 1988': { reference: days.slice(0, 1095), current: days.slice(-1096) },
  'births 1969 to 1971 and 1972': { reference: days.slice(0, 1095), current: days.slice(1095, 1461) },
  'births 1970 and 1971 to 1985': { reference: days.slice(365, 730), current: days.slice(730, 6209) },
  'births 1969 and all': {
    reference: days.slice(0, 365),
    current: [...days, ...days].map((day, index) => day + (index % 2) / 2),
  },
  'level 1969 to 1971 and 1986 to 1988': { reference: levels.slice(0, 1095), current: levels.slice(-1096) },
  'rare categories': {
    reference: [...Array.from({ length: 12_000 }, () => 'a'), 'b'],
    current: [...Array.from({ length: 15_000 }, () => 'a'), ...Array.from({ length: 20 }, () => 'c'), 'd'],
  },
  'rare numbers': { reference: [...days, ...days, 30_000], current: [30_000.5, ...days.slice(0, 300)] },
  'level 1969 and 1970': { reference: levels.slice(0, 365), current: levels.slice(365, 730) },
};

const P_VALUES = new Set<string>(['ks', 'chisquare', 'z']);

for (const known of fixture('columns') as ColumnCase[]) {
  const { column, kind, chosen, reference = [], current = [] } = known;
  const cells = byRule[column] ?? { reference, current };

  test(`the choice of a test for "${column}" is Evidently's`, () => {
    const result = columnDrift(column, cells, { kind });
    assert.equal(result.test, chosen);
    assert.equal(result.drifted, known.scores[chosen][1]);
  });

  for (const [name, [score, drifted]] of Object.entries(known.scores)) {
    test(`${name} of "${column}" agrees with Evidently`, () => {
      const result = columnDrift(column, cells, { kind, test: name as DriftTest });
      assert.equal(result.drifted, drifted);
      assert.equal(result.measure, P_VALUES.has(name) ? 'p-value' : 'distance');
      // Of one category SciPy has no p-value; nothing can have changed.
      if (score === 'nan') assert.equal(result.score, 1);
      else {
        assertClose(result.score, score, 'score');
        // Small p-values keep their digits, except where Evidently subtracts from 1.
        if (name !== 'z' && score > 0) assertClose(result.score / score, 1, `score over Evidently's ${score}`);
      }
    });
  }
}

test("a whole data set agrees with Evidently's report", () => {
  const known = fixture('dataset') as {
    reference: Columns;
    current: Columns;
    drifted: number;
    share: number;
    scores: Record<string, number>;
  };
  const result = dataDrift(known.reference, known.current);
  for (const { column, score } of result.columns) assertClose(score, known.scores[column] as number, column);
  assert.equal(result.columns.length, Object.keys(known.scores).length);
  assert.equal(result.driftedCount, known.drifted);
  assert.equal(result.share, known.share);
});
