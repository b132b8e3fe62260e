import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { parse } from 'yaml';
import { compileGlob } from '../../../src/retraining/intake/glob.ts';
import { readIntakeEvents } from '../../../src/retraining/intake/intake-event.ts';
import type { IntakeEvent } from '../../../src/retraining/intake/intake-event.ts';
import { IntakeRules } from '../../../src/retraining/intake/intake-rules.ts';
import type { Decision } from '../../../src/retraining/intake/intake-rules.ts';
import { intakeRulesSchema } from '../../../src/retraining/intake/intake-settings.ts';
import type { IntakeRuleInput } from '../../../src/retraining/intake/intake-settings.ts';
import { received } from '../received-message.ts';
import { blobCreated, datasetDriftDetected, modelRegistered, thresholdBreached } from './azure-events.ts';

function eventsOf(body: unknown, rest: object = {}): readonly IntakeEvent[] {
  const read = readIntakeEvents(received({}, { body, ...rest }));
  assert.ok(read.kind === 'valid', JSON.stringify(read));
  return read.events;
}

function decide(body: unknown, rules: readonly IntakeRuleInput[]): Decision {
  const [event] = eventsOf(body);
  assert.ok(event);
  return new IntakeRules(intakeRulesSchema.parse(rules)).decide(event);
}

function requestIn(decision: Decision): Extract<Decision, { kind: 'request' }> {
  assert.ok(decision.kind === 'request', JSON.stringify(decision));
  return decision;
}

test('a new file asks for its model, with the file as data, and the file and its etag as identity', () => {
  const rules = [
    {
      when: { type: 'microsoft.storage.blobcreated', subject: '/blobServices/default/containers/raw/blobs/*/*.csv' },
      model: 'births/{1}',
    },
  ];
  const { input, options } = requestIn(decide(blobCreated(), rules));
  assert.deepEqual(input.model, { name: 'births/us' });
  assert.deepEqual(input.trigger, { kind: 'new-data' });
  assert.deepEqual(input.data, [
    { uri: 'https://births.blob.core.windows.net/raw/us/2024.csv', etag: '0x8D4BCC2E4835CD0', contentType: 'text/csv' },
  ]);
  assert.equal(input.requestedBy, 'intake, rule 1');
  assert.deepEqual([options.dedupeKey, options.time], [undefined, '2026-01-31T18:41:00.958Z']);
});

test('the same event as a CloudEvent, in any casing, in any mode of either version of the binding, is the same', () => {
  const grid = blobCreated();
  const attributes = {
    specversion: '1.0',
    id: grid['id'],
    type: grid['eventType'],
    source: grid['topic'],
    subject: grid['subject'],
    time: grid['eventTime'],
  };
  const [expected] = eventsOf(grid);
  const upper = (value: object): object =>
    Object.fromEntries(Object.entries(value).map(([name, inner]) => [name.toUpperCase(), inner]));
  const data = grid['data'];
  const prefixed = (prefix: string) =>
    Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`${prefix}${name}`, value]));
  const forms = [
    eventsOf({ ...attributes, data }),
    eventsOf(upper({ ...grid })),
    eventsOf([{ ...attributes, data }]),
    eventsOf(Buffer.from(JSON.stringify({ ...attributes, data }))),
    eventsOf(
      { ...attributes, data_base64: Buffer.from(JSON.stringify(data)).toString('base64') },
      { contentType: 'application/cloudevents+json' },
    ),
    eventsOf(data, { applicationProperties: prefixed('cloudEvents_') }),
    eventsOf(data, { applicationProperties: prefixed('cloudEvents:') }),
  ];
  for (const [index, form] of forms.entries()) assert.deepEqual(form, [expected], `form ${index}`);
});

test('a run whose monitor crossed its threshold is drift; any other change of a run is for no rule that does not ask for it', () => {
  const rules: IntakeRuleInput[] = [
    {
      name: 'drift',
      when: { type: '*RunStatusChanged' },
      model: 'births',
      trigger: { metric: '{data.runTags.stage}' },
    },
  ];
  const { input, options } = requestIn(decide(thresholdBreached(), rules));
  assert.deepEqual(input.trigger, { kind: 'data-drift', detector: 'births-monitor', metric: 'production' });
  assert.match(options.dedupeKey ?? '', /^births\/event\//, 'without a window, the event itself is the identity');
  const other = decide(thresholdBreached({}), rules);
  assert.ok(other.kind === 'unmatched');
  assert.match(
    other.reason,
    /^Microsoft\.MachineLearningServices\.RunStatusChanged status-1 from .* about experiments.*drift: the run has no tag azureml_modelmonitor_threshold_breached/,
  );
  const asked = [{ when: { data: { runStatus: 'Failed' } }, model: 'births' }];
  requestIn(decide(thresholdBreached({}), asked));
});

test('drift of a dataset and a registered model are told with their numbers', () => {
  const drift = requestIn(
    decide(datasetDriftDetected(), [{ when: { type: '*DatasetDriftDetected' }, model: 'births' }]),
  );
  assert.deepEqual(drift.input.trigger, {
    kind: 'data-drift',
    metric: 'driftCoefficient',
    detector: 'births-drift',
    observed: 0.83,
    window: { from: '2026-01-01T00:00:00.000Z', to: '2026-01-31T00:00:00.000Z' },
  });
  assert.equal(drift.options.dedupeKey, undefined, 'metric, detector and window are its identity');
  const registered = requestIn(
    decide(modelRegistered(), [{ when: { type: '*ModelRegistered' }, model: '{modelName}-head' }]),
  );
  assert.deepEqual(
    [registered.input.model.name, registered.input.data],
    ['embedding-head', [{ uri: 'azureml:embedding:20', etag: '20' }]],
  );
});

test('everything that a rule says must hold; the first that holds decides; ignore wins over those behind it', () => {
  const rules: IntakeRuleInput[] = [
    { name: 'small', when: { data: { contentLength: 0 } }, ignore: true },
    { name: 'other account', when: { source: { suffix: '/other' } }, model: 'x' },
    { name: 'other api', when: { source: '*/births', data: { api: { equals: 'CopyBlob' } } }, model: 'x' },
    { name: 'prefix', when: { subject: { prefix: '/blobServices/', suffix: '.json' } }, model: 'x' },
    {
      name: 'all',
      when: { type: ['a.b', '*.BlobCreated'], data: { api: 'Put*', contentLength: 524_288 } },
      model: '{container}',
      trigger: { kind: 'schedule' },
      parameters: { path: '{blob}', epochs: 3 },
      data: { uri: '{data.url}?x' },
    },
  ];
  const { rule, input } = requestIn(decide(blobCreated(), rules));
  assert.deepEqual([rule, input.model.name, input.trigger.kind], ['all', 'raw', 'schedule']);
  assert.deepEqual(
    [input.parameters, input.data],
    [{ path: 'us/2024.csv', epochs: 3 }, [{ uri: 'https://births.blob.core.windows.net/raw/us/2024.csv?x' }]],
  );
  const empty = { ...blobCreated(), data: { contentLength: 0 } };
  assert.deepEqual(decide(empty, rules), { kind: 'ignored', rule: 'small' });
  const none = decide(blobCreated(), rules.slice(0, 4));
  assert.ok(none.kind === 'unmatched');
  assert.match(
    none.reason,
    /small: data\.contentLength; other account: source; other api: data\.api; prefix: subject\)$/,
  );
  assert.match((decide(blobCreated(), []) as { reason: string }).reason, /there are no rules$/);
});

test('a rule that cannot be carried out says what is missing; what is put in is never looked at again', () => {
  const custom = { specversion: '1.0', id: '1', type: 'a.b', source: '/s', subject: '{id}', data: { name: '../x' } };
  const missing = decide(custom, [{ when: { type: 'a.b' }, model: '{container}' }]);
  assert.ok(missing.kind === 'invalid');
  assert.match(
    missing.reason,
    /^a\.b 1 from \/s about \{id\}: rule 1: model needs \{container\}, which the event has not$/,
  );
  const climbing = decide(custom, [{ when: { type: 'a.b' }, model: '{data.name}' }]);
  assert.ok(climbing.kind === 'invalid');
  assert.match(climbing.reason, /model\.name = "\.\.\/x": use 1 to 128/);
  const { input } = requestIn(
    decide(custom, [{ when: { type: 'a.b' }, model: 'm', parameters: { subject: '{subject}' } }]),
  );
  assert.deepEqual(input.parameters, { subject: '{id}' });
});

test('a request that comes as an event needs no rule and keeps its identity', () => {
  const event = {
    specversion: '1.0',
    id: 'r1',
    type: 'retrain.requested.v1',
    source: '/cron',
    data: { model: { name: 'm' }, trigger: { kind: 'schedule' } },
  };
  const decision = decide(event, []);
  assert.ok(decision.kind === 'forward');
  assert.deepEqual([decision.event.source, decision.event.id, decision.event.subject], ['/cron', 'r1', 'm']);
  assert.equal(decide({ ...event, data: {} }, []).kind, 'invalid');
});

test('what is no event says so', () => {
  for (const [body, reason] of [
    ['no JSON', /not JSON/],
    [[], /0 events/],
    [{ id: '1' }, /neither specversion nor eventType/],
    [{ specversion: '1.0', type: 'a' }, /has no id/],
    [{ specversion: '1.0', id: '1' }, /has no type/],
    [[blobCreated(), 7], /^event 2 of 2 is neither/],
    [{ eventType: 'x'.repeat(3_000), id: '1' }, /type of 3000 characters/],
  ] as const) {
    const read = readIntakeEvents(received({ body }));
    assert.ok(read.kind === 'invalid');
    assert.match(read.reason, reason);
  }
});

test('rules that cannot work are refused with their place', () => {
  for (const [rule, message] of [
    [{ when: {}, model: 'm' }, /at least one of type/],
    [{ when: { type: 'a' } }, /name the model/],
    [{ when: { type: 'a' }, model: 'm', ignore: true }, /one of the two/],
    [{ when: { type: 'a' }, model: '{contaner}' }, /placeholder \{contaner\}/],
    [{ when: { type: 'a' }, model: '{container' }, /brace without its partner/],
    [{ when: { subject: 'a/*' }, model: '{2}' }, /\{2\} is used, but subject has 1 \*/],
    [{ when: { subject: {} }, model: 'm' }, /at least one of equals/],
  ] as const) {
    const result = intakeRulesSchema.safeParse([rule]);
    assert.equal(result.success, false, JSON.stringify(rule));
    assert.match(JSON.stringify(result.error?.issues.map((issue) => issue.message)), message);
  }
});

test('the rules that the documentation shows can be used', () => {
  const page = readFileSync(join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'intake.md'), 'utf8');
  const shown = /```yaml\n([^]*?)```/.exec(page)?.[1] ?? '';
  const { intake } = parse(shown) as { intake: { rules: IntakeRuleInput[] } };
  const { input } = requestIn(decide(blobCreated(), intake.rules));
  assert.equal(input.model.name, 'births/us');
  const elsewhere = decide(blobCreated('other/a.csv'), intake.rules);
  assert.deepEqual(elsewhere, { kind: 'ignored', rule: 'rule 4' });
});

test('a glob takes what a regular expression takes, and is never slow', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 12 });
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 }), text, (pattern, subject) => {
      const taken = compileGlob(pattern)(subject);
      const expected = new RegExp(`^${pattern.replaceAll('*', '[^]*')}$`).test(subject);
      assert.equal(taken !== undefined, expected);
      if (!taken) return;
      const stars = [...taken];
      assert.equal(
        pattern.replace(/\*/g, () => stars.shift() ?? '?'),
        subject,
      );
    }),
  );
  const long = compileGlob('*a*a*a*a*a*a*a*a*b')('a'.repeat(100_000));
  assert.equal(long, undefined);
});
