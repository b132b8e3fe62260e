import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { blobCreated } from '../retraining/intake/azure-events.ts';
import { CliBench, lines } from './cli-bench.ts';
import { assertFailure, runCli, temporaryFolder } from './cli-process.ts';

const TOKEN = 'a-token-of-enough-characters';
const REQUESTS = 'model-retraining-queue:sessions,duplicates';
const MODELS = 'models:\n  raw:\n    trainer: { command: [node] }\n    gate: { metric: mae, direction: minimize }\n';
const RULES =
  "intake:\n  rules:\n    - when: { type: Microsoft.Storage.BlobCreated, subject: '*/containers/raw/*' }\n      model: '{container}'\n";
const LISTEN = 'listen: { port: 0, tokens: ["${RETRAIN_TOKEN}"] }\n';

async function configured(
  bench: CliBench,
  ...sections: string[]
): Promise<{ config: string; env: Record<string, string> }> {
  const config = join(bench.folder, 'retrain.yaml');
  const connection = 'connection: { connectionString: "${BROKER}" }\n';
  await writeFile(config, [connection, MODELS, ...sections].join(''));
  return { config, env: { BROKER: bench.connectionString, RETRAIN_TOKEN: TOKEN } };
}

interface Fact {
  readonly fact: string;
  readonly url?: string;
}

test('intake takes events and HTTP requests at once, tells each as a line, and stops in order', async (t) => {
  const bench = await CliBench.open(t, REQUESTS, 'retraining-intake:duplicates');
  const { config, env } = await configured(bench, RULES, LISTEN);
  const intake = bench.start(['intake', '--config', config, '--json'], { env });
  const [listening] = await intake.printed(/^.*"fact":"listening".*\n/m);
  const { url = '' } = JSON.parse(listening) as Fact;
  await bench
    .client()
    .createSender('retraining-intake')
    .sendMessages([{ body: blobCreated() }, { body: blobCreated('other/a.csv') }]);
  const answer = await fetch(`${url}/v1/requests`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: { name: 'raw' }, trigger: { kind: 'manual' } }),
  });
  assert.equal(answer.status, 202);
  assert.equal((await fetch(`${url}/readyz`)).status, 200);
  await intake.printed(/"fact":"event-taken"/);
  await intake.printed(/"fact":"event-dead-lettered","reason":"NoMatchingRule"/);
  intake.child.kill('SIGTERM');
  const { code, stdout, stderr } = await intake.finished;
  assert.deepEqual([code, stderr], [0, '']);
  const facts = lines<Fact>(stdout).map(({ fact }) => fact);
  assert.ok(facts.indexOf('listener-stopped') < facts.indexOf('intake-stopped'), 'what lets work in stops first');
  const requests = await bench.peek('model-retraining-queue');
  assert.deepEqual(
    requests.map(({ sessionId }) => sessionId),
    ['raw', 'raw'],
  );
});

test('a person reads lines; the listener alone does without an intake queue', async (t) => {
  const bench = await CliBench.open(t, REQUESTS);
  const { config, env } = await configured(bench, LISTEN);
  const intake = bench.start(['intake', '--config', config], { env });
  const [, url = ''] = await intake.printed(/taking requests at (http:\S+); Ctrl-C/);
  const answer = await fetch(`${url}/v1/requests`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', 'idempotency-key': 'k' },
    body: JSON.stringify({ model: { name: 'raw' }, trigger: { kind: 'manual' } }),
  });
  assert.equal(answer.status, 202);
  await intake.printed(/^raw: request raw\|k by HTTP, accepted$/m);
  intake.child.kill('SIGTERM');
  assert.equal((await intake.finished).code, 0);
});

test('what cannot work is said at the start', async (t) => {
  const bench = await CliBench.open(t, REQUESTS);
  const nothing = await configured(bench);
  assertFailure(
    await runCli(['intake', '--config', nothing.config], nothing),
    2,
    /has nothing to take: give rules under intake/,
  );
  const missing = await configured(bench, RULES);
  assertFailure(await runCli(['intake', '--config', missing.config], missing), 1, /"retraining-intake" does not exist/);
  const open = await configured(bench, 'listen: { host: 0.0.0.0, port: 0 }\n');
  assertFailure(await runCli(['intake', '--config', open.config], open), 2, /listen\.tokens is empty/);
  const none = await temporaryFolder(t);
  assertFailure(await runCli(['intake'], { cwd: none }), 2, /there is no retrain\.yaml here/);
});

test('intake --once takes the events that wait, listens for nothing, and ends', async (t) => {
  const bench = await CliBench.open(t, REQUESTS, 'retraining-intake:duplicates');
  const { config, env } = await configured(bench, RULES, LISTEN);
  await bench
    .client()
    .createSender('retraining-intake')
    .sendMessages([{ body: blobCreated() }, { body: blobCreated('raw/b.csv') }]);
  const first = await runCli(['intake', '--config', config, '--once'], { env });
  assert.deepEqual([first.code, first.stderr], [0, '']);
  assert.match(first.stdout, /2 messages taken, 2 requests accepted\n$/);
  assert.doesNotMatch(first.stdout, /http:/);
  assert.equal((await bench.peek('model-retraining-queue')).length, 2);
  assert.deepEqual(await bench.peek('retraining-intake'), []);
  const second = await runCli(['intake', '--config', config, '--once', '--json'], { env });
  assert.deepEqual(
    lines<Fact>(second.stdout).map(({ fact }) => fact),
    ['intake-started', 'intake-stopped'],
  );
  const third = await runCli(['intake', '--config', config, '--once'], { env });
  assert.deepEqual([third.code, third.stdout, third.stderr], [0, 'nothing to take\n', '']);
});

test('intake --once that can do nothing says so, and ends', async (t) => {
  const bench = await CliBench.open(t, REQUESTS);
  const listening = await configured(bench, LISTEN);
  assertFailure(
    await runCli(['intake', '--config', listening.config, '--once'], listening),
    2,
    /has no rules under intake, so that --once has nothing to take/,
  );
  const { config } = await configured(bench, RULES);
  const BROKER = 'Endpoint=sb://127.0.0.1:9;SharedAccessKeyName=a;SharedAccessKey=a2V5;UseDevelopmentEmulator=true';
  assertFailure(
    await runCli(['intake', '--config', config, '--once'], { env: { BROKER } }),
    75,
    /no(body| broker) answers/,
  );
});

test('a request that came in while no broker answered waits in the outbox, is listed there, and is sent', async (t) => {
  const bench = await CliBench.open(t, REQUESTS);
  const away = {
    BROKER: 'Endpoint=sb://127.0.0.1:9;SharedAccessKeyName=a;SharedAccessKey=a2V5;UseDevelopmentEmulator=true',
    RETRAIN_TOKEN: TOKEN,
  };
  const { config } = await configured(bench, LISTEN);
  const intake = bench.start(['intake', '--config', config], {
    env: { ...away, RETRAIN_CONNECTION_STRING: away.BROKER },
  });
  const [, url = ''] = await intake.printed(/taking requests at (http:\S+); Ctrl-C/);
  assert.match(intake.stdout, /going on, and trying again/);
  const answer = await fetch(`${url}/v1/requests`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', 'idempotency-key': 'k' },
    body: JSON.stringify({ model: { name: 'raw' }, trigger: { kind: 'manual' } }),
  });
  assert.equal(((await answer.json()) as { state: string }).state, 'queued');
  intake.child.kill('SIGKILL');
  await intake.finished;
  const outbox = join(bench.folder, '.retrain', 'outbox');
  assert.equal((await readdir(outbox)).length, 1);
  const listed = await bench.ok(['outbox', 'list', '--outbox', outbox]);
  assert.match(listed, /^\d{4}-\S+ {2}raw {2}manual {2}raw\|k\n$/);
  assert.equal(await bench.ok(['outbox', 'flush', '--outbox', outbox]), '1 sent\n');
  assert.equal(await bench.ok(['outbox', 'list', '--outbox', outbox]), `nothing waits in ${outbox}\n`);
  assert.deepEqual(
    (await bench.peek('model-retraining-queue')).map(({ messageId }) => messageId),
    ['raw|k'],
  );
});

test('what is damaged in an outbox is listed, and left by a flush that says so', async (t) => {
  const bench = await CliBench.open(t, REQUESTS);
  const outbox = join(bench.folder, 'outbox');
  await mkdir(outbox);
  const name = `${'0'.repeat(15)}-${'a'.repeat(22)}.json`;
  await writeFile(join(outbox, name), '{');
  const listed = JSON.parse(await bench.ok(['outbox', 'list', '--outbox', outbox, '--json'])) as {
    requests: { name: string }[];
  };
  assert.deepEqual(
    listed.requests.map((row) => row.name),
    [name],
  );
  const flushed = await bench.run(['outbox', 'flush', '--outbox', outbox]);
  assert.equal(flushed.code, 1);
  assert.match(flushed.stderr, /is left in .*outbox, look at it/);
});
