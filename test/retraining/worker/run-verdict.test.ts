import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { advance, emptyLedger } from '../../../src/retraining/worker/ledger.ts';
import type { StoppedEvent } from '../../../src/retraining/worker/ledger.ts';
import type { Ledger } from '../../../src/retraining/worker/ledger-record.ts';
import { unreadable, verdictOn } from '../../../src/retraining/worker/run-verdict.ts';
import type { FailedEnd } from '../../../src/retraining/worker/run-verdict.ts';
import { isExhausted } from '../../../src/retraining/worker/worker-sort.ts';
import { files } from '../../../src/runtime/files.ts';
import { temporaryFolder } from '../trainers/run-fixture.ts';

const LIMITS = { maxAttempts: 3, maxKills: 2 };
const BACKOFF = { baseMs: 1000, maxMs: 8000 };
const RANDOM = { bytes: (length: number) => Buffer.alloc(length), fraction: () => 0.999999 };
const OWNER = { host: 'h', pid: 1, startTime: 's' };

function end(rest: Partial<FailedEnd> = {}): FailedEnd {
  return { kind: 'failed', meaning: 'retry', reason: 'it failed', stderrTail: '', logFile: '', ...rest };
}

function started(ids: readonly string[], ledger = emptyLedger('births')): Ledger {
  const requests = ids.map((id) => ({ source: '/test', id, hop: 0 }));
  const epoch = ledger.epoch + 1;
  return advance(ledger, { type: 'started', runId: `r${epoch}`, epoch, owner: OWNER, atMs: 0, requests });
}

function verdict(failed: FailedEnd, ledger: Ledger, cooldownMs = 0): StoppedEvent {
  const { run } = ledger;
  assert.ok(run);
  return verdictOn(failed, {
    ledger,
    run,
    limits: LIMITS,
    backoff: BACKOFF,
    cooldownMs,
    nowMs: 50_000,
    random: RANDOM,
  });
}

/** The ledger after `times` failed runs of the same requests. */
function failedBefore(ids: readonly string[], times: number, meaning: FailedEnd['meaning'] = 'retry'): Ledger {
  let ledger = started(ids);
  for (let i = 0; i < times; i++) {
    ledger = advance(ledger, verdict(end({ meaning }), ledger));
    ledger = started(ids, advance(ledger, { type: 'settled' }));
  }
  return ledger;
}

test('what may be tried again comes back after a backoff that doubles', () => {
  const first = verdict(end(), started(['a']));
  assert.equal(first.resolution, 'retry');
  assert.equal(first.attempt, 'failed');
  assert.equal(first.retryAtMs, 51_000);
  assert.match(first.reason, /attempt 1 of 3/);
  assert.equal(verdict(end(), failedBefore(['a'], 1)).retryAtMs, 52_000);
});

test('the last attempt is dead-lettered', () => {
  const last = verdict(end(), failedBefore(['a'], 2));
  assert.equal(last.resolution, 'dead-letter');
  assert.match(last.reason, /attempt 3/);
  assert.deepEqual(
    last.pendingEvents.map(({ outcome }) => outcome),
    ['failed', 'deadlettered'],
  );
});

test('a killed run has a limit of its own', () => {
  assert.equal(verdict(end({ meaning: 'killed' }), started(['a'])).resolution, 'retry');
  assert.equal(verdict(end({ meaning: 'killed' }), failedBefore(['a'], 1, 'killed')).resolution, 'dead-letter');
  assert.equal(verdict(end({ meaning: 'killed' }), failedBefore(['a'], 1)).resolution, 'retry');
});

test('permanent means no further attempt: one request is dead-lettered, several are split and run at once', () => {
  assert.equal(verdict(end({ meaning: 'permanent' }), started(['a'])).resolution, 'dead-letter');
  const split = verdict(end({ meaning: 'permanent' }), started(['a', 'b']));
  assert.equal(split.resolution, 'split');
  assert.equal(split.retryAtMs, 50_000);
  assert.deepEqual(
    split.pendingEvents.map(({ outcome }) => outcome),
    ['failed'],
  );
});

test('a merged plan whose attempts are used up is split, too', () => {
  assert.equal(verdict(end(), failedBefore(['a', 'b'], 2)).resolution, 'split');
});

test('after a merged plan that used up its attempts, each request has one try alone and is then dead-lettered', () => {
  for (const [meaning, times] of [
    ['retry', 2],
    ['killed', 1],
  ] as const) {
    const merged = failedBefore(['a', 'b'], times, meaning);
    const split = advance(advance(merged, verdict(end({ meaning }), merged)), { type: 'settled' });
    const a = { source: '/test', id: 'a' };
    assert.ok(!isExhausted(split, a, LIMITS), meaning);
    const alone = started(['a'], split);
    assert.equal(verdict(end({ meaning }), alone).resolution, 'dead-letter');
  }
});

test('the pause between two runs lasts at least the cool-down', () => {
  assert.equal(verdict(end(), started(['a']), 5000).retryAtMs, 55_000);
  assert.equal(verdict(end(), started(['a']), 500).retryAtMs, 51_000);
  assert.equal(verdict(end({ meaning: 'permanent' }), started(['a', 'b']), 5000).retryAtMs, 55_000);
});

test('an artifact that is no plain file or folder is dead-lettered; one that could not be read is tried again', async (t) => {
  const folder = temporaryFolder(t);
  symlinkSync('elsewhere', join(folder, 'link'));
  const refused: unknown = await files.digest(folder).then(
    () => undefined,
    (error: unknown) => error,
  );
  const permanent = verdict(unreadable(folder, refused, '/log'), started(['a']));
  assert.equal(permanent.resolution, 'dead-letter');
  assert.match(permanent.reason, /artifact .* cannot be read: .*link/);
  const passing = verdict(
    unreadable('/x', Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })),
    started(['a']),
  );
  assert.equal(passing.resolution, 'retry');
});

test('exit code, signal and the last lines of stderr are recorded', () => {
  const exited = verdict(end({ exit: { kind: 'exited', code: 64 }, stderrTail: 'no column' }), started(['a']));
  assert.equal(exited.exitCode, 64);
  assert.equal(exited.outputTail, 'no column');
  assert.match(exited.reason, /it failed \(exit code 64\)/);
  const signalled = verdict(end({ exit: { kind: 'signalled', signal: 'SIGSEGV' } }), started(['a']));
  assert.equal(signalled.exitCode, 139);
  assert.equal(signalled.signal, 'SIGSEGV');
});

test('every verdict is an event that the ledger takes', () => {
  for (const meaning of ['permanent', 'retry', 'killed'] as const)
    for (const ids of [['a'], ['a', 'b']])
      for (const times of [0, 1]) {
        const ledger = failedBefore(ids, times);
        assert.equal(advance(ledger, verdict(end({ meaning }), ledger)).run?.stage, 'stopped');
      }
});
