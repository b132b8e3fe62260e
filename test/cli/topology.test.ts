import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { namespaceSchema } from '../../src/topology/file/index.ts';
import { assertFailure, runCli, startBroker, temporaryFolder } from './cli-process.ts';

const NAMESPACE = `queues:
  - name: back
    forwardDeadLetteredMessagesTo: graveyard
  - name: graveyard
    forwardDeadLetteredMessagesTo: back
  - name: orders
    lockDuration: PT30S
    requiresSession: true
    forwardDeadLetteredMessagesTo: graveyard
topics:
  - name: outcomes
    defaultMessageTimeToLive: P1DT12H
    subscriptions:
      - name: all
        rules:
          - name: $Default
      - name: none
        rules: []
      - name: some
        maxDeliveryCount: 3
        forwardTo: graveyard
        rules:
          - name: big
            sqlFilter:
              sqlExpression: |-
                amount > @least
                AND name <> '<&>'
              parameters:
                "@least": 1000
            action:
              sqlExpression: SET size = 'big'
          - name: red
            correlationFilter:
              label: paint
              properties:
                colour: red
                share: 0.5
`;

test('topology import makes what a file says, and topology export writes the same file', async (t) => {
  const folder = await temporaryFolder(t);
  const file = join(folder, 'namespace.yaml');
  await writeFile(file, NAMESPACE);
  await writeFile(join(folder, 'empty.yaml'), '{}');
  const config = ['--config', join(folder, 'empty.yaml')];
  const { env } = await startBroker(t, { data: join(folder, 'data'), args: config });
  const topology = (...args: string[]) => runCli(['topology', ...args], { env });

  const dry = await topology('import', file, '--dry-run');
  assert.equal(dry.code, 0, dry.stderr);
  assert.deepEqual(dry.stdout.split('\n'), [
    "would create topic 'outcomes'",
    "would create queue 'graveyard'",
    "would create queue 'back'",
    "would create queue 'orders'",
    "would create subscription 'all' of topic 'outcomes'",
    "would create subscription 'none' of topic 'outcomes'",
    "would create subscription 'some' of topic 'outcomes'",
    "would update queue 'graveyard': forwardDeadLetteredMessagesTo none → back",
    '7 to create, 1 to update, 0 to delete, 0 unchanged',
    '',
  ]);
  assert.equal((await topology('export')).stdout, 'queues: []\ntopics: []\n', 'a dry run does nothing');

  const first = await topology('import', file);
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stdout, /^create topic 'outcomes'\n[^]*\n7 created, 1 updated, 0 deleted, 0 unchanged\n$/);
  const again = await topology('import', file);
  assert.deepEqual([again.code, again.stdout], [0, '0 created, 0 updated, 0 deleted, 10 unchanged\n']);

  assert.equal((await topology('export')).stdout, NAMESPACE);
  const written = await topology('export', '--json', '--all', '--output', join(folder, 'out.json'));
  assert.deepEqual([written.code, written.stdout, written.stderr], [0, '', '']);
  const { queues } = JSON.parse(await readFile(join(folder, 'out.json'), 'utf8')) as { queues: { status: string }[] };
  assert.equal(queues[0]?.status, 'Active');
  const json = await topology('import', join(folder, 'out.json'), '--json', '--prune');
  assert.deepEqual(JSON.parse(json.stdout), { done: true, steps: [], unchanged: 10 });
});

test('topology import changes what is different, leaves what is not named, and deletes it only when told twice', async (t) => {
  const folder = await temporaryFolder(t);
  const file = join(folder, 'namespace.yaml');
  await writeFile(file, NAMESPACE);
  const { env } = await startBroker(t, { data: join(folder, 'data'), args: ['--config', file] });
  const topology = (text: string, ...args: string[]) =>
    runCli(['topology', 'import', '-', ...args], { env, stdin: text });

  const changes = `
queues: [{name: Orders, requiresSession: true}]
topics: [{name: outcomes, subscriptions: [{name: some, rules: [{name: red, correlationFilter: {label: x}}]}]}]`;
  const report = JSON.parse((await topology(changes, '--json')).stdout) as { steps: { entity: string }[] };
  assert.deepEqual(report, {
    done: true,
    steps: [
      {
        action: 'update',
        entity: "topic 'outcomes'",
        changes: [{ property: 'defaultMessageTimeToLive', from: 'P1DT12H', to: 'P10675199DT2H48M5.4775807S' }],
      },
      {
        action: 'update',
        entity: "queue 'orders'",
        changes: [
          { property: 'lockDuration', from: 'PT30S', to: 'PT1M' },
          { property: 'forwardDeadLetteredMessagesTo', from: 'graveyard' },
        ],
      },
      {
        action: 'update',
        entity: "subscription 'some' of topic 'outcomes'",
        changes: [
          { property: 'maxDeliveryCount', from: 3, to: 10 },
          { property: 'forwardTo', from: 'graveyard' },
        ],
      },
      {
        action: 'update',
        entity: "rule 'red' of subscription 'some' of topic 'outcomes'",
        changes: (report.steps[3] as unknown as { changes: unknown }).changes,
      },
      { action: 'delete', entity: "rule 'big' of subscription 'some' of topic 'outcomes'" },
    ],
    unchanged: 0,
  });

  assertFailure(
    await topology(changes, '--prune'),
    2,
    /Delete queue 'back', queue 'graveyard', subscription 'all' of topic 'outcomes', .* with all their messages\? .*--yes/,
  );
  const pruned = await topology(changes, '--prune', '--yes');
  assert.match(pruned.stdout, /\n0 created, 0 updated, 4 deleted, 4 unchanged\n$/);
  assert.equal(
    (await runCli(['topology', 'export'], { env })).stdout,
    `queues:
  - name: orders
    requiresSession: true
topics:
  - name: outcomes
    subscriptions:
      - name: some
        rules:
          - name: red
            correlationFilter:
              label: x
`,
  );
});

test('topology import does nothing when something cannot be, and says all that cannot', async (t) => {
  const folder = await temporaryFolder(t);
  const { env, connectionString, accessRules } = await startBroker(t, {
    data: join(folder, 'data'),
    args: ['--queue', 'q', '--access-rule', 'app=Listen'],
  });
  const topology = (text: string) => runCli(['topology', 'import', '-'], { env, stdin: text });
  assertFailure(
    await topology('queues: [{name: new}, {name: q, requiresSession: true}, {name: p, forwardTo: nowhere}]'),
    2,
    /queue 'q': requiresSession is false .*; queue 'p': forwardTo: .*'nowhere'/,
  );
  assert.equal((await runCli(['topology', 'export'], { env })).stdout, 'queues:\n  - name: q\ntopics: []\n');
  assertFailure(
    await topology('queues: [{name: q, lockDuraton: PT1M}]'),
    2,
    /^retrain: stdin:1:20: .*did you mean 'lockDuration'/,
  );
  const as = (text = '') => runCli(['topology', 'export', '--connection', text]);
  assertFailure(await as(connectionString.replace(/:\d+;/, ':1;')), 75, /nobody answers the admin API/);
  assertFailure(await as(accessRules[0]?.connectionString), 77, /refuses the key "app" for the namespace/);
});

test('topology schema prints the published JSON Schema', async () => {
  const { stdout, code } = await runCli(['topology', 'schema']);
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), namespaceSchema());
});
