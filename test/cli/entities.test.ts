import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FOREVER } from '../../src/topology/index.ts';
import { CliBench, lines } from './cli-bench.ts';
import { assertFailure } from './cli-process.ts';

/** A line of `--json` of an entity. */
interface Entity {
  readonly kind: string;
  readonly path: string;
  readonly [property: string]: unknown;
}

async function shown(bench: CliBench, entity: string): Promise<Entity> {
  return JSON.parse(await bench.ok(['entities', 'show', entity, '--json'])) as Entity;
}

test('entities are made, listed, shown, changed and deleted', async (t) => {
  const bench = await CliBench.open(t, 'plain');
  const made = await bench.ok(['entities', 'create', 'jobs', '--requires-session', '--lock-duration', '30s']);
  assert.equal(made, 'queue jobs is made\n');
  await bench.ok(['entities', 'create', 'events', '--topic', '--default-message-time-to-live', 'P1D']);
  await bench.ok(['entities', 'create', 'events/audit', '--forward-to', 'plain', '--max-delivery-count', '3']);
  await bench.ok(['entities', 'create', 'with/slash', '--queue', '--requires-duplicate-detection', 'true']);

  assert.equal(
    await bench.ok(['entities', 'list']),
    [
      'Kind          Entity        Status  Notable',
      'queue         jobs          Active  sessions',
      'queue         plain         Active',
      'queue         with/slash    Active  duplicates',
      'topic         events        Active',
      'subscription  events/audit  Active  forwards to plain',
      '',
    ].join('\n'),
  );
  const listed = lines<Entity>(await bench.ok(['entities', 'list', '--json']));
  assert.deepEqual(
    listed.map(({ kind, path, status }) => [kind, path, status]),
    [
      ['queue', 'jobs', 'Active'],
      ['queue', 'plain', 'Active'],
      ['queue', 'with/slash', 'Active'],
      ['topic', 'events', 'Active'],
      ['subscription', 'events/audit', 'Active'],
    ],
  );
  const jobs = await shown(bench, 'jobs');
  assert.deepEqual([jobs['requiresSession'], jobs['lockDuration'], jobs['maxDeliveryCount']], [true, 'PT30S', 10]);
  assert.equal((await shown(bench, 'with/slash')).kind, 'queue');
  const events = await shown(bench, 'events');
  assert.deepEqual([events['defaultMessageTimeToLive'], events['subscriptions']], ['P1D', ['audit']]);
  const text = await bench.ok(['entities', 'show', 'events/Subscriptions/audit']);
  assert.match(
    text,
    /^subscription events\/audit\n[^]*forwardTo +plain\n[^]*autoDeleteOnIdle +forever\n[^]*active +0\n/,
  );

  const changed = ['--no-forward-to', '--lock-duration', 'PT10S', '--user-metadata', 'mine'];
  assert.equal(
    await bench.ok(['entities', 'update', 'events/audit', ...changed]),
    'subscription events/audit is changed\n',
  );
  const audit = await shown(bench, 'events/audit');
  assert.deepEqual(
    [audit['forwardTo'], audit['lockDuration'], audit['userMetadata'], audit['maxDeliveryCount']],
    [undefined, 'PT10S', 'mine', 3],
  );
  await bench.ok(['entities', 'update', 'events', '--default-message-time-to-live', 'forever']);
  assert.equal((await shown(bench, 'events'))['defaultMessageTimeToLive'], FOREVER);

  assertFailure(
    await bench.run(['entities', 'delete', 'events']),
    2,
    /Delete topic events with 1 subscription\?.*--yes/,
  );
  for (const entity of ['events/audit', 'events', 'jobs', 'with/slash'])
    await bench.ok(['entities', 'delete', entity, '--yes']);
  assert.deepEqual(
    lines<Entity>(await bench.ok(['entities', 'list', '--json'])).map(({ path }) => path),
    ['plain'],
  );
});

test('rules come with a subscription, are shown, replaced and removed', async (t) => {
  const bench = await CliBench.open(t);
  await bench.ok(['entities', 'create', 'events', '--topic']);
  const sql = ['--rule', "eu: region = 'eu'\n AND n > 100", '--rule-action', 'eu: SET checked = 1'];
  await bench.ok([
    'entities',
    'create',
    'events/eu',
    ...sql,
    '--correlation-rule',
    'big: subject=x, n:int=3, flag:bool=true, region=eu',
  ]);
  const rules = [
    {
      name: 'big',
      filterType: 'CorrelationFilter',
      correlationFilter: { label: 'x', properties: { n: { type: 'int', value: '3' }, flag: true, region: 'eu' } },
    },
    {
      name: 'eu',
      filterType: 'SqlFilter',
      sqlFilter: { sqlExpression: "region = 'eu'\n AND n > 100" },
      action: { sqlExpression: 'SET checked = 1' },
    },
  ];
  assert.deepEqual((await shown(bench, 'events/eu'))['rules'], rules);
  await bench.ok(['send', 'events', 'x', '--property', 'region=eu', '--property', 'n:int=101']);
  await bench.ok(['send', 'events', 'y', '--property', 'region=us', '--property', 'n:int=101']);
  const got = (await bench.peek('events/eu')).map(({ body, applicationProperties }) => [
    body,
    applicationProperties?.['checked'],
  ]);
  assert.deepEqual(got, [['x', 1]]);
  const changes = ['--rule', 'eu: 1=0', '--rule', 'all: 1=1', '--remove-rule', 'BIG'];
  await bench.ok(['entities', 'update', 'events/eu', ...changes]);
  const text = await bench.ok(['entities', 'show', 'events/eu']);
  assert.match(text, /\n +rule all +1=1\n +rule eu +1=0\n$/);
  // One that cannot have all its rules is not made.
  const wrong = await bench.run(['entities', 'create', 'events/two', '--rule', 'a: 1=1', '--rule', 'b: x =']);
  assertFailure(wrong, 1, /refuses "events\/Subscriptions\/two\/Rules\/b": SQL filter, at character 4/);
  assertFailure(await bench.run(['entities', 'show', 'events/two']), 1, /does not exist/);
});

test('counts tell what is where, for all entities or one, once or again and again', async (t) => {
  const bench = await CliBench.open(t, 'orders');
  await bench.ok(['entities', 'create', 'events', '--topic']);
  await bench.ok(['entities', 'create', 'events/audit']);
  await bench.ok(['send', 'events', 'x', '--repeat', '2']);
  await bench.ok(['send', 'orders', 'x', '--repeat', '2']);
  await bench.ok(['send', 'orders', 'x', '--in', '1h']);
  await bench.ok(['receive', 'orders', '--dead-letter', 'Poison']);
  const table = await bench.ok(['entities', 'counts']);
  assert.match(table, /^Entity +Active +Dead-lettered +Scheduled +Transfer +Transfer dead +Bytes\n/);
  assert.match(table, /\norders +1 +1 +1 +0 +0 +\d+\nevents \(topic\) +0 +\d+\nevents\/audit +2 +0 +0 +0\n$/);
  const [one] = lines<Record<string, unknown>>(await bench.ok(['entities', 'counts', 'events/audit', '--json']));
  assert.deepEqual(one, {
    kind: 'subscription',
    path: 'events/audit',
    active: 2,
    deadLettered: 0,
    transfer: 0,
    transferDeadLettered: 0,
  });
  const watching = bench.start(['entities', 'counts', 'orders', '--watch', '50ms', '--json']);
  await watching.printed(/"active":1,/);
  await bench.ok(['send', 'orders', 'y']);
  await watching.printed(/"active":2,/);
  watching.child.kill('SIGINT');
  const { code, stderr } = await watching.finished;
  assert.deepEqual([code, stderr], [0, '']);
});

test('dead letters are found in queues and subscriptions, and those of a subscription go where they are told to', async (t) => {
  const bench = await CliBench.open(t, 'repair', 'orders');
  await bench.ok(['entities', 'create', 'events', '--topic']);
  for (const name of ['audit', 'other']) await bench.ok(['entities', 'create', `events/${name}`]);
  assert.equal(await bench.ok(['dlq', 'list']), 'there are no dead letters\n');
  await bench.ok(['send', 'events', 'x', '--message-id', 'm']);
  await bench.ok(['send', 'orders', 'x']);
  await bench.ok(['receive', 'orders', '--dead-letter', 'A']);
  await bench.ok(['receive', 'events/audit', '--dead-letter', 'B']);
  const found = lines<{ entity: string; count: number }>(await bench.ok(['dlq', 'list', '--json']));
  assert.deepEqual(
    found.map(({ entity, count }) => [entity, count]),
    [
      ['orders/$DeadLetterQueue', 1],
      ['events/Subscriptions/audit/$DeadLetterQueue', 1],
    ],
  );
  assertFailure(
    await bench.run(['dlq', 'replay', 'events/audit']),
    2,
    /nothing can be sent to subscription "audit" alone: give --to QUEUE, or --to-topic/,
  );
  await bench.ok(['dlq', 'replay', 'events/audit', '--to-topic']);
  for (const name of ['audit', 'other']) {
    const message = (await bench.peek(`events/${name}`)).at(-1);
    assert.match(JSON.stringify(message?.messageId), /^"m~r1\.[0-9a-f]{8}"$/);
    assert.deepEqual(message?.applicationProperties, { RetrainReplayOf: 'm', RetrainReplayFor: 'audit' });
  }
  await bench.ok(['receive', 'events/other', '--count', '2', '--dead-letter', 'C']);
  await bench.ok(['dlq', 'replay', 'events/other', '--to', 'repair', '--message-id', 'm']);
  assert.deepEqual(
    (await bench.peek('repair')).map(({ applicationProperties: properties }) => properties),
    [{ RetrainReplayOf: 'm', RetrainReplayFor: 'other' }],
  );
});

test('what cannot be is refused with what can be', async (t) => {
  const bench = await CliBench.open(t, 'orders:sessions');
  await bench.ok(['entities', 'create', 'events', '--topic']);
  const refused: readonly (readonly [args: string[], code: number, said: RegExp])[] = [
    [['create', 'orders'], 1, /"orders" exists already.*change it instead/],
    [['create', 'events', '--topic', '--lock-duration', '30s'], 2, /--lock-duration: a topic has no lockDuration/],
    [['create', 'x', '--lock-duration', '9m'], 2, /queue 'x': lockDuration: 'PT9M' must be.*PT5S to PT5M/],
    [['create', 'x', '--lock-duration', 'PT'], 2, /--lock-duration.*'PT'.*PT90S, or forever/],
    [['create', 'x', '--lock-duration', '5'], 2, /--lock-duration.*'5'.*90s, 15m/],
    [['create', 'x', '--max-delivery-count', 'many'], 2, /--max-delivery-count.*'many'.*whole number/],
    [['create', 'x', '--max-delivery-count', '0'], 2, /queue 'x': maxDeliveryCount/],
    [['create', 'x', '--status', 'Asleep'], 2, /--status.*'Asleep'.*Active, Disabled/],
    [['create', 'x', '--requires-session', 'yes'], 2, /--requires-session.*'yes'.*true or false/],
    [['create', 'x', '--topic', '--queue'], 2, /--topic.*--queue|--queue.*--topic/],
    [['create', 'a/Subscriptions/b', '--topic'], 2, /names a subscription: leave out/],
    [['create', 'none/audit'], 1, /topic "none" does not exist: make it first/],
    [['create', '-x-'], 2, /unknown option/],
    [['create', 'x ', '--topic'], 2, /topic 'x ': name: must be letters/],
    [['update', 'orders'], 2, /nothing to change: give a property/],
    [['update', 'orders', '--requires-session', 'false'], 2, /requiresSession is true and cannot be changed to false/],
    [['update', 'orders', '--forward-to', 'events'], 2, /requiresSession cannot forward/],
    [['update', 'none', '--max-delivery-count', '3'], 1, /"none" does not exist.*retrain entities list/],
    [['show', 'events/none'], 1, /"events\/none" does not exist/],
    [['delete', 'none', '--yes'], 1, /"none" does not exist/],
    [['counts', 'none'], 1, /"none" does not exist/],
    [['create', 'x', '--rule', 'a: 1=1'], 2, /a queue has none, subscriptions have/],
    [['create', 'events/a', '--rule', '1=1'], 2, /--rule "1=1": use NAME: and what follows/],
    [['create', 'events/a', '--rule', 'a: 1=1', '--rule', 'A: 1=1'], 2, /rule "A" is given twice/],
    [['create', 'events/a', '--rule-action', 'a: SET x = 1'], 2, /no rule of that name in this command/],
    [['create', 'events/a', '--correlation-rule', 'a: region'], 2, /"region" is no condition: use KEY=VALUE/],
    [['create', 'events/a', '--correlation-rule', 'a: n:foo=1'], 2, /"n:foo=1": use a type of string, bool.*int, long/],
    [['update', 'orders', '--remove-rule', 'a'], 2, /a queue has none/],
    [['list', '--connection', 'x'], 2, /the connection string has a part without/],
  ];
  for (const [args, code, said] of refused) assertFailure(await bench.run(['entities', ...args]), code, said);
});

test('a key without the right to manage is refused with what it lacks', async (t) => {
  const bench = await CliBench.open(t, 'orders', '--access-rule=monitor=Listen');
  const [{ connectionString } = { connectionString: '' }] = bench.accessRules;
  const finished = await bench.run(['entities', 'list', '--connection', connectionString]);
  assertFailure(finished, 77, /refuses the key "monitor".*right to manage/);
});
