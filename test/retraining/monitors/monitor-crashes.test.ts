import assert from 'node:assert/strict';
import { test } from 'node:test';
import { files } from '../../../src/runtime/files.ts';
import { MAPE, MonitorScene } from './monitor-scene.ts';

// A process that ends at some point is one in which everything from there on fails: what is on the disk is the same. So runs that fail at drawn
// points, before or after a send or a write, stand for kills.

const SEEDS = 25;

/** The same numbers for the same seed, 0 or more and below 1 (Park and Miller). */
function draws(seed: number): () => number {
  let state = seed + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

class Crash extends Error {}

for (let seed = 1; seed <= SEEDS; seed++)
  test(`killed at any send or write, each decay is requested under one id, and each row counts once (seed ${seed})`, async (t) => {
    const scene = await MonitorScene.make(t);
    const draw = draws(seed);
    const monitors = [
      MAPE,
      { ...MAPE, name: 'sigma', ratio: undefined, baseline: undefined, sigma: 2, baselineWindows: 3 },
    ];
    let crashed = false;
    const maybeCrash = (): void => {
      crashed ||= draw() < 0.15;
      if (crashed) throw new Crash('killed');
    };
    const dying = {
      ...files,
      writeAtomic: async (...args: Parameters<typeof files.writeAtomic>) => {
        maybeCrash();
        await files.writeAtomic(...args);
        maybeCrash();
      },
    };
    const values: number[] = [];
    for (let life = 1; life <= 12; life++) {
      const more = Array.from({ length: Math.floor(draw() * 6) }, () => Math.round(10 + draw() * 40) / 10);
      values.push(...more);
      await scene.observe(...more);
      crashed = false;
      scene.sending = maybeCrash;
      await scene.once(monitors, { files: dying });
    }
    scene.sending = () => undefined;
    await using last = scene.runner(monitors);
    await last.once();

    const clean = await MonitorScene.make(t);
    await clean.observe(...values);
    await clean.once(monitors);
    assert.deepEqual(new Set(scene.ids), new Set(clean.ids));
    assert.ok(clean.ids.length > 0);
    for (const { rows, late, requests, monitor } of last.status) {
      assert.deepEqual([rows, late], [values.length, 0]);
      assert.equal(requests, clean.sent.filter(({ requestedBy }) => requestedBy === `monitor ${monitor}`).length);
    }
  });
