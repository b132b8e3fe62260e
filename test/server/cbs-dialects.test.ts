import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AmqpTimestamp, AmqpTyped, AmqpUuid } from '../../src/amqp/index.ts';
import type { AmqpValue, AttachOptions, Session } from '../../src/amqp/index.ts';
import { Peer, PeerLink, readReply, requestOf, sasToken } from './peer.ts';
import { World } from './world.ts';

/** How an official client talks to `$cbs` (service-bus-protocol.md §2). */
interface Dialect {
  readonly client: string;
  readonly mechanism: 'ANONYMOUS' | 'MSSBCBS';
  readonly audience: string;
  readonly type: string;
  readonly expiration: ((world: World) => AmqpValue) | undefined;
  readonly messageId: AmqpValue;
  /** Absent: the request names none. */
  readonly replyTo: string | undefined;
  readonly sender: AttachOptions;
  readonly receiver: AttachOptions;
  readonly credit: number;
  /** Begins a session for each use of `$cbs`. */
  readonly ownSession?: true;
}

const SAS = 'servicebus.windows.net:sastoken';
const inAnHour = (world: World) => world.clock.wallMs() + 3_600_000;
const sender = (name: string, options: Partial<AttachOptions> = {}): AttachOptions => ({
  role: 'sender',
  name,
  target: { address: '$cbs' },
  ...options,
});
const receiver = (name: string, options: Partial<AttachOptions> = {}): AttachOptions => ({
  role: 'receiver',
  name,
  source: { address: '$cbs' },
  ...options,
});
const TIMEOUT = { properties: new Map([['com.microsoft:timeout', new AmqpTyped('uint', 60_000)]]) };

const DIALECTS: readonly Dialect[] = [
  {
    client: 'JavaScript',
    mechanism: 'ANONYMOUS',
    audience: 'sb://localhost:5672/q',
    type: SAS,
    expiration: undefined,
    messageId: '1b4f3c1e-6ee5-4f3a-9d5c-8a3d6b1c0d9e',
    replyTo: 'cbs-3f0e',
    sender: sender('cbs-3f0e-sender'),
    receiver: receiver('cbs-3f0e', { target: {} }),
    credit: 1000,
  },
  {
    client: '.NET',
    mechanism: 'MSSBCBS',
    audience: 'amqp://localhost/q',
    type: SAS,
    expiration: (world) => new AmqpTimestamp(inAnHour(world)),
    messageId: new AmqpUuid(Buffer.alloc(16, 7)),
    replyTo: '6d1f7b52-a0f4-4b7c-b4a8-0e6d1d4f1b77',
    sender: sender('duplex1:sender', { source: { address: '6d1f7b52-a0f4-4b7c-b4a8-0e6d1d4f1b77' }, ...TIMEOUT }),
    receiver: receiver('duplex1:receiver', {
      target: { address: '6d1f7b52-a0f4-4b7c-b4a8-0e6d1d4f1b77' },
      ...TIMEOUT,
    }),
    credit: 50,
  },
  {
    client: 'Java',
    mechanism: 'ANONYMOUS',
    audience: 'amqp://localhost/q',
    type: SAS,
    expiration: (world) => new AmqpTimestamp(inAnHour(world)),
    messageId: new AmqpTyped('ulong', 0n),
    replyTo: 'cbs-session-cbs-client-reply-to',
    sender: sender('cbs:sender', { sndSettleMode: 1 }),
    receiver: receiver('cbs:receiver', { target: { address: 'cbs-session-cbs-client-reply-to' }, rcvSettleMode: 0 }),
    credit: 1,
  },
  {
    client: 'Go',
    mechanism: 'ANONYMOUS',
    audience: 'amqp://localhost/q',
    type: SAS,
    expiration: (world) => String(Math.floor(inAnHour(world) / 1000)),
    messageId: 'c0a8012e-3a44-4d1b-8d1c-0c8f8e2b5f10',
    replyTo: 'client-address-1',
    sender: sender('rpc-sender'),
    receiver: receiver('rpc-receiver', { target: { address: 'client-address-1' }, sndSettleMode: 1, rcvSettleMode: 0 }),
    credit: 1000,
    ownSession: true,
  },
  {
    client: 'Python',
    mechanism: 'ANONYMOUS',
    audience: 'sb://localhost/q',
    type: 'jwt',
    expiration: (world) => new AmqpTimestamp(inAnHour(world)),
    messageId: new AmqpTyped('ulong', 0n),
    replyTo: undefined,
    sender: sender('5b6d', { source: { address: '$cbs' }, sndSettleMode: 0, rcvSettleMode: 0 }),
    receiver: receiver('9c41', { target: { address: '$cbs' }, sndSettleMode: 0, rcvSettleMode: 0 }),
    credit: 1000,
  },
];

for (const dialect of DIALECTS)
  test(`the ${dialect.client} client's way with $cbs: its token is taken, answered where it listens, and renewed`, async (context) => {
    const world = await World.start(context, [{ name: 'q' }]);
    const peer = await Peer.connect(world, { role: 'client', mechanism: dialect.mechanism });
    const session = dialect.ownSession ? peer.connection.openSession() : peer.session;
    const requests = await attach(world, session, dialect.sender);
    const replies = await attach(world, session, dialect.receiver);
    assert.deepEqual(requests.attach?.target, { ...requests.attach?.target, address: '$cbs' });
    assert.deepEqual(replies.attach?.source, { ...replies.attach?.source, address: '$cbs' });
    replies.link.setCredit(dialect.credit);
    await world.settle();
    for (const lifetimeMs of [60_000, 120_000]) {
      const [delivery] = await put(world, peer, { dialect, requests, replies, lifetimeMs });
      assert.ok(delivery, 'a reply came');
      assert.equal(delivery.settled, dialect.receiver.sndSettleMode === 1, 'settled as the client has asked');
      const reply = readReply(delivery.payload);
      assert.deepEqual(reply.properties.correlationId, dialect.messageId, 'with its AMQP type');
      for (const name of ['status-code', 'statusCode'])
        assert.deepEqual(reply.application.get(name), new AmqpTyped('int', 202), name);
      assert.equal(typeof reply.application.get('status-description'), 'string');
      if (!delivery.settled) replies.link.settle(delivery, { kind: 'accepted' });
      replies.link.setCredit(dialect.credit);
      await world.settle();
    }
    const link = await peer.sender('q');
    await world.pass(70_000);
    assert.equal(link.detach, undefined, 'the second token counts');
  });

async function attach(world: World, session: Session, options: AttachOptions): Promise<PeerLink> {
  const link = new PeerLink(session.attach(options));
  await world.settle();
  assert.equal(link.detach, undefined);
  return link;
}

/** Puts a token; what came in answer. */
async function put(
  world: World,
  peer: Peer,
  options: { dialect: Dialect; requests: PeerLink; replies: PeerLink; lifetimeMs: number },
) {
  const { dialect, requests, replies, lifetimeMs } = options;
  const { audience, messageId, replyTo } = dialect;
  const application = new Map<AmqpValue, AmqpValue>([
    ['operation', 'put-token'],
    ['type', dialect.type],
    ['name', audience],
  ]);
  if (dialect.expiration) application.set('expiration', dialect.expiration(world));
  const body = sasToken(world, { audience, lifetimeMs });
  replies.deliveries.length = 0;
  await peer.send(requests, requestOf({ application, body, messageId, replyTo }), {
    settled: requests.link.sndSettleMode === 1,
  });
  return replies.deliveries;
}
