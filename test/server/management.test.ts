import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AmqpArray, AmqpTimestamp, AmqpTyped, AmqpUuid, lookup, scanSections, decode } from '../../src/amqp/index.ts';
import type { AmqpDescribed, AmqpMap, AmqpValue, IncomingDelivery } from '../../src/amqp/index.ts';
import { LIMITS } from '../../src/server/index.ts';
import { swapGuidOrder } from '../../src/server/lock-token.ts';
import { Peer, bodyOf, messageOf } from './peer.ts';
import type { Reply } from './peer.ts';
import { World } from './world.ts';

const QUEUES = [{ name: 'q' }, { name: 's', requiresSession: true }];
const FILTER = 'com.microsoft:session-filter';

const long = (value: number) => new AmqpTyped('long', BigInt(value));
const int = (value: number) => new AmqpTyped('int', value);
const map = (entries: Record<string, AmqpValue>): AmqpMap => new Map(Object.entries(entries));
const bodyMap = (reply: Reply): AmqpMap => reply.body as AmqpMap;
const tokens = (...deliveries: IncomingDelivery[]) =>
  new AmqpArray(
    'uuid',
    deliveries.map(({ tag }) => new AmqpUuid(swapGuidOrder(tag))),
  );

async function locked(peer: Peer, ...bodies: string[]): Promise<IncomingDelivery[]> {
  const sender = await peer.sender('q');
  for (const body of bodies) await peer.send(sender, messageOf(body, { messageId: body }));
  return peer.grant(await peer.receiver('q'), bodies.length);
}

async function acceptSession(peer: Peer, sessionId: string): Promise<string> {
  const source = { address: 's', filter: new Map([[FILTER, sessionId]]) };
  const { attach, link } = await peer.receiver('s', { source });
  assert.ok(attach?.source);
  return link.name;
}

test('a reply has the status as int in both spellings and the message-id with its type as correlation-id', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const id = new AmqpTyped('ulong', 7n);
  const application = new Map([['operation', 'com.microsoft:no-such-thing']]);
  const reply = await peer.request('q/$management', application, new Map(), { messageId: id });
  assert.deepEqual(reply.properties.correlationId, id);
  assert.deepEqual(reply.application.get('statusCode'), int(501));
  assert.deepEqual(reply.application.get('status-code'), int(501));
  assert.equal(typeof reply.application.get('statusDescription'), 'string');
  assert.equal(reply.condition, 'amqp:not-implemented');
});

test('a request without reply-to is answered on the link of the same node in its session', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const receiver = await peer.receiver('q/$management', { rcvSettleMode: 0 });
  const sender = await peer.sender('q/$management');
  receiver.link.setCredit(1);
  await peer.send(sender, messageOf('no request at all'));
  assert.equal(sender.outcomes[0]?.state?.kind, 'accepted');
  assert.equal(receiver.deliveries.length, 1);
  receiver.link.detach();
  await world.settle();
  await peer.send(sender, messageOf('nobody listens'));
  const outcome = sender.outcomes[1]?.state;
  assert.ok(outcome?.kind === 'rejected');
  assert.match(outcome.error?.description ?? '', /No link takes the reply/);
});

test('renew-lock answers with an array of timestamps, or with 410 when a lock is lost', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const [a, b] = await locked(peer, 'a', 'b');
  await world.pass(20_000);
  const reply = await peer.manage('q', 'renew-lock', map({ 'lock-tokens': tokens(a!, b!) }));
  const until = new AmqpTimestamp(world.clock.wallMs() + 60_000);
  assert.deepEqual(bodyMap(reply).get('expirations'), new AmqpArray('timestamp', [until, until]));
  await world.pass(61_000);
  const lost = await peer.manage('q', 'renew-lock', map({ 'lock-tokens': tokens(a!) }));
  assert.deepEqual([lost.status, lost.condition], [410, 'com.microsoft:message-lock-lost']);
});

test('update-disposition settles whatever link a message came on, all tokens or none', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const [done, failed, later, dead] = await locked(peer, 'done', 'failed', 'later', 'dead');
  const settle = (status: string, extra: Record<string, AmqpValue>, ...deliveries: IncomingDelivery[]) =>
    peer.manage(
      'q',
      'update-disposition',
      map({ 'disposition-status': status, 'lock-tokens': tokens(...deliveries), ...extra }),
    );
  assert.equal((await settle('completed', {}, done!)).status, 200);
  assert.equal((await settle('completed', {}, failed!, done!)).status, 410);
  assert.equal((await settle('what', {}, failed!)).status, 400);
  assert.equal((await settle('abandoned', { 'properties-to-modify': map({ n: int(1) }) }, failed!)).status, 200);
  assert.equal((await settle('defered', {}, later!)).status, 200);
  const reason = { 'deadletter-reason': 'why', 'deadletter-description': 'because' };
  assert.equal((await settle('suspended', reason, dead!)).status, 200);
  const [again] = await peer.grant(await peer.receiver('q'), 5);
  assert.equal(bodyOf(again!), 'failed');
  const [found] = await peer.grant(await peer.receiver('q/$DeadLetterQueue'), 5);
  const sections = scanSections(found!.payload);
  const properties = (decode(found!.payload, sections.applicationPropertiesStart).value as AmqpDescribed)
    .value as AmqpMap;
  assert.equal(properties.get('DeadLetterReason'), 'why');
  assert.equal(properties.get('DeadLetterErrorDescription'), 'because');
});

test('receive-by-sequence-number gives the lock token beside the message and in its delivery annotations', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('q');
  await peer.send(sender, messageOf('a', { messageId: 'a' }));
  const receiver = await peer.receiver('q');
  const [delivery] = await peer.grant(receiver, 1);
  await peer.dispose(receiver, delivery!, { kind: 'modified', undeliverableHere: true });
  const numbers = { 'sequence-numbers': new AmqpArray('long', [1n]) };
  const fetch = (mode: AmqpValue) =>
    peer.manage('q', 'receive-by-sequence-number', map({ ...numbers, 'receiver-settle-mode': mode }));
  const reply = await fetch(new AmqpTyped('uint', 1));
  const [item] = bodyMap(reply).get('messages') as AmqpMap[];
  const token = item?.get('lock-token');
  assert.ok(token instanceof AmqpUuid);
  const message = item?.get('message') as Buffer;
  const annotations = decode(message, scanSections(message).deliveryAnnotationsStart).value as AmqpDescribed;
  assert.deepEqual(lookup(annotations.value as AmqpMap, 'x-opt-lock-token'), token);
  const gone = await fetch(new AmqpTyped('uint', 1));
  assert.deepEqual([gone.status, gone.condition], [404, 'com.microsoft:message-not-found']);
  const lockTokens = new AmqpArray('uuid', [token]);
  await peer.manage('q', 'update-disposition', map({ 'disposition-status': 'abandoned', 'lock-tokens': lockTokens }));
  const deleted = await fetch(new AmqpTyped('ubyte', 0));
  assert.equal((bodyMap(deleted).get('messages') as AmqpMap[])[0]?.has('lock-token'), false);
  const peeked = await peer.manage(
    'q',
    'peek-message',
    map({ 'from-sequence-number': long(0), 'message-count': int(1) }),
  );
  assert.deepEqual([peeked.status, peeked.condition], [204, 'com.microsoft:message-not-found']);
});

test('receive-by-sequence-number of more bytes than one answer may have is refused before anything is locked', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('q');
  const receiver = await peer.receiver('q');
  const bytes = 100_000;
  const fitting = Math.floor(LIMITS.fetchedBytes / bytes);
  for (let i = 0; i <= fitting; i++) await peer.send(sender, messageOf(Buffer.alloc(bytes), { messageId: String(i) }));
  for (const delivery of await peer.grant(receiver, fitting + 1))
    await peer.dispose(receiver, delivery, { kind: 'modified', undeliverableHere: true });
  assert.equal(receiver.deliveries.length, fitting + 1);
  const fetch = (count: number, mode: number) => {
    const numbers = Array.from({ length: count }, (_, i) => BigInt(i + 1));
    const request = map({ 'sequence-numbers': new AmqpArray('long', numbers), 'receiver-settle-mode': int(mode) });
    return peer.manage('q', 'receive-by-sequence-number', request);
  };
  for (const mode of [0, 1]) {
    const refused = await fetch(fitting + 1, mode);
    assert.deepEqual([refused.status, refused.condition], [400, 'com.microsoft:argument-error']);
    assert.match(
      refused.application.get('statusDescription') as string,
      /^The first 168 of these messages have 16\d{6} bytes; the limit for one answer is 16777216\. Ask for fewer/,
    );
  }
  const reply = await fetch(fitting, 0);
  assert.equal((bodyMap(reply).get('messages') as AmqpMap[]).length, fitting);
  assert.equal(world.server.admin.queues.get('q')?.counts.active, 1);
});

test('peek-message answers with a list of maps, schedule-message with an array of longs', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const annotations = new Map([['x-opt-scheduled-enqueue-time', new AmqpTimestamp(world.clock.wallMs() + 60_000)]]);
  const item = map({ message: messageOf('later', { messageId: 'm', annotations }), 'message-id': 'm' });
  const scheduled = await peer.manage('q', 'schedule-message', map({ messages: [item] }));
  assert.deepEqual(bodyMap(scheduled).get('sequence-numbers'), new AmqpArray('long', [1n]));
  const peeked = await peer.manage(
    'q',
    'peek-message',
    map({ 'from-sequence-number': long(1), 'message-count': int(9) }),
  );
  const messages = bodyMap(peeked).get('messages');
  assert.ok(Array.isArray(messages) && messages.length === 1);
  assert.ok(Buffer.isBuffer((messages[0] as AmqpMap).get('message')));
  const unscheduled = map({ messages: [map({ message: messageOf('now'), 'message-id': 'n' })] });
  assert.equal((await peer.manage('q', 'schedule-message', unscheduled)).status, 400);
  const numbers = map({ 'sequence-numbers': new AmqpArray('long', [1n]) });
  assert.equal((await peer.manage('q', 'cancel-scheduled-message', numbers)).status, 200);
  assert.equal((await peer.manage('q', 'cancel-scheduled-message', numbers)).status, 404);
});

test('session state and lock belong to the link that holds the session', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const linkName = await acceptSession(peer, 'a');
  const session = (operation: string, fields: Record<string, AmqpValue> = {}, name = linkName) =>
    peer.manage('s', operation, map({ 'session-id': 'a', ...fields }), [['associated-link-name', name]]);
  const renewed = await session('renew-session-lock');
  assert.deepEqual(bodyMap(renewed).get('expiration'), new AmqpTimestamp(world.clock.wallMs() + 60_000));
  assert.equal(bodyMap(await session('get-session-state')).get('session-state'), null);
  assert.equal((await session('set-session-state', { 'session-state': Buffer.from('ledger') })).status, 200);
  assert.deepEqual(bodyMap(await session('get-session-state')).get('session-state'), Buffer.from('ledger'));
  for (const operation of ['renew-session-lock', 'get-session-state', 'set-session-state']) {
    const foreign = await session(operation, {}, 'another-link');
    assert.deepEqual([foreign.status, foreign.condition], [410, 'com.microsoft:session-lock-lost']);
  }
  await acceptSession(peer, 'held, but without messages and without state');
  const listed = await peer.manage('s', 'get-message-sessions', map({ skip: int(0), top: int(10) }));
  assert.deepEqual(bodyMap(listed).get('sessions-ids'), new AmqpArray('string', ['a']));
  assert.deepEqual(bodyMap(listed).get('skip'), int(1));
  assert.equal((await peer.manage('s', 'get-message-sessions', map({ skip: int(1), top: int(10) }))).status, 204);
});

test('null clears the state of a session, and so do no bytes, which is how the Go client writes nil', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const name = await acceptSession(peer, 'a');
  const session = (operation: string, fields: Record<string, AmqpValue> = {}) =>
    peer.manage('s', operation, map({ 'session-id': 'a', ...fields }), [['associated-link-name', name]]);
  for (const nothing of [null, Buffer.alloc(0)]) {
    assert.equal((await session('set-session-state', { 'session-state': Buffer.from('ledger') })).status, 200);
    assert.equal((await session('set-session-state', { 'session-state': nothing })).status, 200);
    assert.equal(bodyMap(await session('get-session-state')).get('session-state'), null);
  }
});

test('a request with a missing or mistyped field is 400 and names the field', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const requests: [string, AmqpMap, string][] = [
    ['renew-lock', map({}), 'lock-tokens'],
    ['renew-lock', map({ 'lock-tokens': new AmqpArray('string', ['x']) }), 'lock-tokens'],
    ['peek-message', map({ 'from-sequence-number': long(0) }), 'message-count'],
    ['cancel-scheduled-message', map({ 'sequence-numbers': [] }), 'sequence-numbers'],
    ['schedule-message', map({ messages: [map({})] }), 'message'],
    ['update-disposition', map({ 'disposition-status': int(1) }), 'disposition-status'],
    ['renew-session-lock', map({}), 'session-id'],
  ];
  for (const [operation, fields, name] of requests) {
    const reply = await peer.manage('q', operation, fields);
    assert.deepEqual([reply.status, reply.condition], [400, 'com.microsoft:argument-error'], operation);
    assert.ok((reply.application.get('statusDescription') as string).includes(`'${name}'`), operation);
  }
});
