import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { RetrainingProducer } from '../../../src/retraining/producer.ts';
import { eventually, temporaryFolder } from '../trainers/run-fixture.ts';
import { openServer, requestFor } from '../worker/worker-fixture.ts';
import { Scene, killed } from '../worker/worker-scene.ts';

// As worker-killed.test.ts, at the writes of those who come after a worker that was killed, of one that is stopped, and of one
// that answers a cancel.

const MOMENTS = ['before', 'after'] as const;
const suffixOf = (type: string, moment: string): string => `-${type}-${moment}`;

describe('kill -9', { concurrency: 4 }, () => {
  test('a worker that is killed while it takes over, is stopped, or answers a cancel', async (t) => {
    const types = ['restarted', 'leased', 'interrupted', 'answered'];
    const suffixes = types.flatMap((type) => MOMENTS.map((moment) => suffixOf(type, moment)));
    const server = await openServer(temporaryFolder(t), { suffixes });
    t.after(() => server.close());
    const tests = MOMENTS.flatMap((moment) => [
      ...[['restarted', 'started'] as const, ['leased', 'trained'] as const].map(([type, left]) =>
        t.test(`${moment} ${type}: a third goes on; the request is answered once`, async (t) => {
          const scene = new Scene(t, server, { suffix: suffixOf(type, moment) });
          await scene.send();
          await killed(scene.first({ killAt: { moment: 'after', type: left } }));
          await killed(scene.first({ killAt: { moment, type } }));
          await scene.second();
          await scene.answeredOnce();
          assert.equal(scene.executions.length, 1);
          assert.ok(scene.facts.some((fact) => fact.fact === 'run-taken-over' && fact.why === 'owner-gone'));
        }),
      ),
      t.test(`${moment} interrupted: the stopped run is run again`, async (t) => {
        const scene = new Scene(t, server, { suffix: suffixOf('interrupted', moment) });
        const hold = join(scene.folder, 'hold');
        writeFileSync(hold, '');
        await scene.send();
        const first = scene.first({ killAt: { moment, type: 'interrupted' } });
        await eventually(() => scene.executions.length === 1, { what: 'the trainer' });
        first.kill('SIGTERM');
        await killed(first);
        rmSync(hold);
        await scene.second();
        await scene.answeredOnce();
        assert.equal(await scene.count('interrupted'), 1);
      }),
      t.test(`${moment} answered: the cancel is told once, and nothing is trained`, async (t) => {
        const scene = new Scene(t, server, { suffix: suffixOf('answered', moment) });
        const { connectionString: connection, queue } = scene.config;
        await using producer = new RetrainingProducer({ connection, queue });
        const { id } = await producer.request(requestFor());
        await producer.cancel('births', id);
        await killed(scene.first({ killAt: { moment, type: 'answered' } }));
        await scene.second();
        await scene.told('cancelled');
        await scene.emptied();
        assert.deepEqual([await scene.count('cancelled'), await scene.count('started')], [1, 0]);
      }),
    ]);
    await Promise.all(tests);
  });
});
