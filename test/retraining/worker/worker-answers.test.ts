import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandTrainer } from '../../../src/retraining/trainers/command-trainer.ts';
import { cloneMessageId } from '../../../src/retraining/identity.ts';
import { PRODUCER_SOURCE } from '../../../src/retraining/producer.ts';
import type { TrainerRun } from '../../../src/retraining/trainers/trainer.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { files } from '../../../src/runtime/files.ts';
import { eventually, program } from '../trainers/run-fixture.ts';
import { failure, good, interrupted, latch, openWorld, QUEUE, requestFor, success, trainer } from './worker-fixture.ts';
import type { World } from './worker-fixture.ts';

/** Waits until the work queue holds nothing any more. */
async function empty(world: World): Promise<void> {
  await eventually(async () => (await world.peek()).length === 0, { what: 'an empty queue' });
}

test('a request is trained, the challenger promoted, the events told, the message completed', async (t) => {
  const world = await openWorld(t);
  const runs: TrainerRun[] = [];
  const { id } = await world.producer.request(requestFor('births', { parameters: { alpha: 1 } }));
  await world.work({ trainer: good(world.folder, runs) });
  const [promoted] = await world.told('promoted');
  await empty(world);
  const { champion } = await world.registry.read('births');
  assert.equal(champion?.runId, promoted?.data.runId);
  assert.equal(runs.length, 1);
  assert.deepEqual(runs[0]?.plan.parameters, { alpha: 1 });
  assert.equal(runs[0]?.plan.requests[0]?.id, id);
  const outcomes = await world.outcomes();
  assert.deepEqual(
    outcomes.map(({ type }) => type),
    ['retrain.started.v1', 'retrain.succeeded.v1', 'retrain.promoted.v1'],
  );
});

test('a challenger that is not better is rejected, and the champion stays', async (t) => {
  const world = await openWorld(t);
  const mapes = [2, 3];
  const worker = trainer((run) => success(world.folder, run, mapes.shift() ?? 9));
  await world.work({ trainer: worker });
  await world.producer.request(requestFor());
  const [promoted] = await world.told('promoted');
  await world.producer.request(requestFor());
  await world.told('rejected');
  await empty(world);
  assert.equal((await world.registry.read('births')).champion?.runId, promoted?.data.runId);
});

test('ten requests that arrive while the model is trained cost one more run, and each is told that it was merged', async (t) => {
  const world = await openWorld(t);
  const runs: TrainerRun[] = [];
  const gate = latch();
  await world.producer.request(requestFor());
  await world.work({
    trainer: trainer(async (run) => {
      runs.push(run);
      if (runs.length === 1) await gate.opened;
      return success(world.folder, run, 10 / runs.length);
    }),
  });
  await world.told('started');
  for (let i = 0; i < 10; i++) await world.producer.request(requestFor());
  gate.open();
  await world.told('promoted', 2);
  await empty(world);
  assert.deepEqual(
    runs.map(({ plan }) => plan.requests.length),
    [1, 10],
  );
  assert.equal((await world.told('coalesced', 10)).length, 10);
});

test('models are trained side by side, one run at a time each', async (t) => {
  const world = await openWorld(t);
  const running = new Set<string>();
  let most = 0;
  const both = latch();
  await world.work({
    concurrency: 2,
    trainer: trainer(async (run, stopped) => {
      const { name } = run.plan.model;
      assert.ok(!running.has(name));
      running.add(name);
      most = Math.max(most, running.size);
      if (running.size === 2) both.open();
      await Promise.race([both.opened, interrupted(stopped)]);
      running.delete(name);
      return success(world.folder, run, 1);
    }),
  });
  await world.producer.request(requestFor('a'));
  await world.producer.request(requestFor('b'));
  await world.told('promoted', 2);
  assert.equal(most, 2);
});

test('what is not a request is dead-lettered with the reason, and does not hold up the model', async (t) => {
  const world = await openWorld(t);
  const sender = world.client.createSender(QUEUE);
  await sender.sendMessages({ body: 'hello', sessionId: 'births', messageId: 'stranger' });
  await world.producer.request(requestFor());
  await world.work({});
  await world.told('promoted');
  const [dead] = await world.peek('deadLetter');
  assert.equal(dead?.deadLetterReason, 'InvalidRequest');
  assert.match(dead?.deadLetterErrorDescription ?? '', /\w/);
});

test('a request whose deadline has passed is dead-lettered, not trained', async (t) => {
  const world = await openWorld(t);
  await world.producer.request(requestFor('births', { deadline: '2020-01-01T00:00:00Z' }));
  await world.work({});
  await world.told('deadlettered');
  const [dead] = await world.peek('deadLetter');
  assert.equal(dead?.deadLetterReason, 'DeadlineExceeded');
  assert.match(dead?.deadLetterErrorDescription ?? '', /2020-01-01/);
  assert.equal((await world.outcomes()).length, 1);
});

test('a request for a model that nobody configured is dead-lettered', async (t) => {
  const world = await openWorld(t);
  await world.producer.request(requestFor('births'));
  await world.work({ policyOf: () => undefined });
  await world.told('deadlettered');
  assert.equal((await world.peek('deadLetter'))[0]?.deadLetterReason, 'UnknownModel');
});

test('a request that was answered and is sent again is completed without a run', async (t) => {
  const world = await openWorld(t);
  const runs: TrainerRun[] = [];
  await world.work({ trainer: good(world.folder, runs) });
  await world.producer.request(requestFor(), { dedupeKey: 'births/once' });
  await world.told('promoted');
  await empty(world);
  // As after the duplicate window: another message, the same identity.
  const [original] = runs.flatMap(({ plan }) => plan.requests);
  const sender = world.client.createSender(QUEUE);
  await sender.sendMessages({
    body: { model: { name: 'births' }, trigger: { kind: 'manual' } },
    sessionId: 'births',
    subject: 'retrain.requested.v1',
    messageId: 'another message',
    applicationProperties: {
      cloudEvents_specversion: '1.0',
      cloudEvents_id: original?.id ?? '',
      cloudEvents_source: original?.source ?? '',
      cloudEvents_type: 'retrain.requested.v1',
      cloudEvents_subject: 'births',
      cloudEvents_time: original?.time ?? '',
    },
  });
  await world.fact('already-answered');
  await empty(world);
  assert.equal(runs.length, 1);
});

test('exit code 64 is dead-lettered with reason, exit code and the last lines of stderr', async (t) => {
  const world = await openWorld(t);
  const command = program(world.folder, `console.error('column price is missing'); process.exit(64);`);
  const commands = new CommandTrainer({ command, folder: `${world.folder}/runs`, files, clock: systemClock });
  await world.work({ trainer: commands });
  await world.producer.request(requestFor());
  const [told] = await world.told('deadlettered');
  const [dead] = await eventually(async () => {
    const letters = await world.peek('deadLetter');
    return letters.length > 0 && letters;
  });
  assert.equal(dead?.deadLetterReason, 'TrainingFailed');
  assert.match(dead?.deadLetterErrorDescription ?? '', /exit code 64/);
  assert.match(dead?.deadLetterErrorDescription ?? '', /column price is missing/);
  assert.equal(told?.data.exitCode, 64);
  await empty(world);
});

test('exit code 75 is tried again later, and a success then answers the request', async (t) => {
  const world = await openWorld(t);
  const command = program(
    world.folder,
    `import { existsSync, writeFileSync } from 'node:fs';
     const mark = process.env.RETRAIN_CHECKPOINT + '/tried';
     if (!existsSync(mark)) { writeFileSync(mark, ''); process.exit(75); }
     writeFileSync(process.env.RETRAIN_OUTPUT + '/m', 'x');
     writeFileSync(process.env.RETRAIN_RESULT, JSON.stringify({ metrics: { challenger: { mape: 1 } }, artifact: 'm' }));`,
  );
  const commands = new CommandTrainer({ command, folder: `${world.folder}/runs`, files, clock: systemClock });
  await world.work({ trainer: commands });
  await world.producer.request(requestFor());
  await world.told('promoted');
  assert.equal((await world.told('failed')).length, 1);
  await empty(world);
});

test('a command that does not exist is dead-lettered at once', async (t) => {
  const world = await openWorld(t);
  const command = ['/no/such/trainer'] as const;
  const commands = new CommandTrainer({ command, folder: `${world.folder}/runs`, files, clock: systemClock });
  await world.work({ trainer: commands });
  await world.producer.request(requestFor());
  await world.told('deadlettered');
  const [dead] = await eventually(async () => {
    const letters = await world.peek('deadLetter');
    return letters.length > 0 && letters;
  });
  assert.match(dead?.deadLetterErrorDescription ?? '', /\/no\/such\/trainer.*ENOENT/);
  assert.equal((await world.told('failed')).length, 1);
});

test('several retries in a row inside the duplicate window lose nothing; the last attempt is dead-lettered', async (t) => {
  const world = await openWorld(t);
  let runs = 0;
  await world.work({
    policy: { maxAttempts: 4 },
    trainer: trainer(() => {
      runs++;
      return failure();
    }),
  });
  await world.producer.request(requestFor());
  await world.told('deadlettered');
  assert.equal(runs, 4);
  await empty(world);
  assert.match((await world.peek('deadLetter'))[0]?.deadLetterErrorDescription ?? '', /attempt 4/);
});

test('two cool-downs in a row inside the duplicate window lose nothing', async (t) => {
  const world = await openWorld(t);
  const runs: string[][] = [];
  const [first, second] = ['births/a', 'births/b'];
  for (const dedupeKey of [first, second]) await world.producer.request(requestFor(), { dedupeKey });
  await world.work({
    policy: { cooldownMs: 2000 },
    trainer: trainer((run) => {
      runs.push(run.plan.requests.map(({ id }) => id));
      return runs.length === 1 ? failure({ meaning: 'permanent' }) : success(world.folder, run, 10 / runs.length);
    }),
  });
  const waiting = (id: string, hop: number): Promise<unknown> =>
    eventually(
      async () => {
        const messageId = cloneMessageId({ source: PRODUCER_SOURCE, id }, hop);
        return (await world.peek()).some((message) => message.messageId === messageId);
      },
      { what: `clone ${hop} of ${id}` },
    );
  // Both wait for the end of the first cool-down; the run of one begins the second, for which the other has to wait again.
  await waiting(second, 1);
  await world.told('promoted');
  await waiting(second, 2);
  await world.told('promoted', 2);
  await empty(world);
  assert.deepEqual(runs, [[first, second], [first], [second]]);
});

test('with the budget of the day spent, requests wait as clones until midnight UTC', async (t) => {
  const world = await openWorld(t);
  const runs: TrainerRun[] = [];
  await world.work({ policy: { maxRunsPerDay: 1 }, trainer: good(world.folder, runs) });
  await world.producer.request(requestFor());
  await world.told('promoted');
  await empty(world);
  await world.producer.request(requestFor());
  const { untilMs } = await world.fact('postponed');
  assert.equal(untilMs % 86_400_000, 0);
  const [clone] = await eventually(async () => {
    const waiting = await world.peek();
    return waiting.length === 1 && waiting;
  });
  assert.equal(clone?.scheduledEnqueueTimeUtc?.getTime(), untilMs);
  assert.match(String(clone?.messageId), /~1$/);
});

test('when a merged plan fails permanently its requests run one by one, and only what fails alone is dead-lettered', async (t) => {
  const world = await openWorld(t);
  const runs: string[][] = [];
  const bad = 'births/bad';
  for (const dedupeKey of ['births/a', bad, 'births/c']) await world.producer.request(requestFor(), { dedupeKey });
  await world.work({
    trainer: trainer((run) => {
      const ids = run.plan.requests.map(({ id }) => id);
      runs.push(ids);
      return ids.includes(bad) ? failure({ meaning: 'permanent' }) : success(world.folder, run, 10 / run.plan.epoch);
    }),
  });
  await world.told('promoted', 2);
  const [dead] = await world.told('deadlettered');
  await empty(world);
  assert.equal(dead?.data.request?.id, bad);
  assert.deepEqual(runs[0]?.length, 3);
  assert.deepEqual(runs.slice(1).flat().sort(), ['births/a', bad, 'births/c']);
  assert.equal((await world.peek('deadLetter')).length, 1);
});

test('a cancel stops the run within a third of the lock, and answers the request as cancelled', async (t) => {
  const world = await openWorld(t, { lockDuration: 'PT5S' });
  await world.work({ trainer: trainer((_run, stopped) => interrupted(stopped)) });
  const { id } = await world.producer.request(requestFor());
  await world.told('started');
  await world.producer.cancel('births', id);
  const startedMs = performance.now();
  const [cancelled] = await world.told('cancelled');
  assert.ok(performance.now() - startedMs < 5000);
  assert.equal(cancelled?.data.request?.id, id);
  await empty(world);
  assert.equal((await world.registry.read('births')).champion, undefined);
});

test('a request that is cancelled before its turn is not trained', async (t) => {
  const world = await openWorld(t);
  const runs: TrainerRun[] = [];
  const { id } = await world.producer.request(requestFor());
  await world.producer.cancel('births', id);
  await world.producer.request(requestFor());
  await world.work({ trainer: good(world.folder, runs) });
  await world.told('cancelled');
  await world.told('promoted');
  await empty(world);
  assert.deepEqual(
    runs.map(({ plan }) => plan.requests.length),
    [1],
  );
});

test('a cancel reaches a request that waits as a clone', async (t) => {
  const world = await openWorld(t);
  const runs: TrainerRun[] = [];
  await world.work({ policy: { cooldownMs: 1500 }, trainer: good(world.folder, runs) });
  await world.producer.request(requestFor());
  await world.told('promoted');
  const { id } = await world.producer.request(requestFor());
  await world.fact('postponed');
  await world.producer.cancel('births', id);
  await world.told('cancelled');
  await empty(world);
  assert.equal(runs.length, 1);
});

test('an interruption costs no attempt, but five in a row without progress cost one', async (t) => {
  const world = await openWorld(t);
  let runs = 0;
  await world.work({
    policy: { maxAttempts: 1 },
    backoff: { baseMs: 10, maxMs: 20 },
    trainer: trainer(() => {
      runs++;
      return failure({ meaning: 'interrupted', exit: { kind: 'exited', code: 143 } });
    }),
  });
  await world.producer.request(requestFor());
  await world.told('deadlettered');
  assert.equal(runs, 5);
  await empty(world);
});

test('a killed trainer is tried fewer times than one that failed', async (t) => {
  const world = await openWorld(t);
  let runs = 0;
  await world.work({
    policy: { maxAttempts: 5, maxKills: 2 },
    trainer: trainer(() => {
      runs++;
      return failure({ meaning: 'killed', exit: { kind: 'exited', code: 137 } });
    }),
  });
  await world.producer.request(requestFor());
  await world.told('deadlettered');
  assert.equal(runs, 2);
});

test('a metric that the gate needs and the trainer did not write is dead-lettered, and nothing is promoted', async (t) => {
  const world = await openWorld(t);
  await world.work({ policy: { gate: { metric: 'rmse', direction: 'minimize', minImprovement: 0 } } });
  await world.producer.request(requestFor());
  const [dead] = await world.told('deadlettered');
  assert.match(dead?.data.reason ?? '', /rmse/);
  assert.equal((await world.registry.read('births')).champion, undefined);
});

test('shutting down tells the trainer, waits for it, and releases the request to the next worker', async (t) => {
  const world = await openWorld(t);
  const first = await world.work({ trainer: trainer((_run, stopped) => interrupted(stopped)) });
  await world.producer.request(requestFor());
  await world.told('started');
  await first.stop();
  await world.told('interrupted');
  assert.equal((await world.peek()).length, 1);
  await world.work({});
  await world.told('promoted');
  await empty(world);
});
