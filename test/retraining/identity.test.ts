import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RequestRef } from '../../src/retraining/worker/ledger-record.ts';
import {
  cloneMessageId,
  fittingMessageId,
  planKey,
  replayId,
  replayMessageId,
  requestId,
  requestKey,
} from '../../src/retraining/identity.ts';
import { parseRequest } from '../../src/retraining/request.ts';
import type { RetrainRequest, RetrainRequestInput } from '../../src/retraining/request.ts';
import { systemRandom as random } from '../../src/runtime/random.ts';

const time = '2026-01-01T00:00:00Z';
const later = '2026-02-01T00:00:00Z';
const window = { from: '2025-10-01T00:00:00Z', to: '2026-01-01T00:00:00Z' };

function request(
  kind: RetrainRequestInput['trigger']['kind'],
  trigger: Partial<RetrainRequestInput['trigger']> = {},
  data: RetrainRequestInput['data'] = [],
): RetrainRequest {
  return parseRequest({ model: { name: 'm' }, trigger: { kind, ...trigger }, data });
}

test('decay told twice has one id, whatever the numbers; another metric, detector, window or model has another', () => {
  const evidence = { metric: 'mape', detector: 'ratio', window };
  const id = requestId(request('performance-decay', { ...evidence, observed: 3 }), { time, random });
  assert.equal(requestId(request('performance-decay', { ...evidence, observed: 4 }), { time: later, random }), id);
  const shifted = { ...window, to: '2026-01-01T01:00:00+01:00' };
  assert.equal(requestId(request('performance-decay', { ...evidence, window: shifted }), { time, random }), id);
  const others = [
    request('data-drift', evidence),
    request('performance-decay', { ...evidence, metric: 'mae' }),
    request('performance-decay', { ...evidence, detector: 'adwin' }),
    request('performance-decay', { ...evidence, window: { ...window, to: later } }),
    { ...request('performance-decay', evidence), model: { name: 'n' } },
    { ...request('performance-decay', evidence), model: { name: 'm', version: '2' } },
  ];
  for (const other of others) assert.notEqual(requestId(other, { time, random }), id);
});

test('new data is told apart by addresses and etags, whatever their order', () => {
  const a = { uri: 'a', etag: '1' };
  const b = { uri: 'b', sha256: 'f'.repeat(64) };
  const id = requestId(request('new-data', {}, [a, b]), { time, random });
  assert.equal(requestId(request('new-data', {}, [b, a]), { time: later, random }), id);
  assert.notEqual(requestId(request('new-data', {}, [{ ...a, etag: '2' }, b]), { time, random }), id);
  assert.notEqual(requestId(request('new-data', {}, [a]), { time, random }), id);
});

test('evidence that cannot tell two occasions apart is completed by the time, so that no request is swallowed', () => {
  for (const vague of [
    request('new-data', {}, [{ uri: 'a' }]),
    request('new-data'),
    request('performance-decay', { metric: 'mape' }),
    request('schedule'),
  ]) {
    const id = requestId(vague, { time, random });
    assert.equal(requestId(vague, { time, random }), id);
    assert.notEqual(requestId(vague, { time: later, random }), id);
  }
});

test('a schedule is told by its tick, a manual request by nothing', () => {
  const tick = requestId(request('schedule', { window }), { time, random });
  assert.equal(requestId(request('schedule', { window }), { time: later, random }), tick);
  const manual = request('manual');
  assert.notEqual(requestId(manual, { time, random }), requestId(manual, { time, random }));
});

test("the caller's dedupeKey is the id; one that is long or could be taken for a clone is hashed", () => {
  const manual = request('manual');
  const idOf = (dedupeKey: string): string => requestId(manual, { time, random, dedupeKey });
  assert.equal(idOf('m-2026-01'), 'm-2026-01');
  assert.equal(idOf('x'.repeat(100)), 'x'.repeat(100));
  for (const key of ['x'.repeat(101), 'a~1', 'a b', 'ä']) assert.match(idOf(key), /^[0-9a-f]{32}$/);
  assert.throws(() => idOf(''), { code: 'ARGUMENT_INVALID' });
});

test('requests of two sources with the same id never share the MessageId of a clone or replay', () => {
  const [a, b] = ['/monitor/a', '/monitor/b'].map((source) => ({ source, id: 'daily' })) as [RequestRef, RequestRef];
  assert.notEqual(cloneMessageId(a, 1), cloneMessageId(b, 1));
  assert.notEqual(replayMessageId(a, 7n), replayMessageId(b, 7n));
  assert.equal(cloneMessageId(a, 1), cloneMessageId({ ...a }, 1));
});

test('no two of originals, clones and replays share a MessageId, and all fit into 128 characters', () => {
  const id = fc.oneof(
    fc
      .string({ minLength: 1, maxLength: 40 })
      .map((dedupeKey) => requestId(request('manual'), { time, random, dedupeKey })),
    fc.constant('x'.repeat(100)),
  );
  const hop = fc.integer({ min: 1, max: 999_999 });
  const seq = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n });
  fc.assert(
    fc.property(
      fc.uniqueArray(id, { minLength: 2, maxLength: 3 }),
      hop,
      hop,
      seq,
      (ids, hopA, hopB, deadLetterSequence) => {
        const all = ids.flatMap((one) => {
          const replay = replayId({ id: one }, deadLetterSequence);
          const sources = ['/monitor/a', '/monitor/b'];
          return [
            one,
            ...sources.map((source) => replayMessageId({ source, id: one }, deadLetterSequence)),
            ...[...new Set([hopA, hopB])].flatMap((h) =>
              sources.flatMap((source) => [one, replay].map((id) => cloneMessageId({ source, id }, h))),
            ),
          ];
        });
        assert.equal(new Set(all).size, all.length);
        for (const messageId of all) assert.ok(messageId.length <= 128);
      },
    ),
  );
});

test('a replay of a replay hangs on the first id', () => {
  assert.equal(replayId({ id: 'a' }, '12'), 'a~r12');
  assert.equal(replayId({ id: 'a~r12', replayOf: 'a' }, '20'), 'a~r20');
});

test('a long id of a stranger still gives MessageIds that fit', () => {
  const id = 'x'.repeat(128);
  const source = 's';
  assert.ok(cloneMessageId({ source, id }, 1).length <= 128);
  assert.notEqual(cloneMessageId({ source, id }, 1), cloneMessageId({ source, id }, 2));
  assert.equal(fittingMessageId(id), id);
  assert.match(fittingMessageId(`${id}x`), /^[0-9a-f]{32}$/);
});

test('keys depend on source and id together, a plan key not on the order', () => {
  assert.match(requestKey({ source: 's', id: 'i' }), /^[A-Za-z0-9_-]{22}$/);
  assert.notEqual(requestKey({ source: 'si', id: '' }), requestKey({ source: 's', id: 'i' }));
  const [a, b] = [
    { source: 's', id: '1' },
    { source: 's', id: '2' },
  ];
  assert.equal(planKey([a, b]), planKey([b, a]));
  assert.notEqual(planKey([a]), planKey([a, b]));
});
