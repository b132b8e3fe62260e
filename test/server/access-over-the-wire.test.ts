import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { AmqpTyped } from '../../src/amqp/index.ts';
import { SETTINGS, rootRule } from '../../src/server/index.ts';
import type { AccessRule } from '../../src/server/index.ts';
import { Peer, bodyOf, messageOf } from './peer.ts';
import type { PeerLink } from './peer.ts';
import { KEY, World } from './world.ts';

const QUEUES = [{ name: 'q' }, { name: 'q/other' }, { name: 's', requiresSession: true }];

const APP: AccessRule = {
  name: 'app',
  queue: 'q',
  primaryKey: 'primary-key-of-app',
  secondaryKey: 'secondary-key-of-app',
  rights: ['Send', 'Listen'],
};
const LISTENER: AccessRule = { ...APP, name: 'listener', rights: ['Listen'] };

const UNAUTHORIZED = 'amqp:unauthorized-access';

function session(peer: Peer, sessionId: string | null, timeoutMs = 60_000): Promise<PeerLink> {
  const filter = new Map([['com.microsoft:session-filter', sessionId]]);
  const properties = new Map([['com.microsoft:timeout', new AmqpTyped('uint', timeoutMs)]]);
  return peer.receiver('s', { source: { address: 's', filter }, properties });
}

/** One link of every kind. */
async function everyLink(peer: Peer): Promise<Record<string, PeerLink>> {
  const holder = await session(peer, 'held');
  return {
    sender: await peer.sender('q'),
    receiver: await peer.receiver('q'),
    deadLetters: await peer.receiver('q/$DeadLetterQueue'),
    requests: await peer.sender('q/$management'),
    replies: await peer.attach({
      role: 'receiver',
      source: { address: 'q/$management' },
      target: { address: 'reply-to' },
    }),
    holder,
    waiting: await session(peer, null, 60 * 60_000),
  };
}

function conditionsOf(links: Record<string, PeerLink>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(links).map(([name, link]) => [name, link.condition]));
}

const all = (links: Record<string, PeerLink>, condition: string | undefined) =>
  Object.fromEntries(Object.keys(links).map((name) => [name, condition]));

test("either key of a queue's rule opens that queue, and no other", async (context) => {
  const world = await World.start(context, QUEUES, { rules: [APP] });
  for (const key of [APP.primaryKey, APP.secondaryKey as string]) {
    const token = { rule: 'app', key, audience: 'sb://localhost/q' };
    const peer = await Peer.authorized(world, token);
    const sender = await peer.sender('q');
    await peer.send(sender, messageOf('x'));
    assert.deepEqual((await peer.grant(await peer.receiver('q'), 1)).map(bodyOf), ['x']);
    assert.equal((await peer.manage('q', 'peek-message', peekOne())).status, 200);
    assert.equal((await peer.sender('q/other')).condition, UNAUTHORIZED);
    assert.equal((await peer.receiver('s')).condition, UNAUTHORIZED);
    for (const audience of ['sb://localhost/', 'sb://localhost/q/other', 'sb://localhost/s']) {
      const reply = await peer.putToken({ ...token, audience });
      assert.equal(reply.status, 401, audience);
      assert.match(reply.application.get('statusDescription') as string, /InvalidSignature.* TrackingId:/);
    }
  }
});

test("PLAIN with a queue's rule gives its rights on that queue; one name and key of several queues, on each", async (context) => {
  const world = await World.start(context, QUEUES, { rules: [APP, { ...APP, queue: 's', rights: ['Listen'] }] });
  const plain = (password: string) =>
    Peer.connect(world, { role: 'client', mechanism: 'PLAIN', username: 'app', password });
  for (const key of [APP.primaryKey, APP.secondaryKey as string]) {
    const peer = await plain(key);
    assert.equal((await peer.sender('q')).detach, undefined);
    assert.equal((await peer.sender('q/other')).condition, UNAUTHORIZED);
    assert.equal((await peer.sender('s')).condition, UNAUTHORIZED);
    assert.equal((await session(peer, `of ${key}`)).detach, undefined);
  }
  const wrong = await plain('another-key-of-app');
  assert.ok(wrong.closed && !wrong.opened);
});

test('Manage includes the other rights, and every operation asks for its own', async (context) => {
  const manager = { ...APP, name: 'manager', rights: ['Manage'] } as const;
  const sender = { ...APP, name: 'sender', rights: ['Send'] } as const;
  const world = await World.start(context, QUEUES, { rules: [manager, sender, LISTENER] });
  const as = (rule: AccessRule) =>
    Peer.authorized(world, { rule: rule.name, key: rule.primaryKey, audience: 'sb://localhost/q' });
  const peers = { manager: await as(manager), sender: await as(sender), listener: await as(LISTENER) };
  const operations = {
    'schedule-message': 'sender',
    'cancel-scheduled-message': 'sender',
    'renew-lock': 'listener',
    'update-disposition': 'listener',
    'peek-message': 'listener',
    'receive-by-sequence-number': 'listener',
    'renew-session-lock': 'listener',
    'get-session-state': 'listener',
    'set-session-state': 'listener',
    'get-message-sessions': 'listener',
  };
  for (const [operation, needed] of Object.entries(operations))
    for (const [name, peer] of Object.entries(peers)) {
      const { status } = await peer.manage('q', operation, new Map());
      assert.equal(status === 401, name !== needed && name !== 'manager', `${operation} as ${name}: ${status}`);
    }
  assert.equal((await peers.manager.sender('q')).detach, undefined);
  assert.equal((await peers.manager.receiver('q')).detach, undefined);
});

test('the end of a token takes every kind of link with it, a session and a wait for one among them', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world, { lifetimeMs: 60_000 });
  const links = await everyLink(peer);
  await world.pass(59_000);
  assert.deepEqual(conditionsOf(links), all(links, undefined));
  await world.pass(2_000);
  assert.deepEqual(conditionsOf(links), all(links, UNAUTHORIZED));
  for (const link of Object.values(links)) assert.match(link.detach?.error?.description ?? '', /^ExpiredToken: /);
  assert.equal(links['waiting']?.attach?.source, undefined, 'the session was not granted');
  // The session is free, and the wait has left the row.
  const other = await Peer.authorized(world);
  assert.equal((await session(other, 'held')).detach, undefined);
  // The connection goes on with a new token.
  assert.equal((await peer.putToken()).status, 202);
  assert.equal((await peer.sender('q')).detach, undefined);
});

test('a token put in time keeps every kind of link', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world, { lifetimeMs: 50_000 });
  const links = await everyLink(peer);
  await world.pass(40_000);
  await peer.putToken({ lifetimeMs: 50_000 });
  await world.pass(15_000);
  assert.deepEqual(conditionsOf(links), all(links, undefined));
});

test('a rule that is removed, and a key that is changed, end what they gave; other rules go on', async (context) => {
  const world = await World.start(context, QUEUES, { rules: [APP, LISTENER] });
  const audience = 'sb://localhost/q';
  const withKey = (rule: AccessRule, key = rule.primaryKey) =>
    Peer.authorized(world, { rule: rule.name, key, audience });
  const [primary, secondary, listener] = [
    await withKey(APP),
    await withKey(APP, APP.secondaryKey),
    await withKey(LISTENER),
  ];
  const root = await Peer.authorized(world);
  const rootLinks = await everyLink(root);
  const links = {
    primary: await primary.sender('q'),
    secondary: await secondary.sender('q'),
    listener: await listener.receiver('q'),
  };

  const rolled: AccessRule = { ...APP, primaryKey: 'new-primary-key-of-app' };
  world.server.replaceRules([rootRule(KEY), rolled, LISTENER]);
  await world.settle();
  assert.deepEqual(conditionsOf(links), { primary: UNAUTHORIZED, secondary: undefined, listener: undefined });
  assert.match(links.primary.detach?.error?.description ?? '', /access rule or the key .* was changed or removed/);
  assert.equal((await primary.putToken({ rule: 'app', key: APP.primaryKey, audience })).status, 401);
  assert.equal((await primary.putToken({ rule: 'app', key: rolled.primaryKey, audience })).status, 202);

  world.server.replaceRules([rootRule(KEY), { ...rolled, rights: ['Listen'] }]);
  await world.settle();
  assert.deepEqual(conditionsOf(links), {
    primary: UNAUTHORIZED,
    secondary: UNAUTHORIZED,
    listener: UNAUTHORIZED,
  });
  assert.equal((await secondary.receiver('q')).detach, undefined, 'the right that is left');
  assert.deepEqual(conditionsOf(rootLinks), all(rootLinks, undefined));
});

test('rules that cannot be replace nothing', async (context) => {
  const world = await World.start(context, QUEUES, { rules: [APP] });
  const refused = (rules: AccessRule[], message: RegExp) =>
    assert.throws(() => world.server.replaceRules(rules), { code: 'CONFIGURATION_INVALID', message });
  refused([{ ...APP, queue: 'none' }], /queue or topic 'none', which does not exist: declare it, too/);
  refused([APP, APP], /given twice/);
  await Peer.authorized(world, { rule: 'app', key: APP.primaryKey, audience: 'sb://localhost/q' });
});

function jwt(claims: unknown): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part(claims)}.`;
}

async function withoutAuth(context: TestContext): Promise<World> {
  return World.start(context, QUEUES, { auth: 'none' });
}

test('with auth none any token and any name and key give all rights; without a token there are none', async (context) => {
  const world = await withoutAuth(context);
  for (const token of [
    { type: 'jwt', token: jwt({ sub: 'me' }) },
    { type: 'jwt', token: 'no.token.at-all' },
    { type: 'amqp:jwt', token: '' },
    { rule: 'nobody', key: 'whatever' },
    { type: 'jwt', rule: 'nobody', key: 'whatever' },
  ]) {
    const peer = await Peer.authorized(world, token);
    assert.equal((await peer.sender('q')).detach, undefined);
    assert.equal((await peer.manage('q', 'peek-message', peekOne())).status, 204);
  }
  const plain = await Peer.connect(world, { role: 'client', mechanism: 'PLAIN', username: 'any', password: 'any' });
  assert.equal((await plain.receiver('q')).detach, undefined);

  const silent = await Peer.connect(world);
  assert.equal((await silent.sender('q')).condition, UNAUTHORIZED);
  await world.pass(SETTINGS.authenticationMs.default);
  assert.ok(silent.closed);
});

test('with auth none the expiry that a token states is kept', async (context) => {
  const world = await withoutAuth(context);
  const expiresIn = (seconds: number) => jwt({ exp: world.clock.wallMs() / 1000 + seconds });
  const late = await Peer.connect(world);
  const refused = await late.putToken({ type: 'jwt', token: expiresIn(-1) });
  assert.equal(refused.status, 401);
  assert.match(refused.application.get('statusDescription') as string, /ExpiredToken/);
  assert.equal((await late.putToken({ rule: 'nobody', lifetimeMs: -5_000 })).status, 401);

  const peer = await Peer.authorized(world, { type: 'jwt', token: expiresIn(60) });
  const link = await peer.sender('q');
  await world.pass(50_000);
  await peer.putToken({ type: 'jwt', token: expiresIn(60) });
  await world.pass(50_000);
  assert.equal(link.detach, undefined);
  await world.pass(11_000);
  assert.equal(link.condition, UNAUTHORIZED);
});

function peekOne() {
  return new Map([
    ['from-sequence-number', new AmqpTyped('long', 0n)],
    ['message-count', new AmqpTyped('int', 1)],
  ]);
}
