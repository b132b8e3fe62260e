import assert from 'node:assert/strict';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertFailure, runCli, startBroker, temporaryFolder } from './cli-process.ts';

const INFRA = join(import.meta.dirname, '..', '..', '..', 'infra');
const FILES = ['Pulumi.yaml', 'Pulumi.dev.yaml', 'topology.json'];

test('broker --from-infra declares the queues and topics of the stack, and no other', async (t) => {
  const folder = await temporaryFolder(t);
  const data = join(folder, 'data');
  const broker = await startBroker(t, { data, args: ['--from-infra', 'dev', '--infra', INFRA, '--queue', 'more'] });
  const exported = await runCli(['topology', 'export', '--json'], { env: broker.env });
  assert.equal(exported.code, 0, exported.stderr);
  const { queues, topics } = JSON.parse(exported.stdout);
  assert.deepEqual(queues, [
    { name: 'model-retraining-queue', ...REQUESTS },
    { name: 'more' },
    {
      name: 'retraining-intake',
      requiresDuplicateDetection: true,
      deadLetteringOnMessageExpiration: true,
      defaultMessageTimeToLive: 'P14D',
    },
  ]);
  assert.deepEqual(topics, [
    {
      name: 'model-retraining-outcomes',
      requiresDuplicateDetection: true,
      subscriptions: [
        { name: 'notify', lockDuration: 'PT5M', maxDeliveryCount: 1000, defaultMessageTimeToLive: 'P14D', rules },
        { name: 'status', defaultMessageTimeToLive: 'P14D', rules },
      ],
    },
  ]);
});

const rules = [{ name: '$Default' }];
const REQUESTS = {
  requiresSession: true,
  requiresDuplicateDetection: true,
  deadLetteringOnMessageExpiration: true,
  defaultMessageTimeToLive: 'P14D',
};

test('broker --from-infra takes the settings of a program of ones own, and the plain queue of the beginning', async (t) => {
  const folder = await temporaryFolder(t);
  const infra = join(folder, 'own');
  await mkdir(infra);
  for (const file of FILES) await cp(join(INFRA, file), join(infra, file));
  await writeFile(join(infra, 'Pulumi.team.yaml'), 'config:\n  retrain:layout: plain\n  retrain:queueName: models\n');
  const args = ['--from-infra', 'org/retrain/team', '--infra', infra];
  const broker = await startBroker(t, { data: join(folder, 'data'), args });
  const exported = await runCli(['topology', 'export', '--json'], { env: broker.env });
  assert.deepEqual(JSON.parse(exported.stdout).queues, [{ name: 'models' }]);
});

test('broker --from-infra says which stacks there are, and what a setting should be', async (t) => {
  const folder = await temporaryFolder(t);
  for (const file of FILES) await cp(join(INFRA, file), join(folder, file));
  await writeFile(join(folder, 'Pulumi.long.yaml'), 'config:\n  retrain:lockDuration: PT1H\n');
  const start = (...args: string[]) => runCli(['broker', '--data', join(folder, 'data'), ...args]);
  const from = (stack: string) => start('--infra', folder, '--from-infra', stack);
  assertFailure(await from('staging'), 2, /no stack 'staging' in .*: use dev, long/);
  assertFailure(await from('long'), 2, /lockDuration: 'PT1H' must be .* from PT5S to PT5M/);
  assertFailure(await start('--infra', folder), 2, /--infra goes with --from-infra/);
  const nowhere = join(folder, 'nowhere');
  assertFailure(await start('--infra', nowhere, '--from-infra', 'dev'), 2, /no .*Pulumi\.yaml: name/);
});
