import assert from 'node:assert/strict';
import { test } from 'node:test';
import { INTERRUPTIONS_PER_ATTEMPT, advance, emptyLedger } from '../../../src/retraining/worker/ledger.ts';
import { WAITING_MAX } from '../../../src/retraining/worker/ledger-record.ts';
import type { RunRequest } from '../../../src/retraining/worker/ledger-record.ts';
import { answerOf, cloneAfter, nextRun, waitingOf } from '../../../src/retraining/worker/ledger-view.ts';
import { isExhausted } from '../../../src/retraining/worker/worker-sort.ts';
import { a, b, noon, started, restarted, limits, trained, decided, stopped, run } from './ledger-events.ts';

// What keeps a request from being tried for ever, from being lost, and from waiting too long or too short.

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
  assert.equal(nextRun(ledger, { nowMs: noon, maxRunsPerDay: 2, cooldownMs: 0 }).atMs, midnight);
  assert.equal(nextRun(ledger, { nowMs: noon, maxRunsPerDay: 3, cooldownMs: 0 }).atMs, 0);
  assert.equal(nextRun(ledger, { nowMs: midnight, maxRunsPerDay: 2, cooldownMs: 0 }).atMs, 0);
});

test('an end of the cool-down that was written by a clock that stood ahead is not waited for', () => {
  const nextRunAtMs = noon + 60_000;
  const end = run(started(), { type: 'interrupted', progress: 0, nextRunAtMs });
  const at = (nowMs: number): number => nextRun(end, { nowMs, maxRunsPerDay: 9, cooldownMs: 60_000 }).atMs;
  assert.equal(at(noon), nextRunAtMs);
  assert.equal(at(noon + 59_999), nextRunAtMs);
  assert.equal(at(noon - 1), 0);
});
