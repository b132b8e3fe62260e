import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseTopologyFile, ConfigurationFileError } from '../../src/topology/file/index.ts';

const OURS = `queues:
  - &a {name: a, lockDuration: PT30S, requiresSession: true}
  - {<<: *a, name: "b", userMetadata: |-
      x}
topics:
  - name: t
    subscriptions:
      - name: s
        rules: [{name: r, sqlFilter: {sqlExpression: a = @x, parameters: {'@x': {type: int, value: "1"}}}, action: {sqlExpression: SET a = 1}}]
`;
const EMULATORS = `{ // comment
  "UserConfig": { "Namespaces": [{ "Name": "n", "Queues": [{ "Name": "q", "Properties": { "MaxDeliveryCount": 3, "ForwardTo": "" } }],
  "Topics": [{ "Name": "t", "Subscriptions": [{ "Name": "s", "Rules": [{ "Name": "r", "Properties": {
    "FilterType": "Correlation", "CorrelationFilter": { "Label": "x", "Properties": { "a": 1 } } } }] }] }] }], "Logging": { "Type": "File" } } }`;

const bits = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 3 }),
  fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '"',
    "'",
    ':',
    ',',
    '\n',
    '  ',
    '- ',
    '*a',
    '&a ',
    '<<',
    '!!',
    '#',
    '//',
    '/*',
    '\t',
    '---\n',
    'null',
    '\\u0000',
    '__proto__',
  ),
);

/** A text with a few places replaced. */
const damaged = (text: string): fc.Arbitrary<string> =>
  fc.array(fc.tuple(fc.nat(text.length), fc.nat(6), bits), { maxLength: 4 }).map((changes) => {
    let result = text;
    for (const [at, length, bit] of changes) result = result.slice(0, at) + bit + result.slice(at + length);
    return result;
  });

test('a file that is damaged anywhere is read or refused with its places, and nothing else happens', async () => {
  const texts = fc.oneof(
    damaged(OURS),
    damaged(EMULATORS),
    fc.string({ unit: 'binary' }),
    fc.array(bits).map((all) => all.join('')),
  );
  await fc.assert(
    fc.asyncProperty(texts, fc.constantFrom('f.yaml', 'f.json', 'f'), async (text, file) => {
      try {
        await parseTopologyFile(text, file);
      } catch (error) {
        assert.ok(
          error instanceof ConfigurationFileError,
          error instanceof Error ? (error.stack ?? '') : String(error),
        );
        assert.ok(error.problems.length > 0);
        for (const line of error.problems) assert.match(line, /^f(\.\w+)?:/);
      }
    }),
    { numRuns: 2_000 },
  );
});
