import assert from 'node:assert/strict';
import { test } from 'node:test';
import { INTERRUPTIONS_PER_ATTEMPT, advance, emptyLedger } from '../../src/retraining/ledger.ts';
import type { LedgerEvent } from '../../src/retraining/ledger.ts';
import { WAITING_MAX } from '../../src/retraining/ledger-record.ts';
import type { Ledger, RunRequest } from '../../src/retraining/ledger-record.ts';
import { answerOf, cloneAfter, nextRunAt, waitingOf } from '../../src/retraining/ledger-view.ts';
import { isExhausted } from '../../src/retraining/worker-sort.ts';

// What keeps a request from being tried for ever, from being lost, and from waiting too long or too short.

const owner = { host: 'h', pid: 1, startTime: '100' };
const a: RunRequest = { source: '/s', id: 'a', hop: 0 };
const b: RunRequest = { source: '/s', id: 'b', hop: 0 };
const noon = Date.UTC(2026, 0, 1, 12);
const digest = 'd'.repeat(64);

const started = (epoch = 1, requests = [a, b]): LedgerEvent => ({
  type: 'started',
  runId: `run-${epoch}`,
  epoch,
  owner,
  atMs: noon,
  requests,
});
const restarted = { type: 'restarted', owner, epoch: 2, atMs: noon, interrupted: true } as const;
const limits = { maxAttempts: 3, maxKills: 2 };
const trained: LedgerEvent = {
  type: 'trained',
  atMs: noon,
  metrics: { challenger: { mape: 1 } },
  artifact: '/x',
  digest,
};
const decided: LedgerEvent = {
  type: 'decided',
  atMs: noon,
  verdict: 'promote',
  reason: 'better',
  registryEpoch: 0,
  previousChampion: null,
  pendingEvents: [{ outcome: 'promoted' }],
};
const stopped = (over: Partial<LedgerEvent & { type: 'stopped' }> = {}): LedgerEvent => ({
  type: 'stopped',
  atMs: noon,
  attempt: 'failed',
  resolution: 'retry',
  reason: 'exit 75',
  exitCode: 75,
  retryAtMs: noon + 1000,
  pendingEvents: [{ outcome: 'failed' }],
  ...over,
});

function run(...events: LedgerEvent[]): Ledger {
  return events.reduce(advance, emptyLedger('m'));
}

test('a split leaves each request one try by itself, however much was counted for the merged plan', () => {
  for (const attempt of ['failed', 'killed'] as const) {
    let ledger = emptyLedger('m');
    for (let i = 1; i <= 5; i++)
      ledger = [
        started(i),
        stopped({ attempt, resolution: i === 5 ? 'split' : 'retry', limits }),
        { type: 'settled' as const },
      ].reduce(advance, ledger);
    for (const request of [a, b]) {
      assert.ok(!isExhausted(ledger, request, limits), attempt);
      const alone = advance(ledger, started(20, [request]));
      assert.ok(isExhausted(advance(alone, stopped({ attempt, limits })), request, limits), attempt);
    }
  }
  const once = run(started(), stopped({ resolution: 'split', limits }));
  assert.equal(waitingOf(once, a).failed, 1);
  assert.throws(() => run(started(), stopped({ resolution: 'split' })), {
    code: 'ARGUMENT_INVALID',
    message: /limits/,
  });
});

test('a restart after a trainer was executed is an interruption without progress; one before is not', () => {
  let ledger = run(started());
  const restart = (interrupted: boolean): void => {
    ledger = advance(ledger, { ...restarted, epoch: ledger.epoch + 1, interrupted });
  };
  for (let i = 0; i < INTERRUPTIONS_PER_ATTEMPT; i++) restart(false);
  for (let i = 0; i < INTERRUPTIONS_PER_ATTEMPT - 1; i++) restart(true);
  assert.deepEqual([waitingOf(ledger, a).failed, waitingOf(ledger, b).interrupted], [0, 4]);
  restart(true);
  assert.deepEqual([waitingOf(ledger, a).failed, waitingOf(ledger, b).failed], [1, 1]);
  assert.equal(ledger.run?.stage, 'started');
});

test('a run is narrowed to some of its own requests, and the others stay unanswered', () => {
  const narrowed = run(started(), { type: 'narrowed', requests: [b] });
  assert.deepEqual(narrowed.run?.requests, [b]);
  const end = [
    trained,
    decided,
    { type: 'applied' as const },
    { type: 'told' as const },
    { type: 'settled' as const },
  ].reduce(advance, narrowed);
  assert.deepEqual([answerOf(end, a), answerOf(end, b)], [undefined, 'succeeded']);
  for (const requests of [[], [{ source: '/s', id: 'c' }], [a, { source: '/s', id: 'c' }]])
    assert.throws(() => run(started(), { type: 'narrowed', requests }), { code: 'ARGUMENT_INVALID' });
});

test('more requests than the ledger remembers are not postponed in one write', () => {
  const many = (length: number): RunRequest[] =>
    Array.from({ length }, (_, i) => ({ source: '/s', id: String(i), hop: 0 }));
  const most = run({ type: 'postponed', requests: many(WAITING_MAX), untilMs: noon });
  assert.ok(many(WAITING_MAX).every((request) => cloneAfter(most, request)?.hop === 1));
  assert.throws(() => run({ type: 'postponed', requests: many(WAITING_MAX + 1), untilMs: noon }), {
    code: 'ARGUMENT_INVALID',
  });
});

test('the budget of a day is spent by runs of that UTC day', () => {
  const ledger = run(started(), stopped(), { type: 'settled' }, started(2), stopped(), { type: 'settled' });
  const midnight = Date.UTC(2026, 0, 2);
  assert.equal(nextRunAt(ledger, { nowMs: noon, maxRunsPerDay: 2, cooldownMs: 0 }), midnight);
  assert.equal(nextRunAt(ledger, { nowMs: noon, maxRunsPerDay: 3, cooldownMs: 0 }), 0);
  assert.equal(nextRunAt(ledger, { nowMs: midnight, maxRunsPerDay: 2, cooldownMs: 0 }), 0);
});

test('an end of the cool-down that was written by a clock that stood ahead is not waited for', () => {
  const nextRunAtMs = noon + 60_000;
  const end = run(started(), { type: 'interrupted', progress: 0, nextRunAtMs });
  const at = (nowMs: number): number => nextRunAt(end, { nowMs, maxRunsPerDay: 9, cooldownMs: 60_000 });
  assert.equal(at(noon), nextRunAtMs);
  assert.equal(at(noon + 59_999), nextRunAtMs);
  assert.equal(at(noon - 1), 0);
});
