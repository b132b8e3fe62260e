import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ddm } from '../../src/monitoring/ddm.ts';
import { assertAgrees, assertClose, camelCased } from './detector-fixture.ts';
import type { DetectorCase } from './detector-fixture.ts';
import { fixture } from './fixture.ts';

for (const known of fixture('ddm') as DetectorCase[]) {
  test(`DDM agrees with River on ${known.stream} with ${JSON.stringify(known.options)}`, () => {
    assertAgrees(
      new Ddm(camelCased(known.options)),
      known,
      ({ mean, statistic, threshold }, [rate, expected, limit]: [number, number, number | null]) => {
        assertClose(mean, rate, 'rate');
        if (limit === null) {
          assert.equal(statistic, undefined);
          return;
        }
        assertClose(statistic, expected, 'statistic');
        assertClose(threshold, limit, 'threshold');
      },
    );
  });
}

test('DDM takes nothing but right and wrong', () => {
  const detector = new Ddm();
  for (const value of [0.5, 2, -1, Number.NaN])
    assert.throws(() => detector.update(value), { code: 'ARGUMENT_INVALID', message: /must be 0 \(right\) or 1/ });
  assert.deepEqual(detector.toJSON(), new Ddm().toJSON());
});
