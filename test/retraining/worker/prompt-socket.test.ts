import type { ServiceBusClient } from '@azure/service-bus';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sendAtOnce, socketOf } from '../../../src/retraining/worker/prompt-socket.ts';
import { QUEUE, openWorld, requestFor } from './worker-fixture.ts';
import { closed, testClient } from '../test-client.ts';

test('the socket of the official client is found once it is connected', async (t) => {
  const world = await openWorld(t);
  await world.producer.request(requestFor());
  const client = testClient(world.server.connectionString);
  t.after(() => closed(client));
  assert.equal(socketOf(client), undefined);
  await client.acceptNextSession(QUEUE);
  const socket = socketOf(client);
  assert.ok(socket);
  const set: unknown[] = [];
  t.mock.method(socket, 'setNoDelay', (on: unknown) => set.push(on));
  sendAtOnce(client);
  assert.deepEqual(set, [true]);
});

test('a client that keeps its socket elsewhere is left as it is', () => {
  sendAtOnce({} as ServiceBusClient);
  sendAtOnce({ _connectionContext: { connection: { _connection: { socket: {} } } } } as unknown as ServiceBusClient);
});
