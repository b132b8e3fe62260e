import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ServiceBusMessage, ServiceBusReceivedMessage } from '@azure/service-bus';
import type { FilterDescription, SqlDescription } from '../../src/filter/index.ts';
import { AT_A_TIME, Fixture, receive } from './fixture.ts';

// What filters and actions make of messages, as the official client sends and receives them.

type Rule = FilterDescription & { readonly action?: SqlDescription };

/** A topic `t` with subscriptions of these rules. */
async function topicWith(
  fixture: Fixture,
  subscriptions: Readonly<Record<string, readonly Rule[]>>,
  more: object = {},
): Promise<void> {
  const { admin } = fixture.server;
  await admin.topics.create({ name: 't' });
  for (const [name, rules] of Object.entries(subscriptions))
    await admin.subscriptions.create(
      { topicName: 't', name, ...more },
      rules.map((rule, index) => ({ name: `rule-${index}`, ...rule })),
    );
}

function sql(sqlExpression: string, action?: string, parameters: SqlDescription['parameters'] = {}): Rule {
  const filter = { filterType: 'SqlFilter', sqlFilter: { sqlExpression, parameters } } as const;
  return action === undefined ? filter : { ...filter, action: { sqlExpression: action, parameters } };
}

/** What a subscription has, which must be as many. */
async function all(fixture: Fixture, subscription: string, count: number): Promise<ServiceBusReceivedMessage[]> {
  const receiver = fixture.client().createReceiver('t', subscription, { receiveMode: 'receiveAndDelete' });
  const messages = await receive(receiver, count);
  assert.deepEqual(await receiver.peekMessages(1), []);
  return messages;
}

/** The orders of service-bus-filter-examples: color, quantity, priority. */
const ORDERS = [
  ['', 0, ''],
  ['blue', 5, 'low'],
  ['red', 10, 'high'],
  ['yellow', 5, 'low'],
  ['blue', 10, 'low'],
  ['blue', 5, 'high'],
  ['blue', 10, 'low'],
  ['red', 5, 'low'],
  ['red', 10, 'low'],
  ['red', 5, 'low'],
  ['yellow', 10, 'high'],
  ['yellow', 5, 'low'],
  ['yellow', 10, 'low'],
] as const;

describe('rules', { concurrency: AT_A_TIME }, () => {
  test("the documentation's orders", async (context) => {
    const fixture = await Fixture.start(context, []);
    await topicWith(fixture, {
      AllOrders: [{ filterType: 'TrueFilter' }],
      ColorBlueSize10Orders: [sql("color='blue' AND quantity=10")],
      ColorRed: [
        sql("user.color='red'", "SET quantity = quantity / 2; REMOVE priority;SET sys.CorrelationId = 'low';"),
      ],
      HighPriorityRedOrders: [
        { filterType: 'CorrelationFilter', correlationFilter: { label: 'red', correlationId: 'high' } },
      ],
    });
    const orders = ORDERS.map(([color, quantity, priority]): ServiceBusMessage => ({
      body: { color, quantity, priority },
      correlationId: priority,
      subject: color,
      applicationProperties: { color, quantity, priority },
    }));
    await fixture.client().createSender('t').sendMessages(orders);
    assert.equal((await all(fixture, 'AllOrders', ORDERS.length)).length, ORDERS.length);
    const blue = await all(fixture, 'ColorBlueSize10Orders', 2);
    assert.deepEqual(
      blue.map(({ applicationProperties }) => applicationProperties),
      [orders[4], orders[6]].map((order) => order?.applicationProperties),
    );
    const red = await all(fixture, 'ColorRed', 4);
    assert.deepEqual(
      red.map(({ applicationProperties, correlationId, subject, body }) => ({
        applicationProperties,
        correlationId,
        subject,
        body: body as unknown,
      })),
      [orders[2], orders[7], orders[8], orders[9]].map((order) => ({
        applicationProperties: {
          color: 'red',
          quantity: Math.trunc((order?.applicationProperties?.['quantity'] as number) / 2),
          RuleName: 'rule-0',
        },
        correlationId: 'low',
        subject: 'red',
        body: order?.body as unknown,
      })),
    );
    const urgent = await all(fixture, 'HighPriorityRedOrders', 1);
    assert.deepEqual(
      urgent.map(({ body }) => body as unknown),
      [orders[2]?.body],
    );
  });

  test('values of the client and values of a rule are compared by kind', async (context) => {
    const fixture = await Fixture.start(context, []);
    const date = new Date('2026-01-02T03:04:05.678Z');
    const parameters = { '@date': { type: 'dateTime', value: date.toISOString() } } as const;
    await topicWith(fixture, {
      s: [
        sql(
          '[whole number] = 7 AND fraction > 2.4 AND flag = TRUE AND big = 9007199254740991 AND negative % 4 = -1 AND at = @date AND none IS NULL AND EXISTS(none)',
          undefined,
          parameters,
        ),
      ],
    });
    await fixture
      .client()
      .createSender('t')
      .sendMessages({
        body: 'x',
        applicationProperties: {
          'whole number': 7,
          fraction: 2.5,
          flag: true,
          big: Number.MAX_SAFE_INTEGER,
          negative: -5,
          at: date,
          none: null,
        },
      });
    assert.equal((await all(fixture, 's', 1)).length, 1);
  });

  test('what an action makes of system properties is what the client gets, also after a restart and a redelivery', async (context) => {
    const fixture = await Fixture.start(context, []);
    const action = `SET sys.MessageId = 'new-' + sys.MessageId; SET sys.Label = upper; SET sys.To = 'there'; SET sys.ReplyTo = NULL;
      SET sys.ContentType = 'text/' + sys.ContentType; SET sys.ReplyToSessionId = sys.SessionId; SET sys.TimeToLive = @ttl; REMOVE upper; SET id = newid() + '';
      SET later = at + @ttl`;
    const parameters = { '@ttl': { type: 'duration', value: 'PT1H' } } as const;
    await topicWith(fixture, { s: [sql('1=1', action, parameters)] });
    const at = new Date('2026-01-01T00:00:00Z');
    await fixture
      .client()
      .createSender('t')
      .sendMessages({
        body: 'body',
        messageId: 'id',
        subject: 'before',
        replyTo: 'answers',
        contentType: 'plain',
        sessionId: 'session',
        correlationId: 'kept',
        applicationProperties: { upper: 'AFTER', at },
      });
    const first = fixture.client().createReceiver('t', 's');
    const [given] = await receive(first, 1);
    assert.ok(given);
    await first.abandonMessage(given, { note: 'tried' });
    await fixture.stopServer();
    await fixture.startServer();
    const [message] = await all(fixture, 's', 1);
    assert.ok(message);
    const {
      body,
      messageId,
      subject,
      to,
      replyTo,
      contentType,
      sessionId,
      replyToSessionId,
      correlationId,
      timeToLive,
    } = message;
    assert.deepEqual(
      {
        body: body as unknown,
        messageId,
        subject,
        to,
        replyTo,
        contentType,
        sessionId,
        replyToSessionId,
        correlationId,
        timeToLive,
      },
      {
        body: 'body',
        messageId: 'new-id',
        subject: 'AFTER',
        to: 'there',
        replyTo: undefined,
        contentType: 'text/plain',
        sessionId: 'session',
        replyToSessionId: 'session',
        correlationId: 'kept',
        timeToLive: 3_600_000,
      },
    );
    const { id, ...rest } = message.applicationProperties ?? {};
    assert.match(String(id), /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/);
    // The client gives times as numbers.
    assert.deepEqual(rest, { at: at.getTime(), later: at.getTime() + 3_600_000, RuleName: 'rule-0', note: 'tried' });
  });

  test('an action can give a message the session that it came without', async (context) => {
    const fixture = await Fixture.start(context, []);
    await topicWith(
      fixture,
      { s: [sql('EXISTS(customer)', 'SET sys.SessionId = customer')] },
      { requiresSession: true },
    );
    const client = fixture.client();
    await client.createSender('t').sendMessages([
      { body: 1, applicationProperties: { customer: 'a' } },
      { body: 2, applicationProperties: { customer: 'b' } },
      { body: 3, applicationProperties: { customer: 'a' } },
    ]);
    const session = await client.acceptSession('t', 's', 'a');
    assert.deepEqual(
      (await receive(session, 2)).map(({ body, sessionId }) => [body as unknown, sessionId]),
      [
        [1, 'a'],
        [3, 'a'],
      ],
    );
  });

  test('a message for which a filter or an action cannot be evaluated goes to the dead-letter queue and says why', async (context) => {
    const fixture = await Fixture.start(context, []);
    await topicWith(fixture, {
      filter: [sql('size > 10')],
      action: [sql('1=1', 'SET half = size / 2')],
      lucky: [sql('size > 10'), sql("size = 'big'")],
    });
    const client = fixture.client();
    await client.createSender('t').sendMessages({ body: 'x', applicationProperties: { size: 'big' } });
    for (const [name, why] of [
      ['filter', '> at character 6 cannot compare a string with an integer'],
      ['action', "'/' at character 17 cannot take a string and an integer"],
    ] as const) {
      const [dead] = await client.createReceiver('t', name, { subQueueType: 'deadLetter' }).peekMessages(5);
      assert.deepEqual(
        [dead?.deadLetterReason, dead?.deadLetterErrorDescription],
        ['FilterException', `Rule 'rule-0': ${why}`],
      );
      assert.deepEqual(await client.createReceiver('t', name).peekMessages(5), []);
    }
    assert.equal((await client.createReceiver('t', 'lucky').peekMessages(5)).length, 1);
    assert.deepEqual(await client.createReceiver('t', 'lucky', { subQueueType: 'deadLetter' }).peekMessages(5), []);
  });
});
