import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { parseRequest, retrainRequestJsonSchema } from '../../src/retraining/request.ts';

const full = {
  model: { name: 'births/us', version: '7' },
  trigger: {
    kind: 'performance-decay',
    detector: 'ratio',
    metric: 'mape',
    baseline: 2.23,
    observed: 3.5,
    threshold: 3.3,
    window: { from: '1984-01-01T00:00:00Z', to: '1984-04-01T00:00:00+02:00', count: 91 },
  },
  data: [{ uri: 'file:///births.csv', etag: '"1"', rows: 91, contentType: 'text/csv' }],
  parameters: { years: 3, nested: { list: [1, 'a', null, true] } },
  deadline: '1984-05-01T00:00:00Z',
  requestedBy: 'monitor',
};

test('a full request is kept as it is, a short one gets its defaults', () => {
  assert.deepEqual(parseRequest(full), full);
  const short = { model: { name: 'm' }, trigger: { kind: 'manual' } };
  assert.deepEqual(parseRequest(short), { ...short, data: [], parameters: {} });
});

function messageOf(value: unknown): string {
  try {
    parseRequest(value);
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'REQUEST_INVALID');
    const { message } = error as Error;
    assert.ok(!/[\n\r]/.test(message), 'one line');
    assert.ok(message.length < 600, `short: ${message}`);
    return message;
  }
  throw new assert.AssertionError({ message: `accepted ${JSON.stringify(value)}` });
}

test('each error names the field, the value and the remedy on one line', () => {
  const cases: [unknown, RegExp][] = [
    [undefined, /^request: the whole is missing/],
    [null, /^request: the whole = null: /],
    ['text', /^request: the whole = "text": /],
    [{ trigger: full.trigger }, /^request: model is missing: add it/],
    [{ ...full, model: { name: '../x' } }, /^request: model\.name = "\.\.\/x": use 1 to 128/],
    [{ ...full, trigger: { kind: 'whim' } }, /trigger\.kind = "whim": use one of performance-decay, data-drift/],
    [{ ...full, deadlin: 1 }, /deadlin is not a known field: remove it or correct its spelling/],
    [{ ...full, trigger: { ...full.trigger, metrik: 'x' } }, /trigger\.metrik is not a known field/],
    [{ ...full, deadline: 'tomorrow' }, /deadline = "tomorrow": use RFC 3339/],
    [{ ...full, deadline: '2026-02-30T00:00:00Z' }, /deadline = /],
    [{ ...full, data: [{ uri: 'a' }, { uri: '' }] }, /data\[1\]\.uri = "": /],
    [{ ...full, data: [{ uri: 'a', sha256: 'ABC' }] }, /data\[0\]\.sha256 = "ABC": use 64 lower case hex digits/],
    [{ ...full, data: 'x' }, /data = "x": /],
    [{ ...full, trigger: { kind: 'manual', baseline: Number.NaN } }, /trigger\.baseline = NaN: /],
    [{ ...full, trigger: { kind: 'manual', observed: Infinity } }, /trigger\.observed = Infinity: /],
    [{ ...full, parameters: { a: () => 1 } }, /parameters\.a = .*: use JSON of at most 32 levels/],
    [{ ...full, parameters: { a: [1n] } }, /parameters\.a = an array of 1: use JSON/],
    [{ ...full, requestedBy: 'a\nb'.repeat(200) }, /requestedBy = "a\\nb/],
    [
      { ...full, trigger: { kind: 'manual', window: { from: '2026-01-02T00:00:00Z', to: '2026-01-01T00:00:00Z' } } },
      /trigger\.window\.to = "2026-01-01T00:00:00Z": use an instant that is not before/,
    ],
    [{ model: {}, trigger: {}, data: 1 }, /\(and 2 more\)$/],
  ];
  for (const [value, expected] of cases) assert.match(messageOf(value), expected);
});

test('text that is nested a hundred thousand deep is refused, not walked', () => {
  let deep: unknown = 1;
  for (let i = 0; i < 100_000; i++) deep = [deep];
  assert.match(messageOf({ ...full, parameters: { deep } }), /parameters\.deep/);
});

test('an own __proto__ changes no prototype', () => {
  const text = '{"model":{"name":"m"},"trigger":{"kind":"manual"},"parameters":{"__proto__":{"evil":1}}}';
  const request = parseRequest(JSON.parse(text));
  assert.equal((request.parameters as { evil?: unknown }).evil, undefined);
  assert.equal(({} as { evil?: unknown }).evil, undefined);
});

test('the published schema is JSON Schema 2020-12 and carries the rule for names', () => {
  const schema = retrainRequestJsonSchema() as {
    $schema: string;
    required: string[];
    additionalProperties: boolean;
    properties: {
      model: { properties: { name: { pattern: string } } };
      trigger: { properties: { kind: { enum: string[] } } };
    };
  };
  assert.equal(schema.$schema, 'https://json-schema.org/draft/2020-12/schema');
  assert.deepEqual(schema.required, ['model', 'trigger']);
  assert.equal(schema.additionalProperties, false);
  const pattern = new RegExp(schema.properties.model.properties.name.pattern);
  assert.ok(pattern.test('births/us') && !pattern.test('../us'));
  assert.ok(schema.properties.trigger.properties.kind.enum.includes('new-data'));
});

test('the published JSON Schema is that of the requests', () => {
  const file = createRequire(import.meta.url).resolve('retrain/request.schema.json');
  const published: unknown = JSON.parse(readFileSync(file, 'utf8'));
  assert.deepEqual(published, JSON.parse(JSON.stringify(retrainRequestJsonSchema())), 'npm run schema writes it anew');
});
