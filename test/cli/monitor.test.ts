import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { ServiceBusClient } from '@azure/service-bus';
import { readRequest } from '../../src/retraining/envelope.ts';
import type { RequestEvent } from '../../src/retraining/envelope.ts';
import { assertFailure, runCli, startBroker, startCli, temporaryFolder } from './cli-process.ts';

const QUEUE = 'model-retraining-queue';
const MONITOR = {
  name: 'mape',
  source: { csv: 'errors.csv', time: 'day' },
  metric: 'mape',
  ratio: 1.5,
  window: { count: 2 },
  baseline: 2,
};
const PROGRAM = join(import.meta.dirname, '..', 'retraining', 'monitors', 'monitor-program.js');

/** A folder with a configuration of one monitor and its errors. */
async function project(t: TestContext, errors: readonly number[], monitor: object = MONITOR): Promise<string> {
  const folder = await temporaryFolder(t);
  const model = {
    trainer: { command: ['true'] },
    gate: { metric: 'mape', direction: 'minimize' },
    monitors: [monitor],
  };
  await writeFile(join(folder, 'retrain.yaml'), JSON.stringify({ models: { births: model } }));
  await writeFile(join(folder, 'errors.csv'), `day,mape\n${rows(errors)}`);
  return folder;
}

function rows(errors: readonly number[], first = 1): string {
  return errors.map((error, index) => `2026-01-${String(first + index).padStart(2, '0')},${error}\n`).join('');
}

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

test('monitor --once asks for what has decayed since the last time, and goes on from there', async (t) => {
  const { env, connectionString } = await startBroker(t, { data: await temporaryFolder(t) });
  const cwd = await project(t, [2, 2, 5, 5]);
  const first = await runCli(['monitor', '--once', '--verbose'], { env, cwd });
  assert.deepEqual([first.code, first.stderr], [0, '']);
  assert.match(first.stdout, /^births mape: 2026-01-01 to 2026-01-02 \(2\): 2, steady, reference 2$/m);
  assert.match(
    first.stdout,
    /retraining requested, id \w+: mape by ratio: observed 5, limit 3, reference 2, 2026-01-03 to/,
  );
  await appendFile(join(cwd, 'errors.csv'), rows([6, 6], 5));
  const second = await runCli(['monitor', '--once', '--json'], { env, cwd });
  assert.deepEqual(
    second.stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { fact: string }).fact),
    ['window-closed', 'retraining-requested'],
  );
  assert.deepEqual(
    (await queued(connectionString)).map(({ data }) => [data.model.name, data.trigger.observed, data.requestedBy]),
    [
      ['births', 5, 'monitor mape'],
      ['births', 6, 'monitor mape'],
    ],
  );
});

test('monitor killed after its request was accepted and before it is remembered: one request', async (t) => {
  const { env, connectionString } = await startBroker(t, { data: await temporaryFolder(t) });
  const cwd = await project(t, [2, 2, 5, 5]);
  const config = { connection: connectionString, baseFolder: cwd, model: 'births', settings: MONITOR };
  const killed = spawn(process.execPath, [PROGRAM, JSON.stringify(config)], { stdio: 'ignore' });
  assert.deepEqual(await once(killed, 'exit'), [null, 'SIGKILL']);
  const [request, ...others] = await queued(connectionString);
  assert.equal(others.length, 0);
  assert.equal(request?.data.trigger.observed, 5);
  const again = await runCli(['monitor', '--once'], { env, cwd });
  assert.match(again.stdout, new RegExp(`retraining requested, id ${request?.id}:`));
  assert.equal((await queued(connectionString)).length, 1);
  const third = await runCli(['monitor', '--once'], { env, cwd });
  assert.doesNotMatch(third.stdout, /requested/);
});

test('monitor runs until Ctrl-C, and what decays meanwhile is requested', async (t) => {
  const { env, connectionString } = await startBroker(t, { data: await temporaryFolder(t) });
  const cwd = await project(t, [2, 2]);
  const monitor = startCli(t, ['monitor'], { env, cwd });
  await monitor.printed(/watching with 1 monitor of 1 model;/);
  await appendFile(join(cwd, 'errors.csv'), rows([5, 5], 3));
  await monitor.printed(/retraining requested/);
  monitor.child.kill('SIGINT');
  const { code, stderr } = await monitor.finished;
  assert.deepEqual([code, stderr], [0, '']);
  assert.equal((await queued(connectionString)).length, 1);
});

test('monitor --dry-run needs no broker and leaves nothing behind', async (t) => {
  const cwd = await project(t, [2, 2, 5, 5]);
  for (let run = 1; run <= 2; run++) {
    const { code, stdout } = await runCli(['monitor', '--once', '--dry-run'], { cwd });
    assert.equal(code, 0);
    assert.match(stdout, /retraining would be requested: mape by ratio: observed 5/);
  }
  assert.deepEqual(await readdir(cwd), ['errors.csv', 'retrain.yaml']);
});

test('monitor --once ends with 1 when a monitor cannot do its work, and says why', async (t) => {
  const cwd = await project(t, [2, 2], { ...MONITOR, value: 'smape' });
  const { code, stdout } = await runCli(['monitor', '--once', '--dry-run'], { cwd });
  assert.equal(code, 1);
  assert.match(stdout, /held up, tried again: .*errors\.csv has no column "smape", but day, mape/);
});

test('monitor without monitors, or with a model that is not there, says what to do', async (t) => {
  const cwd = await project(t, []);
  assertFailure(
    await runCli(['monitor', '--dry-run', '--model', 'deaths'], { cwd }),
    2,
    /--model deaths: retrain.yaml has no/,
  );
  await writeFile(
    join(cwd, 'retrain.yaml'),
    JSON.stringify({ models: { a: { trainer: { command: ['true'] }, gate: { metric: 'm', direction: 'minimize' } } } }),
  );
  assertFailure(await runCli(['monitor', '--dry-run'], { cwd }), 2, /has no monitors: give a model some/);
});
