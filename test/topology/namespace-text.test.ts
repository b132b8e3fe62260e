import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { planNamespace } from '../../src/topology/index.ts';
import { namespaceText, parseTopologyFile } from '../../src/topology/file/index.ts';
import { namespaceArbitrary } from './namespace-arbitrary.ts';

const read = async (text: string) => (await parseTopologyFile(text, 'f.yaml')).namespace;

test('a namespace is written with what is not as it would be anyway, in a fixed order, and can be compared', async () => {
  const text = `topics:
  - name: outcomes
    subscriptions:
      - {name: some, rules: [{name: z, correlationFilter: {label: a, properties: {n: 1}}}, {name: b, sqlFilter: {sqlExpression: "a = ': #1'"}, action: {sqlExpression: SET a = 1}}]}
      - {name: none, rules: []}
      - {name: all, rules: [{name: $Default}], lockDuration: PT300S}
      - {name: off, rules: [{name: $Default, filterType: FalseFilter}], maxDeliveryCount: 10}
queues:
  - {name: b, lockDuration: PT60S, userMetadata: "yes"}
  - {name: a, requiresSession: true, maxDeliveryCount: 3, defaultMessageTimeToLive: PT36H}
  - {name: B2}
`;
  const expected = `queues:
  - name: B2
  - name: a
    maxDeliveryCount: 3
    requiresSession: true
    defaultMessageTimeToLive: P1DT12H
  - name: b
    userMetadata: yes
topics:
  - name: outcomes
    subscriptions:
      - name: all
        lockDuration: PT5M
        rules:
          - name: $Default
      - name: none
        rules: []
      - name: off
        rules:
          - name: $Default
            filterType: FalseFilter
      - name: some
        rules:
          - name: b
            sqlFilter:
              sqlExpression: "a = ': #1'"
            action:
              sqlExpression: SET a = 1
          - name: z
            correlationFilter:
              label: a
              properties:
                n: 1
`;
  assert.equal(await namespaceText(await read(text), { notation: 'yaml' }), expected);
});

test('everything can be written, too; nothing is written as nothing', async () => {
  const written = await namespaceText(await read('queues: [{name: q}]'), { notation: 'yaml', all: true });
  assert.match(written, /^queues:\n {2}- name: q\n {4}lockDuration: PT1M\n {4}maxDeliveryCount: 10\n/);
  assert.match(written, /defaultMessageTimeToLive: P10675199DT2H48M5\.4775807S\n/);
  assert.equal(await namespaceText({ queues: [], topics: [] }, { notation: 'yaml' }), 'queues: []\ntopics: []\n');
});

test('what is written and read again is the same, in every notation', async () => {
  await fc.assert(
    fc.asyncProperty(
      namespaceArbitrary,
      fc.constantFrom('yaml' as const, 'json' as const),
      fc.boolean(),
      async (namespace, notation, all) => {
        const text = await namespaceText(namespace, { notation, all });
        const again = (await parseTopologyFile(text, `f.${notation}`)).namespace;
        const { steps, refusals } = planNamespace(namespace, again, { prune: true });
        assert.deepEqual([steps, refusals], [[], []], text);
        assert.equal(await namespaceText(again, { notation, all }), text);
      },
    ),
    { numRuns: 200 },
  );
});
