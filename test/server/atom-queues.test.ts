import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { LIMITS } from '../../src/server/index.ts';
import { childOf, childrenOf } from '../../src/server/atom/xml-element.ts';
import { AtomPeer, descriptionOf, entryOf, refusalOf, valueOf } from './atom-peer.ts';
import type { AtomReply } from './atom-peer.ts';

// The admin API as its clients see it on the wire (service-bus-protocol.md §12), without a client.

const QUEUE = 'QueueDescription';
const FOREVER = 'P10675199DT2H48M5.4775807S';

function elementsOf(reply: AtomReply): Record<string, string> {
  return Object.fromEntries(descriptionOf(reply).children.map(({ name, text }) => [name, text]));
}

test('a queue is made with what is given and the defaults of the service, in the order of its data contract', async (context) => {
  const peer = await AtomPeer.start(context);
  const made = await peer.put(
    'orders/new',
    QUEUE,
    '<MaxDeliveryCount>7</MaxDeliveryCount><LockDuration>PT0.5M</LockDuration>'.replace('PT0.5M', 'PT30S'),
  );
  assert.equal(made.status, 201);
  assert.equal(made.headers['content-type'], 'application/atom+xml;type=entry;charset=utf-8');
  const { CreatedAt, UpdatedAt, ...rest } = elementsOf(made);
  assert.match(CreatedAt ?? '', /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/);
  assert.equal(UpdatedAt, CreatedAt);
  const expected = {
    LockDuration: 'PT30S',
    MaxSizeInMegabytes: '1024',
    RequiresDuplicateDetection: 'false',
    RequiresSession: 'false',
    DefaultMessageTimeToLive: FOREVER,
    DeadLetteringOnMessageExpiration: 'false',
    DuplicateDetectionHistoryTimeWindow: 'PT10M',
    MaxDeliveryCount: '7',
    EnableBatchedOperations: 'true',
    SizeInBytes: '0',
    MessageCount: '0',
    IsAnonymousAccessible: 'false',
    AuthorizationRules: '',
    Status: 'Active',
    AccessedAt: '0001-01-01T00:00:00',
    SupportOrdering: 'true',
    CountDetails: '',
    AutoDeleteOnIdle: FOREVER,
    EnablePartitioning: 'false',
    EntityAvailabilityStatus: 'Available',
    EnableExpress: 'false',
    MaxMessageSizeInKilobytes: '256',
  };
  assert.deepEqual(rest, expected);
  assert.deepEqual(Object.keys(rest), Object.keys(expected));
  assert.equal(childOf(made.root, 'id')?.text, `http://${peer.host}/orders/new?api-version=2021-05`);
  assert.equal(childOf(made.root, 'title')?.text, 'orders/new');
  assert.match(
    made.text,
    /<CountDetails xmlns:d2p1="http:\/\/schemas\.microsoft\.com\/netservices\/2011\/06\/servicebus"><d2p1:ActiveMessageCount>0</,
  );
  assert.deepEqual(peer.server.admin.queues.get('orders/new')?.description.maxDeliveryCount, 7);
});

test('a queue is found whatever the case and the encoding of its name, and older versions of the API see no message size', async (context) => {
  const peer = await AtomPeer.start(context, { queues: [] });
  await peer.put('Orders/new', QUEUE, '');
  const found = await peer.get('orders%2Fnew/', { apiVersion: '2017-04', query: '&enrich=false' });
  assert.equal(childOf(found.root, 'title')?.text, 'Orders/new');
  assert.equal(childOf(found.root, 'id')?.text, `http://${peer.host}/Orders/new?api-version=2017-04`);
  assert.equal(valueOf(found, 'MaxMessageSizeInKilobytes'), undefined);
  assert.equal(valueOf(await peer.get('orders/new', { apiVersion: '2024-05' }), 'MaxMessageSizeInKilobytes'), '256');
});

test('a queue that does not exist is a list of nothing when it is asked for, and an error when it is changed or deleted; a part of a topic always is', async (context) => {
  const peer = await AtomPeer.start(context);
  const said = (path: string) => `The messaging entity 'sb://${peer.host}/${path}' could not be found.`;
  for (const path of ['t/Subscriptions/s', 't/Subscriptions/s/Rules/r'])
    for (const method of ['GET', 'DELETE'])
      assert.deepEqual(refusalOf(await peer.send(method, path)), [404, '404', said(path)]);
  for (const path of ['q', 'q/$DeadLetterQueue']) {
    const missing = await peer.get(path);
    assert.equal(missing.status, 200, path);
    assert.equal(missing.root?.name, 'feed');
    assert.equal(childOf(missing.root, 'title')?.text, 'Publicly Listed Services');
    assert.equal(childOf(missing.root, 'entry'), undefined);
    assert.deepEqual(refusalOf(await peer.delete(path)), [404, '404', said(path)]);
  }
  assert.deepEqual(refusalOf(await peer.update('q', QUEUE, '')), [404, '404', said('q')]);
});

test('an error ends with what finds it in a log', async (context) => {
  const peer = await AtomPeer.start(context);
  const { text } = await peer.delete('q');
  assert.match(
    text,
    /could not be found\. TrackingId:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}_G0, SystemTracker:retrain:Queue:q, Timestamp:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d</,
  );
});

test('a queue that exists is not made again', async (context) => {
  const peer = await AtomPeer.start(context);
  await peer.put('q', QUEUE, '<MaxDeliveryCount>7</MaxDeliveryCount>');
  assert.deepEqual(refusalOf(await peer.put('Q', QUEUE, '')), [
    409,
    '409',
    `SubCode=40900. The messaging entity 'sb://${peer.host}/Q' already exists.`,
  ]);
  assert.equal(valueOf(await peer.get('q'), 'MaxDeliveryCount'), '7');
});

test('an update changes what it gives and takes away what it leaves out of what a queue may be without', async (context) => {
  const peer = await AtomPeer.start(context);
  await peer.put('to', QUEUE, '');
  await peer.put(
    'q',
    QUEUE,
    '<MaxDeliveryCount>7</MaxDeliveryCount><Status>SendDisabled</Status><UserMetadata> a &amp; b </UserMetadata><ForwardDeadLetteredMessagesTo>to</ForwardDeadLetteredMessagesTo>',
  );
  assert.equal(valueOf(await peer.get('q'), 'UserMetadata'), ' a & b ');
  const changed = await peer.update('q', QUEUE, '<LockDuration>PT2M</LockDuration>');
  assert.equal(changed.status, 200);
  const { LockDuration, MaxDeliveryCount, Status, UserMetadata, ForwardDeadLetteredMessagesTo } = elementsOf(changed);
  assert.deepEqual(
    { LockDuration, MaxDeliveryCount, Status, UserMetadata, ForwardDeadLetteredMessagesTo },
    {
      LockDuration: 'PT2M',
      MaxDeliveryCount: '7',
      Status: 'SendDisabled',
      UserMetadata: undefined,
      ForwardDeadLetteredMessagesTo: undefined,
    },
  );
});

test('times are those of the making, of the last change and of the last use', async (context) => {
  const peer = await AtomPeer.start(context);
  const msOf = (reply: AtomReply, name: string) => Date.parse(valueOf(reply, name) ?? '');
  const made = await peer.put('q', QUEUE, '');
  await peer.clock.leap(3_600_000);
  const changed = await peer.update('q', QUEUE, '<MaxDeliveryCount>7</MaxDeliveryCount>');
  assert.equal(valueOf(changed, 'CreatedAt'), valueOf(made, 'CreatedAt'));
  assert.ok(msOf(changed, 'UpdatedAt') - msOf(changed, 'CreatedAt') >= 3_600_000);
  // It is found through another clock.
  assert.ok(msOf(changed, 'AccessedAt') - msOf(changed, 'CreatedAt') >= 3_599_000);
  assert.equal(childOf(changed.root, 'published')?.text, valueOf(made, 'CreatedAt'));
  assert.equal(childOf(changed.root, 'updated')?.text, valueOf(changed, 'UpdatedAt'));
});

test('what was read can be sent back as it is', async (context) => {
  const peer = await AtomPeer.start(context);
  await peer.put('to', QUEUE, '');
  await peer.put(
    'q',
    QUEUE,
    '<RequiresSession>true</RequiresSession><EnablePartitioning>1</EnablePartitioning><MaxSizeInMegabytes>2048</MaxSizeInMegabytes><ForwardDeadLetteredMessagesTo>to</ForwardDeadLetteredMessagesTo>',
  );
  const read = await peer.get('q');
  assert.equal(valueOf(read, 'MaxSizeInMegabytes'), '32768', 'of all partitions together');
  const back = await peer.send('PUT', 'q', { body: read.text, headers: { 'if-match': '*' } });
  assert.equal(back.status, 200);
  const { UpdatedAt: _before, AccessedAt: _unused, ...before } = elementsOf(read);
  const { UpdatedAt: _after, AccessedAt: _used, ...after } = elementsOf(back);
  assert.deepEqual(after, before);
  assert.equal(peer.server.admin.queues.get('q')?.description.maxSizeInMegabytes, 2048);
});

test('what is decided when a queue is made cannot be changed', async (context) => {
  const peer = await AtomPeer.start(context);
  await peer.put('q', QUEUE, '');
  const said = async (element: string) => refusalOf(await peer.update('q', QUEUE, `<${element}>true</${element}>`));
  for (const element of ['RequiresSession', 'RequiresDuplicateDetection'])
    assert.deepEqual(await said(element), [
      400,
      '400',
      `SubCode=40000. The value for the ${element} property of an existing Queue cannot be changed.`,
    ]);
  assert.deepEqual(await said('EnablePartitioning'), [
    400,
    '400',
    'SubCode=40000. Partitioning cannot be changed for Queue.',
  ]);
});

test('values that cannot be are refused, and say what may be', async (context) => {
  const peer = await AtomPeer.start(context);
  const cases: readonly (readonly [inner: string, said: RegExp])[] = [
    [
      '<MaxMessageSizeInKilobytes>1023</MaxMessageSizeInKilobytes>',
      /value for 'MaxMessageSizeInKilobytes' must be between 1024 and 102400/,
    ],
    ['<MaxMessageSizeInKilobytes>102401</MaxMessageSizeInKilobytes>', /must be between 1024 and 102400/],
    ['<LockDuration>PT6M</LockDuration>', /lockDuration: 'PT6M' must be an ISO 8601 duration from PT5S to PT5M/],
    ['<LockDuration>soon</LockDuration>', /LockDuration: 'soon' is not an ISO 8601 duration/],
    ['<LockDuration></LockDuration>', /The element 'LockDuration' is empty; give it a value, or leave it out\./],
    ['<MaxDeliveryCount>many</MaxDeliveryCount>', /The value 'many' of 'MaxDeliveryCount' is not a whole number\./],
    ['<MaxDeliveryCount>0</MaxDeliveryCount>', /maxDeliveryCount: /],
    ['<RequiresSession>maybe</RequiresSession>', /The value 'maybe' of 'RequiresSession' is neither true nor false\./],
    ['<Status>Sleeping</Status>', /status: /],
    ['<ForwardTo>nowhere</ForwardTo>', /nowhere/],
    ['<ForwardTo>q</ForwardTo>', /cannot forward to itself/],
    [
      '<EnablePartitioning>true</EnablePartitioning><MaxSizeInMegabytes>5121</MaxSizeInMegabytes>',
      /give a multiple of 16/,
    ],
  ];
  for (const [inner, said] of cases) {
    const [status, code, detail] = refusalOf(await peer.put('q', QUEUE, inner));
    assert.deepEqual([status, code], [400, '400'], inner);
    assert.match(detail, /^SubCode=40000\. /);
    assert.match(detail, said);
  }
  assert.match(
    refusalOf(await peer.put('q~', QUEUE, ''))[2],
    /^SubCode=40000\. queue 'q~': name: must be letters, digits/,
  );
  assert.deepEqual(peer.server.admin.queues.names, []);
});

test('"never" is one time, however a client writes it, and times are written as the service writes them', async (context) => {
  const peer = await AtomPeer.start(context);
  for (const [index, [sent, read]] of [
    ['PT256204778H48M5.4775807S', FOREVER],
    ['P10675199DT2H48M5.47758S', FOREVER],
    ['PT336H', 'P14D'],
    ['P0DT0H90M0S', 'PT1H30M'],
  ].entries()) {
    const made = await peer.put(`q${index}`, QUEUE, `<DefaultMessageTimeToLive>${sent}</DefaultMessageTimeToLive>`);
    assert.equal(valueOf(made, 'DefaultMessageTimeToLive'), read);
  }
});

test('what is forwarded to reads back as an address of this namespace', async (context) => {
  const peer = await AtomPeer.start(context);
  await peer.put('Some/Where', QUEUE, '');
  for (const [index, address] of ['Some/Where', 'SB://ANY.HOST/Some/Where', 'https://127.0.0.1/Some/Where'].entries()) {
    const made = await peer.put(`q${index}`, QUEUE, `<ForwardTo>${address}</ForwardTo>`);
    assert.equal(valueOf(made, 'ForwardTo'), `sb://${peer.host}/Some/Where`);
  }
  assert.equal(peer.server.admin.queues.get('q1')?.description.forwardTo, 'Some/Where');
});

test('lists are sorted by name and come in pages; a link to the next stands behind the one to itself', async (context) => {
  const peer = await AtomPeer.start(context);
  const names = Array.from(
    { length: LIMITS.entitiesPerPage + 3 },
    (_, index) => `${index % 2 ? 'q' : 'Q'}${String(index).padStart(3, '0')}`,
  );
  for (const name of names.toReversed()) await peer.server.admin.queues.create({ name });
  const titles = (reply: AtomReply) => childrenOf(reply.root, 'entry').map((entry) => childOf(entry, 'title')?.text);
  const links = (reply: AtomReply) =>
    childrenOf(reply.root, 'link').map(({ attributes }) => [attributes.get('rel'), attributes.get('href')]);
  const first = await peer.get('$Resources/Queues');
  assert.equal(first.headers['content-type'], 'application/atom+xml;type=feed;charset=utf-8');
  assert.equal(childOf(first.root, 'title')?.text, 'Queues');
  assert.deepEqual(titles(first), names.slice(0, 100));
  const address = `http://${peer.host}/$Resources/queues?api-version=2021-05`;
  assert.deepEqual(links(first), [
    ['self', address],
    ['next', `${address}&$skip=100&$top=100`],
  ]);
  const second = await peer.get('$resources/queues', { query: '&$skip=100&%24top=100' });
  assert.deepEqual(titles(second), names.slice(100));
  assert.deepEqual(links(second), [['self', address]]);
  assert.deepEqual(titles(await peer.get('$Resources/queues', { query: '&$skip=1&$top=2' })), names.slice(1, 3));
  assert.deepEqual(titles(await peer.get('$Resources/queues', { query: '&$skip=1000' })), []);
  assert.deepEqual(refusalOf(await peer.get('$Resources/queues', { query: '&$skip=-1' })), [
    400,
    '400',
    "SubCode=40000. $skip is '-1'; it must be a whole number from 0.",
  ]);
});

test('a queue that is deleted is gone, and its name is free', async (context) => {
  const peer = await AtomPeer.start(context);
  await peer.put('q', QUEUE, '<RequiresSession>true</RequiresSession>');
  const gone = await peer.delete('q');
  assert.deepEqual([gone.status, gone.text], [200, '']);
  assert.equal(childOf((await peer.get('q')).root, 'entry'), undefined);
  assert.equal(valueOf(await peer.put('q', QUEUE, ''), 'RequiresSession'), 'false');
});

test('the namespace is called like its host', async (context) => {
  const peer = await AtomPeer.start(context);
  for (const [host, name] of [
    ['My-Ns.servicebus.windows.net', 'my-ns'],
    ['localhost:5300', 'localhost'],
    ['127.0.0.1:5300', 'retrain'],
    ['[::1]:5300', 'retrain'],
    ['<evil>', 'localhost'],
  ] as const) {
    const info = await peer.get('$namespaceinfo', { headers: { host } });
    assert.equal(descriptionOf(info).name, 'NamespaceInfo');
    assert.equal(valueOf(info, 'Name'), name);
    assert.equal(valueOf(info, 'MessagingSKU'), 'Standard');
    assert.equal(valueOf(info, 'NamespaceType'), 'Messaging');
  }
});

test('what is no request of this API is refused, and nothing of it is done', async (context) => {
  const peer = await AtomPeer.start(context);
  const put = (body: string) => peer.send('PUT', 'q', { body });
  const said = async (reply: Promise<AtomReply>) => refusalOf(await reply);
  assert.deepEqual(await said(peer.send('POST', 'q', { body: 'x' })), [
    405,
    '405',
    'SubCode=40500. The method must be one of GET, PUT, DELETE.',
  ]);
  assert.deepEqual(await said(peer.delete('$namespaceinfo')), [
    405,
    '405',
    "SubCode=40500. '$namespaceinfo' cannot be deleted.",
  ]);
  assert.deepEqual(await said(put('<QueueDescription/>')), [
    400,
    '400',
    'SubCode=40000. The body must be an Atom entry whose content is a description.',
  ]);
  assert.deepEqual(await said(put(entryOf('RuleDescription', ''))), [
    400,
    '400',
    "SubCode=40000. A RuleDescription cannot be put at 'q'.",
  ]);
  assert.match((await said(put('')))[2], /^SubCode=40000\. The body is not an XML document that is understood: /);
  assert.match((await said(put('<!DOCTYPE x [<!ENTITY y "z">]><x>&y;</x>')))[2], /document type/);
  assert.match((await said(peer.get('%ff')))[2], /is not percent-encoded UTF-8/);
  assert.deepEqual(peer.server.admin.queues.names, []);
});

test('an error repeats only so much of what was sent', async (context) => {
  const peer = await AtomPeer.start(context);
  const long = 'x'.repeat(10_000);
  for (const { status, text } of [
    await peer.put('q', QUEUE, `<LockDuration>${long}</LockDuration>`),
    await peer.put('q', QUEUE, '', { body: '<'.repeat(10_000) }),
    await peer.put(long, QUEUE, ''),
    await peer.delete(long),
  ]) {
    assert.ok(status === 400 || status === 404, text);
    assert.ok(text.length < 5 * 1_024, `${text.length} characters`);
    assert.match(text, /TrackingId:/);
  }
});

test('a body over the limit is refused before it has come, and none of it is kept', async (context) => {
  const peer = await AtomPeer.start(context);
  const large = Buffer.alloc(LIMITS.adminRequestBytes + 1, ' ');
  const said = [
    413,
    '413',
    `SubCode=41300. The body has more than ${LIMITS.adminRequestBytes} bytes, which is the limit.`,
  ];
  assert.deepEqual(refusalOf(await peer.send('PUT', 'q', { body: large })), said);
  assert.deepEqual(
    refusalOf(await peer.send('PUT', 'q', { body: large, headers: { 'transfer-encoding': 'chunked' } })),
    said,
  );
  const entry = entryOf(QUEUE, '');
  const filled = entry + ' '.repeat(LIMITS.adminRequestBytes - entry.length);
  assert.equal((await peer.send('PUT', 'q', { body: filled })).status, 201);
});

test('a client that goes away within its body is no fault of the broker', async (context) => {
  const peer = await AtomPeer.start(context);
  const socket = connect(peer.server.httpPort, '127.0.0.1');
  socket.on('error', () => undefined);
  const authorization = peer.token(`http://${peer.host}/`);
  socket.write(
    `PUT /q?api-version=2021-05 HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\nContent-Length: 1000\r\n\r\n<entry`,
  );
  await once(socket, 'connect');
  socket.end();
  await once(socket.resume(), 'close');
  assert.deepEqual(peer.server.admin.queues.names, []);
});

test('changes are there after a restart', async (context) => {
  const peer = await AtomPeer.start(context);
  await peer.put('q', QUEUE, '<MaxDeliveryCount>7</MaxDeliveryCount>');
  await peer.put('p', QUEUE, '');
  await peer.update('q', QUEUE, '<UserMetadata>kept</UserMetadata>');
  await peer.delete('p');
  await peer.restart();
  const { MaxDeliveryCount, UserMetadata } = elementsOf(await peer.get('q'));
  assert.deepEqual({ MaxDeliveryCount, UserMetadata }, { MaxDeliveryCount: '7', UserMetadata: 'kept' });
  assert.deepEqual(peer.server.admin.queues.names, ['q']);
});
