import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readComposite, writeComposite } from '../../src/amqp/composite-codec.ts';
import * as tables from '../../src/amqp/composites.ts';
import type { Composite, Field } from '../../src/amqp/composites.ts';
import {
  ACCEPTED,
  AmqpDecodeError,
  type AmqpDescribed,
  AmqpSymbol,
  AmqpTyped,
  decode,
  RELEASED,
  Writer,
  type AmqpValue,
} from '../../src/amqp/index.ts';
import { encodeComposite } from './raw-peer.ts';
import { typedScalar, typedValue } from './value-arbitrary.ts';

const COMPOSITES: readonly Composite[] = Object.values(tables).filter((entry) => 'fields' in entry);

const uint = fc.integer({ min: 0, max: 0xffff_ffff });
const ascii = fc.string({ unit: 'binary-ascii' });
const binary = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
const notNull = (arbitrary: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  arbitrary.filter((value) => value !== null);
const fields = fc
  .uniqueArray(fc.tuple(ascii, typedScalar), { maxLength: 4, selector: ([key]) => key })
  .map((entries) => new Map(entries));

/** A value for a field of each type. */
function fieldValue(type: Field['type'], depth: number): fc.Arbitrary<unknown> {
  switch (type) {
    case 'boolean':
      return fc.boolean();
    case 'ubyte':
      return fc.integer({ min: 0, max: 255 });
    case 'ushort':
      return fc.integer({ min: 0, max: 65535 });
    case 'uint':
      return uint;
    case 'ulong':
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    case 'timestamp':
      return fc.maxSafeInteger();
    case 'string':
      return fc.string();
    case 'symbol':
      return ascii;
    case 'binary':
      return binary;
    case 'symbols':
      return fc.array(ascii, { maxLength: 4 });
    case 'fields':
      return fields;
    case 'map':
      return fc
        .uniqueArray(fc.tuple(fc.string(), typedScalar), { maxLength: 4, selector: ([key]) => key })
        .map((entries) => new Map(entries));
    case 'value':
      return notNull(typedValue);
    case 'error':
      return composite(tables.ERROR, depth + 1);
    case 'source':
      return composite(tables.SOURCE, depth + 1);
    case 'target':
      return fc.oneof(
        composite(tables.TARGET, depth + 1),
        composite(tables.COORDINATOR, depth + 1).map((value) => ({ ...(value as object), coordinator: true })),
      );
    case 'state':
      return state(depth + 1);
  }
}

function state(depth: number): fc.Arbitrary<unknown> {
  const plainStates: fc.Arbitrary<unknown>[] = [fc.constant(ACCEPTED), fc.constant(RELEASED)];
  if (depth > 3) return fc.oneof(...plainStates);
  const kinds = {
    rejected: tables.REJECTED,
    modified: tables.MODIFIED,
    received: tables.RECEIVED,
    declared: tables.DECLARED,
    transactional: tables.TRANSACTIONAL,
  };
  const others = Object.entries(kinds).map(([kind, table]) =>
    composite(table, depth).map((value) => ({ ...(value as object), kind })),
  );
  return fc.oneof(...plainStates, ...others);
}

/** A composite with every mandatory field, every field with a default, and some of the others. */
function composite(table: Composite, depth = 0): fc.Arbitrary<unknown> {
  const model: Record<string, fc.Arbitrary<unknown>> = {};
  const requiredKeys: string[] = [];
  for (const field of table.fields) {
    model[field.name] = fieldValue(field.type, depth);
    if (field.mandatory || field.default !== undefined) requiredKeys.push(field.name);
  }
  return fc.record(model, { requiredKeys, noNullPrototype: true });
}

for (const table of COMPOSITES) {
  test(`${table.symbol} comes back as it was, with all ${table.fields.length} fields on the wire`, () => {
    fc.assert(
      fc.property(composite(table), (value) => {
        const writer = new Writer();
        writeComposite(writer, table, value as never);
        const bytes = writer.take();
        const decoded = readComposite(table, bytes);
        assert.deepEqual(decoded.value, value);
        assert.equal(decoded.end, bytes.length);
        const list = (decode(bytes).value as AmqpDescribed).value as AmqpValue[];
        assert.equal(list.length, table.fields.length);
      }),
    );
  });

  test(`${table.symbol} under its symbolic descriptor is the same`, () => {
    fc.assert(
      fc.property(composite(table), (value) => {
        const writer = new Writer();
        writeComposite(writer, table, value as never);
        const numeric = writer.take();
        const symbolic = Buffer.concat([
          Buffer.from([0x00, 0xa3, table.symbol.length]),
          Buffer.from(table.symbol),
          numeric.subarray(3),
        ]);
        assert.deepEqual(readComposite(table, symbolic).value, value);
        const long = Buffer.concat([Buffer.from([0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, table.code]), numeric.subarray(3)]);
        assert.deepEqual(readComposite(table, long).value, value);
      }),
      { numRuns: 20 },
    );
  });

  test(`${table.symbol} that is cut off anywhere is a decode error`, () => {
    fc.assert(
      fc.property(composite(table), fc.nat(), (value, at) => {
        const writer = new Writer();
        writeComposite(writer, table, value as never);
        const bytes = writer.take();
        assert.throws(() => readComposite(table, bytes.subarray(0, at % bytes.length)), AmqpDecodeError);
      }),
      { numRuns: 50 },
    );
  });
}

test('a shorter list means that the fields behind it are absent, and defaults are filled in', () => {
  const writer = new Writer();
  writer.writeDescriptor(tables.OPEN.code);
  writer.writeList(['c']);
  assert.deepEqual(readComposite(tables.OPEN, writer.take()).value, {
    containerId: 'c',
    maxFrameSize: 0xffff_ffff,
    channelMax: 0xffff,
  });
});

test('a mandatory field that is null or missing is a decode error that names it', () => {
  const writer = new Writer();
  writer.writeDescriptor(tables.BEGIN.code);
  writer.writeList([null, new AmqpTyped('uint', 1)]);
  assert.throws(
    () => readComposite(tables.BEGIN, writer.take()),
    /amqp:begin:list lacks its mandatory field incomingWindow/,
  );
});

test('a field of another type than the table says is a decode error that names it', () => {
  const writer = new Writer();
  writer.writeDescriptor(tables.OPEN.code);
  writer.writeList([new AmqpSymbol('c')]);
  assert.throws(() => readComposite(tables.OPEN, writer.take()), /expected string for containerId of amqp:open:list/);
});

test('more fields than the table has are a decode error', () => {
  const writer = new Writer();
  writer.writeDescriptor(tables.END.code);
  writer.writeList([null, null]);
  assert.throws(() => readComposite(tables.END, writer.take()), /has 2 fields, at most 1/);
});

test('one symbol stands for an array of one where multiple values are allowed', () => {
  const writer = new Writer();
  writer.writeDescriptor(tables.COORDINATOR.code);
  writer.writeList([new AmqpSymbol('amqp:local-transactions')]);
  assert.deepEqual(readComposite(tables.COORDINATOR, writer.take()).value, {
    capabilities: ['amqp:local-transactions'],
  });
});

test('keys of an error info may be strings, as some clients send them', () => {
  const writer = new Writer();
  writer.writeDescriptor(tables.ERROR.code);
  writer.beginList();
  writer.writeSymbol('com.microsoft:dead-letter');
  writer.writeNull();
  writer.writeMap(new Map([['DeadLetterReason', 'why']]));
  writer.endList();
  const { value } = readComposite(tables.ERROR, writer.take());
  assert.equal(value.info?.get('DeadLetterReason'), 'why');
});

test('a delivery state or terminus of an unknown kind is a decode error', () => {
  const writer = new Writer();
  writer.writeDescriptor(tables.TRANSACTIONAL.code);
  writer.beginList();
  writer.writeBinary(Buffer.from('t'));
  writer.writeDescriptor(0x2f);
  writer.beginList();
  writer.endList();
  writer.endList();
  assert.throws(() => readComposite(tables.TRANSACTIONAL, writer.take()), /expected a delivery state/);
});

test('transactional states nested in each other without end are a decode error', () => {
  let inner = encodeComposite(tables.DECLARED, { txnId: Buffer.from('t') });
  for (let level = 0; level < 50; level += 1) {
    const writer = new Writer();
    writer.writeDescriptor(tables.TRANSACTIONAL.code);
    writer.beginList();
    writer.writeBinary(Buffer.from('t'));
    writer.writeRaw(inner);
    writer.endList();
    inner = Buffer.from(writer.take());
  }
  assert.throws(() => readComposite(tables.TRANSACTIONAL, inner), /nested deeper than 32 levels/);
});
