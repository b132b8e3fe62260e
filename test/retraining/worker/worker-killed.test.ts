import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually, startOf, temporaryFolder } from '../trainers/run-fixture.ts';
import { openServer } from './worker-fixture.ts';
import { Scene, killed } from './worker-scene.ts';

// Real processes and the real broker: a worker is killed with SIGKILL at a given write of the ledger, or while its trainer
// runs; a second worker goes on. In effect the request is answered once: one promotion, never two, never none.

/** The arrows of the ledger, and how often the trainer is executed when the worker dies there. */
const ARROWS: readonly (readonly ['before' | 'after', string, number])[] = [
  ['before', 'started', 1],
  ['after', 'started', 1],
  ['before', 'trained', 2],
  ['after', 'trained', 1],
  ['before', 'decided', 1],
  ['after', 'decided', 1],
  ['before', 'applied', 1],
  ['after', 'applied', 1],
  ['before', 'told', 1],
  ['after', 'told', 1],
  ['before', 'settled', 1],
  ['after', 'settled', 1],
];

test('a worker that is killed at an arrow of the ledger', { concurrency: 2 }, async (t) => {
  const suffixes = ARROWS.map((_, index) => `-${index}`);
  const server = await openServer(temporaryFolder(t), { suffixes });
  t.after(() => server.close());
  const tests = ARROWS.map(([moment, type, times], index) =>
    t.test(`${moment} ${type}: another goes on; the request is answered once`, async (t) => {
      const scene = new Scene(t, server, { suffix: `-${index}` });
      await scene.send();
      await killed(scene.first({ killAt: { moment, type } }));
      await scene.second();
      await scene.answeredOnce();
      assert.equal(scene.executions.length, times);
    }),
  );
  await Promise.all(tests);
});

test('a worker that is killed while the trainer runs: trainer and child are ended, another worker trains once more', async (t) => {
  const server = await openServer(temporaryFolder(t));
  t.after(() => server.close());
  const scene = new Scene(t, server);
  const hold = join(scene.folder, 'hold');
  writeFileSync(hold, '');
  await scene.send();
  const first = scene.first();
  const [execution] = await eventually(() => scene.executions.length > 0 && scene.executions, { what: 'the trainer' });
  first.kill('SIGKILL');
  const pids = execution?.pids ?? [];
  await eventually(async () => (await Promise.all(pids.map(startOf))).every((start) => start === undefined), {
    what: 'the end of the trainer and its child',
  });
  rmSync(hold);
  await scene.second();
  await scene.answeredOnce();
  assert.deepEqual(
    scene.executions.map(({ epoch }) => epoch),
    ['1', '2'],
  );
});
