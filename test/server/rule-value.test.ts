import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AmqpChar,
  AmqpDecimal,
  AmqpDescribed,
  AmqpSymbol,
  AmqpTimestamp,
  AmqpTyped,
  AmqpUuid,
  type AmqpValue,
  Writer,
} from '../../src/amqp/index.ts';
import { compileAction, FilterUuid } from '../../src/filter/index.ts';
import { overlayWith, propertiesOf } from '../../src/server/message-properties.ts';
import { fromRuleValue, toRuleValue } from '../../src/server/rule-value.ts';
import type { RuleValue } from '../../src/topology/index.ts';
import { storedMessage } from './stored-message.ts';

const UUID = '00112233-4455-6677-8899-aabbccddeeff';
const uuid = new AmqpUuid(Buffer.from(UUID.replaceAll('-', ''), 'hex'));
const long = (value: bigint): AmqpTyped => new AmqpTyped('long', value);
const timespan = (ticks: bigint): AmqpDescribed =>
  new AmqpDescribed(new AmqpSymbol('com.microsoft:timespan'), long(ticks));
const offset = (ticks: bigint): AmqpDescribed =>
  new AmqpDescribed(new AmqpSymbol('com.microsoft:datetime-offset'), long(ticks));
/** 1970 in ticks of .NET. */
const EPOCH_TICKS = 621_355_968_000_000_000n;
const MAX_LONG = 2n ** 63n - 1n;

test('values of a rule are kept with their types, and told as they came', () => {
  for (const [given, kept, told = given] of [
    ['text', 'text'],
    [true, true],
    [new AmqpTyped('int', -5), { type: 'int', value: '-5' }],
    [long(MAX_LONG), { type: 'long', value: '9223372036854775807' }],
    [new AmqpTyped('ubyte', 5), { type: 'int', value: '5' }, new AmqpTyped('int', 5)],
    [new AmqpTyped('double', 0.5), { type: 'double', value: '0.5' }],
    [new AmqpTyped('double', -Infinity), { type: 'double', value: '-INF' }],
    [new AmqpTyped('double', Number.NaN), { type: 'double', value: 'NaN' }],
    // 1.5 as decimal32: the exponent -1 and the coefficient 15.
    [new AmqpDecimal(Buffer.from('3200000f', 'hex')), { type: 'decimal', value: '1.5' }, new AmqpTyped('double', 1.5)],
    [new AmqpTimestamp(1), { type: 'dateTime', value: '1970-01-01T00:00:00.001Z' }],
    [offset(EPOCH_TICKS), { type: 'dateTime', value: '1970-01-01T00:00:00.000Z' }, new AmqpTimestamp(0)],
    [uuid, { type: 'guid', value: UUID }],
    [timespan(15_000_001n), { type: 'duration', value: 'PT1.5000001S' }],
    [timespan(-(2n ** 63n) + 1n), { type: 'duration', value: '-PT922337203685.4775807S' }],
    [new AmqpSymbol('s'), 's', 's'],
    [new AmqpChar(0x1f600), '😀', '😀'],
  ] as [AmqpValue, RuleValue, AmqpValue?][]) {
    assert.deepEqual(toRuleValue('x', given), kept);
    assert.deepEqual(fromRuleValue('x', kept), told);
  }
});

test('values of other origin are told in AMQP, too', () => {
  for (const [kept, told] of [
    [5, long(5n)],
    [0.5, new AmqpTyped('double', 0.5)],
    [1e30, new AmqpTyped('double', 1e30)],
    [{ type: 'long', value: '+5' }, long(5n)],
    [{ type: 'double', value: 'INF' }, new AmqpTyped('double', Infinity)],
    [{ type: 'dateTime', value: '2026-01-02T03:04:05' }, new AmqpTimestamp(Date.UTC(2026, 0, 2, 3, 4, 5))],
    [{ type: 'duration', value: 'P1DT1M' }, timespan(864_600_000_000n)],
  ] as [RuleValue, AmqpValue][]) {
    assert.deepEqual(fromRuleValue('x', kept), told);
    new Writer().writeValue(told);
  }
});

test('what no property is compared by is refused by name', () => {
  for (const value of [null, Buffer.from('x'), [1], new Map(), new AmqpChar(0x11_0000)])
    assert.throws(() => toRuleValue('x', value as AmqpValue), {
      code: 'ARGUMENT_INVALID',
      message: /^The property 'x' of a rule must be a string, /,
    });
});

test('a time beyond the years 1 to 9999 is the first or the last of them, to rules and when an action copies it', () => {
  const last = new AmqpTimestamp(253_402_300_799_999);
  for (const [given, read] of [
    [new AmqpTimestamp(MAX_LONG), last],
    [new AmqpTimestamp(-MAX_LONG), new AmqpTimestamp(-62_135_596_800_000)],
    [offset(MAX_LONG), last],
  ] as const) {
    assert.deepEqual(fromRuleValue('x', toRuleValue('x', given)), read);
    const bytes = storedMessage({ application: [['t', given]] });
    const action = compileAction({ sqlExpression: 'SET copy = t' }, { newId: () => new FilterUuid(UUID) });
    const overlay = overlayWith(bytes, undefined, action.changes(propertiesOf(bytes)));
    assert.deepEqual(propertiesOf(bytes, overlay).user('copy'), propertiesOf(bytes).user('t'));
    assert.equal((propertiesOf(bytes).user('t') as { ms: number }).ms, read.ms);
  }
});

test('a timespan of another type than .NET writes is no duration', () => {
  const odd = new AmqpDescribed(new AmqpSymbol('com.microsoft:timespan'), new AmqpTyped('ulong', 2n ** 64n - 1n));
  assert.equal(propertiesOf(storedMessage({ application: [['t', odd]] })).user('t'), undefined);
});
