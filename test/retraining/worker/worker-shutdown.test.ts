import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../../src/runtime/clock.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { TcpProxy } from '../tcp-proxy.ts';
import type { Trainer } from '../../../src/retraining/trainers/trainer.ts';
import { GATE, latch, openWorld, requestFor, success, trainer } from './worker-fixture.ts';

/** Grace period and margins pass ten times as fast; what is measured on the clock does not. */
const hurried: Clock = { ...systemClock, after: (delayMs, callback) => systemClock.after(delayMs / 10, callback) };

test('a worker that stops closes the trainers it has worked with, once each, and one that fails or hangs does not hold it up', async (t) => {
  const world = await openWorld(t);
  const closed: string[] = [];
  const closing = (name: string, close: () => Promise<void>): Trainer => ({
    ...trainer((run) => success(world.folder, run, 1)),
    close: () => (closed.push(name), close()),
  });
  const trainers: Record<string, Trainer> = {
    births: closing('births', () => Promise.reject(new Error('it broke'))),
    rent: closing('rent', () => new Promise(() => undefined)),
    unused: closing('unused', () => Promise.resolve()),
  };
  for (const model of ['births', 'rent']) await world.producer.request(requestFor(model));
  const worker = await world.work({
    clock: hurried,
    concurrency: 2,
    policyOf: (model) => trainers[model] && { trainer: trainers[model], gate: GATE },
  });
  await world.told('promoted', 2);
  assert.equal(closed.length, 0);
  await worker.stop();
  assert.deepEqual(
    closed.toSorted((a, b) => a.localeCompare(b)),
    ['births', 'rent'],
  );
  assert.ok(world.facts.some(({ fact }) => fact === 'worker-stopped'));
});

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
