import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readDescriptor, readFields } from '../../src/amqp/composite-codec.ts';
import { DISPOSITION, FLOW, TRANSFER, type Composite, type DeliveryState } from '../../src/amqp/composites.ts';
import { Reader } from '../../src/amqp/decoder.ts';
import { DispositionFields, writeDisposition } from '../../src/amqp/disposition-frame.ts';
import { ABSENT } from '../../src/amqp/fields-in-place.ts';
import { FlowFields, writeFlow } from '../../src/amqp/flow-frame.ts';
import { ACCEPTED, AmqpDecodeError, AmqpTyped, RELEASED } from '../../src/amqp/index.ts';
import { Output } from '../../src/amqp/output.ts';
import { finishTransfer, TRANSFER_HEAD_BYTES, TransferFields, writeTransfer } from '../../src/amqp/transfer-frame.ts';
import { encodeComposite, frameBytes } from './raw-peer.ts';

// The table is the definition; what is written and read without it must be the same, byte for byte and value for value.

const uint = fc.oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.constantFrom(0, 1, 255, 256, 0xffff_ffff));
const absentOr = fc.option(uint, { nil: ABSENT });
const tag = fc.uint8Array({ maxLength: 32 }).map((bytes) => Buffer.from(bytes));
const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });
const state: fc.Arbitrary<DeliveryState> = fc.oneof(
  fc.constant(ACCEPTED),
  fc.constant(RELEASED),
  fc.record(
    { kind: fc.constant('modified' as const), deliveryFailed: fc.boolean(), undeliverableHere: fc.boolean() },
    { noNullPrototype: true },
  ),
  fc.record(
    {
      kind: fc.constant('rejected' as const),
      error: fc.record(
        { condition: fc.constant('amqp:not-found'), description: fc.string({ maxLength: 400 }) },
        { noNullPrototype: true },
      ),
    },
    { noNullPrototype: true },
  ),
  fc.record(
    { kind: fc.constant('received' as const), sectionNumber: uint, sectionOffset: fc.bigInt({ min: 0n, max: 99n }) },
    { noNullPrototype: true },
  ),
  fc.record(
    { kind: fc.constant('transactional' as const), txnId: tag, outcome: fc.constant(ACCEPTED) },
    { noNullPrototype: true },
  ),
);
const present = (value: number): number | undefined => (value === ABSENT ? undefined : value);

test('transfers are written as the table writes them', () => {
  fc.assert(
    fc.property(
      uint,
      absentOr,
      optional(tag),
      absentOr,
      fc.boolean(),
      fc.boolean(),
      (handle, id, deliveryTag, format, settled, more) => {
        const buffer = Buffer.alloc(TRANSFER_HEAD_BYTES);
        const end = writeTransfer(buffer, 0, handle, id, deliveryTag, format, settled, more);
        finishTransfer(buffer, 0, end, 7);
        const body = encodeComposite(TRANSFER, {
          handle,
          deliveryId: present(id),
          deliveryTag,
          messageFormat: present(format),
          settled,
          more,
        });
        assert.deepEqual(buffer.subarray(0, end), frameBytes(7, body));
      },
    ),
  );
});

test('dispositions are written as the table writes them', () => {
  fc.assert(
    fc.property(fc.boolean(), uint, uint, fc.boolean(), optional(state), (role, first, last, settled, outcome) => {
      const output = new Output();
      writeDisposition(output, 7, role, first, last, settled, outcome);
      const body = encodeComposite(DISPOSITION, { role, first, last, settled, state: outcome });
      assert.deepEqual(Buffer.concat(output.take()), frameBytes(7, body));
    }),
  );
});

test('flows are written as the table writes them', () => {
  const link = fc.record({
    handle: uint,
    deliveryCount: absentOr,
    linkCredit: absentOr,
    available: absentOr,
    drain: fc.boolean(),
  });
  fc.assert(
    fc.property(
      absentOr,
      uint,
      uint,
      uint,
      optional(link),
      fc.boolean(),
      (nextIncomingId, incomingWindow, nextOutgoingId, outgoingWindow, linkFlow, echo) => {
        const output = new Output();
        writeFlow(output, 7, { nextIncomingId, incomingWindow, nextOutgoingId, outgoingWindow }, linkFlow, echo);
        const body = encodeComposite(FLOW, {
          nextIncomingId: present(nextIncomingId),
          incomingWindow,
          nextOutgoingId,
          outgoingWindow,
          handle: linkFlow?.handle,
          deliveryCount: linkFlow && present(linkFlow.deliveryCount),
          linkCredit: linkFlow && present(linkFlow.linkCredit),
          available: linkFlow && present(linkFlow.available),
          drain: linkFlow?.drain ?? false,
          echo,
        });
        assert.deepEqual(Buffer.concat(output.take()), frameBytes(7, body));
      },
    ),
  );
});

const TRANSFERS = fc.record(
  {
    handle: uint,
    deliveryId: uint,
    deliveryTag: tag,
    messageFormat: uint,
    settled: fc.boolean(),
    more: fc.boolean(),
    rcvSettleMode: fc.integer({ min: 0, max: 255 }),
    state,
    resume: fc.boolean(),
    aborted: fc.boolean(),
    batchable: fc.boolean(),
  },
  { requiredKeys: ['handle'] },
);
const DISPOSITIONS = fc.record(
  { role: fc.boolean(), first: uint, last: uint, settled: fc.boolean(), state, batchable: fc.boolean() },
  { requiredKeys: ['role', 'first'] },
);
const FLOWS = fc.record(
  {
    nextIncomingId: uint,
    incomingWindow: uint,
    nextOutgoingId: uint,
    outgoingWindow: uint,
    handle: uint,
    deliveryCount: uint,
    linkCredit: uint,
    available: uint,
    drain: fc.boolean(),
    echo: fc.boolean(),
    properties: fc.constant(new Map([['k', new AmqpTyped('uint', 1)]])),
  },
  { requiredKeys: ['incomingWindow', 'nextOutgoingId', 'outgoingWindow'] },
);

interface Fast {
  read(reader: Reader): void;
}

/** Fields as the fast path has them, absent ones left out. */
function presentFields(fields: Fast, composite: Composite): Record<string, unknown> {
  const loose = fields as unknown as Record<string, unknown>;
  const entries = composite.fields
    .map(({ name }) => [name, loose[name]] as const)
    .filter(([, value]) => value !== undefined && value !== ABSENT);
  return Object.fromEntries(entries);
}

/** Reads with the table and without it: both give the same, or both a decode error. */
function compare(
  composite: Composite,
  bytes: Buffer,
  fast: Fast,
  adjust: (fields: Record<string, unknown>) => void,
): void {
  let expected: Record<string, unknown> | undefined;
  const table = new Reader(bytes);
  try {
    readDescriptor(table);
    expected = readFields(table, composite);
  } catch (error) {
    assert.ok(error instanceof AmqpDecodeError);
  }
  const reader = new Reader(bytes);
  if (expected === undefined) {
    assert.throws(() => {
      readDescriptor(reader);
      fast.read(reader);
    }, AmqpDecodeError);
    return;
  }
  readDescriptor(reader);
  fast.read(reader);
  adjust(expected);
  assert.deepEqual(presentFields(fast, composite), expected);
  assert.equal(reader.offset, table.offset);
  assert.equal(reader.end, bytes.length);
}

const ADJUST: readonly [
  string,
  Composite,
  fc.Arbitrary<unknown>,
  () => Fast,
  (fields: Record<string, unknown>) => void,
][] = [
  ['transfer', TRANSFER, TRANSFERS, () => new TransferFields(), () => {}],
  // The fast path leaves out batchable and fills in last, which is what they mean when absent (2.7.6).
  [
    'disposition',
    DISPOSITION,
    DISPOSITIONS,
    () => new DispositionFields(),
    (fields) => {
      delete fields['batchable'];
      fields['last'] ??= fields['first'];
    },
  ],
  ['flow', FLOW, FLOWS, () => new FlowFields(), () => {}],
];

for (const [name, composite, values, fast, adjust] of ADJUST) {
  test(`a ${name} is read as the table reads it`, () => {
    // One object for all runs: nothing of a frame may remain in the next.
    const fields = fast();
    fc.assert(
      fc.property(values, fc.uint8Array({ maxLength: 20 }), (value, payload) => {
        const bytes = Buffer.concat([encodeComposite(composite, value as never), payload]);
        compare(composite, bytes, fields, adjust);
      }),
    );
  });

  test(`a ${name} with bytes changed or cut off is read as the table reads it, or refused by both`, () => {
    const fields = fast();
    fc.assert(
      fc.property(values, fc.nat(), fc.integer({ min: 0, max: 255 }), fc.nat(), (value, at, byte, length) => {
        const bytes = Buffer.from(encodeComposite(composite, value as never));
        bytes[3 + (at % (bytes.length - 3))] = byte;
        compare(composite, bytes, fields, adjust);
        compare(composite, bytes.subarray(0, 3 + (length % (bytes.length - 2))), fields, adjust);
      }),
      { numRuns: 2000 },
    );
  });
}
