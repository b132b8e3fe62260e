import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { RetrainingProducer } from '../../src/retraining/producer.ts';
import type { TrainerRun } from '../../src/retraining/trainers/trainer.ts';
import type { ProducerProgram } from './producer-program.ts';
import { eventually } from './trainers/run-fixture.ts';
import { good, openWorld, QUEUE } from './worker/worker-fixture.ts';

// Real processes, a real broker: what a producer promises when it is killed, or shares its outbox.

const PROGRAM = join(import.meta.dirname, 'producer-program.js');

const input = {
  model: { name: 'births' },
  trigger: { kind: 'new-data' as const },
  data: [{ uri: 'https://example.net/births.csv', etag: '1' }],
};

async function produce(config: ProducerProgram): Promise<{ signal: NodeJS.Signals | null; sent: number }> {
  const child = spawn(process.execPath, ['--enable-source-maps', PROGRAM, JSON.stringify(config)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
  const [, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { signal, sent: Number(printed) };
}

for (const [killAt, held, waiting] of [
  ['before-put', 0, 0],
  ['after-put', 1, 0],
  ['after-send', 1, 1],
] as const)
  test(`a producer that is killed ${killAt} costs no request and no second run`, async (t) => {
    const { server, folder, ...world } = await openWorld(t);
    const outboxFolder = join(folder, 'outbox');
    const config = { connectionString: server.connectionString, queue: QUEUE, outboxFolder };
    const died = await produce({ ...config, inputs: [input], killAt });
    assert.equal(died.signal, 'SIGKILL');
    assert.equal((await readdir(outboxFolder).catch(() => [])).filter((name) => name.endsWith('.json')).length, held);
    assert.equal((await world.peek()).length, waiting);
    // Its successor, which is asked for the same when the first one died before it promised anything.
    const next = await produce({ ...config, ...(held === 0 && { inputs: [input] }) });
    assert.deepEqual(next, { signal: null, sent: held });
    assert.equal((await world.peek()).length, 1, 'what the broker had accepted is dropped as a duplicate');
    assert.deepEqual(await readdir(outboxFolder), []);
    const runs: TrainerRun[] = [];
    await world.work({ trainer: good(folder, runs) });
    await world.told('promoted');
    assert.equal(runs.length, 1);
    assert.equal(runs[0]?.plan.requests.length, 1);
  });

test('two processes that flush one outbox send each request once', async (t) => {
  const { server, folder, ...world } = await openWorld(t);
  const outboxFolder = join(folder, 'outbox');
  const inputs = Array.from({ length: 60 }, (_, index) => ({
    ...input,
    data: [{ uri: `https://example.net/${index}`, etag: '1' }],
  }));
  await using away = new RetrainingProducer({
    sender: {
      sendMessages: () => Promise.reject(Object.assign(new Error('away'), { errno: -111, syscall: 'connect' })),
      close: async () => undefined,
    },
    outboxFolder,
  });
  const results = await away.requestAll(inputs);
  assert.ok(results.every(({ state }) => state === 'queued'));
  const config = { connectionString: server.connectionString, queue: QUEUE, outboxFolder };
  const flushed = await Promise.all([produce(config), produce(config)]);
  assert.ok(flushed.every(({ signal }) => signal === null));
  assert.ok(flushed[0].sent + flushed[1].sent >= inputs.length);
  const ids = (await world.peek()).map(({ messageId }) => String(messageId)).sort();
  assert.deepEqual(ids, results.map((result) => (result.state === 'failed' ? '' : result.messageId)).sort());
  assert.deepEqual(await readdir(outboxFolder), []);
});

test('a scheduled request that is cancelled is not trained', async (t) => {
  const { server, folder, producer, ...world } = await openWorld(t);
  assert.ok(server);
  const { id } = await producer.schedule({ ...input, model: { name: 'later' } }, new Date(Date.now() + 3_000));
  const other = await producer.request({ ...input, model: { name: 'later' }, data: [] });
  await producer.cancel('later', id);
  const runs: TrainerRun[] = [];
  await world.work({ trainer: good(folder, runs) });
  await world.told('promoted');
  await world.told('cancelled');
  // When it becomes due, it is known to be cancelled.
  await eventually(async () => (await world.peek()).length === 0);
  assert.deepEqual(
    runs.map(({ plan }) => plan.requests.map((request) => request.id)),
    [[other.id]],
  );
});
