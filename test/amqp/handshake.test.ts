import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readComposite } from '../../src/amqp/composite-codec.ts';
import { OPEN, SASL_INIT, SASL_MECHANISMS, SASL_OUTCOME } from '../../src/amqp/composites.ts';
import { FRAME_TYPE } from '../../src/amqp/frame-reader.ts';
import {
  Connection,
  readPlainResponse,
  type ClientSasl,
  type ConnectionHandler,
  type SaslMechanism,
  type ServerSasl,
} from '../../src/amqp/index.ts';
import { Pair } from './pair.ts';
import { AMQP_HEADER, encodeComposite, frameBytes, RawPeer, recording, SASL_HEADER } from './raw-peer.ts';

function serverSasl(mechanisms: readonly SaslMechanism[], own: Partial<ServerSasl> = {}): ServerSasl {
  return { role: 'server', mechanisms, authenticate: () => true, ...own };
}

const taken = (connection: Connection): Buffer => Buffer.concat(connection.takeOutput());
const saslFrame = (body: Buffer): Buffer => frameBytes(0, body, FRAME_TYPE.sasl);
const init = (mechanism: string, initialResponse?: Buffer): Buffer =>
  saslFrame(encodeComposite(SASL_INIT, { mechanism, initialResponse, hostname: 'host' }));

for (const mechanism of ['ANONYMOUS', 'PLAIN', 'MSSBCBS', 'EXTERNAL'] as const) {
  test(`a client authenticates with ${mechanism} and both sides open`, () => {
    const asked: unknown[] = [];
    const sasl = serverSasl(['MSSBCBS', 'ANONYMOUS', 'PLAIN', 'EXTERNAL'], {
      authenticate: (name, response, hostname) => asked.push([name, response.toString(), hostname]) > 0,
    });
    const client: ClientSasl = { role: 'client', mechanism, username: 'user', password: 'pass' };
    const pair = new Pair({ client: { sasl: client, hostname: 'broker' }, server: { sasl } }).run();
    assert.deepEqual(asked, [[mechanism, mechanism === 'PLAIN' ? '\0user\0pass' : 'user', 'broker']]);
    assert.deepEqual(pair.serverEvents, ['open client']);
    assert.deepEqual(pair.clientEvents, ['open server']);
    assert.equal(pair.server.remoteOpen?.hostname, 'broker');
  });
}

test('mechanisms are offered as an array in the order given, also a single one', () => {
  for (const mechanisms of [['MSSBCBS', 'ANONYMOUS'], ['ANONYMOUS']] as const) {
    const peer = new RawPeer({ sasl: serverSasl(mechanisms) });
    peer.bytes(SASL_HEADER);
    const bytes = taken(peer.connection);
    assert.deepEqual(bytes.subarray(0, 8), SASL_HEADER);
    const { value } = readComposite(SASL_MECHANISMS, bytes, 16);
    assert.deepEqual(value.saslServerMechanisms, mechanisms);
    assert.ok(bytes.includes(Buffer.from([0xe0])), 'an array, not a single symbol');
  }
});

test('a wrong password gets sasl-outcome auth (1) and then nothing; onClose says unauthorized', () => {
  const peer = new RawPeer({ sasl: serverSasl(['PLAIN'], { authenticate: () => false }) });
  peer.bytes(SASL_HEADER);
  taken(peer.connection);
  peer.bytes(init('PLAIN', Buffer.from('\0user\0wrong')));
  const bytes = taken(peer.connection);
  assert.equal(readComposite(SASL_OUTCOME, bytes, 8).value.code, 1);
  assert.equal(bytes.length, 8 + readComposite(SASL_OUTCOME, bytes, 8).end - 8);
  assert.deepEqual(peer.events, ['close amqp:unauthorized-access']);
  assert.equal(peer.connection.closed, true);
});

test('a mechanism that was not offered is refused without asking', () => {
  const peer = new RawPeer({
    sasl: serverSasl(['ANONYMOUS'], {
      authenticate: () => {
        throw new Error('must not be asked');
      },
    }),
  });
  peer.bytes(SASL_HEADER, init('EXTERNAL'));
  assert.deepEqual(peer.events, ['close amqp:unauthorized-access']);
});

test('a client whose mechanism is not offered, or that is refused, closes with unauthorized', () => {
  const events: string[] = [];
  const sasl: ClientSasl = { role: 'client', mechanism: 'PLAIN', username: 'u', password: 'p' };
  new Pair(
    { client: { sasl }, server: { sasl: serverSasl(['ANONYMOUS']) } },
    { client: { onClose: (error) => events.push(error?.description ?? '') } },
  ).run();
  assert.deepEqual(events, ['the peer offers SASL ANONYMOUS, but not PLAIN']);
  const refused = new Pair({
    client: { sasl },
    server: { sasl: serverSasl(['PLAIN'], { authenticate: () => false }) },
  }).run();
  assert.deepEqual(refused.clientEvents, ['close amqp:unauthorized-access']);
  assert.deepEqual(refused.serverEvents, ['close amqp:unauthorized-access']);
});

test('a plain AMQP header is answered without SASL configured, or when it is allowed', () => {
  for (const options of [{ sasl: undefined }, { sasl: serverSasl(['ANONYMOUS']), allowPlainHeader: true }]) {
    const peer = new RawPeer(options);
    peer.bytes(AMQP_HEADER);
    assert.deepEqual(taken(peer.connection), AMQP_HEADER);
    assert.equal(peer.connection.closed, false);
  }
});

const WRONG_HEADERS: readonly (readonly [string, Buffer, boolean, Buffer])[] = [
  ['a plain AMQP header where SASL is required', AMQP_HEADER, true, SASL_HEADER],
  ['a SASL header where there is none', SASL_HEADER, false, AMQP_HEADER],
  ['a TLS header', Buffer.from('AMQP\x02\x01\0\0', 'latin1'), true, SASL_HEADER],
  ['AMQP 0-9-1', Buffer.from('AMQP\0\0\x09\x01', 'latin1'), false, AMQP_HEADER],
  ['HTTP', Buffer.from('GET / HTTP/1.1'), false, AMQP_HEADER],
];

for (const [what, header, withSasl, answer] of WRONG_HEADERS) {
  test(`${what} is answered with the header that is supported, and the connection ends`, () => {
    const peer = new RawPeer({ sasl: withSasl ? serverSasl(['ANONYMOUS']) : undefined });
    peer.bytes(header);
    assert.deepEqual(taken(peer.connection), answer);
    assert.deepEqual(peer.events, ['close amqp:connection:framing-error']);
  });
}

test('a SASL frame over 512 bytes, an AMQP frame or another SASL frame in the dialog ends the connection', () => {
  const broken = [
    init('ANONYMOUS', Buffer.alloc(600)),
    frameBytes(0, encodeComposite(OPEN, { containerId: 'c' })),
    saslFrame(encodeComposite(SASL_OUTCOME, { code: 0 })),
    saslFrame(Buffer.alloc(0)),
    saslFrame(Buffer.from([0x00, 0x53, 0x41, 0xc0, 0xff])),
  ];
  for (const bytes of broken) {
    const peer = new RawPeer({ sasl: serverSasl(['ANONYMOUS']) });
    peer.bytes(SASL_HEADER, bytes);
    assert.equal(peer.connection.closed, true);
    assert.equal(peer.events.length, 1);
  }
});

test('a client that sends everything at once, without waiting for answers, is served', () => {
  const peer = new RawPeer({ sasl: serverSasl(['ANONYMOUS']) });
  const open = frameBytes(0, encodeComposite(OPEN, { containerId: 'eager' }));
  peer.bytes(Buffer.concat([SASL_HEADER, init('ANONYMOUS'), AMQP_HEADER, open]));
  assert.deepEqual(peer.events, ['open eager']);
});

test('a handshake that comes byte by byte succeeds', () => {
  const peer = new RawPeer({ sasl: serverSasl(['ANONYMOUS']) });
  const open = frameBytes(0, encodeComposite(OPEN, { containerId: 'slow' }));
  for (const byte of Buffer.concat([SASL_HEADER, init('ANONYMOUS'), AMQP_HEADER, open])) peer.bytes(Buffer.of(byte));
  assert.deepEqual(peer.events, ['open slow']);
});

test('an authenticate that throws ends the connection and is handed to onFault', () => {
  const events: string[] = [];
  const handler: ConnectionHandler = recording(events);
  const sasl = serverSasl(['ANONYMOUS'], {
    authenticate: () => {
      throw new Error('broken');
    },
  });
  const connection = new Connection({ role: 'server', containerId: 'c', sasl }, handler);
  connection.start(0);
  connection.receive(Buffer.concat([SASL_HEADER, init('ANONYMOUS')]), 0);
  assert.deepEqual(events, ['fault Error: broken', 'close amqp:internal-error']);
});

test('the response of PLAIN is taken apart, a malformed one is not', () => {
  assert.deepEqual(readPlainResponse(Buffer.from('a\0u\0p')), { authorizationId: 'a', username: 'u', password: 'p' });
  for (const bad of ['', 'u', '\0u', '\0u\0', '\0\0p', '\0u\0p\0x']) {
    assert.equal(readPlainResponse(Buffer.from(bad)), undefined);
  }
});
