import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileAction, FilterDuration, FilterTime, FilterUuid, type PropertyChanges } from '../../src/filter/index.ts';
import type { RuleValue } from '../../src/filter/index.ts';
import { ENVIRONMENT, FIXED_UUID, messageOf, type Properties } from './message-of.ts';

// service-bus-messaging-sql-rule-action and topic-filters.

const MESSAGE = {
  user: { color: 'red', Quantity: 10n, price: 2.5, priority: 'low', sent: new FilterTime(0) },
  system: { MessageId: 'm1', CorrelationId: 'high', Label: 'order' },
} satisfies Properties;

function changesOf(
  sqlExpression: string,
  { message = MESSAGE, parameters }: { message?: Properties; parameters?: Record<string, RuleValue> } = {},
): { user: object; system: object } {
  const { user, system }: PropertyChanges = compileAction({ sqlExpression, parameters }, ENVIRONMENT).changes(
    messageOf(message),
  );
  return { user: Object.fromEntries(user), system: Object.fromEntries(system) };
}

function fails(expression: string, message: RegExp, parameters: Record<string, RuleValue> = {}): void {
  assert.throws(() => changesOf(expression, { parameters }), { code: 'FILTER_FAILED', message }, expression);
}

test("the documentation's examples", () => {
  assert.deepEqual(changesOf("SET quantity = quantity / 2; REMOVE priority;SET sys.CorrelationId = 'low';"), {
    user: { quantity: 5n, priority: undefined },
    system: { CorrelationId: 'low' },
  });
  assert.deepEqual(changesOf("SET source='routedOrders'").user, { source: 'routedOrders' });
  assert.deepEqual(changesOf("SET sys.label = 'urgent'").system, { Label: 'urgent' });
  assert.deepEqual(changesOf('REMOVE user.color;').user, { color: undefined });
});

test('statements are separated by a semicolon, a comma or nothing', () => {
  for (const expression of ['SET a=1;SET b=2', 'SET a=1, SET b=2;', 'SET a=1 SET b=2', 'set a = 1\nset b = 2,'])
    assert.deepEqual(changesOf(expression).user, { a: 1n, b: 2n }, expression);
});

test('a statement sees what those before it did, whatever the case of the name', () => {
  assert.deepEqual(changesOf('SET a = quantity; SET b = A + 1; SET a = b + 1').user, { a: 12n, b: 11n });
  assert.deepEqual(changesOf("SET Color = 'x'; SET copy = color; REMOVE COLOR; SET gone = color").user, {
    Color: undefined,
    copy: 'x',
    gone: null,
  });
  assert.deepEqual(changesOf('SET sys.Label = sys.CorrelationId; SET copy = sys.Subject').user, { copy: 'high' });
});

test('values keep their kind, and unknown ones become null', () => {
  assert.deepEqual(
    changesOf('SET a = NULL, SET b = missing, SET c = missing + 1, SET d = TRUE, SET e = newid()').user,
    {
      a: null,
      b: null,
      c: null,
      d: true,
      e: new FilterUuid(FIXED_UUID),
    },
  );
  const parameters = {
    t: { type: 'dateTime', value: '1970-01-01T00:00:01Z' },
    d: { type: 'duration', value: 'PT1S' },
  } as const;
  assert.deepEqual(
    changesOf('SET t = @t; SET d = @d; SET later = sent + @d; SET x = 1.5; SET y = price', { parameters }).user,
    {
      t: new FilterTime(1000),
      d: new FilterDuration(10_000_000n),
      later: new FilterTime(1000),
      x: 1.5,
      y: 2.5,
    },
  );
});

test('an integer becomes a double where the property is one', () => {
  assert.deepEqual(changesOf('SET price = 3').user, { price: 3 });
  assert.deepEqual(changesOf('SET quantity = 3').user, { quantity: 3n });
  assert.deepEqual(changesOf('SET quantity = 2.5').user, { quantity: 2.5 });
  assert.deepEqual(changesOf("SET price = 'none'").user, { price: 'none' });
});

test('the system properties that take a text', () => {
  for (const name of [
    'ContentType',
    'CorrelationId',
    'Label',
    'MessageId',
    'PartitionKey',
    'ReplyTo',
    'ReplyToSessionId',
    'SessionId',
    'To',
  ]) {
    assert.deepEqual(changesOf(`SET sys.${name} = 'x'`).system, { [name]: 'x' });
    assert.deepEqual(changesOf(`SET sys.${name.toUpperCase()} = 7 + 1`).system, { [name]: '8' });
    if (name !== 'MessageId') {
      assert.deepEqual(changesOf(`REMOVE sys.${name}`).system, { [name]: undefined });
      assert.deepEqual(changesOf(`SET sys.${name} = NULL`).system, { [name]: undefined });
    }
    fails(`SET sys.${name} = sent`, new RegExp(`SET sys.${name}: the value is a time and must be a text`));
  }
  assert.deepEqual(changesOf('SET sys.MessageId = newid()').system, { MessageId: FIXED_UUID });
  assert.deepEqual(changesOf("SET sys.MessageId = color + '-' + sys.MessageId").system, { MessageId: 'red-m1' });
  fails('SET sys.MessageId = missing', /the value is unknown, and a message must have a MessageId/);
});

test('ids have 128 characters at most', () => {
  const text = 'x'.repeat(128);
  assert.deepEqual(changesOf(`SET sys.SessionId = '${text}'`).system, { SessionId: text });
  for (const name of ['MessageId', 'SessionId', 'PartitionKey', 'ReplyToSessionId'])
    fails(
      `SET sys.${name} = '${text}y'`,
      new RegExp(`SET sys.${name}: the value has 129 characters; the limit is 128`),
    );
});

test('TimeToLive takes a duration', () => {
  const parameters = { d: { type: 'duration', value: 'PT1M' } } as const;
  assert.deepEqual(changesOf('SET sys.TimeToLive = @d', { parameters }).system, {
    TimeToLive: new FilterDuration(600_000_000n),
  });
  assert.deepEqual(changesOf('REMOVE sys.TimeToLive').system, { TimeToLive: undefined });
  fails('SET sys.TimeToLive = 60', /SET sys.TimeToLive: the value is an integer and must be a duration above 0/);
  fails('SET sys.TimeToLive = -@d', /must be a duration above 0/, parameters);
});

test('what the service reads only when a message is sent stays without effect', () => {
  const parameters = { t: { type: 'dateTime', value: '2030-01-01T00:00:00Z' } } as const;
  const expression =
    "SET sys.ScheduledEnqueueTimeUtc = @t; SET sys.ForcePersistence = TRUE; SET sys.ViaPartitionKey = 'v'";
  assert.deepEqual(changesOf(expression, { parameters }), { user: {}, system: {} });
  fails("SET sys.ScheduledEnqueueTime = 'tomorrow'", /the value is a string and must be a time/);
});

test('an action that cannot be evaluated fails as a whole', () => {
  fails('SET a = 1; SET b = 1 / 0', /divides by zero/);
  fails('SET a = color - 1', /cannot take a string and an integer/);
  fails("SET a = p('sys.Nothing')", /there is no system property Nothing/);
});

test('texts do not grow without bound', () => {
  const doubling = `SET a = '${'x'.repeat(512)}';${'SET a=a+a;'.repeat(6)}`;
  assert.equal((changesOf(doubling).user as { a: string }).a.length, 32 * 1024);
  fails(`${doubling}SET a=a+a`, /makes a text of 65536 characters; the limit is 32768/);
});

test('a message is not changed by an action', () => {
  const message = messageOf(MESSAGE);
  const action = compileAction({ sqlExpression: "SET color = 'blue'; REMOVE sys.Label" }, ENVIRONMENT);
  assert.deepEqual(action.changes(message), action.changes(message));
  assert.equal(message.user('color'), 'red');
  assert.equal(message.system('Label'), 'order');
});
