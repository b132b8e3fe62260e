import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileFilter, FilterDuration, FilterTime, FilterUuid } from '../../src/filter/index.ts';
import type { CorrelationDescription, RuleValue } from '../../src/filter/index.ts';
import { ENVIRONMENT, messageOf, type Properties } from './message-of.ts';

// topic-filters: all that a correlation filter names is equal, with regard to case.

function matches(correlationFilter: CorrelationDescription, message: Properties): boolean {
  const filter = compileFilter({ filterType: 'CorrelationFilter', correlationFilter }, ENVIRONMENT);
  return filter.matches(messageOf(message));
}

test('a true filter matches every message without a look at it, a false filter none', () => {
  const yes = compileFilter({ filterType: 'TrueFilter' }, ENVIRONMENT);
  const no = compileFilter({ filterType: 'FalseFilter' }, ENVIRONMENT);
  assert.equal(yes.always, true);
  assert.equal(yes.matches(messageOf({})), true);
  assert.equal(no.always, false);
  assert.equal(no.matches(messageOf({})), false);
});

test('each system property of a correlation filter is compared with its own', () => {
  const fields = {
    contentType: 'ContentType',
    correlationId: 'CorrelationId',
    label: 'Label',
    messageId: 'MessageId',
    replyTo: 'ReplyTo',
    replyToSessionId: 'ReplyToSessionId',
    sessionId: 'SessionId',
    to: 'To',
  } as const;
  for (const [field, name] of Object.entries(fields)) {
    assert.equal(matches({ [field]: 'x' }, { system: { [name]: 'x' } }), true, name);
    assert.equal(matches({ [field]: 'x' }, { system: { [name]: 'X' } }), false, `${name}, another case`);
    const others = Object.fromEntries(Object.values(fields).map((other) => [other, other === name ? 'y' : 'x']));
    assert.equal(matches({ [field]: 'x' }, { system: others }), false, `${name} only`);
    assert.equal(matches({ [field]: 'x' }, {}), false, `${name} absent`);
  }
});

test('all conditions must hold', () => {
  // service-bus-filter-examples
  const filter = { label: 'Important', replyTo: 'johndoe@contoso.com', properties: { color: 'Red' } };
  const system = { Label: 'Important', ReplyTo: 'johndoe@contoso.com' };
  assert.equal(matches(filter, { system, user: { color: 'Red' } }), true);
  assert.equal(matches(filter, { system, user: { color: 'red' } }), false);
  assert.equal(matches(filter, { system }), false);
  assert.equal(matches(filter, { system: { ...system, Label: 'x' }, user: { color: 'Red' } }), false);
  assert.equal(matches(filter, { user: { color: 'Red' } }), false);
});

test('names of user properties are compared with regard to case', () => {
  assert.equal(matches({ properties: { color: 'Red' } }, { user: { Color: 'Red' } }), false);
});

test('values are compared by kind, numbers whatever their width', () => {
  const uuid = '9a8e5b1c-3b4d-4e5f-8a9b-0c1d2e3f4a5b';
  const cases: readonly (readonly [RuleValue, Properties['user'], boolean])[] = [
    [5, { p: 5n }, true],
    [5, { p: 5 }, true],
    [5, { p: 5.5 }, false],
    [5, { p: '5' }, false],
    ['5', { p: 5n }, false],
    [0.5, { p: 0.5 }, true],
    [true, { p: true }, true],
    [true, { p: 'true' }, false],
    [true, { p: 1n }, false],
    [{ type: 'long', value: '9007199254740993' }, { p: 9007199254740993n }, true],
    [{ type: 'long', value: '9007199254740993' }, { p: 9007199254740992n }, false],
    [{ type: 'long', value: '9007199254740993' }, { p: 9007199254740992 }, false],
    [{ type: 'int', value: '-7' }, { p: -7n }, true],
    [{ type: 'double', value: '1e3' }, { p: 1000 }, true],
    [{ type: 'decimal', value: '1.5' }, { p: 1.5 }, true],
    [{ type: 'boolean', value: 'true' }, { p: true }, true],
    [{ type: 'string', value: '5' }, { p: '5' }, true],
    [{ type: 'guid', value: uuid.toUpperCase() }, { p: new FilterUuid(uuid) }, true],
    [{ type: 'guid', value: uuid }, { p: uuid }, false],
    [{ type: 'dateTime', value: '2026-01-02T03:04:05Z' }, { p: new FilterTime(Date.UTC(2026, 0, 2, 3, 4, 5)) }, true],
    [{ type: 'dateTime', value: '2026-01-02T03:04:05' }, { p: new FilterTime(Date.UTC(2026, 0, 2, 3, 4, 5)) }, true],
    [{ type: 'dateTime', value: '1970-01-01T00:00:01Z' }, { p: 1000n }, false],
    [{ type: 'duration', value: 'PT1.5S' }, { p: new FilterDuration(15_000_000n) }, true],
    [{ type: 'duration', value: '-P1DT1H' }, { p: new FilterDuration(-900_000_000_000n) }, true],
    ['x', { p: null }, false],
    ['', { p: '' }, true],
    ['', {}, false],
  ];
  for (const [wanted, user, expected] of cases)
    assert.equal(matches({ properties: { p: wanted } }, { user: user ?? {} }), expected, JSON.stringify(wanted));
});

test('a correlation filter without a condition is refused', () => {
  const invalid = { code: 'FILTER_INVALID', message: /at least one condition/ };
  assert.throws(() => compileFilter({ filterType: 'CorrelationFilter' }, ENVIRONMENT), invalid);
  assert.throws(() => matches({}, {}), invalid);
  assert.throws(() => matches({ properties: {} }, {}), invalid);
});

test('a text that is not of its type is refused, and says where it stands', () => {
  const bad: readonly (readonly [string, string])[] = [
    ['int', '2147483648'],
    ['int', '1.0'],
    ['long', '9223372036854775808'],
    ['long', ''],
    ['double', 'one'],
    ['boolean', 'yes'],
    ['dateTime', 'today'],
    ['dateTime', '2026-13-01T00:00:00Z'],
    ['dateTime', '0000-12-31T23:59:59Z'],
    ['guid', '9a8e5b1c'],
    ['duration', 'P'],
    ['duration', 'P1DT'],
    ['duration', 'P10675200D'],
    ['duration', 'one hour'],
  ];
  for (const [type, value] of bad) {
    const wanted = { type, value } as RuleValue;
    assert.throws(() => matches({ properties: { p: wanted } }, {}), {
      code: 'FILTER_INVALID',
      message: `properties.p is '${value}', which is not a value of type ${type}`,
    });
  }
});
