import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { ServiceBusClient } from '@azure/service-bus';
import { assertFailure, runCli, startBroker, temporaryFolder } from './cli-process.ts';

function clientOf(t: TestContext, connectionString: string): ServiceBusClient {
  const client = new ServiceBusClient(connectionString, { retryOptions: { maxRetries: 0 } });
  t.after(() => client.close());
  return client;
}

const NAMESPACE = `
queues:
  - name: orders
    requiresSession: true
    forwardDeadLetteredMessagesTo: graveyard
  - name: graveyard
topics:
  - name: outcomes
    subscriptions:
      - name: red
        maxDeliveryCount: 1
        rules:
          - name: red
            sqlFilter: { sqlExpression: colour = 'red' }
            action: { sqlExpression: SET seen = 1 }
      - name: all
`;

test('broker --config declares queues, topics, subscriptions and rules, and no other queue', async (t) => {
  const folder = await temporaryFolder(t);
  const config = join(folder, 'namespace.yaml');
  await writeFile(config, NAMESPACE);
  const broker = await startBroker(t, { data: join(folder, 'data'), args: ['--config', config, '--queue', 'more'] });
  const client = clientOf(t, broker.connectionString);
  await client.createSender('orders').sendMessages({ body: 1, sessionId: 's' });
  await client.createSender('more').sendMessages({ body: 1 });
  await client
    .createSender('outcomes')
    .sendMessages(['red', 'blue'].map((colour) => ({ body: colour, applicationProperties: { colour } })));
  const received = async (subscription: string) =>
    (await client.createReceiver('outcomes', subscription).receiveMessages(2, { maxWaitTimeInMs: 5_000 })).map(
      ({ body, applicationProperties }) => [body, applicationProperties?.['seen']],
    );
  assert.deepEqual(await received('all'), [
    ['red', undefined],
    ['blue', undefined],
  ]);
  assert.deepEqual(await received('red'), [['red', 1]]);
  await assert.rejects(client.createSender('model-retraining-queue').sendMessages({ body: 1 }), {
    code: 'MessagingEntityNotFound',
  });
});

test('broker --config makes what is there as the file says, keeps what the file does not name, and refuses what cannot be', async (t) => {
  const folder = await temporaryFolder(t);
  const data = join(folder, 'data');
  const config = join(folder, 'namespace.yaml');
  const start = async (text: string) => {
    await writeFile(config, text);
    return startBroker(t, { data, args: ['--config', config] });
  };
  const first = await start('queues: [{name: a}, {name: b}]');
  await clientOf(t, first.connectionString).createSender('a').sendMessages({ body: 'kept' });
  first.cli.child.kill('SIGTERM');
  await first.cli.finished;

  const second = await start('queues: [{name: A, maxDeliveryCount: 1}]');
  const client = clientOf(t, second.connectionString);
  await client.createSender('b').sendMessages({ body: 1 });
  const receiver = client.createReceiver('a');
  const [message] = await receiver.receiveMessages(1);
  assert.equal(message?.body, 'kept');
  assert.ok(message);
  await receiver.abandonMessage(message);
  const [dead] = await client.createReceiver('a', { subQueueType: 'deadLetter' }).receiveMessages(1);
  assert.equal(dead?.deadLetterReason, 'MaxDeliveryCountExceeded');
  second.cli.child.kill('SIGTERM');
  await second.cli.finished;

  await writeFile(config, 'queues: [{name: a, requiresSession: true}, {name: c, forwardTo: nowhere}]');
  const refused = await runCli(['broker', '--data', data, '--amqp-port', '0', '--http-port', '0', '--config', config]);
  assertFailure(refused, 2, /queue 'a': requiresSession is false and cannot .*; queue 'c': forwardTo: .*'nowhere'/);
});

test('broker --config tells everything that is wrong in a file, a line for each place, before anything is made', async (t) => {
  const folder = await temporaryFolder(t);
  const config = join(folder, 'namespace.yaml');
  const broker = () =>
    runCli(['broker', '--data', join(folder, 'data'), '--amqp-port', '0', '--http-port', '0', '--config', config]);
  assertFailure(await broker(), 2, /there is no file '.*namespace\.yaml'/);
  const inFolder = await runCli(['broker', '--data', join(folder, 'data'), '--config', folder]);
  assertFailure(inFolder, 2, /'.*' is a folder: name a file/);
  await writeFile(config, 'queues:\n  - nam: a\n');
  assert.deepEqual((await broker()).stderr.split('\n'), [
    `retrain: ${config} has to be corrected in 2 places:`,
    `${config}:2:5: queues[0].nam: unknown property 'nam'; did you mean 'name'?`,
    `${config}:2:5: queues[0].name: is missing`,
    '',
  ]);
  await writeFile(config, 'queues: [{name: a, status: Off}]');
  assertFailure(await broker(), 2, /namespace\.yaml:1:28: queues\[0\]\.status: must be one of Active/);
  await writeFile(config, 'queues: [{name: a}]');
  const twice = await runCli(['broker', '--data', join(folder, 'data'), '--config', config, '--queue', 'A']);
  assertFailure(twice, 2, /queue 'a': .*declared twice/);
});

test('the default queue is made when it is missing, and left as it was changed', async (t) => {
  const data = await temporaryFolder(t);
  const config = join(data, 'namespace.yaml');
  await writeFile(
    config,
    'queues: [{name: model-retraining-queue, requiresSession: true, requiresDuplicateDetection: true, lockDuration: PT10S}]',
  );
  const first = await startBroker(t, { data, args: ['--config', config] });
  first.cli.child.kill('SIGTERM');
  await first.cli.finished;
  const second = await startBroker(t, { data });
  const receiver = clientOf(t, second.connectionString);
  await receiver.createSender('model-retraining-queue').sendMessages({ body: 1, sessionId: 's' });
  const session = await receiver.acceptSession('model-retraining-queue', 's');
  const lockedForMs = (session.sessionLockedUntilUtc?.getTime() ?? 0) - Date.now();
  assert.ok(lockedForMs < 30_000, `locked for ${lockedForMs} ms`);
});

test('Config.json of the emulator, with the emulator’s key, is served to clients of the emulator', async (t) => {
  const folder = await temporaryFolder(t);
  const config = join(folder, 'Config.json');
  await writeFile(
    config,
    `{ "UserConfig": { "Namespaces": [{ "Name": "sbemulatorns",
      "Queues": [{ "Name": "q", "Properties": { "DuplicateDetectionHistoryTimeWindow": "PT5S" } }], // short
      "Topics": [{ "Name": "t", "Subscriptions": [{ "Name": "s", "Rules": [
        { "Name": "r", "Properties": { "FilterType": "Correlation", "CorrelationFilter": { "Label": "x" } } } ] }] }]
    }], "Logging": { "Type": "File" } } }`,
  );
  const broker = await startBroker(t, { data: join(folder, 'data'), args: ['--emulator', '--config', config] });
  assert.match(
    broker.cli.stderr,
    /^retrain: warning: .*Config\.json:2:\d+: .*PT5S is less than Service Bus takes; it is PT20S\n$/,
  );
  const client = clientOf(
    t,
    `Endpoint=sb://127.0.0.1:${broker.amqpPort};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;`,
  );
  await client.createSender('q').sendMessages({ body: 1 });
  await client.createSender('t').sendMessages([{ body: 'no' }, { body: 'yes', subject: 'x' }]);
  const [message] = await client.createReceiver('t', 's').receiveMessages(1);
  assert.equal(message?.body, 'yes');
});
