import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { advance, emptyLedger } from '../../../src/retraining/worker/ledger.ts';
import { PRODUCER_SOURCE } from '../../../src/retraining/producer.ts';
import { encodeLedger } from '../../../src/retraining/worker/ledger-codec.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { FakeClock } from '../../fake-clock.ts';
import { QUEUE, interrupted, latch, openWorld, requestFor, success, trainer } from './worker-fixture.ts';

// A worker that takes what is there and ends by itself: what a scaler starts for a backlog.

/** Nothing is waited for between two tries. */
const random = { bytes: (length: number) => systemRandom.bytes(length), fraction: () => 0 };

test('with nothing in the queue every slot leaves at once, and the result says so', async (t) => {
  const world = await openWorld(t);
  const result = await world.worker({ concurrency: 3 }).runOnce();
  assert.deepEqual(result, { end: 'done', sessions: 0, runs: 0 });
  assert.equal(world.facts.at(-1)?.fact, 'worker-stopped');
});

test('two slots work off three models and end', async (t) => {
  const world = await openWorld(t);
  for (const model of ['a', 'b', 'c']) await world.producer.request(requestFor(model));
  const { end, runs, sessions } = await world.worker({ concurrency: 2 }).runOnce();
  assert.deepEqual([end, runs, sessions >= 3], ['done', 3, true]);
  assert.equal((await world.told('promoted', 3)).length, 3);
  assert.deepEqual(await world.peek(), []);
});

test('a worker too many leaves while another one still trains', async (t) => {
  const world = await openWorld(t);
  const gate = latch();
  await world.producer.request(requestFor());
  await world.work({
    trainer: trainer(async (run) => {
      await gate.opened;
      return success(world.folder, run, 1);
    }),
  });
  await world.told('started');
  assert.deepEqual(await world.worker({}).runOnce(), { end: 'done', sessions: 0, runs: 0 });
  gate.open();
  await world.told('promoted');
});

test('without a broker it gives up after a few tries, and says why', async (t) => {
  const world = await openWorld(t);
  const connection = world.server.connectionString.replace(`:${world.server.amqpPort}`, ':1');
  const result = await world.worker({ connection, random }).runOnce();
  assert.deepEqual([result.end, result.sessions, result.code], ['unreachable', 0, 'UNREACHABLE']);
  assert.equal(world.facts.filter(({ fact }) => fact === 'unreachable').length, 4);
});

test('a queue that does not exist is not asked for again', async (t) => {
  const world = await openWorld(t);
  const result = await world.worker({ queue: 'elsewhere' }).runOnce();
  assert.deepEqual([result.end, result.code], ['unreachable', 'ENTITY_NOT_FOUND']);
});

test('sessions that fail again and again end it, and what they hold stays in the queue', async (t) => {
  const world = await openWorld(t);
  await world.producer.request(requestFor());
  const policyOf = (): never => {
    throw new Error('no policy today');
  };
  const result = await world.worker({ policyOf, lockDurationMs: 1000, random }).runOnce();
  assert.deepEqual([result.end, result.reason], ['failed', 'no policy today']);
  assert.equal((await world.peek()).length, 1);
});

test('it does not leave behind what only waits for its owner to be gone', async (t) => {
  const world = await openWorld(t);
  const { id } = await world.producer.request(requestFor());
  const session = await world.client.acceptSession(QUEUE, 'births');
  const owner = { host: 'elsewhere', pid: 1, startTime: 's' };
  const requests = [{ source: PRODUCER_SOURCE, id, hop: 0 }];
  const started = { type: 'started', runId: 'r1', epoch: 1, owner, atMs: 0, requests } as const;
  await session.setSessionState(encodeLedger(advance(emptyLedger('births'), started)));
  await session.close();
  const result = await world.worker({ lockDurationMs: 1000, marginMs: 100 }).runOnce();
  assert.deepEqual([result.end, result.runs], ['done', 1]);
  assert.ok(world.facts.some(({ fact }) => fact === 'session-left'));
  assert.ok(world.facts.some((fact) => fact.fact === 'run-taken-over' && fact.why === 'lease-unchanged'));
});

test('it can be stopped like any other, and says that it was', async (t) => {
  const world = await openWorld(t);
  await world.producer.request(requestFor());
  const worker = world.worker({ trainer: trainer((_run, stopped) => interrupted(stopped)) });
  const result = worker.runOnce();
  await world.told('started');
  await worker.stop();
  assert.equal((await result).end, 'stopped');
  assert.equal((await world.peek()).length, 1);
});

test('a worker runs in one way only', async (t) => {
  const world = await openWorld(t);
  const worker = await world.work({});
  await assert.rejects(worker.runOnce(), { code: 'ARGUMENT_INVALID' });
});

/** A clock on which nothing passes but what the test lets pass; who waits for no time at all goes on. */
function standingClock(t: TestContext): FakeClock {
  const clock = new FakeClock();
  const going = setInterval(() => clock.advance(0), 1);
  t.after(() => clearInterval(going));
  return clock;
}

/** Two models wait for a worker that accepts for a second, of which each run takes this much; what it did, and what waits then. */
async function acceptingForASecond(t: TestContext, runMs: number) {
  const world = await openWorld(t);
  for (const model of ['a', 'b']) await world.producer.request(requestFor(model));
  const clock = standingClock(t);
  const slow = trainer((run) => {
    clock.advance(runMs);
    return success(world.folder, run, 1);
  });
  const result = await world.worker({ clock, trainer: slow }).runOnce({ acceptForMs: 1000 });
  return { world, result, waiting: await world.peek() };
}

test('what is begun within the time to accept goes on to its end; nothing is begun after it', async (t) => {
  const { world, result, waiting } = await acceptingForASecond(t, 1000);
  assert.deepEqual(result, { end: 'done', sessions: 1, runs: 1 });
  const [{ deliveryCount, sessionId } = {}, ...others] = waiting;
  const [begun, ...more] = world.facts.filter(({ fact }) => fact === 'session-accepted');
  assert.deepEqual([deliveryCount, others, more], [0, [], []]);
  assert.notEqual(sessionId, begun?.fact === 'session-accepted' && begun.model);
  const next = await world.worker({}).runOnce({ acceptForMs: 60_000 });
  assert.deepEqual(next, { end: 'done', sessions: 1, runs: 1 });
});

test('a second model is begun while there is a moment left to accept', async (t) => {
  const { result, waiting } = await acceptingForASecond(t, 999);
  assert.deepEqual([result.end, result.runs, waiting], ['done', 2, []]);
});

test('a session that is offered when the time to accept is over is given back untouched', async (t) => {
  const world = await openWorld(t);
  const clock = standingClock(t);
  // It asks, and has no answer before there is a request.
  const result = world.worker({ clock, operationMs: 20_000 }).runOnce({ acceptForMs: 1000 });
  await world.fact('worker-started');
  clock.advance(1000);
  await world.producer.request(requestFor());
  assert.deepEqual(await result, { end: 'done', sessions: 0, runs: 0 });
  assert.ok(!world.facts.some(({ fact }) => fact === 'session-accepted'));
  assert.deepEqual(
    (await world.peek()).map(({ deliveryCount }) => deliveryCount),
    [0],
  );
  assert.equal((await world.worker({}).runOnce()).runs, 1);
});

test('when the time to accept is over, no session is asked for', async (t) => {
  const world = await openWorld(t);
  const clock = standingClock(t);
  // Before its slots begin. Whoever asks of a queue that does not exist is refused.
  const log = ({ fact }: { fact: string }): void => {
    if (fact === 'worker-started') clock.advance(1000);
  };
  const result = await world.worker({ queue: 'elsewhere', clock, log }).runOnce({ acceptForMs: 1000 });
  assert.deepEqual(result, { end: 'done', sessions: 0, runs: 0 });
});

test('without a broker it is no visit that found nothing, however short the time to accept', async (t) => {
  const world = await openWorld(t);
  const connection = world.server.connectionString.replace(`:${world.server.amqpPort}`, ':1');
  const clock = standingClock(t);
  const log = ({ fact }: { fact: string }): void => {
    if (fact === 'unreachable') clock.advance(1000);
  };
  const result = await world.worker({ connection, random, clock, log }).runOnce({ acceptForMs: 1000 });
  assert.deepEqual([result.end, result.code], ['unreachable', 'UNREACHABLE']);
});

test('a time to accept in which nothing could be accepted is refused', async (t) => {
  const world = await openWorld(t);
  for (const acceptForMs of [0, -1, Number.NaN])
    await assert.rejects(world.worker({}).runOnce({ acceptForMs }), { code: 'ARGUMENT_INVALID' });
});
