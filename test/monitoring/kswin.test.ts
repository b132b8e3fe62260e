import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Kswin } from '../../src/monitoring/kswin.ts';
import { drawIndices } from '../../src/monitoring/seeded-draw.ts';
import { assertAgrees, assertClose, camelCased } from './detector-fixture.ts';
import type { DetectorCase } from './detector-fixture.ts';
import { fixture } from './fixture.ts';

for (const known of fixture('kswin') as (DetectorCase & { draws?: readonly number[][] })[]) {
  // Where a fixture has River's draws, they are drawn here; without, all older values are drawn and their order is of no account.
  const how = known.draws ? ' and the same draws' : '';
  test(`KSWIN agrees with River on ${known.stream} with ${JSON.stringify(known.options)}${how}`, () => {
    const draws = known.draws?.values();
    const draw = draws && (() => draws.next().value ?? assert.fail('River drew less often'));
    const detector = draw ? new Kswin(camelCased(known.options), draw) : new Kswin(camelCased(known.options));
    assertAgrees(detector, known, ({ statistic }, pValue: number) => {
      // River's p-value is 0, or the former one, while the window is not full.
      if (statistic !== undefined) assertClose(statistic, pValue, 'p-value');
    });
    if (draws) assert.equal(draws.next().done, true, 'River drew more often');
  });
}

test('a p-value that is the limit is a drift: three values above three others, of which one order in ten is as extreme', () => {
  const detector = new Kswin({ windowSize: 6, statSize: 3, alpha: 0.1 });
  const verdicts = [1, 2, 3, 4, 5, 6].map((value) => detector.update(value));
  assert.deepEqual(
    verdicts.map(({ drift }) => drift),
    [false, false, false, false, false, true],
  );
});

test('KSWIN sees a change of spread that leaves the mean where it is', () => {
  const detector = new Kswin({ seed: 3 });
  const verdicts = Array.from({ length: 400 }, (_, index) => {
    const wave = (index * 0.618) % 1;
    return detector.update((wave - 0.5) * (index < 200 ? 1 : 10));
  });
  const first = verdicts.findIndex(({ drift }) => drift);
  assert.ok(first >= 200 && first < 240, `first drift at ${first}`);
});

test('property: a draw has the asked number of different indices, the same for the same seed', () => {
  const seeds = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  fc.assert(
    fc.property(fc.nat({ max: 200 }), fc.nat({ max: 200 }), seeds, (a, b, seed) => {
      const [count, population] = a < b ? [a, b] : [b, a];
      const drawn = drawIndices(population, count, seed);
      assert.equal(new Set(drawn).size, count);
      assert.ok(drawn.every((index) => Number.isInteger(index) && index >= 0 && index < population));
      assert.deepEqual(drawIndices(population, count, seed), drawn);
    }),
  );
});

test('every index is drawn about equally often', () => {
  const times = Array.from({ length: 20 }, () => 0);
  for (let seed = 0; seed < 4000; seed += 1)
    for (const index of drawIndices(20, 5, seed)) times[index] = (times[index] ?? 0) + 1;
  for (const [index, count] of times.entries())
    assert.ok(count > 850 && count < 1150, `${index} was drawn ${count} times of 1000`);
});
