import assert from 'node:assert/strict';
import { appendFile, readdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { assertFailure, assertNoneLeft, runCli, startBroker, startCli, temporaryFolder } from './cli-process.ts';
import type { Cli } from './cli-process.ts';

const ROOT = dirname(createRequire(import.meta.url).resolve('retrain/package.json'));
const OWN_TRAINER = join(ROOT, 'examples', 'own-trainer', 'train.mjs');
const TOKEN = 'a-token-of-the-test';

interface Site {
  readonly folder: string;
  readonly config: string;
  readonly up: (...args: string[]) => Cli;
}

/** A folder with a configuration of one model, which a monitor watches. */
async function site(t: TestContext, { ports = 'amqpPort: 0, httpPort: 0', more = '' } = {}): Promise<Site> {
  const folder = await temporaryFolder(t);
  const config = join(folder, 'retrain.yaml');
  const env = { TOKEN, DATA: pathToFileURL(join(folder, 'visitors.txt')).href };
  await writeFile(join(folder, 'visitors.txt'), '10 11 9 10 10 11 9 10 10 10');
  await writeFile(join(folder, 'errors.csv'), 'time,mae\n2026-01-01,1\n2026-01-02,1\n');
  await writeFile(
    config,
    `${more}broker: { ${ports} }
listen: { port: 0, tokens: ["\${TOKEN}"] }
models:
  visitors:
    trainer: { command: [${process.execPath}, ${OWN_TRAINER}] }
    gate: { metric: mae, direction: minimize }
    monitors:
      - name: daily
        source: { csv: errors.csv }
        metric: mae
        ratio: 1.5
        window: { count: 2 }
`,
  );
  return { folder, config, up: (...args) => startCli(t, ['up', '--config', config, ...args], { env }) };
}

test('up runs everything by one configuration: broker, listener, monitor and worker; the other commands find it', async (t) => {
  const { folder, config, up } = await site(t);
  const running = up();
  const [, url = ''] = await running.printed(/ready: 1 models?, .*1 monitor, requests at (http:\S+);/);
  const run = (...args: string[]): ReturnType<typeof runCli> =>
    runCli([...args, '--config', config], { env: { TOKEN } });

  const asked = await fetch(`${url}/v1/requests`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: { name: 'visitors' },
      trigger: { kind: 'new-data' },
      data: [{ uri: pathToFileURL(join(folder, 'visitors.txt')).href }],
    }),
  });
  assert.equal(asked.status, 202);
  await running.printed(/visitors: promoted, mae .*no champion/);

  await appendFile(join(folder, 'errors.csv'), '2026-01-03,3\n2026-01-04,3\n');
  await running.printed(/visitors daily: retraining requested, .*observed 3, limit 1\.5/);
  const manual = await run(
    'request',
    '--model',
    'visitors',
    '--data',
    pathToFileURL(join(folder, 'visitors.txt')).href,
  );
  assert.equal(manual.code, 0, manual.stderr);
  await running.printed(/visitors: rejected/);

  assert.equal((await fetch(`${url}/readyz`)).status, 200);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  assert.match(metrics, /^retrain_run_duration_count\{retrain_model="visitors",retrain_run_result="succeeded"\} \d/m);
  assert.match((await run('status')).stdout, /visitors/);

  running.child.kill('SIGTERM');
  const { code, stderr } = await running.finished;
  assert.equal(code, 0, stderr);
  assert.ok(!(await readdir(join(folder, '.retrain'))).includes('broker.json'));
  assertFailure(
    await run('peek', 'model-retraining-queue'),
    2,
    /names no connection, and no retrain up of it runs here/,
  );
  await assertNoneLeft(folder);
});

test('a queue without sessions serves, too, and says that its guarantee is a lesser one', async (t) => {
  const { folder, config, up } = await site(t, { more: 'queues: { sessions: false }\n' });
  const running = up();
  await running.printed(/has no sessions: this has to be its only worker/);
  const data = pathToFileURL(join(folder, 'visitors.txt')).href;
  const args = ['request', '--model', 'visitors', '--data', data, '--config', config];
  const { code, stderr } = await runCli(args, { env: { TOKEN } });
  assert.equal(code, 0, stderr);
  await running.printed(/visitors: promoted/);
  running.child.kill('SIGTERM');
  assert.equal((await running.finished).code, 0);
  assert.ok((await readdir(join(folder, '.retrain'))).includes('ledgers'));
});

test('a port that is taken ends it with one line, and leaves nothing running', async (t) => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', () => resolve()));
  t.after(() => taken.close());
  const { port } = taken.address() as { port: number };
  const { up } = await site(t, { ports: `amqpPort: ${port}, httpPort: 0` });
  const { code, stderr } = await up().finished;
  assert.equal(code, 75);
  assert.match(stderr, /^retrain: [^\n]*\n$/);
});

test('with --json every fact is a line of JSON with level and time', async (t) => {
  const { up } = await site(t);
  const running = up('--json');
  await running.printed(/"fact":"listening"/);
  running.child.kill('SIGINT');
  const { code, stdout } = await running.finished;
  assert.equal(code, 0);
  for (const line of stdout.trim().split('\n')) {
    const { level, time, fact } = JSON.parse(line) as Record<string, string>;
    assert.match(level ?? '', /^(debug|info|warn)$/);
    assert.ok(!Number.isNaN(Date.parse(time ?? '')));
    assert.ok(fact);
  }
});

test('Ctrl-C while it still starts ends it in order, and nobody is told that it is ready', async (t) => {
  const folder = await temporaryFolder(t);
  const queues = ['model-retraining-queue:sessions,duplicates', 'told'].flatMap((queue) => ['--queue', queue]);
  const broker = await startBroker(t, { data: join(folder, 'broker'), args: queues });
  const gate = await gateTo(t, broker.amqpPort);
  const connection = broker.connectionString.replace(`:${broker.amqpPort}`, `:${gate.port}`);
  const more = `connection: { connectionString: "${connection}" }\noutcomes: { queue: told }\n`;
  const running = (await site(t, { more })).up();
  await gate.reached;
  running.child.kill('SIGINT');
  await running.printed(/stopping/);
  gate.open();
  const { code, stdout } = await running.finished;
  assert.equal(code, 0);
  assert.doesNotMatch(stdout, /ready/);
});

/** A way to a port on this machine that lets nothing through until it is opened. */
async function gateTo(
  t: TestContext,
  target: number,
): Promise<{ port: number; reached: Promise<void>; open: () => void }> {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  let reach = (): void => undefined;
  const reached = new Promise<void>((resolve) => (reach = resolve));
  const server = createServer((client) => {
    client.on('error', () => undefined);
    reach();
    void opened.then(() => {
      const broker = connect(target, '127.0.0.1');
      broker.on('error', () => client.destroy());
      client.pipe(broker).pipe(client);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  t.after(() => server.close());
  return { port: (server.address() as { port: number }).port, reached, open };
}
