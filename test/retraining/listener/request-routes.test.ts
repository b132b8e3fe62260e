import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import { readModelEvent, readRequest } from '../../../src/retraining/envelope.ts';
import { RetrainListener } from '../../../src/retraining/listener/listener.ts';
import { listenerSettingsSchema } from '../../../src/retraining/listener/listener-settings.ts';
import { addObservationRoutes } from '../../../src/retraining/listener/observation-routes.ts';
import type { Problem } from '../../../src/retraining/listener/problem.ts';
import { addRequestRoutes } from '../../../src/retraining/listener/request-routes.ts';
import type { RequestRoutesOptions } from '../../../src/retraining/listener/request-routes.ts';
import { ObservationSink } from '../../../src/retraining/monitors/observation-sink.ts';
import { RetrainingProducer } from '../../../src/retraining/producer.ts';
import { TcpProxy } from '../tcp-proxy.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { eventually } from '../trainers/run-fixture.ts';
import { openWorld, QUEUE } from '../worker/worker-fixture.ts';
import type { World } from '../worker/worker-fixture.ts';

const TOKEN = 'a-token-of-enough-characters';
const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const request = { model: { name: 'births/us' }, trigger: { kind: 'manual' }, requestedBy: 'ada' };

interface Site {
  readonly world: World;
  readonly folder: string;
  readonly listener: RetrainListener;
  readonly proxy: TcpProxy;
  readonly post: (body: unknown, headers?: Record<string, string>, path?: string) => Promise<Response>;
  /** The requests in the queue. */
  readonly arrived: () => Promise<ServiceBusReceivedMessage[]>;
}

/** A broker behind a wire that can be cut, a producer with an outbox, and a listener in front of it. */
async function openSite(t: TestContext, options: Partial<RequestRoutesOptions> = {}): Promise<Site> {
  const world = await openWorld(t);
  const folder = join(world.folder, 'outbox');
  const proxy = await TcpProxy.open(world.server.amqpPort);
  const connection = world.server.connectionString.replace(`:${world.server.amqpPort}`, `:${proxy.port}`);
  const producer = new RetrainingProducer({ connection, queue: QUEUE, outboxFolder: folder, flushEveryMs: 100 });
  const listener = new RetrainListener({ settings: listenerSettingsSchema.parse({ port: 0, tokens: [TOKEN] }) });
  addRequestRoutes(listener, { producer, ...options });
  await listener.start();
  t.after(async () => {
    await listener.stop();
    await producer[Symbol.asyncDispose]();
    await proxy.close();
  });
  const post: Site['post'] = (body, headers = {}, path = '/v1/requests') =>
    fetch(`${listener.url}${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...headers },
    });
  return { world, folder, listener, proxy, post, arrived: () => world.peek() };
}

async function answer<T = Record<string, unknown>>(response: Response, status: number): Promise<T> {
  const body = (await response.json()) as T;
  assert.equal(response.status, status, JSON.stringify(body));
  return body;
}

test('a request that was accepted is in the queue, with its trace; the same Idempotency-Key sends it once', async (t) => {
  const { post, arrived } = await openSite(t);
  const headers = { 'idempotency-key': 'order-1', traceparent: TRACE, tracestate: 'v=1' };
  const first = await answer(await post(request, headers), 202);
  assert.deepEqual(first, { id: 'births/us|order-1', messageId: 'births/us|order-1', state: 'accepted' });
  await answer(await post(request, headers), 202);
  await answer(await post({ ...request, model: { name: 'other' } }, headers), 202);
  const messages = await arrived();
  assert.equal(messages.length, 2, 'one for each model');
  const read = readRequest(messages[0] as ServiceBusReceivedMessage);
  assert.ok(read.kind === 'valid');
  const { event } = read;
  assert.deepEqual([event.subject, event.traceparent, event.tracestate], ['births/us', TRACE, 'v=1']);
  assert.equal(event.data.requestedBy, 'ada');
});

test('the key of one model is never that of another, however their names are put together', async (t) => {
  const { post, arrived } = await openSite(t);
  const ask = (name: string, key: string): Promise<Response> =>
    post({ ...request, model: { name } }, { 'idempotency-key': key });
  await answer(await ask('births/us', 'k'), 202);
  await answer(await ask('births', 'us/k'), 202);
  assert.equal((await arrived()).length, 2);
});

test('a trace context that is not one is passed over; a request can be for later', async (t) => {
  const { post, arrived } = await openSite(t);
  const at = '2099-01-01T00:00:00.000Z';
  const sent = await answer(await post(request, { traceparent: 'zz' }, `/v1/requests?activeAt=${at}`), 202);
  assert.equal(sent['activeAt'], at);
  const [message] = await arrived();
  assert.equal(message?.state, 'scheduled');
  assert.equal(message.applicationProperties?.['Diagnostic-Id'], undefined);
  await answer(await post(request, {}, '/v1/requests?activeAt=tomorrow'), 400);
});

test('what is wrong is told with a pointer to each field, its value and the remedy', async (t) => {
  const { post, arrived } = await openSite(t, { knowsModel: (model) => model === 'births/us' });
  const broken = { model: { name: '../x' }, trigger: { kind: 'bored' }, deadlin: 'x' };
  const refused = await answer<Problem>(await post(broken), 422);
  assert.equal(refused.code, 'REQUEST_INVALID');
  assert.deepEqual(
    refused.errors?.map(({ pointer }) => pointer),
    ['#/model/name', '#/trigger/kind', '#/deadlin'],
  );
  assert.match(refused.errors?.[1]?.detail ?? '', /trigger\.kind = "bored": use one of performance-decay/);
  const unknown = await answer<Problem>(await post({ ...request, model: { name: 'birth' } }), 422);
  assert.match(unknown.detail, /model\.name = "birth": no such model is configured/);
  const large = await answer<Problem>(await post({ ...request, parameters: { a: 'x'.repeat(70_000) } }), 413);
  assert.match(large.detail, /the limit is 65536/);
  await answer(await post(null), 422);
  await answer(await post(request, { 'idempotency-key': 'x'.repeat(300) }), 400);
  assert.equal((await post(request, { authorization: 'Bearer wrong' })).status, 401);
  assert.deepEqual(await arrived(), []);
});

test('an array of requests: each has its own result, and what is wrong with one is told of that one', async (t) => {
  const { post, arrived } = await openSite(t);
  const batch = [request, { model: { name: 'm' } }, { ...request, model: { name: 'other' } }];
  const { results } = await answer<{ results: Record<string, unknown>[] }>(
    await post(batch, { 'idempotency-key': 'k' }),
    207,
  );
  assert.deepEqual(
    results.map(({ index, status, id }) => [index, status, id]),
    [
      [0, 202, 'births/us#0|k'],
      [1, 422, undefined],
      [2, 202, 'other#2|k'],
    ],
  );
  assert.deepEqual(results[1]?.['errors'], [{ pointer: '#/1/trigger', detail: 'trigger is missing: add it' }]);
  assert.equal((await arrived()).length, 2);
  assert.equal((await post([request, request])).status, 202);
  await answer(await post([]), 422);
});

test('a CloudEvent, structured or binary, keeps its identity, its time and its extensions', async (t) => {
  const { post, arrived } = await openSite(t);
  const event = { specversion: '1.0', type: 'retrain.requested.v1', source: '/cron', id: 'tick-1', tenant: 'x' };
  const structured = { ...event, time: '2026-01-02T03:04:05Z', data: request };
  const sent = await answer(await post(structured, { 'content-type': 'application/cloudevents+json' }), 202);
  assert.deepEqual([sent['id'], sent['state']], ['tick-1', 'accepted']);
  const binary = Object.fromEntries(
    Object.entries({ ...event, id: 'tick%202' }).map(([name, value]) => [`ce-${name}`, value]),
  );
  await answer(await post(request, binary), 202);
  const events = (await arrived()).map((message) => readRequest(message));
  assert.deepEqual(
    events.map((read) =>
      read.kind === 'valid' ? [read.event.source, read.event.id, read.event.subject] : read.reason,
    ),
    [
      ['/cron', 'tick-1', 'births/us'],
      ['/cron', 'tick 2', 'births/us'],
    ],
  );
  const [first] = events;
  assert.ok(first?.kind === 'valid');
  assert.deepEqual([first.event.time, first.event.extensions], ['2026-01-02T03:04:05Z', { tenant: 'x' }]);
  const wrong = { ...structured, data: { ...request, trigger: {} } };
  const refused = await answer<Problem>(await post(wrong, { 'content-type': 'application/cloudevents+json' }), 422);
  assert.deepEqual(refused.errors?.[0]?.pointer, '#/data/trigger/kind');
  const other = await answer<Problem>(
    await post({ ...structured, type: 'x.y' }, { 'content-type': 'application/cloudevents+json' }),
    422,
  );
  assert.match(other.detail, /type = "x\.y": send retrain\.requested\.v1/);
});

test('while the broker is away a request is queued, and goes out by itself when it is back', async (t) => {
  const { post, arrived, proxy, folder } = await openSite(t);
  proxy.cut();
  const queued = await answer(await post(request, { 'idempotency-key': 'k' }), 202);
  assert.deepEqual([queued['id'], queued['state']], ['births/us|k', 'queued']);
  assert.match(String(queued['reason']), /check that the broker runs/);
  assert.equal((await readdir(folder)).length, 1);
  proxy.mend();
  const messages = await eventually(async () => {
    const found = await arrived();
    return found.length > 0 && found;
  });
  assert.deepEqual(
    messages.map(({ messageId }) => messageId),
    ['births/us|k'],
  );
  await eventually(async () => (await readdir(folder)).length === 0);
});

test('a request is cancelled by its id and model, both ways', async (t) => {
  const { listener, post, arrived } = await openSite(t);
  const authorization = `Bearer ${TOKEN}`;
  const cancelled = await fetch(`${listener.url}/v1/requests/births%2Fus%2Fk?model=births/us`, {
    method: 'DELETE',
    headers: { authorization },
  });
  assert.equal((await answer(cancelled, 202))['requestId'], 'births/us/k');
  const body = { model: 'births/us', requestId: 'x', requestSource: '/cron' };
  await answer(await post(body, {}, '/v1/cancellations'), 202);
  const missing = await fetch(`${listener.url}/v1/requests/k`, { method: 'DELETE', headers: { authorization } });
  assert.match((await answer<Problem>(missing, 422)).detail, /model is missing/);
  const events = (await arrived()).map((message) => readModelEvent(message));
  assert.deepEqual(
    events.map((event) => event.kind === 'cancel' && event.event.data),
    [{ requestId: 'births/us/k' }, { requestId: 'x', requestSource: '/cron' }],
  );
});

test('a model that is not configured cannot be cancelled, either way', async (t) => {
  const { listener, post, arrived } = await openSite(t, { knowsModel: (model) => model === 'births/us' });
  const refused = await answer<Problem>(await post({ model: 'birth', requestId: 'x' }, {}, '/v1/cancellations'), 422);
  assert.match(refused.detail, /^model = "birth": no such model is configured/);
  assert.deepEqual(
    refused.errors?.map(({ pointer }) => pointer),
    ['#/model'],
  );
  const headers = { authorization: `Bearer ${TOKEN}` };
  const deleted = await fetch(`${listener.url}/v1/requests/x?model=birth`, { method: 'DELETE', headers });
  assert.match((await answer<Problem>(deleted, 422)).detail, /^model = "birth": no such model/);
  assert.deepEqual(await arrived(), []);
});

test('observations are durable when they are accepted, each model named once or for each', async (t) => {
  const folder = await temporaryFolder(t);
  const sink = await ObservationSink.open({ folder, models: ['births'] });
  t.after(() => sink[Symbol.asyncDispose]());
  const listener = new RetrainListener({ settings: listenerSettingsSchema.parse({ port: 0 }) });
  addObservationRoutes(listener, { sink });
  await listener.start();
  t.after(() => listener.stop());
  const post = (body: unknown) =>
    fetch(`${listener.url}/v1/observations`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    });
  const observations = [{ id: 'a', time: '2026-01-01T00:00:00Z', values: { error: 0.1 } }];
  assert.deepEqual(await answer(await post({ model: 'births', observations }), 202), { accepted: 1, duplicates: 0 });
  const each = observations.map((one) => ({ ...one, model: 'births' }));
  assert.deepEqual(await answer(await post(each), 202), { accepted: 0, duplicates: 1 });
  assert.match((await answer<Problem>(await post({ model: 'other', observations }), 422)).detail, /other/);
  assert.match((await answer<Problem>(await post({ model: 'births' }), 422)).detail, /observations is no array/);
  assert.match(
    (await answer<Problem>(await post({ modle: 'births', observations }), 422)).detail,
    /modle is not a known/,
  );
});
