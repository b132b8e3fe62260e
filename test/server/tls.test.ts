import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, unlink, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { connect, createServer } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import fc from 'fast-check';
import { LIMITS } from '../../src/server/index.ts';
import { makeAuthority, makeServerCertificate } from '../../src/server/network/make-certificate.ts';
import type { CertificateAndKey } from '../../src/server/network/make-certificate.ts';
import { SocketTransport } from '../../src/server/network/socket-transport.ts';
import { Fixture } from '../conformance/fixture.ts';
import { SASL_ANSWER, SASL_HEADER, Talk } from './talk.ts';

const DAY_MS = 86_400_000;
const SELF_SIGNED = { tls: { kind: 'self-signed' } } as const;
const GET_HEALTH = 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n';

async function secured(t: TestContext, port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, ...options });
  t.after(() => socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

/** The fingerprint of the certificate that the server shows. */
async function shown(t: TestContext, port: number): Promise<string> {
  const socket = await secured(t, port, { rejectUnauthorized: false });
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

async function pemFiles(t: TestContext): Promise<{
  certificateFile: string;
  keyFile: string;
  write: (pair: CertificateAndKey) => Promise<void>;
}> {
  const folder = await mkdtemp(join(tmpdir(), 'retrain-tls-'));
  t.after(() => rm(folder, { recursive: true }));
  const [certificateFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const write = async ({ certificate, key }: CertificateAndKey): Promise<void> => {
    await writeFile(keyFile, key);
    await writeFile(certificateFile, certificate);
  };
  return { certificateFile, keyFile, write };
}

let serials = 0;
const validFor = (days: number) => ({
  serial: Buffer.from([0x40, ++serials]),
  fromMs: Date.now() - 2 * DAY_MS,
  toMs: Date.now() + days * DAY_MS,
});

async function newPair(days = 1): Promise<CertificateAndKey> {
  return makeServerCertificate(await makeAuthority(validFor(10)), ['localhost'], validFor(days));
}

test('with a local authority, both ports speak AMQP, HTTP and WebSockets in TLS, and all of it without', async (t) => {
  const { server } = await Fixture.start(t, [], SELF_SIGNED);
  const ca = await readFile(server.trustFile ?? '');
  for (const port of [server.amqpPort, server.httpPort])
    for (const manner of ['say', 'spell'] as const) {
      const amqp = new Talk(await secured(t, port, { ca, servername: 'localhost' }));
      await amqp[manner](SASL_HEADER);
      await amqp.hears(SASL_ANSWER);
      const http = new Talk(await secured(t, port, { ca }));
      await http[manner](GET_HEALTH);
      await http.hears(/^HTTP\/1\.1 200 OK\r\n.*"healthy"/s);
      const plain = await Talk.connect(t, port);
      await plain.say(SASL_HEADER);
      await plain.hears(SASL_ANSWER);
    }
  const twice = new Talk(await secured(t, server.amqpPort, { ca }));
  await twice.say(Buffer.from([0x16, 0x03, 0x01, 0x00, 0xc8, 0x01]));
  await twice.ends();
  assert.deepEqual(twice.heard, SASL_HEADER);
});

test('nothing weaker than TLS 1.2 is spoken', async (t) => {
  const { server } = await Fixture.start(t, [], SELF_SIGNED);
  const weak = { rejectUnauthorized: false, ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  const socket = connect({ port: server.amqpPort, ...weak, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' });
  const [error] = (await once(socket, 'error')) as [Error];
  assert.match(error.message, /alert protocol version/);
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const good = await secured(t, server.amqpPort, { ...weak, minVersion: version, maxVersion: version });
    assert.equal(good.getProtocol(), version);
  }
});

test('a handshake that does not end, and silence after one, are closed after 20 seconds each', async (t) => {
  const { server, clock, faults } = await Fixture.start(t, [], SELF_SIGNED);
  const stuck = await Talk.connect(t, server.amqpPort);
  await stuck.say(Buffer.from([0x16, 0x03, 0x01, 0x00, 0xc8, 0x01]));
  // With TLS 1.2 it is the server that ends the handshake first.
  const silent = new Talk(await secured(t, server.amqpPort, { rejectUnauthorized: false, maxVersion: 'TLSv1.2' }));
  await clock.leap(19_000);
  assert.deepEqual([stuck.closed, silent.closed], [false, false]);
  await clock.leap(1_000);
  await stuck.ends();
  await silent.ends();
  const broken = await Talk.connect(t, server.amqpPort);
  await broken.say(Buffer.from('160301000501000001ff', 'hex'));
  await broken.ends();
  assert.equal(broken.heard[0], 0x15, 'an alert');
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (bytes) => {
      const any = await Talk.connect(t, server.amqpPort);
      any.socket.end(Buffer.concat([Buffer.from([0x16, 0x03]), bytes]));
      await any.ends();
    }),
    { numRuns: 50 },
  );
  const gone = await Talk.connect(t, server.amqpPort);
  await gone.say(Buffer.from([0x16, 0x03, 0x01, 0x00, 0xc8, 0x01]));
  gone.socket.resetAndDestroy();
  await shown(t, server.amqpPort);
  assert.deepEqual(faults, []);
});

test('the authority is made once and only its owner can read its key; what is lost of the rest is made again', async (t) => {
  const fixture = await Fixture.start(t, [], {
    tls: { kind: 'self-signed', names: ['broker.test', '*.wild.test', '192.0.2.1'] },
  });
  const folder = join(fixture.dataFolder, 'tls');
  const ca = await readFile(join(folder, 'ca.pem'), 'utf8');
  for (const [file, mode] of [
    ['authority.pem', 0o600],
    ['server.pem', 0o600],
  ] as const)
    assert.equal((await stat(join(folder, file))).mode & 0o777, mode, file);
  assert.doesNotMatch(ca, /PRIVATE KEY/);
  const first = await shown(t, fixture.server.amqpPort);
  await fixture.stopServer();
  await fixture.startServer();
  assert.equal(await shown(t, fixture.server.amqpPort), first);

  await fixture.stopServer();
  await unlink(join(folder, 'server.pem'));
  await unlink(join(folder, 'ca.pem'));
  await fixture.startServer();
  assert.notEqual(await shown(t, fixture.server.amqpPort), first);
  assert.equal(await readFile(join(folder, 'ca.pem'), 'utf8'), ca);
  await secured(t, fixture.server.amqpPort, { ca, servername: 'broker.test' });

  const second = await shown(t, fixture.server.amqpPort);
  await fixture.stopServer();
  await fixture.startServer({ tls: { kind: 'self-signed', names: ['other.test'] } });
  assert.notEqual(await shown(t, fixture.server.amqpPort), second);
  await secured(t, fixture.server.amqpPort, { ca, servername: 'other.test' });

  await fixture.stopServer();
  await writeFile(join(folder, 'authority.pem'), ca);
  await assert.rejects(fixture.startServer(), { code: 'DATA_CORRUPT', message: /authority\.pem does not hold a key/ });
});

test('the certificate is made anew before it expires, while clients are connected', async (t) => {
  const fixture = await Fixture.start(t, [], SELF_SIGNED);
  const { amqpPort, trustFile = '' } = fixture.server;
  const ca = await readFile(trustFile, 'utf8');
  const first = await shown(t, amqpPort);
  /** Lets the server look at its certificate: the look before may still be under way. */
  const look = async (): Promise<string> => {
    await fixture.clock.leap(LIMITS.certificateLookMs);
    return shown(t, amqpPort);
  };
  await fixture.clock.leap(59 * DAY_MS);
  for (let looks = 0; looks < 3; looks++) assert.equal(await look(), first);
  const connected = new Talk(await secured(t, amqpPort, { rejectUnauthorized: false }));
  await connected.say(SASL_HEADER);
  await connected.hears(SASL_ANSWER);
  await fixture.clock.leap(2 * DAY_MS);
  while ((await look()) === first);
  assert.equal(await readFile(trustFile, 'utf8'), ca);
});

test('what a client does not take of a connection in TLS waits, and the transport tells when it was taken', async (t) => {
  const { certificate: cert, key } = await newPair();
  const listener = createServer({ cert, key });
  t.after(() => listener.close());
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const [[socket], client] = (await Promise.all([
    once(listener, 'secureConnection'),
    secured(t, port, { rejectUnauthorized: false }),
  ])) as [[TLSSocket], TLSSocket];
  const transport = new SocketTransport(socket);
  const drained = new Promise<void>((resolve) =>
    transport.open({ onData: () => undefined, onDrain: resolve, onClose: () => undefined }),
  );
  const chunk = Buffer.alloc(1024 * 1024);
  const chunks = 32;
  for (let count = 0; count < chunks; count++) transport.write([chunk, Buffer.from('x')]);
  assert.ok(transport.pendingBytes > LIMITS.outputHighWaterBytes);
  let taken = 0;
  client.on('data', (bytes: Buffer) => (taken += bytes.length));
  await drained;
  assert.equal(transport.pendingBytes, 0);
  transport.end();
  await once(client, 'close');
  assert.equal(taken, chunks * (chunk.length + 1));
});

test('given files are taken anew when they change; what cannot be used is reported, and the former stays', async (t) => {
  const { certificateFile, keyFile, write } = await pemFiles(t);
  const [first, second, third] = [await newPair(), await newPair(), await newPair()];
  await write(first);
  const fixture = await Fixture.start(t, [], { tls: { kind: 'files', certificateFile, keyFile } });
  const { amqpPort } = fixture.server;
  assert.equal(fixture.server.trustFile, undefined);
  const before = await shown(t, amqpPort);
  const { clock, faults } = fixture;
  // As if caught between the two files.
  await write({ certificate: second.certificate, key: first.key });
  while (faults.length === 0) {
    await clock.leap(LIMITS.certificateLookMs);
    assert.equal(await shown(t, amqpPort), before);
  }
  // It is said once, however often it is looked at.
  for (let looks = 0; looks < 3; looks++) {
    await clock.leap(LIMITS.certificateLookMs);
    await shown(t, amqpPort);
  }
  assert.equal(faults.length, 1);
  assert.match(String(faults.splice(0)), /key\.pem is not the key of the certificate in .*cert\.pem/);
  await write(third);
  while ((await shown(t, amqpPort)) === before) await fixture.clock.leap(LIMITS.certificateLookMs);
  assert.deepEqual(fixture.faults, []);
});

test('a certificate and key that cannot be used are refused at the start, with the file and the reason', async (t) => {
  const { certificateFile, keyFile, write } = await pemFiles(t);
  const start = () => Fixture.start(t, [], { tls: { kind: 'files', certificateFile, keyFile } });
  const refused = (message: RegExp) => assert.rejects(start(), { code: 'CONFIGURATION_INVALID', message });
  await refused(/cert\.pem does not exist/);
  const pair = await newPair();
  await write({ ...pair, key: (await newPair()).key });
  await refused(/key\.pem is not the key of the certificate in .*cert\.pem/);
  await write({ ...pair, certificate: 'no certificate' });
  await refused(/cert\.pem holds no certificate/);
  await write({ ...pair, key: 'no key' });
  await refused(/key\.pem holds no private key/);
  await write({ ...pair, key: pair.key.replaceAll('PRIVATE', 'ENCRYPTED PRIVATE') });
  await refused(/key\.pem is encrypted/);
  await write(await newPair(-1));
  await refused(/cert\.pem has expired/);
  await unlink(keyFile);
  await refused(/key\.pem does not exist/);
  await assert.rejects(Fixture.start(t, [], { tls: { kind: 'files', certificateFile: tmpdir(), keyFile } }), {
    code: 'CONFIGURATION_INVALID',
    message: /cannot be read/,
  });
});
