import assert from 'node:assert/strict';
import { test } from 'node:test';
import { advance, emptyLedger } from '../../src/retraining/worker/ledger.ts';
import type { LedgerEvent } from '../../src/retraining/worker/ledger.ts';
import type { DecidedRun, StoppedRun } from '../../src/retraining/worker/ledger-record.ts';
import {
  decisionEvents,
  outcomeEvent,
  outcomeMessage,
  pendingOutcomes,
  readOutcome,
  stopEvents,
} from '../../src/retraining/outcome.ts';
import { projectOutcomes } from '../../src/retraining/projection.ts';
import { received } from './received-message.ts';

const atMs = Date.UTC(2026, 0, 1);
const owner = { host: 'h', pid: 1, startTime: '1' };
const requests = ['a', 'b'].map((id) => ({ source: '/s', id, hop: 0 }));
const start: LedgerEvent = { type: 'started', runId: 'run-1', epoch: 1, owner, atMs, requests };
const trained: LedgerEvent = {
  type: 'trained',
  atMs,
  metrics: { challenger: { mape: 2 } },
  artifact: '/x',
  digest: 'd'.repeat(64),
};

function decidedRun(verdict: 'promote' | 'reject'): DecidedRun {
  const decided: LedgerEvent = {
    type: 'decided',
    atMs: atMs + 1,
    verdict,
    reason: 'why',
    registryEpoch: 0,
    previousChampion: null,
    pendingEvents: decisionEvents(verdict),
  };
  return [start, trained, decided].reduce(advance, emptyLedger('m')).run as DecidedRun;
}

function stoppedRun(resolution: StoppedRun['resolution']): StoppedRun {
  const stop: LedgerEvent = {
    type: 'stopped',
    atMs: atMs + 2,
    attempt: 'failed',
    resolution,
    reason: 'exit 64',
    exitCode: 64,
    outputTail: 'boom',
    retryAtMs: atMs + 9,
    limits: { maxAttempts: 3, maxKills: 2 },
    pendingEvents: stopEvents(resolution, requests),
  };
  return [start, stop].reduce(advance, emptyLedger('m')).run as StoppedRun;
}

test('the events of a decision are the same however often they are made', () => {
  const events = pendingOutcomes(decidedRun('promote'), { model: 'm' });
  assert.deepEqual(events, pendingOutcomes(decidedRun('promote'), { model: 'm' }));
  assert.deepEqual(
    events.map(({ id }) => id),
    ['run-1.succeeded', 'run-1.promoted'],
  );
  const [, promoted] = events;
  assert.equal(promoted?.type, 'retrain.promoted.v1');
  assert.equal(promoted?.time, '2026-01-01T00:00:00.001Z');
  assert.deepEqual(promoted?.data.requests, [
    { source: '/s', id: 'a' },
    { source: '/s', id: 'b' },
  ]);
  assert.deepEqual(promoted?.data.previousChampion, null);
});

test('a run that is dead-lettered tells each request with the reason and the last output', () => {
  const [failed, first, second] = pendingOutcomes(stoppedRun('dead-letter'), { model: 'm' });
  assert.equal(failed?.data.exitCode, 64);
  assert.deepEqual([first?.data.request?.id, second?.data.request?.id], ['a', 'b']);
  assert.equal(first?.data.outputTail, 'boom');
  assert.notEqual(first?.id, second?.id);
});

test('an outcome event is read back from its message', () => {
  for (const event of pendingOutcomes(stoppedRun('retry'), { model: 'm', source: '/pool' })) {
    const message = outcomeMessage(event, { nowMs: atMs });
    assert.deepEqual([message.messageId, message.sessionId, message.subject], [event.id, 'm', event.type]);
    assert.deepEqual(readOutcome(received(message)), { kind: 'valid', event });
  }
  assert.equal(readOutcome(received({ body: 1 })).kind, 'invalid');
});

test('events without a run hang on the request, repeated ones on their step', () => {
  const request = { source: '/s', id: 'a' };
  const dead = outcomeEvent('deadlettered', { data: { model: 'm', request }, atMs });
  assert.match(dead.id, /^[A-Za-z0-9_-]{22}\.deadlettered$/);
  const step = (n: number): string =>
    outcomeEvent('progressed', { data: { model: 'm', runId: 'r' }, atMs, step: n }).id;
  assert.notEqual(step(1), step(2));
  assert.equal(step(1), step(1));
});

test('status is folded from events, doubles count once', () => {
  const started = outcomeEvent('started', {
    data: { model: 'm', runId: 'run-1', epoch: 1, requests: requests.map(({ source, id }) => ({ source, id })) },
    atMs,
  });
  const events = [started, ...pendingOutcomes(decidedRun('promote'), { model: 'm' })];
  const status = projectOutcomes([...events, ...events]);
  assert.deepEqual(
    status.models.map(({ model, runs, promoted, champion }) => [model, runs, promoted, champion?.runId]),
    [['m', 1, 1, 'run-1']],
  );
  assert.deepEqual(
    status.runs.map(({ runId, state, endedAt }) => [runId, state, endedAt]),
    [['run-1', 'promoted', '2026-01-01T00:00:00.001Z']],
  );
  assert.deepEqual(
    status.requests.map(({ id, state }) => [id, state]),
    [
      ['a', 'promoted'],
      ['b', 'promoted'],
    ],
  );
});

test('a failed run leaves its requests waiting, a dead letter ends them, and an answer stays an answer', () => {
  assert.deepEqual(
    projectOutcomes(pendingOutcomes(stoppedRun('retry'), { model: 'm' })).requests.map(({ state }) => state),
    ['waiting', 'waiting'],
  );
  const dead = projectOutcomes(pendingOutcomes(stoppedRun('dead-letter'), { model: 'm' }));
  assert.deepEqual(
    dead.requests.map(({ state, reason }) => [state, reason]),
    [
      ['deadlettered', 'exit 64'],
      ['deadlettered', 'exit 64'],
    ],
  );
  assert.deepEqual([dead.models[0]?.failed, dead.models[0]?.deadLettered], [1, 2]);
  const late = [
    ...pendingOutcomes(decidedRun('reject'), { model: 'm' }),
    ...pendingOutcomes(stoppedRun('retry'), { model: 'm' }),
  ];
  assert.deepEqual(
    projectOutcomes(late).requests.map(({ state }) => state),
    ['rejected', 'rejected'],
  );
});
