import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ServiceBusClient } from '@azure/service-bus';
import { requestInput } from '../../src/cli/request-input.ts';
import { readRequest } from '../../src/retraining/envelope.ts';
import type { RequestEvent } from '../../src/retraining/envelope.ts';
import { files } from '../../src/runtime/files.ts';
import { assertFailure, runCli, startBroker, temporaryFolder } from './cli-process.ts';

const QUEUE = 'model-retraining-queue';

async function queued(connectionString: string): Promise<RequestEvent[]> {
  const client = new ServiceBusClient(connectionString, { retryOptions: { maxRetries: 0 } });
  try {
    const messages = await client.createReceiver(QUEUE).peekMessages(100);
    return messages.map((message) => {
      const read = readRequest(message);
      assert.ok(read.kind === 'valid', read.kind === 'invalid' ? read.reason : '');
      return read.event;
    });
  } finally {
    await client.close();
  }
}

test('request sends what flags and file say, flags first, and prints the id', async (t) => {
  const { env, connectionString } = await startBroker(t, { data: await temporaryFolder(t) });
  const decay = ['--kind', 'performance-decay', '--metric', 'mape', '--baseline', '2.2', '--observed', '3.5'];
  const window = ['--window-from', '2026-01-01T00:00:00Z', '--window-to', '2026-03-31T00:00:00Z'];
  const file = { model: { name: 'other', version: '7' }, parameters: { epochs: 1, seed: 4 }, requestedBy: 'a monitor' };
  const args = ['request', '--from', '-', '--model', 'births', '--parameter', 'epochs=3', '--parameter', 'mode=fast'];
  const sent = await runCli([...args, ...decay, ...window, '--data', 'https://example.net/a', '--json'], {
    env,
    stdin: JSON.stringify(file),
  });
  assert.deepEqual([sent.code, sent.stderr], [0, '']);
  const { id, model, queue } = JSON.parse(sent.stdout);
  const [event, ...others] = await queued(connectionString);
  assert.equal(others.length, 0);
  assert.deepEqual([event?.id, event?.subject, queue], [id, model, QUEUE]);
  assert.deepEqual(event?.data, {
    model: { name: 'births', version: '7' },
    trigger: {
      kind: 'performance-decay',
      metric: 'mape',
      baseline: 2.2,
      observed: 3.5,
      window: { from: '2026-01-01T00:00:00Z', to: '2026-03-31T00:00:00Z' },
    },
    data: [{ uri: 'https://example.net/a' }],
    parameters: { epochs: 3, mode: 'fast', seed: 4 },
    requestedBy: 'a monitor',
  });

  // The same occasion told again has the same id and is not queued twice; another key is another occasion.
  const again = await runCli([...args, ...decay, ...window], { env, stdin: JSON.stringify(file) });
  assert.equal(again.stdout, `${id}\n`);
  assert.equal(
    (await runCli(['request', '--model', 'births', '--dedupe-key', 'births-1'], { env })).stdout,
    'births-1\n',
  );
  assert.deepEqual(
    (await queued(connectionString)).map((each) => each.id),
    [id, 'births-1'],
  );
});

test('a request that the broker has not accepted waits in the outbox and goes out with the next one', async (t) => {
  const folder = await temporaryFolder(t);
  const outbox = join(folder, 'outbox');
  const nobody = 'Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=a;SharedAccessKey=b;UseDevelopmentEmulator=true';
  const args = ['request', '--model', 'm', '--outbox', outbox];
  const failed = await runCli([...args, '--connection', nobody]);
  assertFailure(failed, 75, /nobody answers.*the request is kept in .*outbox and goes out with the next one/);
  assert.equal((await readdir(outbox)).length, 1);
  const { connectionString, env } = await startBroker(t, { data: join(folder, 'data') });
  assert.equal((await runCli(args, { env })).code, 0);
  assert.deepEqual([(await queued(connectionString)).length, await readdir(outbox)], [2, []]);
});

test('a request that was sent is reported as sent, whatever is wrong with what was left in the outbox', async (t) => {
  const folder = await temporaryFolder(t);
  const outbox = join(folder, 'outbox');
  const { connectionString, env } = await startBroker(t, { data: join(folder, 'data') });
  // Of an earlier release, which had another limit.
  const data = { model: { name: 'm' }, trigger: { kind: 'manual' }, parameters: { text: 'a'.repeat(70_000) } };
  const event = {
    id: 'a',
    source: '/test',
    type: 'retrain.requested.v1',
    subject: 'm',
    time: '2026-01-01T00:00:00Z',
    data,
  };
  const name = `${'0'.repeat(15)}-${'a'.repeat(22)}.json`;
  await mkdir(outbox);
  await writeFile(join(outbox, name), JSON.stringify({ format: 1, event }));
  const args = ['request', '--model', 'm', '--outbox', outbox, '--dedupe-key', 'm-1'];
  const finished = await runCli(args, { env });
  assert.deepEqual([finished.code, finished.stdout], [0, 'm-1\n']);
  assert.match(finished.stderr, /^retrain: 0{15}-a{22}\.json is left in .*outbox, look at it[^\n]*bytes[^\n]*\n$/);
  assert.equal((await queued(connectionString)).length, 1);
});

test('flags alone, a file alone: the rest is left out, so that the schema tells what is missing', async () => {
  async function* stdin(text: string): AsyncGenerator<Buffer> {
    yield Buffer.from(text);
  }
  const input = (flags: Parameters<typeof requestInput>[0], text = ''): ReturnType<typeof requestInput> =>
    requestInput(flags, { files, stdin: stdin(text) });
  assert.deepEqual(await input({ model: 'm' }), { model: { name: 'm' }, trigger: { kind: 'manual' } });
  assert.deepEqual(await input({ from: '-' }, '{"trigger":{"kind":"schedule"}}'), { trigger: { kind: 'schedule' } });
  await assert.rejects(input({ from: '-' }, '{"model": []}'), { code: 'REQUEST_INVALID' });
});
