import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { ServiceBusClient } from '@azure/service-bus';
import { connectSocket } from '../../bench/socket-connection.ts';
import type { AmqpError } from '../../src/amqp/index.ts';
import { assertFailure, runCli, startBroker, startCli, temporaryFolder } from './cli-process.ts';

/** Changes a limit of a running process. */
const SET_LIMIT: string = 'prlimit';

test('broker --json prints exactly one line when it is ready, and ends with 0 on SIGTERM and on SIGINT', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const broker = await startBroker(t, { data: await temporaryFolder(t) });
    assert.deepEqual(Object.keys(broker.cli.stdout === '' ? {} : JSON.parse(broker.cli.stdout)), [
      'connectionString',
      'accessRules',
      'amqpPort',
      'httpPort',
      'pid',
      'connect',
    ]);
    assert.equal(broker.pid, broker.cli.child.pid);
    const health = await fetch(`http://127.0.0.1:${broker.httpPort}/health`);
    assert.equal(health.status, 200);
    await health.text();
    process.kill(broker.pid, signal);
    const { code, stdout, stderr } = await broker.cli.finished;
    assert.deepEqual([code, stdout.trim().split('\n').length, stderr], [0, 1, '']);
  }
});

test('broker tells people the connection string, what is kept, and how to stop it', async (t) => {
  const data = await temporaryFolder(t);
  const cli = startCli(t, ['broker', '--data', data, '--amqp-port', '0', '--http-port', '0']);
  const [, connectionString] = await cli.printed(/connection string +(Endpoint=sb:\/\/127\.0\.0\.1:\d+;.*)\n/);
  await cli.printed(/Ctrl-C stops it/);
  assert.match(connectionString ?? '', /UseDevelopmentEmulator=true$/);
  assert.match(cli.stdout, new RegExp(data));
  cli.child.kill('SIGINT');
  assert.equal((await cli.finished).code, 0);
});

test('broker keeps what it has accepted, and its key, over a restart', async (t) => {
  const data = await temporaryFolder(t);
  const first = await startBroker(t, { data });
  assert.equal((await runCli(['request', '--model', 'm'], { env: first.env })).code, 0);
  first.cli.child.kill('SIGTERM');
  assert.equal((await first.cli.finished).code, 0);
  const second = await startBroker(t, { data });
  const key = (text: string): string | undefined => /SharedAccessKey=([^;]+)/.exec(text)?.[1];
  assert.equal(key(second.connectionString), key(first.connectionString));
  const status = await runCli(['status', '--json', '--state', data], { env: second.env });
  assert.equal(JSON.parse(status.stdout).queue.models[0].waiting, 1);
});

test('broker declares the queues that it is given, and only those', async (t) => {
  const broker = await startBroker(t, {
    data: await temporaryFolder(t),
    args: ['--queue', 'plain', '--queue', 'ordered:sessions,maxDeliveryCount=3'],
  });
  const client = new ServiceBusClient(broker.connectionString, { retryOptions: { maxRetries: 0 } });
  t.after(() => client.close());
  await client.createSender('plain').sendMessages({ body: 1 });
  await client.createSender('ordered').sendMessages({ body: 1, sessionId: 's' });
  await assert.rejects(client.createSender('model-retraining-queue').sendMessages({ body: 1, sessionId: 's' }), {
    code: 'MessagingEntityNotFound',
  });
});

test('broker refuses an address that others can reach without a key of your own', async (t) => {
  const data = await temporaryFolder(t);
  const finished = await runCli([
    'broker',
    '--data',
    data,
    '--host',
    '0.0.0.0',
    '--amqp-port',
    '0',
    '--http-port',
    '0',
  ]);
  assertFailure(finished, 2, /0\.0\.0\.0.*key/);
});

test('broker prints a connection string for each access rule, which opens what the rule is for, also after a restart', async (t) => {
  const data = await temporaryFolder(t);
  const args = ['--queue', 'orders', '--queue', 'others'];
  const rules = ['--access-rule', 'shop=Send@orders', '--access-rule', 'monitor=Listen'];
  const first = await startBroker(t, { data, args: [...args, ...rules] });
  const [shop, monitor] = first.accessRules;
  assert.deepEqual([shop?.name, shop?.queue, shop?.rights], ['shop', 'orders', ['Send']]);
  assert.match(shop?.connectionString ?? '', /;SharedAccessKeyName=shop;.*;EntityPath=orders$/);
  assert.deepEqual([monitor?.name, monitor?.queue, monitor?.rights], ['monitor', undefined, ['Listen']]);
  first.cli.child.kill('SIGTERM');
  await first.cli.finished;

  const second = await startBroker(t, { data, args: [...args, '--access-rule', 'shop=Send,Listen@orders'] });
  const keyOf = (text = ''): string | undefined => /SharedAccessKey=([^;]+)/.exec(text)?.[1];
  assert.equal(keyOf(second.accessRules[0]?.connectionString), keyOf(shop?.connectionString));
  const as = (connectionString: string): ServiceBusClient => {
    const client = new ServiceBusClient(connectionString, { retryOptions: { maxRetries: 0 } });
    t.after(() => client.close());
    return client;
  };
  const port = new RegExp(`:${first.amqpPort};`);
  const asShop = as(second.accessRules[0]?.connectionString ?? '');
  await asShop.createSender('orders').sendMessages({ body: 1 });
  assert.equal((await asShop.createReceiver('orders').receiveMessages(1)).length, 1);
  const asMonitor = as((monitor?.connectionString ?? '').replace(port, `:${second.amqpPort};`));
  await assert.rejects(asMonitor.createReceiver('orders').receiveMessages(1), { code: 'UnauthorizedAccess' });
});

test('broker refuses an access rule that cannot be, before it makes anything', async (t) => {
  const data = await temporaryFolder(t);
  const broker = (...args: string[]) =>
    runCli(['broker', '--data', data, '--amqp-port', '0', '--http-port', '0', ...args]);
  assertFailure(await broker('--access-rule', 'app=Read'), 2, /unknown right 'Read'/);
  assertFailure(await broker('--access-rule', 'app=Send', '--access-rule', 'app=Listen'), 2, /'app' is given twice/);
  assert.deepEqual(await readdir(data), []);
  assertFailure(await broker('--access-rule', 'app=Send@none'), 2, /queue or topic 'none', which does not exist/);
});

test('broker without authorization says so, and only to this machine unless it is told otherwise', async (t) => {
  const data = await temporaryFolder(t);
  const ports = ['--amqp-port', '0', '--http-port', '0'];
  const open = ['broker', '--data', data, ...ports, '--auth', 'none'];
  assertFailure(await runCli([...open, '--host', '0.0.0.0']), 2, /0\.0\.0\.0.*allow-anyone/);
  assertFailure(
    await runCli(['broker', '--data', data, ...ports, '--allow-anyone']),
    2,
    /allow-anyone is for auth none/,
  );
  const cli = startCli(t, open);
  await cli.printed(/^retrain: warning: --auth none: whoever reaches the port may do everything[^\n]*\n$/, 'stderr');
  const [, connectionString = ''] = await cli.printed(/connection string +(.*)\n/);
  const client = new ServiceBusClient(
    connectionString.replace(/SharedAccessKey=[^;]+/, 'SharedAccessKey=SAS_KEY_VALUE'),
  );
  t.after(() => client.close());
  await client.createSender('model-retraining-queue').sendMessages({ body: 1, sessionId: 's' });
});

test('broker takes its settings from flags, with their units, and refuses what cannot be', async (t) => {
  const data = await temporaryFolder(t);
  const broker = await startBroker(t, { data, args: ['--first-link', '1s', '--max-connections', '1'] });
  const key = new RegExp('SharedAccessKey=([^;]+)').exec(broker.connectionString)?.[1] ?? '';
  const address = { port: broker.amqpPort, keyName: 'RootManageSharedAccessKey', key };
  const closed = await new Promise<AmqpError | undefined>((resolve) => {
    connectSocket(address, { onClose: resolve }, () => undefined);
  });
  assert.equal(closed?.condition, 'amqp:connection:forced');
  assert.match(closed?.description ?? '', /allowed 1000 milliseconds and is closed by container 'LinkTracker'/);
  const refused = (...args: string[]) => runCli(['broker', '--data', data, ...args]);
  assertFailure(await refused('--link-idle', '10'), 2, /--link-idle <span>.*'10' is invalid. use a number and a unit/);
  assertFailure(await refused('--token-wait', '0s'), 2, /--token-wait\) is 0 milliseconds/);
});

test('broker --tls self-signed says what to give to clients, and how to trust it', async (t) => {
  const data = await temporaryFolder(t);
  const args = ['--tls', 'self-signed', '--tls-name', 'broker.test'];
  const broker = await startBroker(t, { data, args });
  const { trustFile = '', connect } = broker;
  assert.equal(trustFile, join(data, 'tls', 'ca.pem'));
  assert.deepEqual(connect.javascript.environment, { NODE_EXTRA_CA_CERTS: trustFile });
  assert.doesNotMatch(connect.javascript.data.connectionString, /UseDevelopmentEmulator/);
  const ca = await readFile(trustFile);
  for (const servername of ['localhost', 'broker.test']) {
    const socket = connectTls({ port: broker.amqpPort, ca, servername });
    await once(socket, 'secureConnect');
    socket.destroy();
  }
  broker.cli.child.kill('SIGTERM');
  await broker.cli.finished;
  const human = startCli(t, ['broker', '--data', data, '--amqp-port', '0', '--http-port', '0', ...args.slice(0, 2)]);
  await human.printed(
    /with TLS +Endpoint=sb:\/\/127\.0\.0\.1:\d+;SharedAccessKeyName=RootManageSharedAccessKey;[^;\n]+\n/,
  );
  await human.printed(/to trust it +.*ca\.pem.*NODE_EXTRA_CA_CERTS.*SSL_CERT_FILE.*keytool/);
});

test('broker refuses what it is told of TLS when that cannot be', async (t) => {
  const data = await temporaryFolder(t);
  const broker = (...args: string[]) =>
    runCli(['broker', '--data', data, '--amqp-port', '0', '--http-port', '0', ...args]);
  assertFailure(await broker('--tls-cert', 'none.pem'), 2, /--tls-key/);
  assertFailure(await broker('--tls-key', 'none.pem'), 2, /--tls-cert/);
  assertFailure(await broker('--tls-cert', 'none.pem', '--tls-key', 'none.pem'), 2, /none\.pem does not exist/);
  assertFailure(await broker('--tls', 'self-signed', '--tls-cert', 'a', '--tls-key', 'b'), 2, /not both/);
  assertFailure(await broker('--tls-name', 'broker.test'), 2, /--tls self-signed/);
  assertFailure(await broker('--tls', 'magic'), 2, /self-signed/);
});

test("broker --emulator has the emulator's key, for this machine only", async (t) => {
  const data = await temporaryFolder(t);
  const ports = ['--amqp-port', '0', '--http-port', '0'];
  const broker = ['broker', '--data', data, ...ports, '--emulator'];
  assertFailure(await runCli([...broker, '--host', '0.0.0.0']), 2, /0\.0\.0\.0.*everybody knows the emulator's key/);
  const env = { RETRAIN_ACCESS_KEY: 'a-key-of-my-own-making' };
  assertFailure(await runCli(broker, { env }), 2, /--emulator has a key of its own/);
  const { connectionString } = await startBroker(t, { data, args: ['--emulator', '--queue', 'queue.1'] });
  assert.match(connectionString, /SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;/);
  const client = new ServiceBusClient(connectionString);
  t.after(() => client.close());
  await client.createSender('queue.1').sendMessages({ body: 1 });
});

test('broker refuses a queue flag that it does not understand', async (t) => {
  const data = await temporaryFolder(t);
  assertFailure(await runCli(['broker', '--data', data, '--queue', 'q:session']), 2, /unknown property 'session'/);
});

test('a disk that fails under a running broker ends it with 74, so that it starts again from what is durable', async (t) => {
  if (spawnSync(SET_LIMIT, ['--version']).status !== 0) return t.skip('needs prlimit(1) of util-linux');
  const broker = await startBroker(t, { data: await temporaryFolder(t) });
  // From now on, the system refuses every write to a file (setrlimit(2), RLIMIT_FSIZE).
  assert.equal(spawnSync(SET_LIMIT, ['--pid', String(broker.pid), '--fsize=1']).status, 0);
  const refused = await runCli(['request', '--model', 'm'], { env: broker.env });
  assert.equal(refused.code, 75);
  const { code, stderr } = await broker.cli.finished;
  assert.equal(code, 74);
  assert.match(stderr, /^retrain: [^\n]*EFBIG[^\n]*check the disk[^\n]*\n$/);
});
