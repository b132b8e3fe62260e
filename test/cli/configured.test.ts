import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { StatusReport } from '../../src/cli/status.ts';
import { assertFailure, runCli, startBroker, startCli, temporaryFolder } from './cli-process.ts';

// Commands that find broker, queue, models and folders in a configuration.

const ROOT = dirname(createRequire(import.meta.url).resolve('retrain/package.json'));
const OWN_TRAINER = join(ROOT, 'examples', 'own-trainer', 'train.mjs');

interface Site {
  readonly file: string;
  readonly env: Record<string, string>;
  readonly run: (...args: string[]) => ReturnType<typeof runCli>;
}

/** A broker with a topic for outcomes, and a configuration that leads to it. */
async function site(t: TestContext, more = ''): Promise<Site> {
  const folder = await temporaryFolder(t);
  const topology = join(folder, 'namespace.yaml');
  await writeFile(
    topology,
    'queues: [{ name: q, requiresSession: true, requiresDuplicateDetection: true }]\ntopics: [{ name: told, subscriptions: [{ name: status }] }]\n',
  );
  const { env } = await startBroker(t, { data: join(folder, 'broker'), args: ['--config', topology] });
  const { RETRAIN_CONNECTION_STRING: connection = '' } = env;
  await mkdir(join(folder, 'site'));
  const file = join(folder, 'site', 'retrain.yaml');
  await writeFile(
    file,
    `connection: { connectionString: "\${BROKER}" }
queues: { requests: q }
outcomes: { topic: told }
models:
  visitors:
    trainer: { command: [${process.execPath}, ${OWN_TRAINER}] }
    gate: { metric: mae, direction: minimize }
${more}`,
  );
  const site = { file, env: { BROKER: connection } };
  return { ...site, run: (...args) => runCli([...args, '--config', file], { env: site.env }) };
}

test('a worker with a configuration and --once trains what waits, then ends; another one finds nothing', async (t) => {
  const { run, file } = await site(t);
  const data = join(dirname(file), 'visitors.txt');
  await writeFile(data, '10 11 9 10 10 11 9 10 10 10');
  const asked = await run('request', '--model', 'visitors', '--data', pathToFileURL(data).href);
  assert.equal(asked.code, 0, asked.stderr);
  const worked = await run('worker', '--once');
  assert.equal(worked.code, 0, worked.stderr);
  assert.match(worked.stdout, /visitors: promoted[\s\S]*1 run for 1 model\n$/);
  assert.match((await run('worker', '--once')).stdout, /nothing to do/);
  const status = JSON.parse((await run('status', '--json')).stdout) as StatusReport;
  assert.equal(status.queue?.name, 'q');
});

test('what is wrong with a configuration is told by every command, before anything is connected to', async (t) => {
  const { run, file } = await site(t, '    attempts: none\n');
  for (const command of [['worker'], ['status'], ['peek', 'q']])
    assertFailure(
      await run(...command),
      2,
      /retrain\.yaml:8:15: models\.visitors\.attempts: must be a number, not 'none'\n/,
    );
  const checked = await runCli(['config', 'check', file], { env: { BROKER: 'x' } });
  assertFailure(checked, 2, /retrain\.yaml:8:15/);
});

test('a missing variable, a missing file, and a flag that the configuration answers', async (t) => {
  const { run, file } = await site(t);
  assertFailure(await runCli(['worker', '--config', file]), 2, /environment variable BROKER is not set/);
  assertFailure(await runCli(['worker', '--config', join(file, 'none')]), 2, /no configuration|ENOTDIR/);
  assertFailure(
    await run('worker', '--attempts', '3'),
    2,
    /--attempts goes with a trainer after --: .*models\.NAME\.attempts/,
  );
});

test('a worker serves probes and metrics when it is asked to', async (t) => {
  const { file, env } = await site(t);
  const worker = startCli(t, ['worker', '--probe-port', '0', '--config', file], { env });
  const [, url = ''] = await worker.printed(/probes and metrics at (http:\S+)\n/);
  assert.equal((await fetch(`${url}/livez`)).status, 200);
  assert.equal((await fetch(`${url}/readyz`)).status, 200);
  assert.equal((await fetch(`${url}/metrics`)).status, 200);
  assert.equal((await fetch(`${url}/v1/requests`, { method: 'POST', body: '{}' })).status, 404);
  worker.child.kill('SIGTERM');
  assert.equal((await worker.finished).code, 0);
});

test('config check counts what there is, and shows no secret', async (t) => {
  const { file, env } = await site(t);
  const { code, stdout } = await runCli(['config', 'check', file], { env });
  assert.equal(code, 0);
  assert.match(stdout, /can be used: 1 model, 0 monitors, 0 intake rules, 0 notify rules; broker: 127\.0\.0\.1:\d+/);
  const { stdout: json } = await runCli(['config', 'check', file, '--json'], { env });
  assert.deepEqual((JSON.parse(json) as { models: string[] }).models, ['visitors']);
  assert.doesNotMatch(json, /SharedAccessKey/);
});
