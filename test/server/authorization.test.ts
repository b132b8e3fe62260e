import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TRANSFER } from '../../src/amqp/composites.ts';
import { AmqpTyped } from '../../src/amqp/index.ts';
import { LIMITS, SETTINGS } from '../../src/server/index.ts';
import { encodeComposite, frameBytes } from '../amqp/raw-peer.ts';
import { Peer, bodyOf, messageOf, requestOf } from './peer.ts';
import { KEY, World } from './world.ts';

const SENDER = { name: 'sender', primaryKey: 'key-of-the-sender', rights: ['Send'] } as const;

test('a link without a token is refused, one with a token is not', async (context) => {
  const world = await World.start(context, [{ name: 'q' }]);
  const peer = await Peer.connect(world);
  for (const link of [await peer.sender('q'), await peer.receiver('q'), await peer.sender('q/$management')]) {
    assert.equal(link.condition, 'amqp:unauthorized-access');
    assert.match(
      link.detach?.error?.description ?? '',
      /^Unauthorized access\. '.*' claim\(s\) are required .* Resource: 'sb:\/\/localhost\/q'\. TrackingId:[0-9a-f-]{36}_G0, SystemTracker:retrain:Queue:q, Timestamp:2026-01-01T00:00:0\d$/,
    );
  }
  assert.equal((await peer.putToken({ audience: 'amqps://other-host/q' })).status, 202);
  assert.equal((await peer.sender('q')).detach, undefined);
});

test('$cbs answers with the type of the message-id, and says clearly what it does not take', async (context) => {
  const world = await World.start(context, []);
  const peer = await Peer.connect(world);
  const jwt = await peer.putToken({ type: 'jwt', token: 'eyJ' });
  assert.equal(jwt.status, 401);
  assert.match(
    jwt.application.get('statusDescription') as string,
    /Tokens of type 'jwt' cannot be verified here: .* or start the broker with --auth none/,
  );
  assert.equal((await peer.putToken({ key: 'wrong' })).status, 401);
  assert.equal((await peer.putToken({ lifetimeMs: -1000 })).status, 401);
  assert.equal((await peer.putToken({ operation: 'delete-token' })).status, 501);
  const zero = await peer.request('$cbs', new Map([['operation', 'put-token']]), null, {
    messageId: new AmqpTyped('ulong', 0n),
  });
  assert.equal(zero.status, 400);
  assert.deepEqual(zero.properties.correlationId, new AmqpTyped('ulong', 0n));
  assert.deepEqual(zero.application.get('status-code'), new AmqpTyped('int', 400));
});

test('a valid token for an entity that does not exist is answered with 404, which the Go client knows a missing entity by', async (context) => {
  const world = await World.start(context, [{ name: 'q' }]);
  const peer = await Peer.connect(world);
  for (const audience of [
    'amqp://host:5672/nowhere',
    'sb://host/nowhere/$management',
    'sb://host/nowhere/$DeadLetterQueue',
  ]) {
    const { status, condition, application } = await peer.putToken({ audience });
    assert.deepEqual([status, condition], [404, 'amqp:not-found']);
    assert.match(
      application.get('statusDescription') as string,
      /^The messaging entity 'sb:.*nowhere.*' could not be found\./,
    );
  }
  for (const path of ['', '/', '/q', '/Q/$management', '/q/$DeadLetterQueue', '/q/$DeadLetterQueue/$management'])
    assert.equal((await peer.putToken({ audience: `sb://host${path}` })).status, 202, path);
  assert.equal((await peer.putToken({ audience: 'sb://host/nowhere', key: 'wrong' })).status, 401);
});

test("a shared access signature that calls itself 'jwt', as the Python client's do, is verified like any other", async (context) => {
  const world = await World.start(context, [{ name: 'q' }]);
  const peer = await Peer.connect(world);
  assert.equal((await peer.putToken({ type: 'jwt', key: 'wrong' })).status, 401);
  assert.equal((await peer.sender('q')).condition, 'amqp:unauthorized-access');
  assert.equal((await peer.putToken({ type: 'jwt' })).status, 202);
  assert.equal((await peer.sender('q')).detach, undefined);
});

test('a link goes when its token expires, unless the token was renewed', async (context) => {
  const world = await World.start(context, [{ name: 'q' }]);
  const peer = await Peer.authorized(world, { lifetimeMs: 60_000 });
  const link = await peer.sender('q');
  await world.pass(50_000);
  await peer.putToken({ lifetimeMs: 60_000 });
  await world.pass(30_000);
  assert.equal(link.condition, undefined);
  await world.pass(31_000);
  assert.equal(link.condition, 'amqp:unauthorized-access');
  assert.match(link.detach?.error?.description ?? '', /ExpiredToken/);
});

test('a link does not outlive its token behind one of another rule that is put for the same queue', async (context) => {
  const listener = { name: 'listener', primaryKey: 'key-of-the-listener', rights: ['Listen'] } as const;
  const world = await World.start(context, [{ name: 'q' }], { rules: [SENDER, listener] });
  const peer = await Peer.authorized(world, { audience: 'sb://host/q', rule: SENDER.name, key: SENDER.primaryKey });
  const sender = await peer.sender('q');
  await peer.putToken({ audience: 'sb://host/Q', rule: listener.name, key: listener.primaryKey });
  assert.equal(sender.condition, 'amqp:unauthorized-access');
  assert.match(sender.detach?.error?.description ?? '', /^InvalidToken: .* replaced by one of another access rule/);
  const receiver = await peer.receiver('q');
  await peer.putToken({ audience: 'sb://host/q' });
  assert.equal(receiver.condition, undefined, 'the root rule allows what the former rule did');
});

test('a rule gives its rights only, on links and for operations', async (context) => {
  const world = await World.start(context, [{ name: 'q' }], { rules: [SENDER] });
  const peer = await Peer.authorized(world, { rule: SENDER.name, key: SENDER.primaryKey });
  assert.equal((await peer.receiver('q')).condition, 'amqp:unauthorized-access');
  assert.equal((await peer.sender('q')).detach, undefined);
  const peek = await peer.manage('q', 'peek-message', new Map());
  assert.equal(peek.status, 401);
  assert.equal(peek.condition, 'amqp:unauthorized-access');
});

test('PLAIN with name and key of a rule needs no token; with a wrong key it gets nowhere', async (context) => {
  const world = await World.start(context, [{ name: 'q' }], { rules: [SENDER] });
  const plain = (username: string, password: string) =>
    Peer.connect(world, { role: 'client', mechanism: 'PLAIN', username, password });
  const peer = await plain('RootManageSharedAccessKey', KEY);
  const sender = await peer.sender('q');
  await peer.send(sender, messageOf('x'));
  assert.deepEqual(sender.outcomes, [{ state: { kind: 'accepted' }, settled: true }]);
  assert.deepEqual((await peer.grant(await peer.receiver('q'), 1)).map(bodyOf), ['x']);
  const limited = await plain(SENDER.name, SENDER.primaryKey);
  assert.equal((await limited.receiver('q')).condition, 'amqp:unauthorized-access');
  for (const wrong of [await plain('RootManageSharedAccessKey', 'wrong'), await plain('nobody', '')]) {
    assert.ok(!wrong.opened);
    assert.ok(wrong.closed);
  }
});

test('MSSBCBS, which .NET asks for, lets a client in to put its token', async (context) => {
  const world = await World.start(context, [{ name: 'q' }]);
  const peer = await Peer.connect(world, { role: 'client', mechanism: 'MSSBCBS' });
  assert.equal((await peer.putToken()).status, 202);
});

test('a peer that puts no token in time is told so and closed; one that says nothing is cut off', async (context) => {
  const world = await World.start(context, [{ name: 'q' }]);
  const silent = world.connect();
  silent.open({ onData: () => undefined, onDrain: () => undefined, onClose: () => undefined });
  const peer = await Peer.connect(world);
  const good = await Peer.authorized(world);
  await world.pass(SETTINGS.authenticationMs.default - 1);
  assert.ok(!silent.closed);
  assert.ok(peer.opened && !peer.closed);
  await world.pass(2);
  assert.ok(silent.closed);
  assert.equal(peer.closeError?.condition, 'amqp:connection:forced');
  assert.ok(peer.pipe.closed);
  assert.ok(!good.closed);
  assert.equal(world.server.connections, 1);
});

test('a peer without a token can make the server hold little: small requests and answers, few sessions, few links, few bytes', async (context) => {
  const world = await World.start(context, [{ name: 'q' }]);
  const peer = await Peer.connect(world);
  const cbs = await peer.sender('$cbs');
  assert.equal(cbs.attach?.maxMessageSize, BigInt(LIMITS.cbsRequestBytes));
  await peer.send(cbs, Buffer.alloc(LIMITS.cbsRequestBytes + 1));
  assert.equal(cbs.condition, 'amqp:link:message-size-exceeded');
  for (let i = 0; i < LIMITS.linksBeforeToken; i++) await peer.sender('$cbs');
  const oneTooMany = await peer.sender('$cbs');
  assert.equal(oneTooMany.attach, undefined);

  const asking = await Peer.connect(world);
  const replies = await asking.receiver('$cbs');
  const requests = await asking.sender('$cbs');
  const operation = 'x'.repeat(LIMITS.cbsRequestBytes - 1_000);
  const request = requestOf({
    application: new Map([['operation', operation]]),
    body: null,
    messageId: 1,
    replyTo: undefined,
  });
  // The answer names the operation in both spellings of its status.
  const fitting = Math.floor(LIMITS.replyBytesBeforeToken / (2 * LIMITS.cbsRequestBytes));
  for (let i = 0; i < fitting; i++) await asking.send(requests, request);
  assert.equal(replies.detach, undefined);
  await asking.send(requests, request);
  assert.equal(replies.condition, 'amqp:resource-limit-exceeded');

  const beginning = await Peer.connect(world);
  for (let count = 1; count < LIMITS.sessionsBeforeToken; count++) beginning.connection.openSession();
  await world.settle();
  assert.equal(beginning.closed, false);
  beginning.connection.openSession();
  await world.settle();
  assert.equal(beginning.closeError?.condition, 'amqp:resource-limit-exceeded');
  assert.match(beginning.closeError?.description ?? '', /the connection has 256 sessions, which is the limit/);

  const other = await Peer.authorized(world);
  for (let count = 0; count < LIMITS.sessionsBeforeToken; count++) other.connection.openSession();
  const sender = await other.sender('q');
  for (let i = 0; i <= LIMITS.linksBeforeToken; i++) assert.ok((await other.sender('q')).attach?.target);
  await other.send(sender, messageOf(Buffer.alloc(100_000)));
  assert.equal(sender.outcomes[0]?.state?.kind, 'accepted');
});

test('half-received requests of a peer without a token cost it the connection', async (context) => {
  const world = await World.start(context, [{ name: 'q' }]);
  const peer = await Peer.connect(world);
  const links = [];
  for (let i = 0; i < 8; i++) links.push(await peer.sender('$cbs'));
  // All but the last frame of each; our own engine sends whole messages only.
  for (const [i, { link }] of links.entries()) {
    const transfer = { handle: link.localHandle, deliveryId: i, deliveryTag: Buffer.from([i]), more: true };
    const body = Buffer.concat([encodeComposite(TRANSFER, transfer), Buffer.alloc(LIMITS.cbsRequestBytes / 2)]);
    peer.pipe.write([frameBytes(0, body)]);
  }
  await world.settle();
  assert.equal(peer.closeError?.condition, 'amqp:resource-limit-exceeded');
});
