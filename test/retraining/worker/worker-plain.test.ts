import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { RetrainingWorker } from '../../../src/retraining/worker/worker.ts';
import type { TrainerRun } from '../../../src/retraining/trainers/trainer.ts';
import { eventually } from '../trainers/run-fixture.ts';
import {
  GATE,
  QUEUE,
  failure,
  good,
  interrupted,
  latch,
  openWorld,
  registryIn,
  requestFor,
  success,
  trainer,
} from './worker-fixture.ts';
import type { ServerSettings, World, WorldWorkerOptions } from './worker-fixture.ts';

// A queue without sessions and without duplicate detection, as on the Basic tier, at the real broker.

async function openPlainWorld(t: TestContext, settings: ServerSettings = {}): Promise<World> {
  const world = await openWorld(t, { plain: true, ...settings });
  const ledgerFolder = join(world.folder, 'ledgers');
  return {
    ...world,
    worker: (options: WorldWorkerOptions) => world.worker({ ledgerFolder, ...options }),
    work: (options: WorldWorkerOptions) => world.work({ ledgerFolder, ...options }),
  };
}

async function emptied(world: World): Promise<void> {
  await eventually(async () => (await world.peek()).length === 0, { what: 'an empty queue' });
}

test('a queue without sessions is noticed, and its requests are answered', async (t) => {
  const world = await openPlainWorld(t);
  for (const model of ['a', 'b', 'c']) await world.producer.request(requestFor(model));
  await world.work({ concurrency: 2 });
  await world.told('promoted', 3);
  await emptied(world);
  const noticed = await world.fact('queue-without-sessions');
  assert.equal(noticed.queue, QUEUE);
});

test('a queue with sessions is noticed as well, and needs no ledgers of ours', async (t) => {
  const world = await openWorld(t);
  await world.producer.request(requestFor());
  await world.work({ ledgerFolder: join(world.folder, 'ledgers') });
  await world.told('promoted');
  assert.ok(!world.facts.some(({ fact }) => fact === 'queue-without-sessions'));
});

test('a queue that is said to be without sessions needs a folder for ledgers', () => {
  const connection = 'Endpoint=sb://h;SharedAccessKeyName=a;SharedAccessKey=a2V5';
  assert.throws(
    () => new RetrainingWorker({ connection, sessions: false, registry: registryIn('/r'), policyOf: () => undefined }),
    { code: 'CONFIGURATION_INVALID', message: /ledgerFolder is missing/ },
  );
});

test('requests of one model that are at hand together cost one run, and a model runs once at a time', async (t) => {
  const world = await openPlainWorld(t);
  const runs: TrainerRun[] = [];
  const gate = latch();
  const running = new Set<string>();
  const overlapping: string[] = [];
  await world.producer.request(requestFor());
  await world.work({
    concurrency: 3,
    trainer: trainer(async (run) => {
      const { name } = run.plan.model;
      if (running.has(name)) overlapping.push(name);
      running.add(name);
      runs.push(run);
      if (runs.length === 1) await gate.opened;
      running.delete(name);
      return success(world.folder, run, 10 / runs.length);
    }),
  });
  await world.told('started');
  for (let i = 0; i < 10; i++) await world.producer.request(requestFor());
  // Other models do not wait for it.
  await world.producer.request(requestFor('other'), {});
  gate.open();
  await world.told('promoted', 2);
  await emptied(world);
  const births = runs.filter(({ plan }) => plan.model.name === 'births').map(({ plan }) => plan.requests.length);
  assert.equal(births[0], 1);
  assert.equal(
    births.reduce((sum, n) => sum + n, 0),
    11,
  );
  assert.ok(births.length <= 4, births.join());
  assert.deepEqual(overlapping, []);
});

test('attempts are counted in the local ledger, and what fails for good is dead-lettered', async (t) => {
  const world = await openPlainWorld(t);
  let runs = 0;
  const failing = trainer(() => {
    runs++;
    return failure();
  });
  await world.producer.request(requestFor());
  await world.work({ trainer: failing, policy: { maxAttempts: 3 } });
  await world.told('deadlettered');
  await eventually(async () => (await world.peek('deadLetter')).length === 1);
  assert.equal(runs, 3);
  assert.equal((await world.peek('deadLetter'))[0]?.deadLetterReason, 'TrainingFailed');
  await emptied(world);
});

test('what is not a request is dead-lettered with the reason', async (t) => {
  const world = await openPlainWorld(t);
  await world.client.createSender(QUEUE).sendMessages({ body: 'hello', messageId: 'stranger' });
  await world.work({});
  await world.fact('dead-lettered');
  assert.equal((await world.peek('deadLetter'))[0]?.deadLetterReason, 'InvalidRequest');
});

test('a training that outlasts the message lock several times is answered once', async (t) => {
  const world = await openPlainWorld(t, { lockDuration: 'PT5S' });
  const runs: TrainerRun[] = [];
  await world.producer.request(requestFor());
  await world.work({
    trainer: trainer(async (run) => {
      runs.push(run);
      const begunMs = performance.now();
      await eventually(() => performance.now() > begunMs + 11_000);
      return success(world.folder, run, 1);
    }),
  });
  await world.told('promoted');
  await emptied(world);
  assert.equal(runs.length, 1);
});

test('a worker that is stopped gives its messages back, and the next one goes on', async (t) => {
  const world = await openPlainWorld(t);
  await world.producer.request(requestFor());
  await world.producer.request(requestFor('other'));
  const first = await world.work({ trainer: trainer((_run, stopped) => interrupted(stopped)) });
  await world.told('started');
  await first.stop();
  await world.work({ trainer: good(world.folder) });
  await world.told('promoted', 2);
  await emptied(world);
});

test('of two workers with the same ledgers the second one waits, and takes over when the first is gone', async (t) => {
  const world = await openPlainWorld(t);
  const first = await world.work({});
  await world.fact('queue-without-sessions');
  await world.producer.request(requestFor());
  await world.told('promoted');
  await world.work({ random: { bytes: (n) => Buffer.alloc(n, 7), fraction: () => 0 } });
  const refused = await world.fact('unreachable');
  assert.equal(refused.code, 'DATA_LOCKED');
  await first.stop();
  await world.producer.request(requestFor('births'));
  await world.told('promoted', 2);
});

test('a cancel stops a run on a queue without sessions, too', async (t) => {
  const world = await openPlainWorld(t, { lockDuration: 'PT5S' });
  const { id } = await world.producer.request(requestFor());
  await world.work({ trainer: trainer((_run, stopped) => interrupted(stopped)), policy: { gate: GATE } });
  await world.told('started');
  await world.producer.cancel('births', id);
  await world.told('cancelled');
  await emptied(world);
});
