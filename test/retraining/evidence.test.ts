import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REQUESTED_TYPE } from '../../src/retraining/envelope.ts';
import type { RequestEvent } from '../../src/retraining/envelope.ts';
import {
  EVIDENCE_MAX_BYTES,
  EVIDENCE_OF_RUN_MAX_BYTES,
  evidenceOf,
  evidenceOfRun,
  evidenceSchema,
} from '../../src/retraining/evidence.ts';
import { outcomeMessage, startEvents } from '../../src/retraining/outcome.ts';
import { parseRequest } from '../../src/retraining/request.ts';
import type { RetrainRequestInput } from '../../src/retraining/request.ts';

const DECAY = {
  kind: 'performance-decay',
  detector: 'ratio',
  metric: 'mape',
  baseline: 2.2,
  observed: 3.5,
  threshold: 3.3,
  window: { from: '1984-01-01T00:00:00Z', to: '1984-04-01T00:00:00Z', count: 91 },
} as const;

function event(id: string, rest: Partial<RetrainRequestInput> = {}, more: Partial<RequestEvent> = {}): RequestEvent {
  const data = parseRequest({ model: { name: 'births' }, trigger: DECAY, ...rest });
  return { source: '/test', id, type: REQUESTED_TYPE, subject: 'births', time: '2026-01-01T00:00:00Z', data, ...more };
}

function bytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

test('evidence is the trigger with its numbers, who asked, and the data by address', () => {
  const data = [{ uri: 'https://example.net/a', etag: 'e1', rows: 5 }];
  const told = evidenceOf(event('a', { data, requestedBy: 'monitor' }, { dataref: 'https://example.net/more' }));
  assert.deepEqual(told, {
    request: { source: '/test', id: 'a' },
    time: '2026-01-01T00:00:00.000Z',
    trigger: DECAY,
    requestedBy: 'monitor',
    dataref: 'https://example.net/more',
    data: [{ uri: 'https://example.net/a', etag: 'e1' }],
  });
  assert.deepEqual(evidenceSchema.parse(told), told);
});

test('a thousand items of data are told by the first and their number', () => {
  const data = Array.from({ length: 1000 }, (_, i) => ({ uri: `https://example.net/${i}/${'x'.repeat(100)}` }));
  const told = evidenceOf(event('a', { data }));
  assert.equal(told.dataCount, 1000);
  assert.ok((told.data?.length ?? 0) > 10);
  assert.ok(bytes(told) <= EVIDENCE_MAX_BYTES, String(bytes(told)));
});

test('whatever a stranger sends, evidence keeps its limit', () => {
  const long = `2026-01-01T00:00:00.${'0'.repeat(50_000)}Z`;
  const told = evidenceOf(
    event(
      'a',
      { trigger: { ...DECAY, window: { from: long, to: long } } },
      { dataref: 'x'.repeat(50_000), time: long },
    ),
  );
  assert.deepEqual(told.trigger, { kind: 'performance-decay' });
  assert.ok(bytes(told) <= EVIDENCE_MAX_BYTES);
});

test('the start of a merged run tells why each of its requests was made', () => {
  const events = ['a', 'b'].map((id) => event(id));
  const requests = events.map(({ source, id }) => ({ source, id, hop: 0 }));
  const owner = { host: 'h', pid: 1, startTime: 's' };
  const run = { stage: 'started', runId: 'r', epoch: 3, owner, lease: 1, startedAtMs: 0, requests } as const;
  const told = startEvents({ ...run, requests: [...requests] }, { model: 'births', events });
  assert.deepEqual(
    told.map(({ type, data }) => [type, data.evidence?.map(({ request }) => request.id)]),
    [
      ['retrain.started.v1', ['a', 'b']],
      ['retrain.coalesced.v1', ['a']],
      ['retrain.coalesced.v1', ['b']],
    ],
  );
});

test('the start of the largest run is a message that a queue takes', () => {
  const data = Array.from({ length: 100 }, (_, i) => ({ uri: `https://example.net/${i}` }));
  const events = Array.from({ length: 100 }, (_, i) => event(`${i}-${'i'.repeat(80)}`, { data }));
  assert.ok(bytes(evidenceOfRun(events)) <= EVIDENCE_OF_RUN_MAX_BYTES);
  const owner = { host: 'h', pid: 1, startTime: 's' };
  const requests = events.map(({ source, id }) => ({ source, id, hop: 0 }));
  const run = { stage: 'started', runId: 'r', epoch: 3, owner, lease: 1, startedAtMs: 0, requests } as const;
  for (const told of startEvents({ ...run, requests }, { model: 'births', events }))
    assert.doesNotThrow(() => outcomeMessage(told, { nowMs: 0 }));
});
