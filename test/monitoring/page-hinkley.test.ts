import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PageHinkley } from '../../src/monitoring/page-hinkley.ts';
import { assertAgrees, assertClose, camelCased } from './detector-fixture.ts';
import type { DetectorCase } from './detector-fixture.ts';
import { fixture } from './fixture.ts';

for (const known of fixture('page-hinkley') as DetectorCase[]) {
  test(`Page-Hinkley agrees with River on ${known.stream} with ${JSON.stringify(known.options)}`, () => {
    assertAgrees(
      new PageHinkley(camelCased(known.options)),
      known,
      ({ mean, statistic }, [expectedMean, expected]: [number, number | null]) => {
        assertClose(mean, expectedMean, 'mean');
        if (expected === null) assert.equal(statistic, undefined);
        else assertClose(statistic, expected, 'statistic');
      },
    );
  });
}

test('Page-Hinkley says whether values went up or down, and starts afresh', () => {
  const detector = new PageHinkley({ threshold: 5 });
  const feed = (value: number, count: number) => Array.from({ length: count }, () => detector.update(value));
  assert.deepEqual(
    feed(1, 50).filter(({ drift }) => drift),
    [],
  );
  const up = feed(4, 10).find(({ drift }) => drift);
  assert.equal(up?.direction, 'up');
  const restart = new PageHinkley({ threshold: 5 });
  for (let i = 0; i < 50; i += 1) restart.update(9);
  const down = Array.from({ length: 10 }, () => restart.update(1)).find(({ drift }) => drift);
  assert.equal(down?.direction, 'down');
});
