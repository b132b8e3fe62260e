import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { entityText, type NamespaceDescription, type NamespacePlan, planNamespace } from '../../src/topology/index.ts';
import { namespaceText, parseTopologyFile } from '../../src/topology/file/index.ts';
import { namespaceArbitrary } from './namespace-arbitrary.ts';
import { NamespaceModel } from './namespace-model.ts';

const read = async (text: string): Promise<NamespaceDescription> => (await parseTopologyFile(text, 'f.yaml')).namespace;

const said = ({ steps }: NamespacePlan): string[] =>
  steps.map((step) => {
    const differences = step.action === 'update' ? step.differences.map(({ property }) => property) : [];
    return [step.action, entityText(step), ...differences].join(' ');
  });

test('everything is made in an order that forwarding allows, a subscription with its rules', async () => {
  const wanted = await read(`
queues:
  - {name: a, forwardTo: b}
  - {name: b, forwardDeadLetteredMessagesTo: t}
topics:
  - name: t
    subscriptions:
      - {name: all, forwardTo: a}
      - {name: none, rules: []}
      - {name: two, rules: [{name: x}, {name: y}]}
`);
  const plan = planNamespace({ queues: [], topics: [] }, wanted);
  assert.deepEqual(said(plan), [
    "create topic 't'",
    "create queue 'b'",
    "create queue 'a'",
    "create subscription 'all' of topic 't'",
    "create subscription 'none' of topic 't'",
    "create subscription 'two' of topic 't'",
  ]);
  const rules = plan.steps.map((step) => (step.action === 'create' ? step.rules : undefined)).filter((rule) => rule);
  assert.deepEqual(
    rules.map((each) => each?.map(({ name }) => name)),
    [['$Default'], [], ['x', 'y']],
  );
});

test('queues that forward in a circle are made first and forward afterwards', async () => {
  const wanted = await read(
    'queues: [{name: a, forwardDeadLetteredMessagesTo: b}, {name: b, forwardDeadLetteredMessagesTo: A}]',
  );
  assert.deepEqual(said(planNamespace({ queues: [], topics: [] }, wanted)), [
    "create queue 'b'",
    "create queue 'a'",
    "update queue 'b' forwardDeadLetteredMessagesTo",
  ]);
});

test('a chain of ten thousand queues is put in order', async () => {
  const queues = Array.from({ length: 10_000 }, (_, n) => `{name: q${n}, forwardTo: q${n + 1}}`);
  const { steps, refusals } = planNamespace(
    { queues: [], topics: [] },
    await read(`queues: [${queues.join()}, {name: q10000}]`),
  );
  assert.deepEqual([steps.length, refusals.length, steps[0] && entityText(steps[0])], [10_001, 0, "queue 'q10000'"]);
});

test('what is declared is the truth for what it names; what it does not name stays, or goes when that is wanted', async () => {
  const present = await read(`
queues: [{name: a, lockDuration: PT10S, maxDeliveryCount: 3}, {name: b}, {name: other}]
topics:
  - name: t
    subscriptions:
      - {name: s, rules: [{name: $Default}, {name: x, sqlFilter: {sqlExpression: a = 1}}]}
      - {name: kept, rules: [{name: mine}]}
      - {name: gone, rules: [{name: $Default}]}
`);
  const wanted = await read(`
queues: [{name: A, maxDeliveryCount: 3}, {name: b, lockDuration: PT60S}]
topics:
  - name: t
    status: Disabled
    subscriptions:
      - {name: s, rules: [{name: x, sqlFilter: {sqlExpression: a = 2}}, {name: y}]}
      - {name: kept}
`);
  const expected = [
    "update topic 't' status",
    "update queue 'a' lockDuration",
    "update rule 'x' of subscription 's' of topic 't' rule",
    "create rule 'y' of subscription 's' of topic 't'",
    "delete rule '$Default' of subscription 's' of topic 't'",
  ];
  assert.deepEqual(said(planNamespace(present, wanted)), expected);
  assert.deepEqual(said(planNamespace(present, wanted, { prune: true })), [
    ...expected,
    "delete queue 'other'",
    "delete subscription 'gone' of topic 't'",
  ]);
});

test('what cannot be done is refused, all of it, with entity, property and remedy', async () => {
  const present = await read('{queues: [{name: a}, {name: x}], topics: [{name: t, subscriptions: [{name: s}]}]}');
  const wanted = await read(`
queues: [{name: a, requiresSession: true, enablePartitioning: true}, {name: b, forwardTo: nowhere}, {name: t}]
topics: [{name: x, subscriptions: [{name: s, forwardTo: gone}]}]
`);
  const { refusals } = planNamespace(present, wanted);
  assert.deepEqual(
    refusals.map(({ entity, reason }) => `${entityText(entity)}: ${reason}`),
    [
      "topic 'x': there is a queue of this name; delete it, or choose another name",
      "queue 'a': requiresSession is false and cannot be changed to true; delete the queue and make it anew, or use another name",
      "queue 'a': enablePartitioning is false and cannot be changed to true; delete the queue and make it anew, or use another name",
      "queue 't': there is a topic of this name; delete it, or choose another name",
      "queue 'b': forwardTo: there is no queue or topic 'nowhere'; declare it, too, or correct its name",
      "subscription 's' of topic 'x': forwardTo: there is no queue or topic 'gone'; declare it, too, or correct its name",
    ],
  );
  const pruned = planNamespace(present, await read('{queues: [{name: t}], topics: [{name: a}]}'), { prune: true });
  assert.deepEqual(pruned.refusals, []);
  assert.deepEqual(said(pruned), [
    "delete queue 'a'",
    "delete topic 't'",
    "create topic 'a'",
    "create queue 't'",
    "delete queue 'x'",
  ]);
});

test('a plan that is carried out makes any namespace the wanted one, and then nothing is left to do', async () => {
  await fc.assert(
    fc.asyncProperty(namespaceArbitrary, namespaceArbitrary, fc.boolean(), async (present, wanted, prune) => {
      const { steps, refusals } = planNamespace(present, wanted, { prune });
      fc.pre(refusals.length === 0);
      const model = new NamespaceModel(present);
      for (const step of steps) model.carryOut(step);
      const after = model.namespace();
      assert.deepEqual(planNamespace(after, wanted, { prune }).steps, []);
      const written = (namespace: NamespaceDescription) => namespaceText(namespace, { notation: 'yaml' });
      if (prune) assert.equal(await written(after), await written(wanted));
    }),
    { numRuns: 300 },
  );
});
