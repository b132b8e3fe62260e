import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { AmqpTimestamp, AmqpTyped, AmqpUuid, lookup } from '../../src/amqp/index.ts';
import type { AmqpDescribed, AmqpMap, AmqpValue } from '../../src/amqp/index.ts';
import { Peer, bodyOf, messageOf } from './peer.ts';
import type { Reply } from './peer.ts';
import { World } from './world.ts';

const SUBSCRIPTION = 't/Subscriptions/a';
const NODE = `${SUBSCRIPTION}/$management`;

/** Numeric descriptors of what enumerate-rules answers (service-bus-protocol.md §8.3). */
const DESCRIPTOR = {
  rule: 0x13700000004n,
  emptyAction: 0x13700000005n,
  sqlAction: 0x13700000006n,
  sqlFilter: 0x1370000006n,
  trueFilter: 0x1370000007n,
  falseFilter: 0x1370000008n,
  correlationFilter: 0x1370000009n,
} as const;

const saidOf = ({ application }: Reply): string => application.get('statusDescription') as string;
const map = (entries: Record<string, AmqpValue>): AmqpMap => new Map(Object.entries(entries));

async function start(context: TestContext): Promise<{ world: World; peer: Peer }> {
  const world = await World.start(context, [{ name: 'q' }]);
  await world.until(world.server.admin.topics.create({ name: 't' }));
  await world.until(world.server.admin.subscriptions.create({ topicName: 't', name: 'a' }));
  return { world, peer: await Peer.authorized(world) };
}

function ask(peer: Peer, operation: string, body: AmqpMap, node = NODE): Promise<Reply> {
  return peer.request(node, new Map([['operation', `com.microsoft:${operation}`]]), body);
}

function addRule(peer: Peer, name: string, description: Record<string, AmqpValue>): Promise<Reply> {
  return ask(peer, 'add-rule', map({ 'rule-name': name, 'rule-description': map(description) }));
}

async function rulesOf(peer: Peer, body: AmqpMap = map({ skip: 0, top: 100 })): Promise<AmqpDescribed[]> {
  const reply = await ask(peer, 'enumerate-rules', body);
  if (reply.status === 204) return [];
  const rules = lookup(reply.body as AmqpMap, 'rules') as AmqpMap[];
  return rules.map((rule) => lookup(rule, 'rule-description') as AmqpDescribed);
}

const codeOf = ({ descriptor }: AmqpDescribed): bigint => {
  assert.ok(descriptor instanceof AmqpTyped && descriptor.type === 'ulong');
  return descriptor.value as bigint;
};
const itemsOf = ({ value }: AmqpDescribed): readonly AmqpValue[] => value as AmqpValue[];

test('a rule is told as described lists with ulong descriptors, its action always among them', async (context) => {
  const { world, peer } = await start(context);
  await addRule(peer, 'sql', {
    'sql-filter': map({ expression: "a = 'x'" }),
    'sql-rule-action': map({ expression: "SET b = 'y'" }),
  });
  await addRule(peer, 'false', { 'false-filter': map({}), 'sql-rule-action': null });
  const [byDefault, sql, never] = await rulesOf(peer);
  assert.ok(byDefault && sql && never);
  const shape = (rule: AmqpDescribed): unknown[] => {
    const [filter, action, name, created] = itemsOf(rule) as [AmqpDescribed, AmqpDescribed, string, AmqpTimestamp];
    assert.equal(codeOf(rule), DESCRIPTOR.rule);
    assert.equal(created.ms, world.clock.wallMs());
    return [codeOf(filter), itemsOf(filter)[0], codeOf(action), itemsOf(action)[0], name];
  };
  assert.deepEqual(shape(byDefault), [DESCRIPTOR.trueFilter, undefined, DESCRIPTOR.emptyAction, undefined, '$Default']);
  assert.deepEqual(shape(sql), [DESCRIPTOR.sqlFilter, "a = 'x'", DESCRIPTOR.sqlAction, "SET b = 'y'", 'sql']);
  assert.deepEqual(shape(never), [DESCRIPTOR.falseFilter, undefined, DESCRIPTOR.emptyAction, undefined, 'false']);
  const page = await rulesOf(peer, map({ skip: 1, top: 1 }));
  assert.deepEqual(
    page.map((rule) => itemsOf(rule)[2]),
    ['sql'],
  );
  assert.deepEqual(await rulesOf(peer, map({ skip: 3, top: 1 })), []);
});

test('a correlation filter keeps the AMQP types of its values, as they came and over a restart', async (context) => {
  const { world, peer } = await start(context);
  const properties = map({
    int: new AmqpTyped('int', 5),
    long: new AmqpTyped('long', 9_007_199_254_740_993n),
    double: new AmqpTyped('double', 0.5),
    boolean: true,
    text: 'x',
    time: new AmqpTimestamp(1_767_322_000_123),
    uuid: new AmqpUuid(Buffer.from('00112233445566778899aabbccddeeff', 'hex')),
  });
  const filter = map({ label: 'l', 'correlation-id': 'c', 'message-id': null, properties });
  assert.equal((await addRule(peer, 'r', { 'correlation-filter': filter })).status, 200);
  const told = async (one: Peer): Promise<AmqpValue[]> => {
    const rule = (await rulesOf(one)).find((described) => itemsOf(described)[2] === 'r');
    const [described] = itemsOf(rule as AmqpDescribed) as [AmqpDescribed];
    assert.equal(codeOf(described), DESCRIPTOR.correlationFilter);
    return [...itemsOf(described)];
  };
  const expected = ['c', null, null, null, 'l', null, null, null, properties];
  assert.deepEqual(await told(peer), expected);
  await world.restartAfterPowerCut();
  assert.deepEqual(await told(await Peer.authorized(world)), expected);
});

test('a rule that is wrong is refused and says why; the others stay', async (context) => {
  const { peer } = await start(context);
  const refusals: [Record<string, AmqpValue>, string, RegExp][] = [
    [{}, 'com.microsoft:argument-error', /one of sql-filter, correlation-filter/],
    [{ 'sql-filter': map({ expression: 'a = ' }) }, 'com.microsoft:argument-error', /character/],
    [{ 'sql-filter': map({}) }, 'com.microsoft:argument-error', /sqlExpression/],
    [{ 'sql-filter': map({ expression: `a = '${'x'.repeat(1024)}'` }) }, 'com.microsoft:argument-error', /1024/],
    [{ 'correlation-filter': map({}) }, 'com.microsoft:argument-error', /at least one property/],
    [{ 'correlation-filter': map({ label: 5 }) }, 'com.microsoft:argument-error', /label/],
    [
      { 'correlation-filter': map({ properties: map({ list: [1] }) }) },
      'com.microsoft:argument-error',
      /property 'list' of a rule must be/,
    ],
    [
      { 'true-filter': map({}), 'sql-rule-action': map({ expression: 'REMOVE' }) },
      'com.microsoft:argument-error',
      /character/,
    ],
  ];
  for (const [description, condition, text] of refusals) {
    const reply = await addRule(peer, 'bad', description);
    assert.deepEqual([reply.status, reply.condition], [400, condition]);
    assert.match(saidOf(reply), text);
  }
  const badName = await addRule(peer, 'a/b', { 'true-filter': map({}) });
  assert.match(saidOf(badName), /rule 'a\/b': name/);
  const again = await addRule(peer, '$default', { 'true-filter': map({}) });
  assert.deepEqual([again.status, again.condition], [409, 'com.microsoft:entity-already-exists']);
  assert.match(saidOf(again), /The messaging entity 't\/Subscriptions\/a\/Rules\/\$default' already exists\./);
  const gone = await ask(peer, 'remove-rule', map({ 'rule-name': 'none' }));
  assert.deepEqual([gone.status, gone.condition], [404, 'amqp:not-found']);
  const elsewhere = await ask(peer, 'enumerate-rules', map({}), 'q/$management');
  assert.deepEqual([elsewhere.status, elsewhere.condition], [400, 'com.microsoft:argument-error']);
  assert.equal((await rulesOf(peer)).length, 1);
});

test('a token for the topic is one for its subscriptions; a token for another entity is not', async (context) => {
  const { world } = await start(context);
  const allowed = await Peer.connect(world);
  await allowed.putToken({ audience: 'sb://localhost/t' });
  assert.ok((await allowed.receiver(SUBSCRIPTION)).attach?.source);
  const strange = await Peer.connect(world);
  await strange.putToken({ audience: 'sb://localhost/q' });
  assert.equal((await strange.receiver(SUBSCRIPTION)).detach?.error?.condition, 'amqp:unauthorized-access');
});

test('what cannot be attached to is told in the words that clients look for', async (context) => {
  const { peer } = await start(context);
  const cases: ['sender' | 'receiver', string, string, RegExp][] = [
    [
      'receiver',
      't/Subscriptions/none',
      'amqp:not-found',
      /The messaging entity 'localhost:topic:t\|none' could not be found\./,
    ],
    ['receiver', 't', 'amqp:not-allowed', /Receive from one of its subscriptions/],
    ['receiver', 't/$DeadLetterQueue', 'amqp:not-found', /could not be found/],
    ['sender', SUBSCRIPTION, 'amqp:not-allowed', /Send to the topic/],
    ['sender', `${SUBSCRIPTION}/$DeadLetterQueue`, 'amqp:not-allowed', /only the broker/],
  ];
  for (const [kind, address, condition, text] of cases) {
    const { detach } = await peer[kind](address);
    assert.equal(detach?.error?.condition, condition, address);
    assert.match(String(detach?.error?.description), text);
  }
});

test('a batch goes to each subscription whole, in its order, and a refused one to none', async (context) => {
  const { world, peer } = await start(context);
  await world.until(world.server.admin.subscriptions.create({ topicName: 't', name: 'b' }));
  const sender = await peer.sender('t');
  for (const body of ['one', 'two', 'three']) await peer.send(sender, messageOf(body));
  const long = messageOf('x'.repeat(300_000));
  await peer.send(sender, long);
  assert.deepEqual(
    sender.outcomes.map(({ state }) => (state?.kind === 'rejected' ? state.error?.condition : state?.kind)),
    ['accepted', 'accepted', 'accepted', 'amqp:link:message-size-exceeded'],
  );
  for (const name of ['a', 'b']) {
    const receiver = await peer.receiver(`T/subscriptions/${name}`);
    assert.deepEqual((await peer.grant(receiver, 9)).map(bodyOf), ['one', 'two', 'three']);
  }
});
