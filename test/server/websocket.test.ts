import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import fc from 'fast-check';
import { WebSocket, WebSocketServer } from 'ws';
import type { ClientOptions } from 'ws';
import type { Socket } from 'node:net';
import { LIMITS } from '../../src/server/index.ts';
import { WebSocketTransport } from '../../src/server/network/websocket-transport.ts';
import { Fixture } from '../conformance/fixture.ts';
import { SASL_ANSWER, SASL_HEADER, Talk } from './talk.ts';

const PATH = '/$servicebus/websocket';
/** sasl-init with the mechanism ANONYMOUS, and the header of AMQP after it. */
const SASL_INIT = Buffer.from('0000001b02010000005341c00e02a309414e4f4e594d4f5553a000', 'hex');
const AMQP_HEADER = Buffer.from('AMQP\x00\x01\x00\x00', 'latin1');
/** Everything that the server has said when AMQP begins. */
const AMQP_ANSWER = /^AMQP.*AMQP.{4}$/s;
/** open with the container id `x`. */
const OPEN = Buffer.from('0000001102000000005310c00401a10178', 'hex');

/** A WebSocket that shows all bytes of its messages as one stream. */
class Client {
  readonly websocket: WebSocket;
  heard = '';
  closed: { readonly code: number } | undefined;

  constructor(t: TestContext, url: string, protocols: string[] = ['AMQPWSB10'], options: ClientOptions = {}) {
    this.websocket = new WebSocket(url, protocols, options);
    t.after(() => this.websocket.terminate());
    this.websocket.on('message', (data, isBinary) => {
      assert.ok(isBinary, 'AMQP is sent in binary messages');
      this.heard += (data as Buffer).toString('latin1');
    });
    this.websocket.on('error', () => undefined);
    this.websocket.on('close', (code) => {
      this.closed = { code };
    });
  }

  static async open(t: TestContext, port: number, path = PATH, options: ClientOptions = {}): Promise<Client> {
    const client = new Client(t, `ws://127.0.0.1:${port}${path}`, ['AMQPWSB10'], options);
    await once(client.websocket, 'open');
    return client;
  }

  async hears(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.heard)) {
      assert.equal(this.closed, undefined, `closed after ${JSON.stringify(this.heard)}`);
      await Promise.race([once(this.websocket, 'message'), once(this.websocket, 'close')]);
    }
  }

  async ends(): Promise<number> {
    if (!this.closed) await once(this.websocket, 'close');
    return this.closed?.code ?? 0;
  }
}

/** How an upgrade was refused. */
async function refusal(t: TestContext, url: string, protocols?: string[], options?: ClientOptions): Promise<number> {
  const client = new Client(t, url, protocols, options);
  const [request, response] = (await once(client.websocket, 'unexpected-response')) as [
    { destroy(): void },
    { statusCode: number; headers: Record<string, string> },
  ];
  assert.equal(response.headers['content-type'], 'application/problem+json');
  request.destroy();
  return response.statusCode;
}

test('AMQP is spoken over WebSockets on both ports, with and without a slash at the end', async (t) => {
  const { server } = await Fixture.start(t, []);
  for (const port of [server.amqpPort, server.httpPort])
    for (const path of [PATH, `${PATH}/`, '/%24servicebus/websocket', '/$servicebus/websocket?sb-hc-action=x']) {
      const client = await Client.open(t, port, path, { perMessageDeflate: true });
      assert.deepEqual([client.websocket.protocol, client.websocket.extensions], ['AMQPWSB10', '']);
      client.websocket.send(SASL_HEADER);
      await client.hears(SASL_ANSWER);
    }
});

test('the WebSocket that browsers and Node have of themselves connects', async (t) => {
  const { WebSocket: Native } = globalThis as { WebSocket?: typeof globalThis.WebSocket };
  if (!Native) return t.skip('Node has one from version 22 on');
  const { server } = await Fixture.start(t, []);
  const websocket = new Native(`ws://127.0.0.1:${server.amqpPort}${PATH}`, ['AMQPWSB10']);
  t.after(() => websocket.close());
  websocket.binaryType = 'arraybuffer';
  await once(websocket, 'open');
  assert.equal(websocket.protocol, 'AMQPWSB10');
  websocket.send(SASL_HEADER);
  const [{ data }] = (await once(websocket, 'message')) as [{ readonly data: ArrayBuffer }];
  assert.match(Buffer.from(data).toString('latin1'), SASL_ANSWER);
});

test('where a message begins or ends says nothing: frames come split, merged and among empty messages', async (t) => {
  const { server } = await Fixture.start(t, []);
  const split = await Client.open(t, server.amqpPort);
  const bytes = Buffer.concat([SASL_HEADER, SASL_INIT, AMQP_HEADER]);
  for (const byte of bytes) {
    split.websocket.send(Buffer.from([byte]));
    split.websocket.send(Buffer.alloc(0));
  }
  await split.hears(AMQP_ANSWER);
  const merged = await Client.open(t, server.amqpPort);
  merged.websocket.send(bytes);
  await merged.hears(AMQP_ANSWER);
  const fragmented = await Client.open(t, server.amqpPort);
  fragmented.websocket.send(bytes.subarray(0, 3), { fin: false });
  fragmented.websocket.send(bytes.subarray(3), { fin: true });
  await fragmented.hears(AMQP_ANSWER);
  assert.equal(split.heard, merged.heard);
});

test('an upgrade that is for something else is refused with the reason', async (t) => {
  const { server } = await Fixture.start(t, []);
  const base = `ws://127.0.0.1:${server.amqpPort}`;
  assert.equal(await refusal(t, `${base}/`), 404);
  assert.equal(await refusal(t, `${base}/health`), 404);
  assert.equal(await refusal(t, `${base}${PATH}`, []), 400);
  assert.equal(await refusal(t, `${base}${PATH}`, ['mqtt']), 400);
  const standard = new Client(t, `${base}${PATH}`, ['amqp']);
  await once(standard.websocket, 'open');
  assert.equal(standard.websocket.protocol, 'amqp');
  const broken = await Talk.connect(t, server.amqpPort);
  await broken.say(
    `GET ${PATH} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: AMQPWSB10\r\n\r\n`,
  );
  await broken.hears(/^HTTP\/1\.1 400 /);
  await broken.ends();
});

test('pages of other sites may not open a WebSocket to a broker that lets everybody in', async (t) => {
  const { server } = await Fixture.start(t, [], { auth: 'none' });
  const url = `ws://127.0.0.1:${server.amqpPort}${PATH}`;
  assert.equal(await refusal(t, url, ['AMQPWSB10'], { origin: 'https://example.com' }), 403);
  await Client.open(t, server.amqpPort, PATH, { origin: 'http://localhost:8080' });
});

test('text, and a message over the limit, close the WebSocket with the code that says so', async (t) => {
  const { server } = await Fixture.start(t, []);
  const text = await Client.open(t, server.amqpPort);
  text.websocket.send('AMQP');
  assert.equal(await text.ends(), 1003);
  const large = await Client.open(t, server.amqpPort);
  large.websocket.send(Buffer.alloc(LIMITS.websocketMessageBytes + 1));
  assert.equal(await large.ends(), 1009);
  const garbage = await Client.open(t, server.amqpPort);
  garbage.websocket.send(Buffer.from('hello there'));
  await garbage.hears(/^AMQP/);
  assert.equal(await garbage.ends(), 1000);
});

test('a WebSocket counts among the connections, and one too many is told so in AMQP', async (t) => {
  const { server } = await Fixture.start(t, [], { settings: { maxConnections: 1 } });
  const first = await Client.open(t, server.amqpPort);
  const second = await Client.open(t, server.httpPort);
  second.websocket.send(Buffer.concat([SASL_HEADER, SASL_INIT, AMQP_HEADER, OPEN]));
  await second.hears(/amqp:resource-limit-exceeded.*the 1 that are allowed are in use/s);
  assert.equal(await second.ends(), 1000);
  assert.equal(first.closed, undefined);
});

test('a WebSocket on which no AMQP is opened is closed like any other connection', async (t) => {
  const { server, clock } = await Fixture.start(t, []);
  const client = await Client.open(t, server.amqpPort);
  const pong = once(client.websocket, 'pong');
  client.websocket.ping('x');
  await pong;
  await clock.leap(20_000);
  assert.equal(await client.ends(), 1006);
});

test('who closes a WebSocket in the middle of anything leaves nothing behind', async (t) => {
  const { server, faults } = await Fixture.start(t, []);
  for (const leave of ['close', 'terminate'] as const) {
    const client = await Client.open(t, server.amqpPort);
    client.websocket.send(SASL_HEADER.subarray(0, 5));
    client.websocket[leave]();
    await client.ends();
  }
  assert.deepEqual(faults, []);
});

test('anything at all on an open WebSocket ends it at worst, and nothing else', async (t) => {
  const { server, faults } = await Fixture.start(t, []);
  const upgrade =
    `GET ${PATH} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
    `Sec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}\r\nSec-WebSocket-Protocol: AMQPWSB10\r\n\r\n`;
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), fc.boolean(), async (bytes, atOnce) => {
      const talk = await Talk.connect(t, server.amqpPort);
      await talk.say(atOnce ? Buffer.concat([Buffer.from(upgrade), bytes]) : upgrade);
      await talk.hears(/^HTTP\/1\.1 101 /);
      talk.socket.end(atOnce ? '' : bytes);
      await talk.ends();
    }),
    { numRuns: 50 },
  );
  await Client.open(t, server.amqpPort);
  assert.deepEqual(faults, []);
});

test('what a client does not take waits, and the transport tells when it was taken', async (t) => {
  const library = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  t.after(() => library.close());
  await once(library, 'listening');
  const { port } = library.address() as { port: number };
  const client = new WebSocket(`ws://127.0.0.1:${port}`);
  t.after(() => client.terminate());
  const [[websocket, request]] = (await Promise.all([once(library, 'connection'), once(client, 'open')])) as [
    [WebSocket, { socket: Socket }],
    unknown,
  ];
  const transport = new WebSocketTransport(websocket, request.socket);
  const drained = new Promise<void>((resolve) =>
    transport.open({ onData: () => undefined, onDrain: resolve, onClose: () => undefined }),
  );
  let taken = 0;
  let largest = 0;
  client.on('message', (data: Buffer) => {
    taken += data.length;
    largest = Math.max(largest, data.length);
  });
  client.pause();
  const chunk = Buffer.alloc(1024 * 1024, 7);
  const chunks = 32;
  for (let count = 0; count < chunks; count++) transport.write([chunk, Buffer.from('x')]);
  assert.ok(transport.pendingBytes > LIMITS.outputHighWaterBytes);
  client.resume();
  await drained;
  assert.equal(transport.pendingBytes, 0);
  transport.end();
  await once(client, 'close');
  assert.deepEqual([taken, largest], [chunks * (chunk.length + 1), LIMITS.websocketSendBytes]);
});
