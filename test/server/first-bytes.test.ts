import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { protocolOf } from '../../src/server/network/first-bytes.ts';

const CASES: readonly (readonly [bytes: Buffer, protocol: string | undefined])[] = [
  [Buffer.from('AMQP\x03\x01\x00\x00'), 'amqp'],
  [Buffer.from('AMQP'), 'amqp'],
  [Buffer.from('AMQX'), 'unknown'],
  [Buffer.from('AMQ'), undefined],
  [Buffer.from([0x16, 0x03, 0x01, 0x02]), 'tls'],
  [Buffer.from([0x16, 0x03]), 'tls'],
  [Buffer.from([0x16]), undefined],
  [Buffer.from([0x16, 0x02]), 'unknown'],
  [Buffer.from([0x15, 0x03]), 'unknown'],
  [Buffer.from('GET / HTTP/1.1'), 'http'],
  [Buffer.from('PUT '), 'http'],
  [Buffer.from('DELETE /q'), 'http'],
  [Buffer.from('ACL /'), 'http'],
  [Buffer.from('PATCH'), undefined],
  [Buffer.from('GETTER'), 'unknown'],
  [Buffer.from('get /'), 'unknown'],
  [Buffer.from('PRI * HTTP/2.0\r\n'), 'unknown'],
  [Buffer.from('hello'), 'unknown'],
  [Buffer.from([0]), 'unknown'],
  [Buffer.alloc(0), undefined],
];

test('a protocol is known by its first bytes', () => {
  for (const [bytes, protocol] of CASES) assert.equal(protocolOf(bytes), protocol, JSON.stringify(bytes.toString()));
});

test('what was said is never taken back by further bytes, and a few of them are always enough', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc.constantFrom('AMQP\x00\x01\x00\x00', 'SUBSCRIBE /', 'M-SEARCH *').map((text) => Buffer.from(text)),
      ),
      (bytes) => {
        let known: string | undefined;
        for (let length = 0; length <= bytes.length; length++) {
          const protocol = protocolOf(Buffer.from(bytes.subarray(0, length)));
          if (known !== undefined) assert.equal(protocol, known);
          known = protocol;
        }
        if (bytes.length >= 16) assert.notEqual(known, undefined);
      },
    ),
  );
});
