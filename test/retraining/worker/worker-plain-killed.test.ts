import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryFolder } from '../trainers/run-fixture.ts';
import { openServer } from './worker-fixture.ts';
import { Scene, killed } from './worker-scene.ts';

// A worker of a queue without sessions is killed with SIGKILL at a write of its local ledger; the next one on this host finds
// the ledger, and the message when its lock has expired.

const ARROWS: readonly (readonly ['before' | 'after', string, number])[] = [
  ['after', 'started', 1],
  ['before', 'trained', 2],
  ['after', 'trained', 1],
  ['after', 'decided', 1],
  ['after', 'applied', 1],
  ['after', 'settled', 1],
];

test('a worker of a queue without sessions that is killed at an arrow of the ledger', { concurrency: 2 }, async (t) => {
  const suffixes = ARROWS.map((_, index) => `-${index}`);
  const server = await openServer(temporaryFolder(t), { suffixes, plain: true, lockDuration: 'PT5S' });
  t.after(() => server.close());
  const tests = ARROWS.map(([moment, type, times], index) =>
    t.test(`${moment} ${type}: another goes on; the request is answered once`, async (t) => {
      const scene = new Scene(t, server, { suffix: `-${index}`, plain: true });
      await scene.send();
      await killed(scene.first({ killAt: { moment, type } }));
      await scene.second();
      await scene.answeredOnce();
      assert.equal(scene.executions.length, times);
    }),
  );
  await Promise.all(tests);
});
