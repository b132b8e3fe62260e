import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { HttpRoutes } from '../../src/server/http-routes.ts';
import type { HttpApi } from '../../src/server/http-routes.ts';
import { LIMITS } from '../../src/server/index.ts';
import { HttpPort } from '../../src/server/network/http-port.ts';
import { ANY_ORIGIN } from '../../src/server/origin-rule.ts';
import { LeapClock } from '../conformance/leap-clock.ts';
import { Talk } from './talk.ts';

/** The HTTP side alone, on a port of its own. */
async function serve(t: TestContext, api: HttpApi): Promise<{ readonly port: number; readonly clock: LeapClock }> {
  const clock = new LeapClock();
  const http = new HttpPort({ api, clock, onUpgrade: (_request, socket) => socket.destroy() });
  const net = createServer((socket: Socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (bytes) => http.take(socket, bytes));
  });
  t.after(() => net.close());
  net.listen(0, '127.0.0.1');
  await once(net, 'listening');
  return { port: (net.address() as AddressInfo).port, clock };
}

const ask = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

test('an answer has a minute from the end of its request, then the connection is closed', async (t) => {
  const asked: ServerResponse[] = [];
  const { port, clock } = await serve(t, {
    handle(request: IncomingMessage, response: ServerResponse) {
      request.resume().once('end', () => asked.push(response));
    },
  });
  const until = async (count: number): Promise<void> => {
    while (asked.length < count) await new Promise((resolve) => setImmediate(resolve));
  };
  const talk = await Talk.connect(t, port);
  await talk.say(ask('/a'));
  await until(1);
  await clock.leap(LIMITS.httpAnswerMs - 1_000);
  asked[0]?.end('late');
  await talk.hears(/late/);
  await talk.say(ask('/b'));
  await until(2);
  await clock.leap(LIMITS.httpAnswerMs - 1_000);
  assert.equal(talk.closed, false);
  await clock.leap(1_000);
  await talk.ends();
});

test('a broker that is not ready says so, and is alive all the same', async (t) => {
  const routes = new HttpRoutes({ healthy: () => false, mayConnect: ANY_ORIGIN, onFault: assert.ifError });
  const { port } = await serve(t, routes);
  for (const [path, status] of [
    ['/health', 503],
    ['/readyz', 503],
    ['/livez', 200],
  ] as const) {
    const talk = await Talk.connect(t, port);
    await talk.say(ask(path));
    await talk.hears(new RegExp(`^HTTP/1\\.1 ${status} `));
    talk.socket.destroy();
  }
});

test('a fault of an API is reported, answered with 500, and ends nothing else', async (t) => {
  const faults: unknown[] = [];
  const atom: HttpApi = {
    handle() {
      throw new Error('a fault');
    },
  };
  const routes = new HttpRoutes({ healthy: () => true, atom, mayConnect: ANY_ORIGIN, onFault: (f) => faults.push(f) });
  const { port } = await serve(t, routes);
  const talk = await Talk.connect(t, port);
  await talk.say(ask('/q?api-version=2021-05'));
  await talk.hears(/^HTTP\/1\.1 500 .*application\/problem\+json/s);
  await talk.say(ask('/livez'));
  await talk.hears(/HTTP\/1\.1 200 OK/);
  assert.match(String(faults), /a fault/);
});

test('what is no HTTP after all is answered with 400 and closed', async (t) => {
  const routes = new HttpRoutes({ healthy: () => true, mayConnect: ANY_ORIGIN, onFault: assert.ifError });
  const { port } = await serve(t, routes);
  for (const bytes of [
    'GET / nonsense\r\n\r\n',
    `GET / HTTP/1.1\r\nHost: ${'x'.repeat(20_000)}\r\n\r\n`,
    'GET \0\r\n\r\n',
  ]) {
    const talk = await Talk.connect(t, port);
    await talk.say(bytes);
    await talk.ends();
    assert.match(talk.text, /^HTTP\/1\.1 4(00|31) /);
  }
});
