import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { coalesce, takeForPlan } from '../../src/retraining/plan.ts';
import type { PlanRequest } from '../../src/retraining/plan.ts';
import { PLAN_IDENTITIES_MAX_BYTES, PLAN_REQUESTS_MAX } from '../../src/retraining/worker/ledger-record.ts';
import { parseRequest } from '../../src/retraining/request.ts';
import type { RetrainRequestInput } from '../../src/retraining/request.ts';

function planRequest(
  id: string,
  over: Partial<RetrainRequestInput> & { minute?: number; seq?: string } = {},
): PlanRequest {
  const { minute = 0, seq = '1', ...input } = over;
  const request = parseRequest({ model: { name: 'm' }, trigger: { kind: 'new-data' }, ...input });
  return { id, source: '/s', time: new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString(), seq, request };
}

const ids = (requests: readonly { id: string }[]): string[] => requests.map(({ id }) => id);

test('requests are ordered by time, then by first sequence number as a number, not by arrival', () => {
  const arrived = [
    planRequest('d', { minute: 1, seq: '1' }),
    planRequest('c', { seq: '10' }),
    planRequest('b', { seq: '9' }),
    { ...planRequest('a', { seq: '50' }), time: '2026-01-01T01:59:59+02:00' },
  ];
  assert.deepEqual(ids(takeForPlan(arrived, () => false).taken), ['a', 'b', 'c', 'd']);
  assert.deepEqual(ids(coalesce(arrived).requests), ['a', 'b', 'c', 'd']);
});

test('a plan is the union of the data, all triggers, later parameters and the earliest deadline', () => {
  const plan = coalesce([
    planRequest('late', {
      minute: 2,
      model: { name: 'm', version: '8' },
      trigger: { kind: 'performance-decay', metric: 'mape' },
      data: [{ uri: 'b', etag: 'new' }, { uri: 'c' }],
      parameters: { years: 4, tags: ['late'] },
      deadline: '2026-03-01T00:00:00Z',
    }),
    planRequest('early', {
      minute: 1,
      model: { name: 'm', version: '7' },
      data: [{ uri: 'a' }, { uri: 'b', etag: 'old' }],
      parameters: { years: 3, seed: 1, tags: ['early'] },
      deadline: '2026-03-01T00:30:00+01:00',
    }),
  ]);
  assert.deepEqual(plan.model, { name: 'm', version: '8' });
  assert.deepEqual(plan.data, [{ uri: 'a' }, { uri: 'b', etag: 'new' }, { uri: 'c' }]);
  assert.deepEqual(plan.triggers, [{ kind: 'new-data' }, { kind: 'performance-decay', metric: 'mape' }]);
  assert.deepEqual(plan.parameters, { years: 4, seed: 1, tags: ['late'] });
  assert.equal(plan.deadline, '2026-03-01T00:30:00+01:00');
  assert.deepEqual(ids(plan.requests), ['early', 'late']);
  assert.deepEqual(plan.requests[0]?.parameters, { years: 3, seed: 1, tags: ['early'] });
});

test('a plan without deadline and version has no such fields', () => {
  const plan = coalesce([planRequest('a')]);
  assert.ok(!('deadline' in plan) && !('version' in plan.model));
});

test('requests of two models are no plan, and none are none', () => {
  assert.throws(() => coalesce([planRequest('a'), planRequest('b', { model: { name: 'n' } })]), {
    code: 'ARGUMENT_INVALID',
  });
  assert.throws(() => coalesce([]), { code: 'ARGUMENT_INVALID' });
});

test('a request that has to run by itself does so, and others do not wait behind its turn', () => {
  const requests = ['a', 'b', 'c', 'd'].map((id, minute) => planRequest(id, { minute }));
  const alone = (...names: string[]) => takeForPlan(requests, ({ id }) => names.includes(id));
  assert.deepEqual([ids(alone('a').taken), ids(alone('a').left)], [['a'], ['b', 'c', 'd']]);
  assert.deepEqual([ids(alone('b').taken), ids(alone('b').left)], [['a', 'c', 'd'], ['b']]);
});

test('a second copy of a request is answered by the first', () => {
  const { taken, doubles } = takeForPlan([planRequest('a', { seq: '7' }), planRequest('a', { seq: '3' })], () => false);
  assert.deepEqual(
    taken.map(({ seq }) => seq),
    ['3'],
  );
  assert.deepEqual(
    doubles.map(({ seq }) => seq),
    ['7'],
  );
});

const anyRequest = fc
  .record({
    id: fc.string({ minLength: 1, maxLength: 128 }),
    minute: fc.nat(5),
    seq: fc.nat(3).map(String),
    uris: fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 3 }),
    key: fc.constantFrom('x', 'y'),
    value: fc.nat(9),
  })
  .map(({ id, minute, seq, uris, key, value }) =>
    planRequest(id, {
      minute,
      seq,
      data: uris.map((uri) => ({ uri, etag: `${value}` })),
      parameters: { [key]: value },
    }),
  );

test('the order of arrival changes nothing in a plan', () => {
  fc.assert(
    fc.property(fc.uniqueArray(anyRequest, { minLength: 1, maxLength: 8, selector: ({ id }) => id }), (requests) => {
      const plan = coalesce(requests);
      assert.deepEqual(coalesce(requests.toReversed()), plan);
      assert.deepEqual(
        new Set(plan.data.map(({ uri }) => uri)),
        new Set(requests.flatMap(({ request }) => request.data.map(({ uri }) => uri))),
      );
      assert.equal(plan.triggers.length, requests.length);
    }),
  );
});

test('nothing is lost between taken, left and doubles, and what is taken fits into a ledger', () => {
  const many = fc.array(anyRequest, { maxLength: 300, size: 'max' });
  fc.assert(
    fc.property(many, (requests) => {
      const { taken, left, doubles } = takeForPlan(requests, () => false);
      assert.equal(taken.length + left.length + doubles.length, requests.length);
      assert.ok(taken.length <= PLAN_REQUESTS_MAX);
      const recorded = taken.map(({ source, id }) => ({ source, id, hop: 999_999 }));
      assert.ok(Buffer.byteLength(JSON.stringify(recorded)) <= PLAN_IDENTITIES_MAX_BYTES + 2);
      if (requests.length > 0) assert.ok(taken.length > 0);
    }),
    { numRuns: 30 },
  );
});

test('fifty requests with ids of the usual length are one plan', () => {
  const requests = Array.from({ length: 50 }, (_, i) => planRequest(String(i).padStart(32, '0'), { seq: `${i}` }));
  assert.equal(takeForPlan(requests, () => false).taken.length, 50);
});
