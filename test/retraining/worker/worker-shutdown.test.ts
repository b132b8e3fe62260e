import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../../src/runtime/clock.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { TcpProxy } from '../tcp-proxy.ts';
import { latch, openWorld, requestFor, success, trainer } from './worker-fixture.ts';

/** Grace period and margins pass ten times as fast; what is measured on the clock does not. */
const hurried: Clock = { ...systemClock, after: (delayMs, callback) => systemClock.after(delayMs / 10, callback) };

test('a worker whose broker is gone ends after the grace period and a margin, not after the lock duration', async (t) => {
  const world = await openWorld(t, { lockDuration: 'PT5M' });
  const proxy = await TcpProxy.open(world.server.amqpPort);
  t.after(() => proxy.close());
  const connectionString = world.server.connectionString.replace(`:${world.server.amqpPort}`, `:${proxy.port}`);
  await world.producer.request(requestFor());
  const end = latch();
  const worker = await world.work({
    connection: connectionString,
    clock: hurried,
    lockDurationMs: 300_000,
    trainer: trainer(async (run) => {
      await end.opened;
      return success(world.folder, run, 1);
    }),
  });
  await world.told('started');
  proxy.cut();
  // What follows the training is a change of the ledger, and nobody takes it.
  end.open();
  await world.fact('link-lost');
  const begunMs = performance.now();
  await worker.stop();
  assert.ok(performance.now() - begunMs < 30_000, `${performance.now() - begunMs} ms`);
  assert.ok(world.facts.some((fact) => fact.fact === 'session-failed' && fact.code === 'LOCK_LOST'));
});
