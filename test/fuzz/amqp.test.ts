import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { readDescriptor, readFields } from '../../src/amqp/composite-codec.ts';
import {
  ATTACH,
  BEGIN,
  CLOSE,
  DETACH,
  DISPOSITION,
  END,
  FLOW,
  OPEN,
  SASL_INIT,
  TRANSFER,
  type Composite,
} from '../../src/amqp/composites.ts';
import { Reader } from '../../src/amqp/decoder.ts';
import { FRAME_TYPE, FrameReader } from '../../src/amqp/frame-reader.ts';
import {
  ACCEPTED,
  Connection,
  encode,
  RELEASED,
  Writer,
  type AmqpError,
  type AmqpValue,
  type ConnectionHandler,
  type Link,
} from '../../src/amqp/index.ts';
import { encodeComposite, frameBytes, recording, SASL_HEADER, AMQP_HEADER } from '../amqp/raw-peer.ts';
import { typedValue } from '../amqp/value-arbitrary.ts';

// Streams that begin as a correct client's and are then broken in every way: whatever comes, the engine does not throw, does
// not hang, holds no more than its limits allow, and tells the peer why it closes.

/** Streams for each test. */
const RUNS = 1000;
const MAX_OUTPUT_BYTES = 100_000;
const PEER_MAX_FRAME = 1024;

const frame = (body: Buffer, channel = 0): Buffer => frameBytes(channel, body);
const transfer = (own: object, payload: Buffer): Buffer =>
  frame(Buffer.concat([encodeComposite(TRANSFER, { handle: 0, ...own }), payload]));
const tagged = (deliveryId: number): object => ({
  deliveryId,
  deliveryTag: Buffer.from([deliveryId]),
  messageFormat: 0,
});
const flow = (own: object): Buffer =>
  frame(encodeComposite(FLOW, { nextIncomingId: 0, incomingWindow: 50, nextOutgoingId: 0, outgoingWindow: 9, ...own }));
const attach = (handle: number, role: boolean): Buffer =>
  frame(
    encodeComposite(ATTACH, {
      name: `l${handle}`,
      handle,
      role,
      source: { address: 'q', filter: new Map([['f', 'v']]), outcomes: ['amqp:accepted:list'] },
      target: { address: 'q' },
      initialDeliveryCount: 0,
      properties: new Map([['p', 1]]),
    }),
  );

/** What a correct client sends, piece by piece. */
const CONVERSATION: readonly Buffer[] = [
  SASL_HEADER,
  frameBytes(0, encodeComposite(SASL_INIT, { mechanism: 'ANONYMOUS', hostname: 'h' }), FRAME_TYPE.sasl),
  AMQP_HEADER,
  frame(encodeComposite(OPEN, { containerId: 'fuzz', maxFrameSize: PEER_MAX_FRAME, idleTimeOut: 60_000 })),
  frame(encodeComposite(BEGIN, { nextOutgoingId: 0, incomingWindow: 50, outgoingWindow: 50 })),
  attach(0, false),
  attach(1, true),
  flow({ handle: 1, deliveryCount: 0, linkCredit: 10 }),
  transfer(tagged(0), Buffer.from('one')),
  transfer({ ...tagged(1), more: true }, Buffer.alloc(300, 1)),
  transfer({ more: true }, Buffer.alloc(300, 2)),
  transfer({}, Buffer.alloc(300, 3)),
  frame(Buffer.alloc(0)),
  flow({ echo: true }),
  frame(encodeComposite(DISPOSITION, { role: true, first: 0, last: 3, state: ACCEPTED })),
  frame(encodeComposite(DISPOSITION, { role: true, first: 0, last: 9, settled: true, state: RELEASED })),
  transfer({ ...tagged(2), settled: true, state: ACCEPTED }, Buffer.from('two')),
  flow({ handle: 1, deliveryCount: 10, linkCredit: 5, drain: true, echo: true }),
  transfer({ ...tagged(3), more: true }, Buffer.alloc(10)),
  transfer({ aborted: true }, Buffer.alloc(0)),
  frame(encodeComposite(DETACH, { handle: 0, closed: true })),
  attach(0, false),
  frame(encodeComposite(END, {})),
  frame(encodeComposite(BEGIN, { nextOutgoingId: 9, incomingWindow: 50, outgoingWindow: 50 })),
  attach(0, true),
  flow({ handle: 0, linkCredit: 4 }),
];

/** The first frames of the conversation: with them whole, the peer can be told of an error. */
const OPENED = 4;

interface Outcome {
  readonly connection: Connection;
  readonly events: string[];
  readonly closeError: AmqpError | undefined;
  readonly output: Buffer;
}

/** Feeds chunks to a server that accepts, answers, sends and settles all it can. */
function serve(chunks: readonly Buffer[]): Outcome {
  const events: string[] = [];
  let closeError: AmqpError | undefined;
  const output: Buffer[] = [];
  const send = (link: Link): void => {
    for (let sent = 0; sent < 20 && link.credit > 0; sent += 1) {
      link.send({ tag: Buffer.from([sent]), payload: [Buffer.alloc(sent * 100)], settled: sent % 3 === 0 });
    }
    link.drained();
  };
  const own: Partial<ConnectionHandler> = {
    onAttach: (link) => {
      link.accept({ maxMessageSize: 2000 });
      if (link.role === 'receiver') link.setCredit(10);
    },
    onFlow: send,
    onTransfer: (link, delivery) => {
      link.settle(delivery, delivery.oversize ? { kind: 'rejected' } : ACCEPTED);
      link.addCredit(1);
    },
    onDisposition: (link, delivery, state, settled) => {
      if (!settled) link.settleOutgoing(delivery, state);
    },
    onClose: (error) => (closeError = error),
  };
  const connection = new Connection(
    {
      role: 'server',
      containerId: 'engine',
      sasl: { role: 'server', mechanisms: ['ANONYMOUS'], authenticate: () => true },
      maxPendingOutputBytes: MAX_OUTPUT_BYTES,
      maxUnsettled: 50,
      incomingWindow: 100,
      maxFrameSizeBytes: 2048,
    },
    recording(events, own),
  );
  connection.start(0);
  for (const [index, chunk] of chunks.entries()) {
    connection.receive(chunk, index);
    assert.ok(connection.pendingOutputBytes <= MAX_OUTPUT_BYTES + 50_000, 'output is bounded');
    // A turn of the event loop may carry several chunks.
    if (index % 3 === 0) output.push(...connection.takeOutput());
  }
  output.push(...connection.takeOutput());
  connection.tick(1000);
  output.push(...connection.takeOutput());
  return { connection, events, closeError, output: Buffer.concat(output) };
}

/** What holds whatever came in. */
function check({ connection, events, closeError, output }: Outcome, opened: boolean): void {
  const closes = events.filter((event) => event.startsWith('close'));
  assert.deepEqual(
    events.filter((event) => event.startsWith('fault')),
    [],
    'nothing but a ProtocolError is thrown inside',
  );
  assert.equal(closes.length, connection.closed ? 1 : 0);
  if (connection.closed) assert.equal(events.at(-1), closes[0], 'onClose is the last call');
  const last = lastFrame(output);
  if (opened && connection.closed) {
    assert.equal(last?.code, CLOSE.code, 'the last frame is close');
    // Without an error of ours the peer has sent a close of its own.
    if (last?.error) assert.deepEqual(last.error, closeError);
  } else if (!connection.closed) assert.notEqual(last?.code, CLOSE.code);
}

/** Reads all that the engine has sent, which must be well-formed, and returns the last frame. */
function lastFrame(output: Buffer): { code: number; error: AmqpError | undefined } | undefined {
  const frames = new FrameReader(2048);
  let last: { code: number; error: AmqpError | undefined } | undefined;
  frames.push(output);
  let at = 0;
  while (output.subarray(at, at + 4).toString('latin1') === 'AMQP' ? frames.nextHeader() : frames.next()) {
    const header = frames.buffer.subarray(frames.bodyStart, frames.bodyStart + 4).toString('latin1') === 'AMQP';
    at = frames.bodyEnd;
    if (header || frames.bodyStart === frames.bodyEnd || frames.type !== FRAME_TYPE.amqp) continue;
    const reader = new Reader(frames.buffer, frames.bodyStart, frames.bodyEnd);
    const code = readDescriptor(reader);
    last = { code, error: code === CLOSE.code ? readFields(reader, CLOSE).error : undefined };
  }
  assert.equal(at, output.length, 'the output is whole frames');
  return last;
}

function cut(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const length of lengths) {
    if (at >= bytes.length) break;
    chunks.push(bytes.subarray(at, at + length));
    at += length;
  }
  chunks.push(bytes.subarray(at));
  return chunks;
}

const chunkLengths = fc.array(fc.integer({ min: 1, max: 700 }), { maxLength: 30 });

test('the conversation itself goes through, however it is cut', () => {
  fc.assert(
    fc.property(chunkLengths, (lengths) => {
      const outcome = serve(cut(Buffer.concat(CONVERSATION), lengths));
      check(outcome, true);
      assert.equal(outcome.connection.closed, false);
      assert.deepEqual(
        outcome.events.filter((event) => /^(detach|end)/.test(event)),
        ['detach l0 no error', 'end no error'],
      );
    }),
    { numRuns: 200 },
  );
});

interface Mutation {
  readonly kind: 'set' | 'insert' | 'remove' | 'copy';
  readonly at: number;
  readonly length: number;
  readonly byte: number;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom('set', 'set', 'set', 'insert', 'remove', 'copy'),
  at: fc.nat(),
  length: fc.integer({ min: 1, max: 40 }),
  byte: fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0x00, 0x40, 0x45, 0xff, 0x80, 0xf0, 0xd0, 0xb0, 0x70)),
});

function mutate(bytes: Buffer, { kind, at, length, byte }: Mutation, from: number): Buffer {
  const start = from + (at % Math.max(1, bytes.length - from));
  switch (kind) {
    case 'set': {
      const changed = Buffer.from(bytes);
      changed[start] = byte;
      return changed;
    }
    case 'insert':
      return Buffer.concat([bytes.subarray(0, start), Buffer.alloc(length, byte), bytes.subarray(start)]);
    case 'remove':
      return Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + length)]);
    case 'copy':
      return Buffer.concat([bytes.subarray(0, start + length), bytes.subarray(start)]);
  }
}

for (const [what, whole] of [
  ['anywhere', 0],
  ['after open', OPENED],
] as const) {
  test(`a stream with bytes changed, inserted, removed or repeated ${what} never breaks the engine`, () => {
    const from = CONVERSATION.slice(0, whole).reduce((sum, { length }) => sum + length, 0);
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 8 }), chunkLengths, (mutations, lengths) => {
        let bytes: Buffer = Buffer.concat(CONVERSATION);
        for (const change of mutations) bytes = mutate(bytes, change, from);
        check(serve(cut(bytes, lengths)), whole > 0);
      }),
      { numRuns: RUNS },
    );
  });
}

test('frames repeated, left out and in any order never break the engine', () => {
  const start = CONVERSATION.slice(0, OPENED);
  const rest = fc.array(fc.constantFrom(...CONVERSATION.slice(OPENED)), { maxLength: 60 });
  fc.assert(
    fc.property(rest, (frames) => {
      check(serve([...start, ...frames]), true);
    }),
    { numRuns: RUNS },
  );
});

test('performatives with fields of any types and values never break the engine', () => {
  const descriptors = fc.constantFrom<Composite>(OPEN, BEGIN, ATTACH, FLOW, TRANSFER, DISPOSITION, DETACH, END, CLOSE);
  const number = fc.constantFrom(0, 1, 2, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff);
  const field: fc.Arbitrary<Buffer> = fc.oneof(
    typedValue.map((value) => encode(value)),
    number.map((value) => {
      const writer = new Writer();
      writer.writeUint(value);
      return writer.take();
    }),
    fc.constantFrom<AmqpValue>(null, true, false, 'l0', 'l1', Buffer.from('t')).map((value) => encode(value)),
  );
  const anyFrame = fc
    .tuple(
      descriptors,
      fc.array(field, { maxLength: 14 }),
      fc.constantFrom(0, 0, 0, 1, 0xffff),
      fc.uint8Array({ maxLength: 20 }),
    )
    .map(([{ code }, fields, channel, payload]) => {
      const writer = new Writer();
      writer.writeDescriptor(code);
      writer.beginList();
      for (const value of fields) writer.writeRaw(value);
      writer.endList();
      return frameBytes(channel, Buffer.concat([writer.take(), Buffer.from(payload)]));
    });
  const start = CONVERSATION.slice(0, 8);
  fc.assert(
    fc.property(
      fc.array(fc.oneof(anyFrame, fc.constantFrom(...CONVERSATION.slice(4))), { maxLength: 30 }),
      (frames) => {
        check(serve([...start, ...frames]), true);
      },
    ),
    { numRuns: RUNS },
  );
});

test('bytes at random, with and without a correct beginning, never break the engine', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: CONVERSATION.length }),
      fc.uint8Array({ maxLength: 500 }),
      chunkLengths,
      (whole, noise, lengths) => {
        const bytes = Buffer.concat([...CONVERSATION.slice(0, whole), Buffer.from(noise)]);
        check(serve(cut(bytes, lengths)), whole >= OPENED);
      },
    ),
    { numRuns: RUNS },
  );
});

// --- memory -----------------------------------------------------------------------------------------------------------------

/** Memory in use after all garbage is gone; array buffers are swept a little later than the heap. */
async function heldBytes(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  let least = Infinity;
  for (let round = 0; round < 5; round += 1) {
    gc();
    await nextTurn();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    least = Math.min(least, heapUsed + arrayBuffers);
  }
  return least;
}

const FLOODS: readonly (readonly [string, (round: number) => Buffer[]])[] = [
  ['sessions that begin and end', () => [frame(encodeComposite(END, {})), CONVERSATION[4] as Buffer]],
  [
    'links that attach and detach',
    (round) => [
      frame(encodeComposite(ATTACH, { name: `flood${round}`, handle: 7, role: true, source: {} })),
      frame(encodeComposite(DETACH, { handle: 7, closed: true })),
    ],
  ],
  [
    'deliveries that are aborted',
    (round) => [
      transfer({ deliveryId: round, deliveryTag: Buffer.from('t'), more: true }, Buffer.alloc(900)),
      transfer({ aborted: true }, Buffer.alloc(0)),
      flow({ handle: 1, deliveryCount: 0, linkCredit: 0 }),
    ],
  ],
  [
    'deliveries that are settled',
    (round) => [transfer({ deliveryId: round, deliveryTag: Buffer.from('t') }, Buffer.alloc(900))],
  ],
  [
    'dispositions of nothing',
    () => [
      frame(encodeComposite(DISPOSITION, { role: true, first: 0, last: 0x7fff_ffff, settled: true, state: ACCEPTED })),
    ],
  ],
  ['flows that want an answer', () => [flow({ echo: true })]],
  ['empty frames', () => [frame(Buffer.alloc(0))]],
];

for (const [what, round] of FLOODS) {
  test(`a flood of ${what} leaves no memory behind`, async () => {
    const connection = new Connection(
      { role: 'server', containerId: 'engine', sasl: undefined },
      {
        onOpen: () => {},
        onBegin: () => {},
        onAttach: (link) => {
          link.accept();
          if (link.role === 'receiver') link.setCredit(100);
        },
        onFlow: () => {},
        onTransfer: (link, delivery) => {
          link.settle(delivery, ACCEPTED);
          link.setCredit(100);
        },
        onDisposition: () => {},
        onDetach: () => {},
        onEnd: () => {},
        onClose: (error) => assert.fail(error?.description),
        onOutput: () => {},
        onFault: (cause) => assert.fail(String(cause)),
      },
    );
    connection.start(0);
    for (const bytes of CONVERSATION.slice(2, 7)) connection.receive(bytes, 0);
    const flood = (from: number, rounds: number): void => {
      for (let index = from; index < from + rounds; index += 1) {
        for (const bytes of round(index)) connection.receive(bytes, 0);
        if (index % 20 === 0) connection.takeOutput();
        // Aborted deliveries have used credit.
        if (index % 50 === 0)
          for (const session of connection.sessions)
            for (const link of session.links) if (link.role === 'receiver') link.setCredit(100);
      }
    };
    flood(0, 2000);
    const before = await heldBytes();
    flood(2000, 5000);
    const grown = (await heldBytes()) - before;
    assert.ok(grown < 400_000, `${grown} bytes more are held after 5,000 rounds`);
    assert.equal(connection.closed, false);
  });
}
