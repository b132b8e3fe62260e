import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Adwin } from '../../src/monitoring/adwin.ts';
import { assertAgrees, assertClose, camelCased } from './detector-fixture.ts';
import type { DetectorCase } from './detector-fixture.ts';
import { fixture } from './fixture.ts';

for (const known of fixture('adwin') as DetectorCase[]) {
  test(`ADWIN agrees with River on ${known.stream} with ${JSON.stringify(known.options)}`, () => {
    assertAgrees(
      new Adwin(camelCased(known.options)),
      known,
      ({ count, mean, drift }, [width, estimation, variance]: [number, number, number], detector) => {
        assert.equal(count, width);
        assertClose(mean, estimation, 'mean');
        // After a drift River still has the window, here it is empty already.
        if (!drift) assertClose(detector.toJSON().window.squares, variance, 'variance');
      },
    );
  });
}

test('ADWIN judges at the ticks of its clock only, says how close a cut is, and which way the mean went', () => {
  const detector = new Adwin({ clock: 16 });
  const verdicts = Array.from({ length: 200 }, (_, index) =>
    detector.update(index < 120 ? index % 2 : 5 + (index % 2)),
  );
  assert.ok(verdicts.every(({ statistic }, index) => (statistic === undefined) === ((index + 1) % 16 !== 0)));
  const drift = verdicts.find((verdict) => verdict.drift);
  assert.equal(drift?.direction, 'up');
  assert.ok((drift?.statistic ?? 0) > (drift?.threshold ?? Infinity));
  assert.ok(
    verdicts
      .filter((verdict) => !verdict.drift && verdict.statistic !== undefined)
      .every(({ statistic = 0, threshold = 0 }) => statistic <= threshold),
  );
});

test('the memory of ADWIN grows with the logarithm of the window only', () => {
  const detector = new Adwin();
  for (let i = 0; i < 100_000; i += 1) detector.update(i % 7);
  const { levels } = detector.toJSON().window;
  assert.ok(levels.flat().length < 5 * 17, `${levels.flat().length} buckets`);
});
