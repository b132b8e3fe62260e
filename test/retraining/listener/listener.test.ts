import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { RetrainError } from '../../../src/errors.ts';
import { LISTENER_LIMITS, RetrainListener } from '../../../src/retraining/listener/listener.ts';
import type { ListenerOptions } from '../../../src/retraining/listener/listener.ts';
import type { ListenerFact } from '../../../src/retraining/listener/listener-log.ts';
import { listenerSettingsSchema } from '../../../src/retraining/listener/listener-settings.ts';
import type { Problem } from '../../../src/retraining/listener/problem.ts';
import { FakeClock } from '../../fake-clock.ts';

const TOKEN = 'a-token-of-enough-characters';

async function listening(
  t: TestContext,
  { settings = {}, ...options }: Omit<Partial<ListenerOptions>, 'settings'> & { settings?: object } = {},
): Promise<{ listener: RetrainListener; facts: ListenerFact[] }> {
  const facts: ListenerFact[] = [];
  const listener = new RetrainListener({
    settings: listenerSettingsSchema.parse({ port: 0, ...settings }),
    log: (fact) => facts.push(fact),
    ...options,
  });
  listener.route('POST', '/v1/echo', async ({ body, mediaType, query }) => ({
    status: 202,
    json: { body, mediaType, query: Object.fromEntries(query) },
  }));
  listener.route('DELETE', '/v1/things/{id}', async ({ parameters }) => ({ status: 200, json: parameters }));
  await listener.start();
  t.after(() => listener.stop());
  return { listener, facts };
}

function post(
  listener: RetrainListener,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${listener.url}/v1/echo`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  });
}

async function assertProblem(response: Response, status: number, detail: RegExp): Promise<Problem> {
  assert.equal(response.status, status);
  assert.equal(response.headers.get('content-type'), 'application/problem+json');
  const body = (await response.json()) as Problem;
  assert.deepEqual([body.type, body.status], ['about:blank', status]);
  assert.match(body.detail, detail);
  return body;
}

/** Everything that a raw connection is answered until it is closed. */
async function talk(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let heard = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (heard += chunk));
  socket.write(text);
  await once(socket, 'close');
  return heard;
}

test('a handler gets JSON, its media type, query and parts of the path, and answers JSON', async (t) => {
  const { listener } = await listening(t);
  const answer = await fetch(`${listener.url}/v1/echo?a=1`, {
    method: 'POST',
    body: '{"x": [1]}',
    headers: { 'content-type': 'Application/CloudEvents+JSON; charset=UTF-8' },
  });
  assert.equal(answer.status, 202);
  assert.deepEqual(await answer.json(), {
    body: { x: [1] },
    mediaType: 'application/cloudevents+json',
    query: { a: '1' },
  });
  const deleted = await fetch(`${listener.url}/v1/things/a%2Fb`, { method: 'DELETE' });
  assert.deepEqual(await deleted.json(), { id: 'a/b' });
});

test('everything that is wrong with a request is a problem document that names the remedy', async (t) => {
  const { listener } = await listening(t);
  await assertProblem(await fetch(`${listener.url}/v1/nothing`), 404, /nothing is at \/v1\/nothing/);
  await assertProblem(await fetch(`${listener.url}/v1/things/%zz`, { method: 'DELETE' }), 404, /nothing is at/);
  const wrong = await fetch(`${listener.url}/v1/echo`);
  assert.equal(wrong.headers.get('allow'), 'POST');
  await assertProblem(wrong, 405, /GET is not for \/v1\/echo: use POST/);
  await assertProblem(await post(listener, 'a=1', { 'content-type': 'text/plain' }), 415, /"text\/plain": send JSON/);
  await assertProblem(
    await post(listener, '{}', { 'content-type': 'application/json; charset=latin1' }),
    415,
    /latin1/,
  );
  await assertProblem(await post(listener, '{}', { 'content-encoding': 'gzip' }), 415, /Content-Encoding is "gzip"/);
  await assertProblem(await post(listener, '{'), 400, /is not JSON/);
  await assertProblem(await post(listener, new Uint8Array([0x22, 0xff, 0x22])), 400, /is not UTF-8/);
});

test('errors of ours become answers by their code; others stay between us and the log', async (t) => {
  const { listener, facts } = await listening(t);
  const errors: Error[] = [
    new RetrainError('REQUEST_INVALID', 'model is missing: add it'),
    new RetrainError('MESSAGE_TOO_LARGE', 'too large'),
    new RetrainError('UNREACHABLE', 'nobody answers'),
    new RetrainError('UNAUTHORIZED', 'the key is refused'),
    new Error('secret of the inside'),
  ];
  listener.route('POST', '/v1/fails', async () => Promise.reject(errors.shift() ?? new Error('no more')));
  const fails = () => fetch(`${listener.url}/v1/fails`, { method: 'POST' });
  assert.equal((await assertProblem(await fails(), 422, /model is missing/)).code, 'REQUEST_INVALID');
  await assertProblem(await fails(), 413, /too large/);
  const unreachable = await fails();
  assert.equal(unreachable.headers.get('retry-after'), '5');
  await assertProblem(unreachable, 503, /nobody answers/);
  await assertProblem(await fails(), 502, /the key is refused/);
  const hidden = await assertProblem(await fails(), 500, /look at the log/);
  assert.ok(!JSON.stringify(hidden).includes('secret'));
  assert.ok(facts.some((fact) => fact.fact === 'http-failed' && fact.status === 500 && fact.reason.includes('secret')));
});

test('with tokens /v1 is closed to everybody else, also what is not there; probes are open', async (t) => {
  const { listener } = await listening(t, { settings: { tokens: [TOKEN, `${TOKEN}-2`] }, metrics: () => 'm 1\n' });
  const without = await post(listener, '{}');
  assert.equal(without.headers.get('www-authenticate'), 'Bearer realm="retrain"');
  await assertProblem(without, 401, /no valid token/);
  const wrong = await post(listener, '{}', { authorization: `Bearer ${TOKEN}x` });
  assert.match(wrong.headers.get('www-authenticate') ?? '', /error="invalid_token"/);
  await assertProblem(wrong, 401, /no valid token/);
  await assertProblem(await post(listener, '{}', { authorization: `Basic ${TOKEN}` }), 401, /token/);
  await assertProblem(await fetch(`${listener.url}/v1/nothing`), 401, /token/);
  assert.equal((await post(listener, '{}', { authorization: `bearer ${TOKEN}-2` })).status, 202);
  for (const path of ['/livez', '/readyz', '/metrics'])
    assert.equal((await fetch(`${listener.url}${path}`)).status, 200, path);
});

test('it does not listen beyond this machine without tokens', async (t) => {
  for (const host of ['0.0.0.0', '::']) {
    const listener = new RetrainListener({ settings: listenerSettingsSchema.parse({ host, port: 0 }) });
    await assert.rejects(listener.start(), { code: 'CONFIGURATION_INVALID', message: /listen\.tokens is empty/ });
    await listener.stop();
  }
  const { listener } = await listening(t, { settings: { host: '0.0.0.0', tokens: [TOKEN] } });
  const answer = await fetch(`http://127.0.0.1:${listener.port}/livez`);
  assert.equal(answer.status, 200);
  const taken = new RetrainListener({ settings: listenerSettingsSchema.parse({ port: listener.port }) });
  await assert.rejects(taken.start(), { code: 'ADDRESS_IN_USE', message: /is taken/ });
  await taken.stop();
});

test('without tokens a page in a browser cannot reach it by a name of its own', async (t) => {
  const { listener } = await listening(t);
  const said = await talk(listener.port, 'GET /livez HTTP/1.1\r\nHost: evil.example:80\r\nConnection: close\r\n\r\n');
  assert.match(said, /^HTTP\/1\.1 421 /);
  assert.match(said, /configure tokens/);
  const own = await talk(listener.port, 'GET /livez HTTP/1.1\r\nHost: localhost:80\r\nConnection: close\r\n\r\n');
  assert.match(own, /^HTTP\/1\.1 200 /);
});

test('a body over the limit is refused, announced or not, and the client reads why', async (t) => {
  const { listener } = await listening(t, { limits: { bodyBytes: 1000 } });
  const large = JSON.stringify('x'.repeat(300_000));
  await assertProblem(await post(listener, large), 413, /over the limit of 1000 bytes/);
  const request = httpRequest(`${listener.url}/v1/echo`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
  });
  const answered = once(request, 'response') as Promise<[import('node:http').IncomingMessage]>;
  for (let sent = 0; sent < 300_000; sent += 10_000) request.write('x'.repeat(10_000));
  request.end();
  const [answer] = await answered;
  answer.resume();
  assert.equal(answer.statusCode, 413);
  // Asked first, a client is spared to send it.
  const asked = await talk(
    listener.port,
    'POST /v1/echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 300000\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n',
  );
  assert.match(asked, /^HTTP\/1\.1 413 /);
});

test('what is no HTTP, too slow, or too much head is answered with a problem too', async (t) => {
  const { listener } = await listening(t, { limits: { headMs: 300, requestMs: 300 } });
  assert.match(
    await talk(listener.port, 'HELLO\r\n\r\n'),
    /^HTTP\/1\.1 400 [^]*application\/problem\+json[^]*HTTP\/1\.1/,
  );
  const head = `GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`;
  assert.match(await talk(listener.port, head), /^HTTP\/1\.1 431 /);
  const slow =
    'POST /v1/echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{';
  assert.match(await talk(listener.port, slow), /^HTTP\/1\.1 408 /);
});

test('more requests at once than it answers are asked to come back; probes are answered all the same', async (t) => {
  const { listener } = await listening(t, { limits: { requests: 1 } });
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  let entered = (): void => undefined;
  const inside = new Promise<void>((resolve) => (entered = resolve));
  listener.route('GET', '/v1/slow', async () => {
    entered();
    await held;
    return { status: 200, json: {} };
  });
  const first = fetch(`${listener.url}/v1/slow`);
  await inside;
  assert.equal((await fetch(`${listener.url}/livez`)).status, 200);
  const second = await fetch(`${listener.url}/v1/slow`);
  assert.equal(second.headers.get('retry-after'), '1');
  await assertProblem(second, 503, /too many requests/);
  release();
  assert.equal((await first).status, 200);
});

test('a probe is answered without its body', async (t) => {
  const { listener } = await listening(t);
  const head =
    'GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n';
  assert.match(await talk(listener.port, head), /^HTTP\/1\.1 200 /);
});

test('readiness is what its checks say, each within its time; liveness has checks of its own', async (t) => {
  let broker = 'down';
  const { listener } = await listening(t, {
    checks: {
      broker: () => {
        if (broker === 'down') throw new Error('nobody answers at host');
      },
      disk: async () => undefined,
    },
  });
  const unready = await fetch(`${listener.url}/readyz`);
  assert.equal(unready.status, 503);
  const report = (await unready.json()) as { status: string; message: string; checks: unknown[] };
  assert.deepEqual([report.status, report.message], ['unhealthy', 'broker: nobody answers at host']);
  assert.deepEqual(report.checks.at(-1), { name: 'disk', status: 'pass' });
  assert.equal((await fetch(`${listener.url}/livez`)).status, 200);
  broker = 'up';
  assert.equal((await fetch(`${listener.url}/readyz`)).status, 200);
  const head = await fetch(`${listener.url}/readyz`, { method: 'HEAD' });
  assert.deepEqual([head.status, await head.text()], [200, '']);
});

test('a stop lets what is under way finish and takes nothing new; what takes too long is given up', async (t) => {
  const clock = new FakeClock();
  const { listener } = await listening(t, { clock });
  const entered: (() => void)[] = [];
  const release: (() => void)[] = [];
  listener.route('GET', '/v1/slow', async ({ signal }) => {
    entered.shift()?.();
    await new Promise<void>((resolve) => {
      release.push(resolve);
      signal.addEventListener('abort', () => resolve());
    });
    return { status: 200, json: { aborted: signal.aborted } };
  });
  const inside = (): Promise<void> => new Promise((resolve) => entered.push(resolve));
  const both = [inside(), inside()];
  const [finished, abandoned] = [fetch(`${listener.url}/v1/slow`), fetch(`${listener.url}/v1/slow`)];
  const lost = assert.rejects(abandoned);
  await Promise.all(both);
  const stopped = listener.stop();
  release[0]?.();
  const settled = await Promise.any([finished, abandoned]);
  assert.deepEqual(await settled.json(), { aborted: false });
  clock.advance(LISTENER_LIMITS.stopMs);
  await stopped;
  await lost.catch(() => assert.rejects(finished));
  await assert.rejects(fetch(`${listener.url}/livez`));
});

test('settings that cannot work are refused', () => {
  for (const settings of [{ port: -1 }, { tokens: ['short'] }, { tokens: ['with space in the token'] }, { hots: 'x' }])
    assert.equal(listenerSettingsSchema.safeParse(settings).success, false, JSON.stringify(settings));
});
