import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../../src/server/index.ts';
import { Fixture } from '../conformance/fixture.ts';
import { SASL_ANSWER, SASL_HEADER, Talk } from './talk.ts';

const GET_HEALTH = 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n';
/** The beginning of a ClientHello. */
const HELLO = Buffer.from([0x16, 0x03, 0x01, 0x00, 0xc8, 0x01]);
/** That the server still serves everybody. */
async function works(t: TestContext, { server, faults }: Fixture): Promise<void> {
  const talk = await Talk.connect(t, server.amqpPort);
  await talk.say(SASL_HEADER);
  await talk.hears(SASL_ANSWER);
  talk.socket.destroy();
  assert.deepEqual(faults, []);
}

test('each port speaks AMQP and HTTP, however the first bytes come', async (t) => {
  const { server } = await Fixture.start(t, []);
  for (const port of [server.amqpPort, server.httpPort])
    for (const manner of ['say', 'spell'] as const) {
      const amqp = await Talk.connect(t, port);
      await amqp[manner](SASL_HEADER);
      await amqp.hears(SASL_ANSWER);
      const http = await Talk.connect(t, port);
      await http[manner](GET_HEALTH);
      await http.hears(/^HTTP\/1\.1 200 OK\r\n.*"healthy"/s);
      // The connection goes on.
      await http[manner](GET_HEALTH);
      await http.hears(/"healthy".*HTTP\/1\.1 200 OK\r\n.*"healthy"/s);
    }
});

test('who says nothing, or too little to be understood, is closed after 20 seconds', async (t) => {
  const { server, clock } = await Fixture.start(t, []);
  const beginnings = ['', 'AMQ', 'GE', '\x16'];
  const silent: Talk[] = [];
  for (const bytes of beginnings) {
    const talk = await Talk.connect(t, server.amqpPort);
    await talk.say(bytes);
    silent.push(talk);
  }
  // When the answer to this is there, the others have been heard.
  await (await fetch(`http://127.0.0.1:${server.amqpPort}/health`)).text();
  await clock.leap(19_000);
  assert.deepEqual(
    silent.map(({ closed }) => closed),
    [false, false, false, false],
  );
  await clock.leap(1_000);
  for (const talk of silent) {
    await talk.ends();
    assert.equal(talk.text, '');
  }
});

test('the time for the first bytes is the one for opening AMQP', async (t) => {
  const { server, clock } = await Fixture.start(t, [], { settings: { authenticationMs: 2_000 } });
  const talk = await Talk.connect(t, server.httpPort);
  await (await fetch(`http://127.0.0.1:${server.httpPort}/health`)).text();
  await clock.leap(2_000);
  await talk.ends();
});

test('what speaks nothing that is spoken here is told so in AMQP, and closed', async (t) => {
  const fixture = await Fixture.start(t, []);
  for (const bytes of [
    'hello\r\n',
    'get / HTTP/1.1\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    '\x80\x2e\x01\x03\x00',
  ]) {
    const talk = await Talk.connect(t, fixture.server.amqpPort);
    await talk.say(Buffer.from(bytes, 'latin1'));
    await talk.ends();
    assert.deepEqual(talk.heard, SASL_HEADER, bytes);
  }
  await works(t, fixture);
});

test('TLS to a port without it is answered with an alert that its clients understand', async (t) => {
  const { server } = await Fixture.start(t, []);
  const talk = await Talk.connect(t, server.amqpPort);
  await talk.say(HELLO);
  await talk.ends();
  assert.deepEqual(talk.heard, Buffer.from([0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x28]));
  const error: unknown = await fetch(`https://127.0.0.1:${server.amqpPort}/health`).catch((cause: unknown) => cause);
  assert.match(String((error as Error).cause), /alert handshake failure/);
});

test('peers that are gone in the middle of their first bytes, or say anything at all, leave nothing behind', async (t) => {
  const fixture = await Fixture.start(t, []);
  const { amqpPort } = fixture.server;
  for (const bytes of ['', 'A', 'AMQP\x03', 'GET /h', 'GET / HTTP/1.1\r\nUpgrade: websocket\r\n', '\x16\x03\x01']) {
    const talk = await Talk.connect(t, amqpPort);
    await talk.say(Buffer.from(bytes, 'latin1'));
    talk.socket.resetAndDestroy();
    await talk.ends();
  }
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 64 }), async (bytes) => {
      const talk = await Talk.connect(t, amqpPort);
      talk.socket.end(bytes);
      await talk.ends();
    }),
    { numRuns: 50 },
  );
  await works(t, fixture);
});

test('HTTP clients have a limit of their own, and take no place of AMQP clients', async (t) => {
  const fixture = await Fixture.start(t, [], { settings: { maxConnections: 1 } });
  const { amqpPort, httpPort } = fixture.server;
  const busy = await Promise.all(
    Array.from({ length: LIMITS.httpConnections }, (_, index) => Talk.connect(t, index % 2 ? amqpPort : httpPort)),
  );
  await Promise.all(busy.map((talk) => talk.say('GET / HTTP/1.1\r\n')));
  const refused = await Talk.connect(t, httpPort);
  await refused.say(GET_HEALTH);
  await refused.hears(/^HTTP\/1\.1 503 Service Unavailable\r\n/);
  await refused.ends();
  await works(t, fixture);
  busy[0]?.socket.destroy();
  const amqp = await Talk.connect(t, amqpPort);
  await amqp.say(SASL_HEADER);
  await amqp.hears(SASL_ANSWER);
  const served = await Talk.connect(t, amqpPort);
  await served.say(GET_HEALTH);
  await served.hears(/^HTTP\/1\.1 200 OK/);
});

test('more sockets than all clients may have together are closed at once, over both ports', async (t) => {
  const { server } = await Fixture.start(t, [], { settings: { maxConnections: 1 } });
  const most = 1 + LIMITS.refusedConnections + LIMITS.httpConnections;
  const silent: Talk[] = [];
  for (let count = 0; count < most; count++)
    silent.push(await Talk.connect(t, count % 2 ? server.amqpPort : server.httpPort));
  for (const port of [server.amqpPort, server.httpPort]) await (await Talk.connect(t, port)).ends();
  assert.ok(silent.every(({ closed }) => !closed));
});

test('an HTTP client has ten seconds for a request: from connecting, and from the answer before it', async (t) => {
  const { server, clock } = await Fixture.start(t, []);
  const base = `http://127.0.0.1:${server.httpPort}/health`;
  const slowHead = await Talk.connect(t, server.amqpPort);
  await slowHead.say('GET /health HTTP/1.1\r\nHost: x\r\n');
  const slowBody = await Talk.connect(t, server.httpPort);
  await slowBody.say('PUT /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345');
  await slowBody.hears(/^HTTP\/1\.1 404 /);
  await (await fetch(base)).text();
  await clock.leap(LIMITS.httpRequestMs - 1_000);
  assert.deepEqual([slowHead.closed, slowBody.closed], [false, false]);
  const second = await Talk.connect(t, server.httpPort);
  await second.say(GET_HEALTH);
  await second.hears(/"healthy"/);
  await second.say('GET /health HTTP/1.1\r\n');
  await clock.leap(1_000);
  await slowHead.ends();
  await slowBody.ends();
  assert.equal(second.closed, false);
  await clock.leap(LIMITS.httpRequestMs);
  await second.ends();
});

test('an offer to speak HTTP/2 is passed over, with the body that comes with it', async (t) => {
  const { server } = await Fixture.start(t, []);
  const talk = await Talk.connect(t, server.httpPort);
  const offer = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n';
  await talk.say(`PUT /health HTTP/1.1\r\nHost: x\r\n${offer}Content-Length: 5\r\n\r\n12345`);
  await talk.hears(/^HTTP\/1\.1 405 /);
  // The body was no request of its own.
  await talk.say(GET_HEALTH);
  await talk.hears(/405.*HTTP\/1\.1 200 OK/s);
});

test('with the same number, both ports are one', async (t) => {
  const free = createServer().listen(0, '127.0.0.1');
  await once(free, 'listening');
  const { port } = free.address() as AddressInfo;
  free.close();
  await once(free, 'close');
  const fixture = await Fixture.start(t, [], { amqpPort: port, httpPort: port });
  assert.deepEqual([fixture.server.amqpPort, fixture.server.httpPort], [port, port]);
  assert.equal((await fetch(`http://127.0.0.1:${port}/readyz`)).status, 200);
  await works(t, fixture);
});

test('pages of other sites may not use a broker that lets everybody in', async (t) => {
  const statusFor = async (fixture: Fixture, origin: string): Promise<number> => {
    const answer = await fetch(`http://127.0.0.1:${fixture.server.httpPort}/health`, { headers: { origin } });
    await answer.arrayBuffer();
    return answer.status;
  };
  const open = await Fixture.start(t, [], { auth: 'none' });
  const emulator = await Fixture.start(t, [], { key: 'SAS_KEY_VALUE' });
  const locked = await Fixture.start(t, []);
  const foreign = ['https://example.com', 'null', 'http://localhost.example.com', 'nonsense'];
  const local = ['http://localhost:3000', 'http://127.0.0.1', 'http://[::1]:80', 'https://app.localhost'];
  for (const origin of foreign) {
    assert.equal(await statusFor(open, origin), 403, origin);
    assert.equal(await statusFor(emulator, origin), 403, origin);
    assert.equal(await statusFor(locked, origin), 200, origin);
  }
  for (const origin of local) assert.equal(await statusFor(open, origin), 200, origin);
});
