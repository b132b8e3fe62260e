import assert from 'node:assert/strict';
import { test } from 'node:test';
import { advance, emptyLedger } from '../../../src/retraining/worker/ledger.ts';
import { LEDGER_MAX_BYTES, decodeLedger, encodeLedger } from '../../../src/retraining/worker/ledger-codec.ts';
import { ANSWERED_MAX, WAITING_MAX } from '../../../src/retraining/worker/ledger-record.ts';
import type { Ledger } from '../../../src/retraining/worker/ledger-record.ts';
import { ME } from './session-double.ts';

// What docs/ledger.md says of how a ledger grows.

function requestsOf(run: number, count: number) {
  return Array.from({ length: count }, (_, i) => ({ source: '/monitors/births', id: `${run}-${i}`, hop: 0 }));
}

/** One run from start to end. */
function promoted(before: Ledger, run: number, count: number): Ledger {
  const requests = requestsOf(run, count);
  const epoch = before.epoch + 1;
  let ledger = advance(before, { type: 'started', runId: `r${run}`, epoch, owner: ME, atMs: run, requests });
  const metrics = { challenger: { mape: 2.2 } };
  ledger = advance(ledger, { type: 'trained', atMs: run, metrics, artifact: '/a', digest: 'f'.repeat(64) });
  const decided = { verdict: 'promote', reason: 'better', registryEpoch: epoch - 1, pendingEvents: [] } as const;
  ledger = advance(ledger, { type: 'decided', atMs: run, previousChampion: null, ...decided });
  for (const type of ['applied', 'told', 'settled'] as const) ledger = advance(ledger, { type });
  return ledger;
}

function sizeOf(ledger: Ledger): number {
  return encodeLedger(ledger).length;
}

test('a ledger between runs grows by 26 bytes for each answered request, and no more after 256 of them', () => {
  let ledger = emptyLedger('births');
  const sizes = [sizeOf(ledger)];
  for (let run = 1; run <= 1000; run++) {
    ledger = promoted(ledger, run, 1);
    sizes.push(sizeOf(ledger));
  }
  assert.ok(Math.abs((sizes[200] ?? 0) - (sizes[100] ?? 0) - 2600) < 50, `${sizes[100]} to ${sizes[200]}`);
  // Epoch and runs of the day have a digit more.
  assert.equal((sizes[1000] ?? 0) - (sizes[300] ?? 0), 2);
  assert.ok((sizes[1000] ?? 0) < 7000, String(sizes[1000]));
  assert.equal(ledger.answered.length, ANSWERED_MAX);
});

test('requests that wait take at most 152 bytes each, and at most 128 are remembered', () => {
  let ledger = emptyLedger('births');
  for (let run = 1; run <= 20; run++)
    ledger = advance(ledger, { type: 'postponed', requests: requestsOf(run, 100), untilMs: 1_800_000_000_000 });
  assert.equal(ledger.waiting.length, WAITING_MAX);
  assert.ok(sizeOf(ledger) < WAITING_MAX * 152 + 500);
});

test('of a ledger that is full what is oldest is forgotten, and what was forgotten does no harm', () => {
  let ledger = emptyLedger('births');
  for (let run = 1; run <= 30; run++) {
    ledger = advance(ledger, { type: 'postponed', requests: requestsOf(10_000 + run, 100), untilMs: 1 });
    ledger = promoted(ledger, run, 100);
    assert.ok(sizeOf(ledger) <= LEDGER_MAX_BYTES);
  }
  assert.deepEqual(decodeLedger(encodeLedger(ledger), 'births'), ledger);
  // A request of the first run, delivered once more, is a request like any other.
  assert.doesNotThrow(() => promoted(ledger, 1, 100));
});
