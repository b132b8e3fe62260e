import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryFolder } from '../trainers/run-fixture.ts';
import { openServer, peekAll } from './worker-fixture.ts';
import { Scene, TRAINER, killed } from './worker-scene.ts';

// As worker-killed.test.ts, but at the writes around a run that failed and around a cool-down.

const ARROWS = [
  ['before', 'stopped'],
  ['after', 'stopped'],
  ['before', 'settled'],
  ['after', 'settled'],
] as const;

const FAILS_ONCE = `
  import { existsSync, writeFileSync } from 'node:fs';
  if (!existsSync('tried')) {
    writeFileSync('tried', '');
    process.exit(75);
  }
  ${TRAINER}`;

test('a worker that is killed while a run with exit code 75 is wound up', { concurrency: 2 }, async (t) => {
  const server = await openServer(temporaryFolder(t), { suffixes: ARROWS.map((_, index) => `-${index}`) });
  t.after(() => server.close());
  const tests = ARROWS.map(([moment, type], index) =>
    t.test(`${moment} ${type}: the request comes back once and is answered once`, async (t) => {
      const scene = new Scene(t, server, { suffix: `-${index}`, source: FAILS_ONCE });
      await scene.send();
      await killed(scene.first({ killAt: { moment, type } }));
      await scene.second();
      // Killed before the failure was recorded, the run was never known to have failed.
      await scene.answeredOnce({ failed: moment === 'before' && type === 'stopped' ? 0 : 1 });
      assert.equal(scene.executions.length, 1);
    }),
  );
  await Promise.all(tests);
});

test('a worker that is killed while a run with exit code 64 is wound up', { concurrency: 2 }, async (t) => {
  const server = await openServer(temporaryFolder(t), { suffixes: ARROWS.map((_, index) => `-${index}`) });
  t.after(() => server.close());
  const tests = ARROWS.map(([moment, type], index) =>
    t.test(`${moment} ${type}: the request is dead-lettered once`, async (t) => {
      const source = `console.error('no column price'); process.exit(64);`;
      const scene = new Scene(t, server, { suffix: `-${index}`, source });
      const { connectionString, queue } = scene.config;
      await scene.send();
      await killed(scene.first({ killAt: { moment, type } }));
      await scene.second();
      await scene.told('deadlettered');
      await scene.emptied();
      const dead = await peekAll(connectionString, queue, 'deadLetter');
      assert.equal(dead.length, 1);
      assert.equal(dead[0]?.deadLetterReason, 'TrainingFailed');
      assert.match(dead[0]?.deadLetterErrorDescription ?? '', /exit code 64[^]*no column price/);
      assert.equal(await scene.count('deadlettered'), 1);
    }),
  );
  await Promise.all(tests);
});

test('a worker that is killed while requests are put off by a cool-down', { concurrency: 2 }, async (t) => {
  const moments = ['before', 'after'] as const;
  const server = await openServer(temporaryFolder(t), { suffixes: moments.map((moment) => `-${moment}`) });
  t.after(() => server.close());
  const tests = moments.map((moment) =>
    t.test(`${moment} postponed: each request is answered, none twice`, async (t) => {
      const scene = new Scene(t, server, { suffix: `-${moment}`, cooldownMs: 4000 });
      await scene.send();
      const first = scene.first({ killAt: { moment, type: 'postponed' } });
      await scene.told('promoted');
      await scene.send(2);
      await killed(first);
      await scene.second();
      // Equal metrics: what follows is rejected. Both requests are answered, by one run or by two.
      await scene.told('rejected');
      await scene.emptied();
      assert.equal((await peekAll(scene.config.connectionString, scene.config.queue, 'deadLetter')).length, 0);
      const rejected = (await scene.outcomes()).filter(({ type }) => type === 'retrain.rejected.v1');
      const answered = rejected.flatMap(({ data }) => data.requests?.map(({ id }) => id) ?? []);
      assert.equal(answered.length, 2);
      assert.equal(new Set(answered).size, 2);
    }),
  );
  await Promise.all(tests);
});
