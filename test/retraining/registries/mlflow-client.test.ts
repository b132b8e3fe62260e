import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { MlflowClient } from '../../../src/retraining/registries/mlflow-client.ts';
import { MlflowRegistry } from '../../../src/retraining/registries/mlflow-registry.ts';
import type { Clock } from '../../../src/runtime/clock.ts';
import { systemClock } from '../../../src/runtime/clock.ts';

// Only how answers over HTTP are understood, against a server that repeats what the real one was seen to answer. What
// MLflow really does with a registry is tested by `npm run test:mlflow`.

/** No pause takes any time. */
const clock: Clock = {
  wallMs: () => systemClock.wallMs(),
  monotonicMs: () => systemClock.monotonicMs(),
  after: (_delayMs, callback) => systemClock.after(0, callback),
  soon: (callback) => systemClock.soon(callback),
};

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

async function serverOf(t: TestContext, answer: Answer): Promise<{ trackingUri: string; requests: string[] }> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { trackingUri: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, requests };
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

const MISSING = { error_code: 'RESOURCE_DOES_NOT_EXIST', message: 'Registered Model with name=m not found' };

test('what does not exist is nothing, not an error; a model without an entry has no champion', async (t) => {
  const { trackingUri, requests } = await serverOf(t, (_, response) => json(response, 404, MISSING));
  const registry = new MlflowRegistry({ trackingUri, clock });
  assert.deepEqual(await registry.read('m'), { epoch: 0, champion: undefined, challenger: undefined });
  assert.deepEqual(requests, ['GET /api/2.0/mlflow/registered-models/get?name=m']);
});

test('token, or name and password, are sent; a refusal says so without repeating them', async (t) => {
  const seen: unknown[] = [];
  const { trackingUri } = await serverOf(t, ({ headers }, response) => {
    seen.push(headers.authorization);
    json(response, 401, { error_code: 'UNAUTHENTICATED', message: 'You are not authenticated.' });
  });
  for (const access of [{ token: 's3cret' }, { username: 'ada', password: 's3cret' }]) {
    const client = new MlflowClient({ trackingUri, ...access }, clock);
    await assert.rejects(client.ask({ method: 'GET', path: 'x' }), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'UNAUTHORIZED');
      assert.doesNotMatch(error.message, /s3cret/);
      return true;
    });
  }
  assert.deepEqual(seen, ['Bearer s3cret', `Basic ${Buffer.from('ada:s3cret').toString('base64')}`]);
});

test('what passes by itself is asked again, what would be done twice is not', async (t) => {
  let failures = 2;
  const { trackingUri, requests } = await serverOf(t, (_, response) =>
    failures-- > 0 ? json(response, 503, {}) : json(response, 200, { ok: true }),
  );
  const client = new MlflowClient({ trackingUri }, clock);
  assert.deepEqual(await client.ask({ method: 'GET', path: 'x' }), { ok: true });
  assert.equal(requests.length, 3);
  failures = 1;
  await assert.rejects(client.ask({ method: 'POST', path: 'x', body: {}, once: true }), { code: 'UNREACHABLE' });
  assert.equal(requests.length, 4);
});

test('nobody there, refusals and answers that are none are told with what to do', async (t) => {
  const gone = new MlflowClient({ trackingUri: 'http://127.0.0.1:1' }, clock);
  await assert.rejects(gone.ask({ method: 'GET', path: 'x' }), {
    code: 'UNREACHABLE',
    message: /MLflow at http:\/\/127\.0\.0\.1:1 does not answer \(.+\): check registry\.mlflow\.trackingUri/,
  });
  const refusal = { error_code: 'INVALID_PARAMETER_VALUE', message: 'Tag value exceeds the limit' };
  const { trackingUri } = await serverOf(t, (request, response) =>
    request.url?.includes('refused') ? json(response, 400, refusal) : response.end('<html>hello</html>'),
  );
  await assert.rejects(new MlflowClient({ trackingUri }, clock).ask({ method: 'GET', path: 'refused' }), {
    code: 'CONFIGURATION_INVALID',
    message: /refuses GET refused \(400: .*exceeds the limit/,
  });
  await assert.rejects(new MlflowRegistry({ trackingUri, clock }).read('m'), {
    code: 'PROTOCOL_VIOLATION',
    message: /registered-models\/get is not understood .*is trackingUri that of a tracking server\?/,
  });
});

test('a download that breaks off is an error, and a server without artifacts says what it lacks', async (t) => {
  const { trackingUri } = await serverOf(t, (request, response) => {
    if (request.url?.endsWith('broken')) {
      response.writeHead(200, { 'content-length': '10' });
      response.write('12345');
      response.socket?.destroySoon();
    } else json(response, 503, { message: 'Artifact serving is disabled' });
  });
  const client = new MlflowClient({ trackingUri }, clock);
  const parts = await client.getFile('1/r/artifacts/broken');
  assert.ok(parts);
  await assert.rejects(async () => {
    for await (const part of parts) assert.ok(part.length <= 5);
  });
  const none = new Uint8Array();
  const upload = client.putFile('1/r/artifacts/x', async function* () {
    yield none;
  });
  await assert.rejects(upload, { code: 'UNREACHABLE', message: /the server must serve artifacts/ });
});
