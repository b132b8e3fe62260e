import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { AmqpArray, AmqpTyped, AmqpUuid } from '../../src/amqp/index.ts';
import type { AmqpMap } from '../../src/amqp/index.ts';
import { swapGuidOrder } from '../../src/server/lock-token.ts';
import type { Settings } from '../../src/server/index.ts';
import { Peer, messageOf } from './peer.ts';
import type { PeerLink } from './peer.ts';
import { World } from './world.ts';

const QUEUES = [
  { name: 'q', lockDuration: 'PT5M' },
  { name: 's', requiresSession: true, lockDuration: 'PT1M' },
];
const MINUTE = 60_000;
/** An idle link goes a twentieth of its time late at most. */
const LATE = MINUTE / 2;
const DAY = { lifetimeMs: 24 * 60 * MINUTE };

const textOf = (link: PeerLink) => link.detach?.error?.description ?? '';

/** A peer that gives signs of life, as the official clients do: nothing here is about silence. */
async function alive(world: World): Promise<Peer> {
  const peer = await Peer.authorized(world, DAY);
  peer.keepAlive();
  return peer;
}

async function start(context: TestContext, settings: Partial<Settings> = {}): Promise<{ world: World; peer: Peer }> {
  const world = await World.start(context, QUEUES, { settings });
  return { world, peer: await alive(world) };
}

function session(peer: Peer, sessionId: string | null, timeoutMs = MINUTE): Promise<PeerLink> {
  const filter = new Map([['com.microsoft:session-filter', sessionId]]);
  const properties = new Map([['com.microsoft:timeout', new AmqpTyped('uint', timeoutMs)]]);
  return peer.receiver('s', { source: { address: 's', filter }, properties });
}

function replies(peer: Peer): Promise<PeerLink> {
  return peer.attach({ role: 'receiver', source: { address: 'q/$management' }, target: { address: 'r' } });
}

test('a link that nobody uses is detached after ten minutes, in the words of the service', async (context) => {
  const { world, peer } = await start(context);
  const links = {
    publisher: await peer.sender('q'),
    consumer: await peer.receiver('q'),
    deadLetters: await peer.receiver('q/$DeadLetterQueue'),
    requests: await peer.sender('q/$management'),
    replies: await replies(peer),
  };
  await world.pass(10 * MINUTE - 1);
  for (const [name, link] of Object.entries(links)) assert.equal(link.detach, undefined, name);
  await world.pass(1 + LATE);
  for (const [name, link] of Object.entries(links)) {
    assert.equal(link.condition, 'amqp:link:detach-forced', name);
    const [code, part] =
      link.link.role === 'sender' ? ['publisher', 'AmqpMessagePublisher'] : ['consumer', 'AmqpMessageConsumer'];
    assert.match(
      textOf(link),
      new RegExp(
        `^The link '${link.link.name}' is force detached\\. Code: ${code}\\(link\\d+\\)\\. Details: ${part}\\.IdleTimerExpired: Idle timeout: 00:10:00\\. TrackingId:\\S+, SystemTracker:retrain:Queue:q.*, Timestamp:`,
      ),
    );
  }
  // The connection goes on, and with it `$cbs`.
  assert.equal((await peer.putToken(DAY)).status, 202);
  assert.equal((await peer.sender('q')).detach, undefined);
});

test('messages sent, settled and received, credit and requests are use, each for its link', async (context) => {
  const { world, peer } = await start(context);
  const idle = await peer.receiver('q/$DeadLetterQueue');
  const sender = await peer.sender('q');
  const settling = await peer.receiver('q');
  await peer.send(sender, messageOf('first'));
  await peer.grant(settling, 100);
  const granting = await peer.receiver('s/$DeadLetterQueue');
  const requests = await peer.sender('q/$management');
  const answers = await replies(peer);
  await peer.grant(answers, 100);
  for (let minute = 0; minute < 30; minute++) {
    await world.pass(MINUTE);
    await peer.send(sender, messageOf('x'));
    const delivery = settling.deliveries.at(-1);
    assert.ok(delivery);
    await peer.dispose(settling, delivery, { kind: 'accepted' });
    await peer.grant(granting, 1 + (minute % 2));
    // A request that cannot be understood is one, too, and so is its answer.
    await peer.send(requests, messageOf('?'));
  }
  for (const link of [sender, settling, granting, requests, answers])
    assert.equal(link.detach, undefined, link.link.name);
  assert.equal(idle.condition, 'amqp:link:detach-forced');
  await world.pass(11 * MINUTE);
  for (const link of [sender, settling, granting, requests, answers])
    assert.equal(link.condition, 'amqp:link:detach-forced', link.link.name);
});

test('a link on which only deliveries go out is in use', async (context) => {
  const { world, peer } = await start(context);
  const taking = await peer.receiver('q', { sndSettleMode: 1 });
  await peer.grant(taking, 1000);
  const other = await alive(world);
  const sender = await other.sender('q');
  for (let minute = 0; minute < 25; minute++) {
    await world.pass(MINUTE);
    await other.send(sender, messageOf('x'));
  }
  assert.equal(taking.detach, undefined);
  assert.equal(taking.deliveries.length, 25);
});

for (const named of [true, false])
  test(`a session receiver that is busy for an hour keeps its link while its lock is renewed${named ? '' : ', also when the request does not name the link'}`, async (context) => {
    const { world, peer } = await start(context);
    await peer.send(await peer.sender('s'), messageOf('x', { groupId: 'a' }));
    const receiver = await session(peer, 'a');
    const [delivery] = await peer.grant(receiver, 1);
    assert.ok(delivery);
    const naming: [string, string][] = named ? [['associated-link-name', receiver.link.name]] : [];
    const body: AmqpMap = new Map([['session-id', 'a']]);
    for (let half = 0; half < 120; half++) {
      await world.pass(MINUTE / 2);
      assert.equal((await peer.manage('s', 'renew-session-lock', body, naming)).status, 200);
    }
    assert.equal(receiver.detach, undefined);
    assert.deepEqual(await peer.dispose(receiver, delivery, { kind: 'accepted' }), { kind: 'accepted' });
  });

test('a receiver that is busy keeps its link while its lock is renewed in its name', async (context) => {
  const { world, peer } = await start(context);
  await peer.send(await peer.sender('q'), messageOf('x'));
  const receiver = await peer.receiver('q');
  const [delivery] = await peer.grant(receiver, 1);
  assert.ok(delivery);
  const token = new AmqpUuid(swapGuidOrder(delivery.tag));
  const body: AmqpMap = new Map([['lock-tokens', new AmqpArray('uuid', [token])]]);
  for (let minute = 0; minute < 30; minute++) {
    await world.pass(MINUTE);
    const { status } = await peer.manage('q', 'renew-lock', body, [['associated-link-name', receiver.link.name]]);
    assert.equal(status, 200);
  }
  assert.equal(receiver.detach, undefined);
  assert.deepEqual(await peer.dispose(receiver, delivery, { kind: 'accepted' }), { kind: 'accepted' });
});

test('a wait for a session is as long as the client has asked for, and counts as a link', async (context) => {
  const { world, peer } = await start(context);
  const waiting = await session(peer, null, 60 * MINUTE);
  await world.pass(50 * MINUTE);
  const { detach } = waiting;
  assert.equal(detach, undefined);
  assert.ok(!waiting.link.attached);
  const other = await alive(world);
  await other.send(await other.sender('s'), messageOf('x', { groupId: 'a' }));
  assert.ok(waiting.attach?.source, 'granted');
  assert.equal((await peer.grant(waiting, 1)).length, 1);
});

test('a connection without links is closed after five minutes, in the words of the service; links of $cbs do not count', async (context) => {
  const { world, peer } = await start(context);
  await peer.attach({ role: 'receiver', source: { address: '$cbs' } });
  const close = async (link: PeerLink) => {
    link.link.detach();
    await world.settle();
  };
  await close(await peer.sender('q'));
  await world.pass(5 * MINUTE - 1);
  await close(await peer.sender('q'));
  await world.pass(5 * MINUTE - 1);
  assert.ok(!peer.closed);
  await world.pass(1);
  assert.equal(peer.closeError?.condition, 'amqp:connection:forced');
  assert.match(
    peer.closeError?.description ?? '',
    /^The connection was inactive for more than the allowed 300000 milliseconds and is closed by container 'LinkTracker'\. TrackingId:\S+, SystemTracker:NoSystemTracker, Timestamp:/,
  );
  assert.ok(peer.pipe.closed);
});

test('a connection whose idle links were detached is closed five minutes later', async (context) => {
  const { world, peer } = await start(context);
  await peer.sender('q');
  await world.pass(15 * MINUTE - 1);
  assert.ok(!peer.closed);
  await world.pass(1 + LATE);
  assert.match(peer.closeError?.description ?? '', /300000 milliseconds/);
});

test('a connection that never had a link is closed after a minute', async (context) => {
  const { world, peer } = await start(context);
  await world.pass(MINUTE - 1);
  assert.ok(!peer.closed);
  await world.pass(1);
  assert.match(peer.closeError?.description ?? '', /the allowed 60000 milliseconds and is closed by container/);
});

test('each idle time is a setting, and 0 is never', async (context) => {
  const never = await start(context, { linkIdleMs: 0, connectionIdleMs: 0, firstLinkMs: 0 });
  const link = await never.peer.sender('q');
  const linkless = await alive(never.world);
  await never.world.pass(24 * 60 * MINUTE - 1);
  assert.equal(link.detach, undefined);
  link.link.detach();
  await never.world.settle();
  assert.ok(!never.peer.closed && !linkless.closed);

  const soon = await start(context, { linkIdleMs: 90_000, connectionIdleMs: 2_000, firstLinkMs: 5_000 });
  const short = await soon.peer.sender('q');
  const bare = await alive(soon.world);
  await soon.world.pass(5_000);
  assert.match(bare.closeError?.description ?? '', /allowed 5000 milliseconds/);
  await soon.world.pass(90_000);
  assert.match(textOf(short), /Idle timeout: 00:01:30\./);
  await soon.world.pass(2_000);
  assert.match(soon.peer.closeError?.description ?? '', /allowed 2000 milliseconds/);
});

test('one timer for each connection watches all of this', async (context) => {
  const world = await World.start(context, QUEUES);
  const armed = () => world.clock.armed;
  await world.settle();
  const before = armed();
  const peer = await Peer.authorized(world, DAY);
  const idle = armed();
  for (let i = 0; i < 20; i++) await peer.sender('q');
  for (let i = 0; i < 20; i++) await peer.receiver('q');
  assert.equal(armed(), idle);
  peer.pipe.destroy();
  await world.settle();
  assert.equal(armed(), before, 'and none is left behind');
});
