import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TRANSFER } from '../../src/amqp/composites.ts';
import { AmqpTyped } from '../../src/amqp/index.ts';
import type { AmqpError } from '../../src/amqp/index.ts';
import { SETTINGS } from '../../src/server/index.ts';
import { encodeComposite, frameBytes } from '../amqp/raw-peer.ts';
import { Peer, messageOf } from './peer.ts';
import { World } from './world.ts';

// service-bus-protocol.md §10.6: what a user of a client sends to whoever runs the service, to be found in its logs.

const QUEUES = [
  { name: 'q', maxMessageSizeInKilobytes: 1 },
  { name: 's', requiresSession: true },
];
const ID = '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}_G0';
const TIME = '\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}';

function assertTracked(error: AmqpError | undefined, tracker: string, condition: string): void {
  assert.equal(error?.condition, condition);
  assert.match(
    error?.description ?? '',
    new RegExp(`. TrackingId:${ID}, SystemTracker:${tracker.replaceAll('$', '\\$')}, Timestamp:${TIME}$`),
  );
}

test('the answer to every attach has a tracking id of its own', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  const filter = new Map([['com.microsoft:session-filter', 'a']]);
  const links = [
    await peer.sender('q'),
    await peer.receiver('q'),
    await peer.receiver('s', { source: { address: 's', filter } }),
    await peer.sender('q/$management'),
    await peer.receiver('q/$management'),
    await peer.sender('$cbs'),
    await peer.receiver('$cbs'),
  ];
  const ids = links.map((link) => link.attach?.properties?.get('com.microsoft:tracking-id'));
  for (const id of ids) assert.match(typeof id === 'string' ? id : '', new RegExp(`^${ID}$`));
  assert.equal(new Set(ids).size, ids.length);
  // What the answer had before is still there.
  assert.ok(links[2]?.attach?.properties?.get('com.microsoft:locked-until-utc') instanceof AmqpTyped);
});

test('refusals, outcomes and answers name the queue', async (context) => {
  const world = await World.start(context, QUEUES);
  const peer = await Peer.authorized(world);
  assertTracked((await peer.sender('none')).detach?.error, 'retrain:Queue:none', 'amqp:not-found');
  assertTracked((await peer.receiver('s')).detach?.error, 'retrain:Queue:s', 'amqp:not-allowed');
  const sender = await peer.sender('q');
  await peer.send(sender, messageOf(Buffer.alloc(2_000)));
  const state = sender.outcomes[0]?.state;
  assertTracked(
    state?.kind === 'rejected' ? state.error : undefined,
    'retrain:Queue:q',
    'amqp:link:message-size-exceeded',
  );
  const reply = await peer.manage('q', 'renew-lock', new Map());
  const description = reply.application.get('statusDescription') as string;
  assertTracked({ condition: reply.condition ?? '', description }, 'retrain:Queue:q', 'com.microsoft:argument-error');
  const refused = await peer.putToken({ key: 'wrong' });
  assertTracked(
    { condition: '', description: refused.application.get('statusDescription') as string },
    'NoSystemTracker',
    '',
  );
});

test('errors that the engine raises have tracking ids: of a link, of a session, of a connection', async (context) => {
  const world = await World.start(context, QUEUES);
  const transfer = (peer: Peer, fields: { handle: number; deliveryId?: number; deliveryTag?: Buffer }) => {
    peer.pipe.write([frameBytes(0, encodeComposite(TRANSFER, { messageFormat: 0, ...fields }))]);
    return world.settle();
  };
  const ofLink = await Peer.authorized(world);
  const link = await ofLink.sender('q');
  await transfer(ofLink, { handle: link.link.localHandle });
  assertTracked(link.detach?.error, 'NoSystemTracker', 'amqp:invalid-field');

  const ofSession = await Peer.authorized(world);
  await transfer(ofSession, { handle: 999, deliveryId: 0, deliveryTag: Buffer.from('x') });
  assertTracked(ofSession.endError, 'NoSystemTracker', 'amqp:session:unattached-handle');

  const ofConnection = await Peer.authorized(world);
  ofConnection.pipe.write([frameBytes(0, Buffer.from('no performative'))]);
  await world.settle();
  assertTracked(ofConnection.closeError, 'NoSystemTracker', 'amqp:decode-error');
});

test('so have the errors with which the server ends a connection', async (context) => {
  const world = await World.start(context, QUEUES, { settings: { maxConnections: 3 } });
  const [withoutToken, silent, last] = [
    await Peer.connect(world),
    await Peer.authorized(world),
    await Peer.authorized(world),
  ];
  await silent.receiver('q');
  last.keepAlive();
  await last.receiver('q');
  const tooMany = await Peer.connect(world);
  assertTracked(tooMany.closeError, 'NoSystemTracker', 'amqp:resource-limit-exceeded');
  await world.pass(SETTINGS.authenticationMs.default);
  assertTracked(withoutToken.closeError, 'NoSystemTracker', 'amqp:connection:forced');
  const linkless = await Peer.authorized(world);
  await world.pass(SETTINGS.firstLinkMs.default);
  assertTracked(linkless.closeError, 'NoSystemTracker', 'amqp:connection:forced');
  await world.pass(2 * SETTINGS.idleTimeoutMs.default);
  assertTracked(silent.closeError, 'NoSystemTracker', 'amqp:connection:forced');
  await world.until(world.server.close());
  await world.settle();
  assertTracked(last.closeError, 'NoSystemTracker', 'amqp:connection:forced');
});
