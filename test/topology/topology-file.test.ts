import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEFAULT_RULE } from '../../src/topology/index.ts';
import { parseTopologyFile } from '../../src/topology/file/index.ts';
import { refusals } from './file-refusals.ts';

const NAMESPACE = `
# Two queues and a topic.
queues:
  - name: orders
    requiresSession: true
    lockDuration: PT30S
    forwardDeadLetteredMessagesTo: graveyard
  - name: graveyard
topics:
  - name: outcomes
    defaultMessageTimeToLive: P14D
    subscriptions:
      - name: all
      - name: none
        rules: []
      - name: some
        maxDeliveryCount: 3
        rules:
          - name: big
            sqlFilter: { sqlExpression: amount > @least, parameters: { '@least': 1000 } }
            action:
              sqlExpression: SET size = 'big'
          - name: red
            correlationFilter:
              label: paint
              properties: { colour: red, id: { type: guid, value: 7d4f8f5c-0d5e-4f5c-9d7f-0b8c6c1d2e3f } }
          - name: every
          - name: off
            filterType: FalseFilter
`;

test('a namespace in YAML: Azure Resource Manager’s names, each thing within what it belongs to', async () => {
  const { namespace, format, remarks } = await parseTopologyFile(NAMESPACE, 'namespace.yaml');
  assert.deepEqual([format, remarks], ['retrain', []]);
  const [orders, graveyard] = namespace.queues;
  assert.deepEqual(
    [orders?.requiresSession, orders?.lockDuration, orders?.forwardDeadLetteredMessagesTo, orders?.maxDeliveryCount],
    [true, 'PT30S', 'graveyard', 10],
  );
  assert.equal(graveyard?.name, 'graveyard');
  const [outcomes] = namespace.topics;
  assert.equal(outcomes?.description.defaultMessageTimeToLive, 'P14D');
  const [all, none, some] = outcomes?.subscriptions ?? [];
  assert.deepEqual([all?.description.topicName, all?.description.name], ['outcomes', 'all']);
  assert.equal(all?.rules, undefined);
  assert.deepEqual(none?.rules, []);
  assert.equal(some?.description.maxDeliveryCount, 3);
  assert.deepEqual(some?.rules, [
    {
      name: 'big',
      filterType: 'SqlFilter',
      sqlFilter: { sqlExpression: 'amount > @least', parameters: { '@least': 1000 } },
      action: { sqlExpression: "SET size = 'big'" },
    },
    {
      name: 'red',
      filterType: 'CorrelationFilter',
      correlationFilter: {
        label: 'paint',
        properties: { colour: 'red', id: { type: 'guid', value: '7d4f8f5c-0d5e-4f5c-9d7f-0b8c6c1d2e3f' } },
      },
    },
    { name: 'every', filterType: 'TrueFilter' },
    { name: 'off', filterType: 'FalseFilter' },
  ]);
});

test('the same in JSON with comments; the name’s ending or else the first sign says which it is', async () => {
  const json = `\uFEFF// what we have
{
  "$schema": "./topology.schema.json",
  "queues": [{ "name": "orders" /* the only one */ },],
}`;
  for (const file of ['namespace.json', 'namespace.jsonc', '-', 'namespace'])
    assert.equal((await parseTopologyFile(json, file)).namespace.queues[0]?.name, 'orders', file);
  assert.equal((await parseTopologyFile('queues: [{name: a}]', '-')).namespace.queues[0]?.name, 'a');
  assert.equal((await parseTopologyFile('{queues: [{name: a}]}', 'f.yml')).namespace.queues[0]?.name, 'a');
});

test('what is empty is a namespace without anything; a file without anything is not', async () => {
  for (const text of ['{}', 'queues:\ntopics:\n', 'queues: []'])
    assert.deepEqual((await parseTopologyFile(text, 'f.yaml')).namespace, { queues: [], topics: [] });
  for (const text of ['', ' \n', '\uFEFF']) assert.deepEqual(await refusals(text), ['f.yaml: the file is empty']);
  assert.match((await refusals('# nothing\n'))[0] ?? '', /^f\.yaml.*must be properties with their values/);
});

test('anchors, aliases and merge keys share settings', async () => {
  const text = `
queues:
  - &strict
    name: a
    maxDeliveryCount: 1
    lockDuration: PT10S
  - <<: *strict
    name: b
    lockDuration: PT20S
`;
  const [, b] = (await parseTopologyFile(text, 'f.yaml')).namespace.queues;
  assert.deepEqual([b?.name, b?.maxDeliveryCount, b?.lockDuration], ['b', 1, 'PT20S']);
});

test('the default rule is what a rule without a filter is', async () => {
  const text = 'topics: [{name: t, subscriptions: [{name: s, rules: [{name: $Default}]}]}]';
  const { topics } = (await parseTopologyFile(text, 'f.yaml')).namespace;
  assert.deepEqual(topics[0]?.subscriptions[0]?.rules, [DEFAULT_RULE]);
});

test('everything that is wrong is said at once, with its place', async () => {
  const text = `queues:
  - name: a
    lockDurations: PT1M
    maxDeliveryCount: "3"
    status: Inactive
  - name: A
    lockDuration: PT10M
  - requiresSession: yes
  - name: c
    forwardTo: c
topic: []
topics:
  - name: -t
    subscriptions:
      - name: s
        rule: []
        topicName: t
        rules:
          - name: x
            sqlFilter: { expression: a }
          - name: X
            filterType: TrueFilter
            sqlFilter: { sqlExpression: a = 1 }
          - name: y
            filterType: Sql
          - name: z
            correlationFilter: {}
      - name: S
        requiresSession: true
        forwardTo: a
      - 7
`;
  assert.deepEqual(await refusals(text), [
    "f.yaml:3:5: queues[0].lockDurations: unknown property 'lockDurations'; did you mean 'lockDuration'?",
    "f.yaml:4:23: queues[0].maxDeliveryCount: must be a number, not '3'; write it without quotes",
    "f.yaml:5:13: queues[0].status: must be one of Active, Disabled, SendDisabled, ReceiveDisabled, not 'Inactive'; did you mean 'Active'?",
    "f.yaml:6:11: queues[1].name: 'A' is taken by queue 'a' before it; names must differ in more than case",
    "f.yaml:7:19: queues[1].lockDuration: 'PT10M' must be an ISO 8601 duration from PT5S to PT5M",
    'f.yaml:8:5: queues[2].name: is missing',
    "f.yaml:8:22: queues[2].requiresSession: must be true or false, not 'yes'",
    'f.yaml:10:16: queues[3].forwardTo: a queue cannot forward to itself; name another queue or topic',
    "f.yaml:11:1: topic: unknown property 'topic'; did you mean 'topics'?",
    "f.yaml:13:11: topics[0].name: must be letters, digits and . - _ / and begin and end with a letter or digit, not '-t'",
    "f.yaml:16:9: topics[0].subscriptions[0].rule: unknown property 'rule'; did you mean 'rules'?",
    "f.yaml:17:9: topics[0].subscriptions[0].topicName: unknown property 'topicName'; known are name, lockDuration, maxDeliveryCount, requiresSession, deadLetteringOnMessageExpiration, forwardTo, forwardDeadLetteredMessagesTo, deadLetteringOnFilterEvaluationExceptions, defaultMessageTimeToLive, status, autoDeleteOnIdle, enableBatchedOperations, userMetadata, rules",
    'f.yaml:20:24: topics[0].subscriptions[0].rules[0].sqlFilter.sqlExpression: is missing',
    "f.yaml:20:26: topics[0].subscriptions[0].rules[0].sqlFilter.expression: unknown property 'expression'; did you mean 'sqlExpression'?",
    "f.yaml:21:19: topics[0].subscriptions[0].rules[1].name: 'X' is taken by rule 'x' before it; names must differ in more than case",
    'f.yaml:23:24: topics[0].subscriptions[0].rules[1].sqlFilter: does not go with a filter of type TrueFilter; leave out one of the two',
    "f.yaml:25:25: topics[0].subscriptions[0].rules[2].filterType: must be one of SqlFilter, CorrelationFilter, TrueFilter, FalseFilter, not 'Sql'",
    'f.yaml:27:32: topics[0].subscriptions[0].rules[3].correlationFilter: must name at least one property',
    "f.yaml:28:15: topics[0].subscriptions[1].name: 'S' is taken by subscription 's' before it; names must differ in more than case",
    'f.yaml:30:20: topics[0].subscriptions[1].forwardTo: a subscription with requiresSession cannot forward; leave out one of the two',
    'f.yaml:31:9: topics[0].subscriptions[2]: must be properties with their values, not 7',
  ]);
});

test('what is not well formed is said with its place, in YAML and in JSON', async () => {
  const table: [text: string, file: string, lines: RegExp[]][] = [
    ['queues: [\n  - a', 'f.yaml', [/^f\.yaml:2:3: block collections are not allowed within flow/]],
    ['a: 1\nqueues: []\na: 2\n', 'f.yaml', [/^f\.yaml:3:1: this name is given twice$/]],
    ['queues: []\n---\nqueues: []\n', 'f.yaml', [/^f\.yaml:2:1: the file must be one document/]],
    ['queues: *nowhere\n', 'f.yaml', [/^f\.yaml:1:9: .*alias.*nowhere/]],
    ['queues: !!set []\n', 'f.yaml', [/^f\.yaml:1:9: /]],
    ['[1]: 2\n', 'f.yaml', [/^f\.yaml:1:1: /]],
    ['{"queues": [{"name": "a"} {"name": "b"}]}', 'f.json', [/^f\.json:1:27: a comma is expected here$/]],
    ['{\n "queues": []', 'f.json', [/^f\.json:2:14: a closing brace } is missing$/]],
    ["{'queues': []}", 'f.json', [/^f\.json:1:2: this is no JSON: .*double quotes/]],
    ['{"queues": [], "queues": []}', 'f.json', [/^f\.json:1:16: queues: this name is given twice$/]],
    ['{"queues": []} x', 'f.json', [/^f\.json:1:16: /]],
    ['{"queues": "a}', 'f.json', [/^f\.json:1:12: this text does not end/]],
    ['[]', 'f.json', [/^f\.json:1:1: must be properties with their values, not a list$/]],
    ['queues', 'f.yaml', [/^f\.yaml:1:1: must be properties with their values, not 'queues'$/]],
    ['queues: {name: a}', 'f.yaml', [/^f\.yaml:1:9: queues: must be a list, not \{…\}$/]],
  ];
  for (const [text, file, expected] of table) {
    const said = await refusals(text, file);
    assert.equal(said.length, expected.length, `${text}: ${said.join('\n')}`);
    for (const [index, pattern] of expected.entries()) assert.match(said[index] ?? '', pattern);
  }
});

test('a name that YAML takes for a number is told to be quoted', async () => {
  assert.deepEqual(await refusals('queues: [{name: 007}]'), [
    'f.yaml:1:17: queues[0].name: must be text, not 7; put it in quotes',
  ]);
});

test('values of rules have the types that rules know', async () => {
  const rule = (properties: string): string =>
    `topics: [{name: t, subscriptions: [{name: s, rules: [{name: r, correlationFilter: {properties: ${properties}}}]}]}]`;
  const [, reason] = /: (must .*)$/.exec((await refusals(rule('{a: [1]}')))[0] ?? '') ?? [];
  assert.match(reason ?? '', /^must be text, a number, true, false, or \{ type, value \}.*, not a list$/);
  assert.match((await refusals(rule('{a: {type: integer, value: "1"}}')))[0] ?? '', /properties\.a: must be text/);
  assert.match((await refusals(rule('{"": 1}')))[0] ?? '', /correlationFilter\.properties/);
});

test('expressions of rules are checked, with the place in the file and in the expression', async () => {
  const said = await refusals(`topics: [{name: t, subscriptions: [{name: s, rules: [
    {name: a, sqlFilter: {sqlExpression: a = = 1}},
    {name: b, sqlFilter: {sqlExpression: a = @x, parameters: {'@y': 1}}},
    {name: c, action: {sqlExpression: SET 1 = a}},
    {name: d, correlationFilter: {properties: {x: {type: guid, value: abc}}}},
  ]}]}]`);
  assert.equal(said.length, 4);
  assert.match(
    said[0] ?? '',
    /^f\.yaml:2:\d+: .*rules\[0\]\.sqlFilter\.sqlExpression: SQL filter, at character 5: found '='/,
  );
  assert.match(said[1] ?? '', /^f\.yaml:3:\d+: .*rules\[1\]\.sqlFilter\.sqlExpression: .*@x has no value/);
  assert.match(said[2] ?? '', /^f\.yaml:4:\d+: .*rules\[2\]\.action\.sqlExpression: SQL action, at character 5/);
  assert.match(said[3] ?? '', /^f\.yaml:5:\d+: .*rules\[3\]\.correlationFilter: properties\.x is 'abc'/);
});

test('whoever is wrong everywhere is told the first hundred places', async () => {
  const said = await refusals(`queues:${Array.from({ length: 150 }, (_, n) => `\n  - name: '-${n}'`).join('')}`);
  assert.equal(said.length, 101);
  assert.equal(said.at(-1), 'f.yaml: and 50 further problems');
});

test('a merge key takes properties only', async () => {
  const merging = (source: string) => `queues:\n  - &a {name: a}\n  - {<<: ${source}, name: b}`;
  for (const source of ['5', '', 'x', '[*a, 5]', '[[*a]]'])
    assert.deepEqual(await refusals(merging(source)), ['f.yaml:3:6: << takes properties, or a list of them'], source);
  for (const source of ['*a', '[*a, {lockDuration: PT30S}]'])
    assert.equal((await parseTopologyFile(merging(source), 'f.yaml')).namespace.queues.length, 2, source);
});

test('what is nested too deeply or multiplies itself is refused', async () => {
  assert.deepEqual(await refusals('{"queues": '.repeat(100_000), 'f.json'), [
    'f.json: its values are nested too deeply',
  ]);
  assert.match((await refusals(`queues: ${'['.repeat(100_000)}`))[0] ?? '', /: its values are nested too deeply$/);
  const bomb = ['a: &a [x,x,x,x,x,x,x,x,x,x]'];
  for (const [one, next] of ['ab', 'bc', 'cd', 'de', 'ef', 'fg', 'gh'].entries())
    bomb.push(`${next[1]}: &${next[1]} [${`*${next[0]},`.repeat(10)}]`.padEnd(one));
  assert.match((await refusals(bomb.join('\n')))[0] ?? '', /alias/);
});

test('the example of the documentation is one', async () => {
  const page = join(import.meta.dirname, '..', '..', '..', 'docs', 'topology.md');
  const [, example = ''] = /```yaml\n([^]*?)```/.exec(await readFile(page, 'utf8')) ?? [];
  const { queues, topics } = (await parseTopologyFile(example, 'docs/topology.md')).namespace;
  assert.deepEqual([queues.length, topics[0]?.subscriptions[1]?.rules?.length], [2, 2]);
});
