import assert from 'node:assert/strict';
import { existsSync, writeFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { TrainerRun } from '../../../src/retraining/trainers/trainer.ts';
import { eventually, temporaryFolder } from '../trainers/run-fixture.ts';
import { TcpProxy } from '../tcp-proxy.ts';
import { interrupted, latch, openServer, openWorld, requestFor, success, trainer } from './worker-fixture.ts';
import type { World } from './worker-fixture.ts';
import { Scene } from './worker-scene.ts';

// A run outlives its link: connections that break, a broker that restarts, a session that somebody else gets.

/** A connection string that goes through a wire which the test can cut. */
async function throughProxy(
  t: TestContext,
  { server }: Pick<World, 'server'>,
): Promise<{ proxy: TcpProxy; connectionString: string }> {
  const proxy = await TcpProxy.open(server.amqpPort);
  t.after(() => proxy.close());
  const connectionString = server.connectionString.replace(`:${server.amqpPort}`, `:${proxy.port}`);
  assert.notEqual(connectionString, server.connectionString);
  return { proxy, connectionString };
}

test('a run that lasts longer than the lock keeps its session, and is not run twice', async (t) => {
  const world = await openWorld(t, { lockDuration: 'PT5S' });
  const runs: TrainerRun[] = [];
  await world.producer.request(requestFor());
  await world.work({
    concurrency: 2,
    trainer: trainer(async (run) => {
      runs.push(run);
      await new Promise((resolve) => setTimeout(resolve, 8000));
      return success(world.folder, run, 1);
    }),
  });
  await world.told('promoted');
  assert.equal(runs.length, 1);
  assert.ok(!world.facts.some(({ fact }) => fact === 'link-lost'));
});

for (const concurrency of [1, 3])
  test(`a run survives a broken connection (${concurrency} slots): trained once, promoted once, the message completed`, async (t) => {
    const world = await openWorld(t);
    const { proxy, connectionString } = await throughProxy(t, world);
    const runs: TrainerRun[] = [];
    const end = latch();
    await world.producer.request(requestFor());
    await world.work({
      connection: connectionString,
      concurrency,
      trainer: trainer(async (run, stopped) => {
        runs.push(run);
        return Promise.race([end.opened.then(() => success(world.folder, run, 1)), interrupted(stopped)]);
      }),
    });
    await world.told('started');
    proxy.cut();
    await world.fact('link-lost');
    proxy.mend();
    const { lease } = await world.fact('link-renewed');
    assert.equal(lease, 2);
    end.open();
    await world.told('promoted');
    await eventually(async () => (await world.peek()).length === 0, { what: 'an empty queue' });
    assert.equal(runs.length, 1);
    assert.equal((await world.outcomes()).filter(({ type }) => type === 'retrain.promoted.v1').length, 1);
  });

test('a run survives a restart of the broker', async (t) => {
  const folder = temporaryFolder(t);
  const first = await openServer(folder);
  const proxied = await throughProxy(t, { server: first });
  const scene = new Scene(t, first);
  await scene.send();
  const hold = join(scene.folder, 'hold');
  writeFileSync(hold, '');
  await scene.second();
  await eventually(() => scene.executions.length === 1, { what: 'the trainer' });
  await proxied.proxy.close();
  await first.close();
  const again = await openServer(folder, { amqpPort: first.amqpPort });
  t.after(() => again.close());
  rmSync(hold);
  await scene.answeredOnce();
  assert.equal(scene.executions.length, 1);
  assert.ok(scene.facts.some(({ fact }) => fact === 'link-renewed'));
});

test('while the owner of a run is cut off for a moment, another worker leaves its session alone', async (t) => {
  const world = await openWorld(t);
  const scene = new Scene(t, world.server);
  const { proxy, connectionString } = await throughProxy(t, world);
  const hold = join(scene.folder, 'hold');
  writeFileSync(hold, '');
  await scene.send();
  // A process of its own: it lives, though it is cut off.
  scene.first({ connectionString });
  await eventually(() => scene.executions.length === 1, { what: 'the trainer' });
  proxy.cut();
  await scene.second();
  await eventually(() => scene.facts.some(({ fact }) => fact === 'session-left'), {
    what: 'leaving the session alone',
  });
  proxy.mend();
  rmSync(hold);
  await scene.answeredOnce();
  assert.equal(scene.executions.length, 1);
  assert.ok(!scene.facts.some(({ fact }) => fact === 'run-taken-over'));
});

test('when the owner stays cut off, its run is taken over, and it ends its own trainer without settling anything', async (t) => {
  const world = await openWorld(t, { lockDuration: 'PT5S' });
  const scene = new Scene(t, world.server);
  const { proxy, connectionString } = await throughProxy(t, world);
  const hold = join(scene.folder, 'hold');
  writeFileSync(hold, '');
  await scene.send();
  scene.first({ connectionString });
  await eventually(() => scene.executions.length === 1, { what: 'the trainer' });
  proxy.cut();
  await scene.second();
  await eventually(() => scene.executions.length === 2, { what: 'the second execution' });
  rmSync(hold);
  await scene.answeredOnce();
  assert.deepEqual(
    scene.executions.map(({ epoch }) => epoch),
    ['1', '2'],
  );
  const [takeOver] = scene.facts.filter(({ fact }) => fact === 'run-taken-over');
  assert.equal(takeOver?.fact === 'run-taken-over' && takeOver.why, 'lease-unchanged');
  assert.ok(existsSync(scene.folder));
});

test('a worker that gets its session back after somebody else ran the model aborts its run', async (t) => {
  const world = await openWorld(t);
  const { proxy, connectionString } = await throughProxy(t, world);
  const stops: string[] = [];
  await world.producer.request(requestFor());
  const worker = await world.work({
    connection: connectionString,
    trainer: trainer(async (run, stopped) => {
      const end = await interrupted(stopped);
      stops.push(run.plan.runId);
      return end;
    }),
  });
  await world.told('started');
  proxy.cut();
  // Somebody else answers meanwhile: the run is gone from the ledger.
  const receiver = await eventually(() => world.client.acceptSession('work', 'births').catch(() => undefined));
  const state = (await receiver.getSessionState()) as { run: unknown };
  await receiver.setSessionState({ ...state, run: null });
  await receiver.close();
  proxy.mend();
  await world.fact('session-lost');
  await world.fact('run-aborted');
  await eventually(() => stops.length === 1, { what: 'the end of the trainer' });
  assert.equal((await world.outcomes()).filter(({ type }) => type !== 'retrain.started.v1').length, 0);
  assert.equal((await world.peek()).length, 1);
  await worker.stop();
});

test('an unreachable broker is told and tried again; the worker begins when it is there', async (t) => {
  const world = await openWorld(t);
  const { proxy, connectionString } = await throughProxy(t, world);
  proxy.cut();
  await world.producer.request(requestFor());
  await world.work({ connection: connectionString });
  const { code } = await world.fact('unreachable');
  assert.equal(code, 'UNREACHABLE');
  proxy.mend();
  await world.told('promoted');
});
