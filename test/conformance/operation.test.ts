import assert from 'node:assert/strict';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { RetrainError } from '../../src/errors.ts';
import type { Disk } from '../../src/runtime/disk.ts';
import { nodeDisk } from '../../src/runtime/node-disk.ts';
import { startServer } from '../../src/server/index.ts';
import { parseQueueDescription } from '../../src/topology/index.ts';
import { AT_A_TIME, Fixture, errorCodeOf, receive, receiveOne, receivesNothing } from './fixture.ts';

const withCode = (code: string, text: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RetrainError);
  assert.equal(error.code, code);
  assert.match(error.message, text);
  return true;
};

describe('operation', { concurrency: AT_A_TIME }, () => {
  test('a wrong or cut-off key, a wrong key name and an unknown queue are refused, each with its own error', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const good = fixture.server.connectionString;
    const withKey = (key: string) => good.replace(/SharedAccessKey=[^;]*/, `SharedAccessKey=${key}`);
    const withName = good.replace('RootManageSharedAccessKey', 'Nobody');
    const key = good.replace(/.*SharedAccessKey=([^;]*);.*/, '$1');
    // The client itself does not take an empty key.
    assert.throws(() => fixture.client({ connectionString: withKey('') }));
    for (const connectionString of [withKey('wrong'), withKey('x'), withKey(key.slice(0, -1)), withName]) {
      const client = fixture.client({ connectionString });
      assert.equal(await errorCodeOf(client.createSender('q').sendMessages({ body: 1 })), 'UnauthorizedAccess');
      assert.equal(await errorCodeOf(client.createReceiver('q').receiveMessages(1)), 'UnauthorizedAccess');
    }
    const client = fixture.client();
    assert.equal(await errorCodeOf(client.createSender('none').sendMessages({ body: 1 })), 'MessagingEntityNotFound');
    assert.equal(await errorCodeOf(client.createReceiver('none').receiveMessages(1)), 'MessagingEntityNotFound');
    assert.equal(await errorCodeOf(client.acceptNextSession('none')), 'MessagingEntityNotFound');
  });

  test('a rule gives no more than its rights', async (context) => {
    const rules = [
      { name: 'sender', primaryKey: 'key-of-the-sender', rights: ['Send'] },
      { name: 'listener', primaryKey: 'key-of-the-listener', rights: ['Listen'] },
    ] as const;
    const fixture = await Fixture.start(context, [{ name: 'q' }], { rules });
    const as = (name: string) =>
      fixture.client({
        connectionString: fixture.server.connectionString
          .replace(/SharedAccessKeyName=[^;]*/, `SharedAccessKeyName=${name}`)
          .replace(/SharedAccessKey=[^;]*/, `SharedAccessKey=key-of-the-${name}`),
      });
    const sender = as('sender');
    const listener = as('listener');
    await sender.createSender('q').sendMessages({ body: 'x' });
    assert.equal(await errorCodeOf(sender.createReceiver('q').receiveMessages(1)), 'UnauthorizedAccess');
    assert.equal(await errorCodeOf(sender.createReceiver('q').peekMessages(1)), 'UnauthorizedAccess');
    assert.equal(await errorCodeOf(listener.createSender('q').sendMessages({ body: 'x' })), 'UnauthorizedAccess');
    const scheduling = listener.createSender('q').scheduleMessages({ body: 'x' }, new Date(Date.now() + 60_000));
    assert.equal(await errorCodeOf(scheduling), 'UnauthorizedAccess');
    assert.equal((await receiveOne(listener.createReceiver('q'))).body, 'x');
  });

  test('a restart keeps messages, counts, deferral, schedules, dead letters, session state, duplicates and the key', async (context) => {
    const fixture = await Fixture.start(context, [
      { name: 'q', requiresDuplicateDetection: true },
      { name: 's', requiresSession: true },
    ]);
    const before = fixture.client();
    const key = fixture.server.connectionString.replace(/.*SharedAccessKey=([^;]*);.*/, '$1');
    const sender = before.createSender('q');
    await sender.sendMessages(
      ['done', 'abandoned', 'deferred', 'dead', 'left'].map((id) => ({ body: id, messageId: id })),
    );
    await sender.scheduleMessages({ body: 'scheduled', messageId: 'scheduled' }, new Date(Date.now() + 30_000));
    const receiver = before.createReceiver('q');
    const [done, abandoned, deferred, dead] = await receive(receiver, 4);
    assert.ok(done && abandoned && deferred && dead);
    await receiver.completeMessage(done);
    await receiver.deferMessage(deferred);
    await receiver.deadLetterMessage(dead, { deadLetterReason: 'r', deadLetterErrorDescription: 'd' });
    await receiver.abandonMessage(abandoned, { tried: 'once' });
    const session = await before.acceptSession('s', 'a');
    await session.setSessionState('ledger');
    await before.createSender('s').sendMessages({ body: 'in session', sessionId: 'a' });

    await fixture.stopServer();
    await fixture.startServer();

    assert.ok(fixture.server.connectionString.includes(`SharedAccessKey=${key};`));
    const after = fixture.client();
    await after.createSender('q').sendMessages({ body: 'again', messageId: 'done' });
    const reader = after.createReceiver('q');
    const messages = await receive(reader, 3, { maxWaitTimeInMs: 300 });
    assert.deepEqual(
      messages.map((message) => [
        message.body as string,
        message.deliveryCount,
        message.applicationProperties?.['tried'],
      ]),
      [
        ['abandoned', 1, 'once'],
        ['left', 0, undefined],
      ],
    );
    const [fetched] = await reader.receiveDeferredMessages(deferred.sequenceNumber!);
    assert.equal(fetched?.body, 'deferred');
    const found = await receiveOne(after.createReceiver('q', { subQueueType: 'deadLetter' }));
    assert.deepEqual([found.body as string, found.deadLetterReason], ['dead', 'r']);
    const next = await after.acceptNextSession('s');
    assert.equal(next.sessionId, 'a');
    assert.equal(await next.getSessionState(), 'ledger');
    assert.equal((await receiveOne(next)).body, 'in session');
    await fixture.clock.leap(31_000);
    assert.equal((await receiveOne(fixture.client().createReceiver('q'))).body, 'scheduled');
  });

  test('sequence numbers go on after a restart, also when every message is gone', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    for (const [first, second] of [
      [1, 2],
      [3, 4],
    ]) {
      const client = fixture.client();
      await client.createSender('q').sendMessages([{ body: 'a' }, { body: 'b' }]);
      const messages = await receive(client.createReceiver('q', { receiveMode: 'receiveAndDelete' }), 2);
      assert.deepEqual(
        messages.map((message) => message.sequenceNumber?.toNumber()),
        [first, second],
      );
      await fixture.stopServer();
      await fixture.startServer();
    }
  });

  test('clients are told when the server closes, and go on with the next one', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }, { name: 'none-comes' }]);
    const client = fixture.client();
    await client.createSender('q').sendMessages({ body: 'x' });
    const told = client.createReceiver('none-comes').receiveMessages(1, { maxWaitTimeInMs: 60_000 });
    const ended = told.then(
      () => 'ended',
      () => 'ended',
    );
    await client.createReceiver('q').peekMessages(1);
    const start = performance.now();
    await fixture.server.close();
    assert.equal(await ended, 'ended');
    assert.ok(performance.now() - start < 3_000, 'the first client does not wait for messages any more');
    await fixture.startServer();
    assert.equal((await receiveOne(fixture.client().createReceiver('q'))).body, 'x');
  });

  test('GET /health answers 200, and everything else is a problem document', async (context) => {
    const fixture = await Fixture.start(context, []);
    const base = `http://127.0.0.1:${fixture.server.httpPort}`;
    const health = await fetch(`${base}/health`);
    assert.equal(health.status, 200);
    assert.deepEqual(await health.json(), { status: 'healthy', message: 'Service is healthy.' });
    const missing = await fetch(`${base}/queues`);
    assert.equal(missing.status, 404);
    assert.equal(missing.headers.get('content-type'), 'application/problem+json');
    assert.deepEqual(await missing.json(), {
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      detail:
        "There is nothing at '/queues'; see /health. Requests to the admin API need api-version=2017-04 or 2021-05 or 2024-05.",
    });
    assert.equal((await fetch(`${base}/health`, { method: 'POST', body: 'x' })).status, 405);
    for (const path of ['/livez', '/readyz']) assert.equal((await fetch(`${base}${path}`)).status, 200);
    for (const [path, status] of [
      ['/q?api-version=2013-08', 400],
      ['/metrics', 404],
      ['/api/queues', 404],
      ['/$servicebus/websocket', 426],
    ] as const) {
      const answer = await fetch(`${base}${path}`);
      assert.deepEqual([answer.status, answer.headers.get('content-type')], [status, 'application/problem+json'], path);
      assert.equal(((await answer.json()) as { status: number }).status, status);
    }
  });

  test('a port that is taken is ADDRESS_IN_USE, and nothing stays behind', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'retrain-port-'));
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = other.address() as AddressInfo;
      const queues = [parseQueueDescription({ name: 'q' })];
      const taken = withCode('ADDRESS_IN_USE', /taken by another process.*another port/);
      await assert.rejects(startServer({ dataFolder: folder, amqpPort: port, httpPort: 0, queues }), taken);
      await assert.rejects(startServer({ dataFolder: folder, amqpPort: 0, httpPort: port, queues }), taken);
      const server = await startServer({ dataFolder: folder, amqpPort: 0, httpPort: 0, queues });
      await server.close();
    } finally {
      other.close();
      await rm(folder, { recursive: true });
    }
  });

  test('both ports are free after a close that failed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'retrain-close-'));
    const disk: Disk = Object.create(nodeDisk);
    disk.lock = async (path) => {
      const lock = await nodeDisk.lock(path);
      return {
        release: async () => {
          await lock.release();
          throw new Error('the lock file is gone');
        },
      };
    };
    try {
      const server = await startServer({ dataFolder: folder, amqpPort: 0, httpPort: 0, queues: [], disk });
      const { amqpPort, httpPort } = server;
      await assert.rejects(server.close(), /the lock file is gone/);
      await (await startServer({ dataFolder: folder, amqpPort, httpPort, queues: [] })).close();
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('a data folder serves one process at a time', async (context) => {
    const fixture = await Fixture.start(context, []);
    const second = startServer({ dataFolder: fixture.dataFolder, amqpPort: 0, httpPort: 0, queues: [] });
    await assert.rejects(second, withCode('DATA_LOCKED', /./));
  });

  test('a queue that cannot be as it is declared, or forwards to one that is not there, is refused, naming them', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    await fixture.stopServer();
    for (const [input, text] of [
      [{ name: 'q', requiresSession: true }, /queue 'q': requiresSession is false and cannot be changed to true/],
      [{ name: 'p', forwardTo: 'nowhere' }, /queue 'p': forwardTo: .*'nowhere'/],
    ] as const) {
      const queues = [parseQueueDescription(input)];
      const restart = startServer({ dataFolder: fixture.dataFolder, amqpPort: 0, httpPort: 0, queues });
      await assert.rejects(restart, withCode('CONFIGURATION_INVALID', text));
    }
  });

  test('an address that others can reach needs a key of its own; the generated one is for the owner only', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'retrain-host-'));
    try {
      const options = { dataFolder: folder, amqpPort: 0, httpPort: 0, queues: [] };
      await assert.rejects(
        startServer({ ...options, host: '0.0.0.0' }),
        withCode('CONFIGURATION_INVALID', /no access key was given\. .*RETRAIN_ACCESS_KEY/),
      );
      await assert.rejects(startServer({ ...options, key: 'short' }), withCode('CONFIGURATION_INVALID', /at least 16/));
      const server = await startServer(options);
      await server.close();
      assert.equal((await stat(join(folder, 'access-rules.json'))).mode & 0o777, 0o600);
      const own = await startServer({ ...options, key: 'a-key-of-my-own-making' });
      assert.match(own.connectionString, /SharedAccessKey=a-key-of-my-own-making;/);
      await own.close();
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('a peer that does not speak AMQP, and one that says nothing, are closed', async (context) => {
    const fixture = await Fixture.start(context, []);
    const talk = (text: string | undefined) =>
      new Promise<void>((resolve) => {
        const socket = connect(fixture.server.amqpPort, '127.0.0.1', () => {
          if (text !== undefined) socket.write(text);
        });
        socket.on('close', () => resolve());
        socket.on('error', () => undefined);
        socket.resume();
      });
    await talk('GET / HTTP/1.1\r\n\r\n');
    const silent = talk(undefined);
    await new Promise((resolve) => setImmediate(resolve));
    await fetch(`http://127.0.0.1:${fixture.server.httpPort}/health`);
    await fixture.clock.leap(21_000);
    await silent;
  });

  test('messages acknowledged before an unclean end of the clients stay', async (context) => {
    const fixture = await Fixture.start(context, [{ name: 'q' }]);
    const client = fixture.client();
    await client.createSender('q').sendMessages(Array.from({ length: 100 }, (_, i) => ({ body: i })));
    const destroyed = fixture.destroySockets();
    assert.ok(destroyed > 0, 'the client has a connection');
    const receiver = fixture.client().createReceiver('q', { receiveMode: 'receiveAndDelete' });
    assert.equal((await receive(receiver, 100)).length, 100);
    assert.ok(await receivesNothing(receiver));
  });
});
