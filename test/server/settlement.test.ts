import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { AmqpArray, AmqpTyped, AmqpUuid, HEADER, decode, readComposite, scanSections } from '../../src/amqp/index.ts';
import type { AmqpDescribed, AmqpMap, AmqpValue, DeliveryState, IncomingDelivery } from '../../src/amqp/index.ts';
import { swapGuidOrder } from '../../src/server/lock-token.ts';
import { FakeDisk } from '../fake-disk.ts';
import { Peer, bodyOf, messageOf } from './peer.ts';
import type { PeerLink } from './peer.ts';
import { World } from './world.ts';

const int = (value: number) => new AmqpTyped('int', value);
const deadLetter = (info: [string, AmqpValue][], description?: string): DeliveryState => ({
  kind: 'rejected',
  error: { condition: 'com.microsoft:dead-letter', description, info: new Map(info) },
});

function propertiesOf({ payload }: IncomingDelivery): Record<string, AmqpValue> {
  const { applicationPropertiesStart: start, applicationPropertiesEnd: end } = scanSections(payload);
  if (start === end) return {};
  const { value } = decode(payload, start, 'plain').value as AmqpDescribed;
  return Object.fromEntries(value as AmqpMap) as Record<string, AmqpValue>;
}

function countOf({ payload }: IncomingDelivery): number | undefined {
  return readComposite(HEADER, payload, scanSections(payload).headerStart).value.deliveryCount;
}

function said({ outcomes }: PeerLink): (string | undefined)[] {
  return outcomes.map(({ state }) =>
    state?.kind === 'rejected' ? (state.error?.condition ?? 'rejected') : state?.kind,
  );
}

/** A queue with these messages, each locked by one receiver. */
async function locked(
  context: TestContext,
  bodies: readonly string[],
): Promise<{ world: World; peer: Peer; link: PeerLink; deliveries: IncomingDelivery[] }> {
  const world = await World.start(context, [{ name: 'q' }]);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('q');
  for (const body of bodies) await peer.send(sender, messageOf(body, { messageId: body }));
  const link = await peer.receiver('q');
  const deliveries = [...(await peer.grant(link, bodies.length))];
  assert.equal(deliveries.length, bodies.length);
  return { world, peer, link, deliveries };
}

test('dead-letter takes reason, description and properties as any client writes them, or nothing at all', async (context) => {
  const states: [DeliveryState, Record<string, AmqpValue>][] = [
    [
      deadLetter([
        ['DeadLetterReason', 'why'],
        ['DeadLetterErrorDescription', 'because'],
        ['mine', int(7)],
      ]),
      { DeadLetterReason: 'why', DeadLetterErrorDescription: 'because', mine: 7 },
    ],
    [
      deadLetter([
        ['DeadLetterReason', null],
        ['DeadLetterErrorDescription', null],
      ]),
      {},
    ],
    // Python says the description again in the error itself.
    [
      deadLetter([['DeadLetterReason', 'why']], 'of the error'),
      { DeadLetterReason: 'why', DeadLetterErrorDescription: 'of the error' },
    ],
    [deadLetter([]), {}],
    // .NET without reason: no error.
    [{ kind: 'rejected' }, {}],
  ];
  const { peer, link, deliveries } = await locked(
    context,
    states.map((_, i) => `m${i}`),
  );
  for (const [i, [state]] of states.entries())
    assert.deepEqual(await peer.dispose(link, deliveries[i]!, state), { kind: 'rejected' });
  const dead = await peer.grant(await peer.receiver('q/$DeadLetterQueue'), 10);
  assert.deepEqual(
    dead.map(propertiesOf),
    states.map(([, properties]) => properties),
  );
});

test('whatever delivery-failed says, modified abandons or defers, and its properties are added to the message', async (context) => {
  const { peer, link, deliveries } = await locked(context, ['a', 'b', 'c', 'd']);
  const flags = [undefined, false, true];
  for (const [i, deliveryFailed] of flags.entries()) {
    const answer = await peer.dispose(link, deliveries[i]!, {
      kind: 'modified',
      deliveryFailed,
      undeliverableHere: false,
      messageAnnotations: new Map([['n', int(i)]]),
    });
    assert.deepEqual([answer?.kind, answer?.kind === 'modified' && answer.messageAnnotations], ['modified', undefined]);
  }
  await peer.dispose(link, deliveries[3]!, { kind: 'modified', deliveryFailed: true, undeliverableHere: true });
  const again = (await peer.grant(link, 10)).slice(4);
  assert.deepEqual(
    again.map((delivery) => [bodyOf(delivery), countOf(delivery), propertiesOf(delivery)]),
    [
      ['a', 1, { n: 0 }],
      ['b', 1, { n: 1 }],
      ['c', 1, { n: 2 }],
    ],
  );
});

test('a range over settled and locked deliveries settles the locked ones', async (context) => {
  const { peer, link, deliveries } = await locked(context, ['a', 'b', 'c', 'd', 'e']);
  await peer.dispose(link, deliveries[1]!, { kind: 'accepted' });
  await peer.dispose(link, deliveries[3]!, { kind: 'modified', undeliverableHere: true });
  for (const { id } of deliveries) peer.session.dispose(true, id, false, { kind: 'accepted' });
  await peer.world.settle();
  assert.deepEqual(said(link), ['accepted', 'modified', 'accepted', 'accepted', 'accepted']);
  await peer.world.pass(61_000);
  assert.equal((await peer.grant(link, 10)).length, 5);
});

test('a settlement that is said again before its answer is answered once, with what was decided first', async (context) => {
  const world = await World.start(context, [{ name: 'q' }]);
  await world.until(world.server.close());
  world.disk = new FakeDisk({ clock: world.clock, seed: 2, latencyMs: { min: 10, max: 10 } });
  const starting = world.startServer();
  for (let i = 0; i < 50; i++) await world.pass(10);
  await starting;
  const peer = await Peer.authorized(world);
  await peer.send(await peer.sender('q'), messageOf('x'));
  const link = await peer.receiver('q');
  await peer.grant(link, 1);
  for (let i = 0; i < 10; i++) await world.pass(10);
  const [delivery] = link.deliveries;
  assert.ok(delivery);
  for (const state of [{ kind: 'accepted' }, { kind: 'accepted' }, { kind: 'released' }] as const)
    await peer.dispose(link, delivery, state);
  assert.deepEqual(said(link), []);
  for (let i = 0; i < 10; i++) await world.pass(10);
  assert.deepEqual(said(link), ['accepted']);
});

test('what is no outcome decides nothing: the message stays locked, and can still be settled', async (context) => {
  const { peer, link, deliveries } = await locked(context, ['a', 'b']);
  const [a, b] = deliveries as [IncomingDelivery, IncomingDelivery];
  link.link.dispose(a, { kind: 'received', sectionNumber: 0, sectionOffset: 0n });
  // Settled without an outcome: the client has forgotten it, and we keep the lock.
  link.link.settle(b, undefined);
  await peer.world.settle();
  assert.deepEqual(said(link), []);
  assert.equal((await peer.dispose(link, a, { kind: 'accepted' }))?.kind, 'accepted');
  assert.equal((await peer.grant(link, 5)).length, 2);
  await peer.world.pass(61_000);
  const [again, ...none] = link.deliveries.slice(2);
  assert.deepEqual([bodyOf(again!), countOf(again!), none.length], ['b', 1, 0]);
});

test('settlements that the client settles itself are carried out without an answer, whatever becomes of them', async (context) => {
  const { world, peer, link, deliveries } = await locked(context, ['a', 'b', 'c']);
  const [a, b, c] = deliveries as [IncomingDelivery, IncomingDelivery, IncomingDelivery];
  link.link.settle(a, { kind: 'accepted' });
  link.link.settle(b, { kind: 'modified', undeliverableHere: false });
  await world.settle();
  const [again] = (await peer.grant(link, 1)).slice(3);
  assert.deepEqual([bodyOf(again!), countOf(again!)], ['b', 1]);
  await world.pass(61_000);
  link.link.settle(c, { kind: 'accepted' });
  await world.settle();
  assert.deepEqual(said(link), []);
  assert.deepEqual((await peer.grant(link, 5)).slice(4).map(bodyOf), ['b', 'c']);
});

for (const gone of ['link', 'session', 'connection'] as const) {
  test(`a message is settled over $management when its ${gone} is gone, and not twice`, async (context) => {
    const { world, peer, link, deliveries } = await locked(context, ['a', 'b']);
    const [a, b] = deliveries as [IncomingDelivery, IncomingDelivery];
    if (gone === 'link') link.link.detach();
    else if (gone === 'session') peer.session.end();
    else peer.pipe.destroy();
    await world.settle();
    const other = await Peer.authorized(world);
    const receiver = await other.receiver('q');
    assert.deepEqual(await other.grant(receiver, 5), []);
    const settle = (status: string, ...tags: Buffer[]) => {
      const lockTokens = new AmqpArray(
        'uuid',
        tags.map((tag) => new AmqpUuid(swapGuidOrder(tag))),
      );
      const body: AmqpMap = new Map<string, AmqpValue>([
        ['disposition-status', status],
        ['lock-tokens', lockTokens],
      ]);
      return other.manage('q', 'update-disposition', body);
    };
    // A token that is named twice is settled once.
    assert.equal((await settle('completed', a.tag, a.tag)).status, 200);
    const twice = await settle('completed', a.tag);
    assert.deepEqual([twice.status, twice.condition], [410, 'com.microsoft:message-lock-lost']);
    assert.equal((await settle('abandoned', b.tag)).status, 200);
    assert.deepEqual(
      receiver.deliveries.map((delivery) => [bodyOf(delivery), countOf(delivery)]),
      [['b', 1]],
    );
  });
}

test('in the dead-letter queue a message is completed, deferred or abandoned without end, but not dead-lettered again', async (context) => {
  const { peer, link, deliveries } = await locked(context, ['a']);
  await peer.dispose(link, deliveries[0]!, deadLetter([['DeadLetterReason', 'why']]));
  const dead = await peer.receiver('q/$DeadLetterQueue');
  for (let count = 0; count < 15; count++) {
    const delivery = (await peer.grant(dead, 1))[count];
    assert.equal(countOf(delivery!), count);
    await peer.dispose(dead, delivery!, { kind: 'modified', undeliverableHere: false });
  }
  const delivery = (await peer.grant(dead, 1))[15]!;
  const refused = await peer.dispose(dead, delivery, deadLetter([]));
  assert.ok(refused?.kind === 'rejected');
  assert.equal(refused.error?.condition, 'amqp:not-allowed');
  assert.match(refused.error?.description ?? '', /cannot be dead-lettered again/);
  // A refused settlement leaves the lock as it was.
  const lockTokens = new AmqpArray('uuid', [new AmqpUuid(swapGuidOrder(delivery.tag))]);
  const body: AmqpMap = new Map<string, AmqpValue>([
    ['disposition-status', 'completed'],
    ['lock-tokens', lockTokens],
  ]);
  assert.equal((await peer.manage('q/$DeadLetterQueue', 'update-disposition', body)).status, 200);
  await peer.world.pass(61_000);
  assert.equal((await peer.grant(dead, 5)).length, 16);
});

test('after as many failed deliveries as the queue allows a message is dead-lettered, with reason and text of the service', async (context) => {
  const world = await World.start(context, [{ name: 'q', maxDeliveryCount: 3, lockDuration: 'PT5S' }]);
  const peer = await Peer.authorized(world);
  const sender = await peer.sender('q');
  for (const body of ['abandoned', 'expired', 'released']) await peer.send(sender, messageOf(body));
  const link = await peer.receiver('q');
  for (let count = 0; count < 3; count++) {
    const round = (await peer.grant(link, 3)).slice(-3);
    assert.deepEqual(round.map(bodyOf), ['abandoned', 'expired', 'released']);
    assert.deepEqual(round.map(countOf), [count, count, 0]);
    await peer.dispose(link, round[2]!, { kind: 'released' });
    await peer.dispose(link, round[0]!, { kind: 'modified', undeliverableHere: false });
    await world.pass(5_001);
  }
  assert.deepEqual((await peer.grant(link, 3)).slice(9).map(bodyOf), ['released']);
  const dead = await peer.grant(await peer.receiver('q/$DeadLetterQueue'), 3);
  const properties = {
    DeadLetterReason: 'MaxDeliveryCountExceeded',
    DeadLetterErrorDescription: 'Message could not be consumed after 3 delivery attempts.',
  };
  assert.deepEqual(
    dead.map((delivery) => [bodyOf(delivery), countOf(delivery), propertiesOf(delivery)]),
    [
      ['abandoned', 3, properties],
      ['expired', 3, properties],
    ],
  );
});
