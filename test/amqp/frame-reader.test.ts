import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FrameReader } from '../../src/amqp/frame-reader.ts';
import { ProtocolError } from '../../src/amqp/protocol-error.ts';
import { AMQP_HEADER, frameBytes } from './raw-peer.ts';

const MAX = 4096;

interface Seen {
  readonly type: number;
  readonly channel: number;
  readonly body: Buffer;
}

function read(chunks: readonly Buffer[]): Seen[] {
  const reader = new FrameReader(MAX);
  const seen: Seen[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    while (reader.next()) {
      const body = Buffer.from(reader.buffer.subarray(reader.bodyStart, reader.bodyEnd));
      seen.push({ type: reader.type, channel: reader.channel, body });
    }
  }
  return seen;
}

function cut(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const length of lengths) {
    chunks.push(bytes.subarray(at, at + length));
    at += length;
  }
  chunks.push(bytes.subarray(at));
  return chunks;
}

const frame = fc.record(
  {
    type: fc.constantFrom(0, 1),
    channel: fc.integer({ min: 0, max: 0xffff }),
    body: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  },
  { noNullPrototype: true },
);

test('however the stream is cut into chunks, the same frames come out', () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 10 }), fc.array(fc.integer({ min: 0, max: 400 })), (frames, lengths) => {
      const bytes = Buffer.concat(frames.map(({ channel, body, type }) => frameBytes(channel, body, type)));
      assert.deepEqual(read(cut(bytes, lengths)), frames);
      assert.deepEqual(read([...bytes].map((byte) => Buffer.of(byte))), frames);
    }),
    { numRuns: 200 },
  );
});

test('a frame that lies whole in a chunk is a view of it', () => {
  const reader = new FrameReader(MAX);
  const chunk = Buffer.concat([frameBytes(0, Buffer.from('one')), frameBytes(0, Buffer.from('two'))]);
  reader.push(chunk);
  assert.ok(reader.next());
  assert.equal(reader.buffer, chunk);
});

test('an extended header is stepped over', () => {
  const bytes = Buffer.from([0, 0, 0, 14, 3, 0, 0, 1, 9, 9, 9, 9, 7, 7]);
  assert.deepEqual(read([bytes]), [{ type: 0, channel: 1, body: Buffer.from([7, 7]) }]);
});

test('a header and frames can follow each other in any chunks', () => {
  const bytes = Buffer.concat([AMQP_HEADER, frameBytes(3, Buffer.from('abc'))]);
  for (let length = 0; length <= bytes.length; length += 1) {
    const reader = new FrameReader(MAX);
    let headers = 0;
    let frames = 0;
    for (const chunk of [bytes.subarray(0, length), bytes.subarray(length)]) {
      reader.push(chunk);
      if (headers === 0 && reader.nextHeader()) {
        headers += 1;
        assert.deepEqual(reader.buffer.subarray(reader.bodyStart, reader.bodyEnd), AMQP_HEADER);
      }
      if (headers === 0) continue;
      while (reader.next()) frames += 1;
    }
    assert.deepEqual([headers, frames], [1, 1]);
  }
});

const BAD: readonly (readonly [string, readonly number[]])[] = [
  ['over the maximum', [0x00, 0x00, 0x10, 0x01, 2, 0, 0, 0]],
  ['of 4 GB', [0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0]],
  ['smaller than its header', [0, 0, 0, 7, 2, 0, 0, 0]],
  ['of no bytes', [0, 0, 0, 0, 2, 0, 0, 0]],
  ['with a body inside its header', [0, 0, 0, 8, 1, 0, 0, 0]],
  ['with a body behind its end', [0, 0, 0, 8, 3, 0, 0, 0]],
];

for (const [what, bytes] of BAD) {
  test(`a frame ${what} is a framing error as soon as its header is there`, () => {
    const reader = new FrameReader(MAX);
    reader.push(Buffer.from(bytes));
    assert.throws(
      () => reader.next(),
      (error: unknown) => error instanceof ProtocolError && error.condition === 'amqp:connection:framing-error',
    );
  });
}
