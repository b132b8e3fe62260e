import assert from 'node:assert/strict';
import { test } from 'node:test';
import { childOf, childrenOf } from '../../src/server/atom/xml-element.ts';
import { AtomPeer, descriptionOf, refusalOf, valueOf } from './atom-peer.ts';
import type { AtomReply } from './atom-peer.ts';

// Topics, subscriptions and rules at the admin API (service-bus-protocol.md §12).

const TOPIC = 'TopicDescription';
const SUBSCRIPTION = 'SubscriptionDescription';
const RULE = 'RuleDescription';
const FOREVER = 'P10675199DT2H48M5.4775807S';

function elementsOf(reply: AtomReply): Record<string, string> {
  return Object.fromEntries(descriptionOf(reply).children.map(({ name, text }) => [name, text]));
}

const titlesOf = (reply: AtomReply) => childrenOf(reply.root, 'entry').map((entry) => childOf(entry, 'title')?.text);

test('a topic has what is given and the defaults of the service, in the order of its data contract', async (context) => {
  const peer = await AtomPeer.start(context);
  const made = await peer.put('news/all', TOPIC, '<SupportOrdering>false</SupportOrdering>', { apiVersion: '2024-05' });
  assert.equal(made.status, 201);
  const { CreatedAt, UpdatedAt, ...rest } = elementsOf(made);
  assert.equal(UpdatedAt, CreatedAt);
  const expected = {
    DefaultMessageTimeToLive: FOREVER,
    MaxSizeInMegabytes: '1024',
    RequiresDuplicateDetection: 'false',
    DuplicateDetectionHistoryTimeWindow: 'PT10M',
    EnableBatchedOperations: 'true',
    SizeInBytes: '0',
    FilteringMessagesBeforePublishing: 'false',
    IsAnonymousAccessible: 'false',
    AuthorizationRules: '',
    Status: 'Active',
    AccessedAt: '0001-01-01T00:00:00',
    SupportOrdering: 'false',
    CountDetails: '',
    SubscriptionCount: '0',
    AutoDeleteOnIdle: FOREVER,
    EnablePartitioning: 'false',
    EntityAvailabilityStatus: 'Available',
    EnableSubscriptionPartitioning: 'false',
    EnableExpress: 'false',
    MaxMessageSizeInKilobytes: '256',
    SqlFilterCount: '0',
    CorrelationFilterCount: '0',
  };
  assert.deepEqual(rest, expected);
  assert.deepEqual(Object.keys(rest), Object.keys(expected));
  const older = elementsOf(await peer.get('News/All'));
  assert.equal(older['SqlFilterCount'], undefined);
  assert.deepEqual(titlesOf(await peer.get('$Resources/Topics')), ['news/all']);
  assert.deepEqual(titlesOf(await peer.get('$Resources/Queues')), []);
});

test('a topic is changed, keeps what is decided when it is made, and goes', async (context) => {
  const peer = await AtomPeer.start(context);
  await peer.put('t', TOPIC, '<UserMetadata>note</UserMetadata>');
  const changed = await peer.update('t', TOPIC, '<Status>Disabled</Status>');
  assert.equal(changed.status, 200);
  assert.deepEqual([valueOf(changed, 'Status'), valueOf(changed, 'UserMetadata')], ['Disabled', undefined]);
  assert.deepEqual(
    refusalOf(await peer.update('t', TOPIC, '<RequiresDuplicateDetection>true</RequiresDuplicateDetection>')),
    [
      400,
      '400',
      'SubCode=40000. The value for the RequiresDuplicateDetection property of an existing Topic cannot be changed.',
    ],
  );
  assert.equal(refusalOf(await peer.put('T', TOPIC, ''))[0], 409);
  assert.equal(refusalOf(await peer.put('t', 'QueueDescription', ''))[0], 409, 'queues and topics share their names');
  assert.equal(refusalOf(await peer.update('t', 'QueueDescription', ''))[0], 404);
  assert.equal((await peer.delete('t')).status, 200);
  assert.equal((await peer.put('t', 'QueueDescription', '')).status, 201);
});

test('a partitioned topic shows the size of all its partitions, and takes it back', async (context) => {
  const peer = await AtomPeer.start(context);
  const made = await peer.put('t', TOPIC, '<EnablePartitioning>true</EnablePartitioning>');
  assert.equal(valueOf(made, 'MaxSizeInMegabytes'), '16384');
  const back = await peer.send('PUT', 't', { body: made.text, headers: { 'if-match': '*' } });
  assert.equal(valueOf(back, 'MaxSizeInMegabytes'), '16384');
});

test('access rules of a topic open its subscriptions, too', async (context) => {
  const peer = await AtomPeer.start(context);
  const rule = (name: string, right: string): string =>
    `<AuthorizationRule i:type="SharedAccessAuthorizationRule"><Rights><AccessRights>${right}</AccessRights></Rights><KeyName>${name}</KeyName><PrimaryKey>key-of-the-rule-${name}</PrimaryKey></AuthorizationRule>`;
  await peer.put(
    't',
    TOPIC,
    `<AuthorizationRules>${rule('owner', 'Manage')}${rule('reader', 'Listen')}</AuthorizationRules>`,
  );
  const owner = { signer: { name: 'owner', key: 'key-of-the-rule-owner' } };
  const reader = { signer: { name: 'reader', key: 'key-of-the-rule-reader' } };
  assert.equal((await peer.put('t/Subscriptions/s', SUBSCRIPTION, '', owner)).status, 201);
  for (const path of [
    't',
    't/Subscriptions',
    't/Subscriptions/',
    't/Subscriptions/s',
    't/Subscriptions/s/Rules/$Default',
  ])
    assert.equal((await peer.get(path, owner)).status, 200, path);
  assert.equal((await peer.get('$Resources/topics', owner)).status, 401);
  for (const path of ['t/Subscriptions/s/Rules', 't/Subscriptions/s/Rules/$Default'])
    assert.equal((await peer.get(path, reader)).status, 200, path);
  for (const path of ['t', 't/Subscriptions', 't/Subscriptions/s'])
    assert.equal((await peer.get(path, reader)).status, 401, path);
  assert.equal((await peer.delete('t/Subscriptions/s/Rules/$Default', reader)).status, 401);
  await peer.restart();
  assert.equal((await peer.get('t/Subscriptions/s', owner)).status, 200);
  await peer.delete('t');
  await peer.put('t', TOPIC, '');
  assert.equal((await peer.get('t', owner)).status, 401);
});

test('a subscription has what is given and the defaults of the service, in the order of its data contract', async (context) => {
  const peer = await AtomPeer.start(context);
  await peer.put('q', 'QueueDescription', '');
  await peer.put('t', TOPIC, '');
  const made = await peer.put(
    'T/subscriptions/S1',
    SUBSCRIPTION,
    '<ForwardDeadLetteredMessagesTo>q</ForwardDeadLetteredMessagesTo>',
  );
  assert.equal(made.status, 201);
  const { CreatedAt, UpdatedAt, ...rest } = elementsOf(made);
  assert.equal(UpdatedAt, CreatedAt);
  const expected = {
    LockDuration: 'PT1M',
    RequiresSession: 'false',
    DefaultMessageTimeToLive: FOREVER,
    DeadLetteringOnMessageExpiration: 'false',
    DeadLetteringOnFilterEvaluationExceptions: 'true',
    MessageCount: '0',
    MaxDeliveryCount: '10',
    EnableBatchedOperations: 'true',
    Status: 'Active',
    AccessedAt: '0001-01-01T00:00:00',
    ForwardDeadLetteredMessagesTo: `sb://${peer.host}/q`,
    CountDetails: '',
    AutoDeleteOnIdle: FOREVER,
    EntityAvailabilityStatus: 'Available',
  };
  assert.deepEqual(rest, expected);
  assert.deepEqual(Object.keys(rest), Object.keys(expected));
  const id = (reply: AtomReply) => childOf(reply.root, 'id')?.text;
  assert.match(id(made) ?? '', /^http:\/\/[^/]+\/[Tt]\/Subscriptions\/S1\?api-version=2021-05$/);
  const [rule] = childrenOf((await peer.get('t/Subscriptions/s1/Rules')).root, 'entry');
  assert.equal(childOf(rule, 'title')?.text, '$Default');
  assert.equal(valueOf(await peer.get('t'), 'SubscriptionCount'), '1');
});

test('a subscription is changed, keeps whether it has sessions, and goes', async (context) => {
  const peer = await AtomPeer.start(context);
  await peer.put('t', TOPIC, '');
  await peer.put(
    't/Subscriptions/s',
    SUBSCRIPTION,
    '<MaxDeliveryCount>3</MaxDeliveryCount><UserMetadata>note</UserMetadata>',
  );
  const changed = await peer.update('t/Subscriptions/s', SUBSCRIPTION, '<LockDuration>PT30S</LockDuration>');
  assert.deepEqual(
    ['LockDuration', 'MaxDeliveryCount', 'UserMetadata'].map((name) => valueOf(changed, name)),
    ['PT30S', '3', undefined],
  );
  assert.deepEqual(
    refusalOf(await peer.update('t/Subscriptions/s', SUBSCRIPTION, '<RequiresSession>true</RequiresSession>')),
    [
      400,
      '400',
      'SubCode=40000. The value for the RequiresSession property of an existing Subscription cannot be changed.',
    ],
  );
  assert.equal(refusalOf(await peer.put('t/Subscriptions/S', SUBSCRIPTION, ''))[0], 409);
  assert.equal((await peer.delete('t/Subscriptions/s')).status, 200);
  assert.deepEqual(titlesOf(await peer.get('t/Subscriptions')), []);
  assert.deepEqual(refusalOf(await peer.get('none/Subscriptions')), [
    404,
    '404',
    `The messaging entity 'sb://${peer.host}/none' could not be found.`,
  ]);
  assert.equal(refusalOf(await peer.put('none/Subscriptions/s', SUBSCRIPTION, ''))[0], 404);
  assert.equal(refusalOf(await peer.put('t/Subscriptions/s~', SUBSCRIPTION, ''))[0], 400);
});

const sql = (expression: string, more = ''): string =>
  `<Filter i:type="SqlFilter"><SqlExpression>${expression}</SqlExpression>${more}</Filter>`;

test('the first rule of a subscription can be given with it', async (context) => {
  const peer = await AtomPeer.start(context);
  await peer.put('t', TOPIC, '');
  await peer.put(
    't/Subscriptions/s',
    SUBSCRIPTION,
    `<DefaultRuleDescription>${sql('a = 1')}<Action i:type="EmptyRuleAction" /><Name>first</Name></DefaultRuleDescription>`,
  );
  assert.deepEqual(titlesOf(await peer.get('t/Subscriptions/s/Rules')), ['first']);
  await peer.put('t/Subscriptions/u', SUBSCRIPTION, `<DefaultRuleDescription>${sql('a = 1')}</DefaultRuleDescription>`);
  assert.deepEqual(titlesOf(await peer.get('t/Subscriptions/u/Rules')), ['$Default']);
  const bad = await peer.put(
    't/Subscriptions/v',
    SUBSCRIPTION,
    `<DefaultRuleDescription>${sql('a =')}</DefaultRuleDescription>`,
  );
  assert.equal(bad.status, 400);
  assert.deepEqual(titlesOf(await peer.get('t/Subscriptions')), ['s', 'u']);
});

async function withSubscription(context: Parameters<typeof AtomPeer.start>[0]): Promise<AtomPeer> {
  const peer = await AtomPeer.start(context);
  await peer.put('t', TOPIC, '');
  await peer.put('t/Subscriptions/s', SUBSCRIPTION, '');
  return peer;
}

const RULES = 't/Subscriptions/s/Rules';
const value = (type: string, text: string): string =>
  `<Value p4:type="l28:${type}" xmlns:p4="http://www.w3.org/2001/XMLSchema-instance" xmlns:l28="http://www.w3.org/2001/XMLSchema">${text}</Value>`;
const pair = (key: string, type: string, text: string): string =>
  `<KeyValueOfstringanyType><Key>${key}</Key>${value(type, text)}</KeyValueOfstringanyType>`;

/** What stands in a rule's entry from its filter to its action. */
const bodyOf = ({ text }: AtomReply): string => /<Filter.*(?=<CreatedAt>)/.exec(text)?.[0] ?? text;

test('filters and actions read back as the service writes them', async (context) => {
  const peer = await withSubscription(context);
  const written = (type: string, text: string) =>
    `<Value i:type="d6p1:${type}" xmlns:d6p1="http://www.w3.org/2001/XMLSchema">${text}</Value>`;
  const pairWritten = (key: string, type: string, text: string) =>
    `<KeyValueOfstringanyType><Key>${key}</Key>${written(type, text)}</KeyValueOfstringanyType>`;
  const level = '<CompatibilityLevel>20</CompatibilityLevel>';
  const none = '<Action i:type="EmptyRuleAction" />';
  const cases: readonly (readonly [name: string, sent: string, read: string])[] = [
    ['nothing', '', `<Filter i:type="TrueFilter"><SqlExpression>1=1</SqlExpression>${level}</Filter>${none}`],
    [
      'true',
      '<Filter i:type="TrueFilter"><SqlExpression>1=1</SqlExpression></Filter>',
      `<Filter i:type="TrueFilter"><SqlExpression>1=1</SqlExpression>${level}</Filter>${none}`,
    ],
    [
      'false',
      '<Filter i:type="FalseFilter" />',
      `<Filter i:type="FalseFilter"><SqlExpression>1=0</SqlExpression>${level}</Filter>${none}`,
    ],
    [
      'sql',
      `<Filter p4:type="SqlFilter" xmlns:p4="http://www.w3.org/2001/XMLSchema-instance"><SqlExpression>a &lt; @x</SqlExpression><Parameters>${pair('@x', 'int', '5')}</Parameters></Filter><Action i:type="SqlRuleAction"><SqlExpression>SET b = @y</SqlExpression><Parameters>${pair('@y', 'string', 'z')}</Parameters></Action>`,
      `<Filter i:type="SqlFilter"><SqlExpression>a &lt; @x</SqlExpression>${level}<Parameters>${pairWritten('@x', 'int', '5')}</Parameters></Filter><Action i:type="SqlRuleAction"><SqlExpression>SET b = @y</SqlExpression>${level}<Parameters>${pairWritten('@y', 'string', 'z')}</Parameters></Action>`,
    ],
    [
      'correlation',
      `<Filter i:type="CorrelationFilter"><Label>l</Label><CorrelationId>c</CorrelationId><To></To><Properties>${[
        pair('s', 'string', ' a '),
        pair('i', 'int', '5'),
        pair('l', 'long', '5000000000'),
        pair('d', 'double', '1.5'),
        pair('b', 'boolean', 'true'),
        pair('t', 'dateTime', '2026-01-31T12:00:00Z'),
        pair('g', 'guid', '6ba7b810-9dad-11d1-80b4-00c04fd430c8'),
      ].join('')}</Properties></Filter>`,
      `<Filter i:type="CorrelationFilter"><CorrelationId>c</CorrelationId><To /><Label>l</Label><Properties>${[
        pairWritten('s', 'string', ' a '),
        pairWritten('i', 'int', '5'),
        pairWritten('l', 'long', '5000000000'),
        pairWritten('d', 'double', '1.5'),
        pairWritten('b', 'boolean', 'true'),
        pairWritten('t', 'dateTime', '2026-01-31T12:00:00Z'),
        pairWritten('g', 'guid', '6ba7b810-9dad-11d1-80b4-00c04fd430c8'),
      ].join('')}</Properties></Filter>${none}`,
    ],
  ];
  for (const [name, sent, read] of cases) {
    const made = await peer.put(`${RULES}/${name}`, RULE, `${sent}<Name>ignored</Name>`);
    assert.equal(made.status, 201, made.text);
    assert.equal(bodyOf(made), read, name);
    assert.equal(valueOf(made, 'Name'), name, 'the name is that of the address');
    assert.equal(bodyOf(await peer.get(`${RULES}/${name}`)), read);
  }
  assert.deepEqual(titlesOf(await peer.get(RULES)), ['$Default', 'correlation', 'false', 'nothing', 'sql', 'true']);
  const counts = await peer.get('t', { apiVersion: '2024-05' });
  assert.deepEqual([valueOf(counts, 'SqlFilterCount'), valueOf(counts, 'CorrelationFilterCount')], ['5', '1']);
});

test('a rule is changed and goes; a bad one is refused, with its position, and changes nothing', async (context) => {
  const peer = await withSubscription(context);
  assert.equal((await peer.put(`${RULES}/r`, RULE, sql('a = 1'))).status, 201);
  assert.equal(refusalOf(await peer.put(`${RULES}/R`, RULE, sql('a = 1')))[0], 409);
  assert.equal((await peer.update(`${RULES}/r`, RULE, sql('a = 2'))).status, 200);
  const [status, , said] = refusalOf(await peer.update(`${RULES}/r`, RULE, sql('a = = 2')));
  assert.equal(status, 400);
  assert.match(said, /^SubCode=40000\. .*at character \d+/);
  assert.match(bodyOf(await peer.get(`${RULES}/r`)), /a = 2/);
  assert.equal(refusalOf(await peer.update(`${RULES}/none`, RULE, sql('a = 1')))[0], 404);
  for (const [inner, text] of [
    ['<Filter i:type="OddFilter" />', /The filter has the type 'OddFilter'/],
    ['<Filter i:type="CorrelationFilter" />', /must name at least one property/],
    [sql('x'.repeat(1025)), /1024 characters/],
    [
      `<Filter i:type="TrueFilter" /><Action i:type="OddAction"><SqlExpression>SET a = 1</SqlExpression></Action>`,
      /The action has the type 'OddAction'/,
    ],
    [
      `<Filter i:type="CorrelationFilter"><Properties>${pair('x', 'base64Binary', 'AA==')}</Properties></Filter>`,
      /The value of 'x' has the type 'base64Binary'/,
    ],
  ] as const) {
    const refused = refusalOf(await peer.put(`${RULES}/bad`, RULE, inner));
    assert.equal(refused[0], 400);
    assert.match(refused[2], text);
  }
  assert.equal((await peer.delete(`${RULES}/r`)).status, 200);
  assert.equal((await peer.delete(`${RULES}/$Default`)).status, 200);
  assert.deepEqual(titlesOf(await peer.get(RULES)), []);
  assert.equal(refusalOf(await peer.get('t/Subscriptions/none/Rules'))[0], 404);
  assert.equal(refusalOf(await peer.put('t/Subscriptions/none/Rules/r', RULE, ''))[0], 404);
  // The Go client puts a rule without a name at the address of the list.
  assert.equal((await peer.put(`${RULES}/`, RULE, `${sql('a = 1')}<Name>$Default</Name>`)).status, 201);
  assert.deepEqual(titlesOf(await peer.get(RULES)), ['$Default']);
});

test('topics, subscriptions and rules are there after a restart', async (context) => {
  const peer = await withSubscription(context);
  await peer.put(`${RULES}/r`, RULE, sql('a = 1'));
  const before = [await peer.get('t'), await peer.get('t/Subscriptions/s'), await peer.get(`${RULES}/r`)].map(
    (reply) => reply.text,
  );
  await peer.restart();
  const port = (text: string): string =>
    text.replaceAll(/127\.0\.0\.1:\d+/g, 'host').replaceAll(/<AccessedAt>[^<]*/g, '');
  const after = [await peer.get('t'), await peer.get('t/Subscriptions/s'), await peer.get(`${RULES}/r`)].map(
    (reply) => reply.text,
  );
  assert.deepEqual(after.map(port), before.map(port));
});

test('lists of subscriptions and rules come in pages', async (context) => {
  const peer = await withSubscription(context);
  for (let index = 0; index < 5; index++) {
    await peer.put(`t/Subscriptions/p${index}`, SUBSCRIPTION, '');
    await peer.put(`${RULES}/r${index}`, RULE, sql('a = 1'));
  }
  const query = '&$skip=2&$top=3';
  assert.deepEqual(titlesOf(await peer.get('t/Subscriptions/', { query })), ['p2', 'p3', 'p4']);
  assert.deepEqual(titlesOf(await peer.get(`${RULES}/`, { query })), ['r1', 'r2', 'r3']);
  const links = childrenOf((await peer.get(RULES, { query: '&$top=3' })).root, 'link').map(({ attributes }) =>
    attributes.get('href'),
  );
  assert.deepEqual(
    links,
    ['', '&$skip=3&$top=3'].map((more) => `http://${peer.host}/${RULES}?api-version=2021-05${more}`),
  );
});
