import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { advance, emptyLedger } from '../../src/retraining/ledger.ts';
import type { Owner, Run } from '../../src/retraining/ledger-record.ts';
import { startOf } from '../../src/retraining/run-process.ts';
import { TakeOverWatch, ownProcess } from '../../src/retraining/session-takeover.ts';

const ELSEWHERE: Owner = { host: 'elsewhere', pid: 1, startTime: 's' };

function runOf(owner: Owner, { lease = 1, runId = 'r1' } = {}): Run {
  const requests = [{ source: '/test', id: 'a', hop: 0 }];
  let ledger = advance(emptyLedger('births'), { type: 'started', runId, epoch: 1, owner, atMs: 0, requests });
  for (let i = 1; i < lease; i++) ledger = advance(ledger, { type: 'leased', owner });
  assert.ok(ledger.run);
  return ledger.run;
}

test('another’s run is taken over only after its lease has not moved for the whole time', async () => {
  const watch = new TakeOverWatch(await ownProcess());
  const judge = async (nowMs: number, run: Run) =>
    (await watch.judge('births', run, { nowMs, unchangedForMs: 100 })).take;
  assert.equal(await judge(1000, runOf(ELSEWHERE)), false);
  assert.equal(await judge(1099, runOf(ELSEWHERE)), false);
  assert.equal(await judge(1100, runOf(ELSEWHERE)), true);
});

test('a lease that moved, or another run, starts the wait anew', async () => {
  const watch = new TakeOverWatch(await ownProcess());
  const judge = async (nowMs: number, run: Run) =>
    (await watch.judge('births', run, { nowMs, unchangedForMs: 100 })).take;
  assert.equal(await judge(0, runOf(ELSEWHERE)), false);
  assert.equal(await judge(100, runOf(ELSEWHERE, { lease: 2 })), false);
  assert.equal(await judge(199, runOf(ELSEWHERE, { lease: 2 })), false);
  assert.equal(await judge(200, runOf(ELSEWHERE, { runId: 'r2', lease: 2 })), false);
  assert.equal(await judge(300, runOf(ELSEWHERE, { runId: 'r2', lease: 2 })), true);
});

test('models are watched apart', async () => {
  const watch = new TakeOverWatch(await ownProcess());
  const options = (nowMs: number) => ({ nowMs, unchangedForMs: 100 });
  assert.equal((await watch.judge('a', runOf(ELSEWHERE), options(0))).take, false);
  assert.equal((await watch.judge('b', runOf(ELSEWHERE), options(100))).take, false);
});

test('the run of a process of this host that is gone is taken over at once, that of a living one is not', async () => {
  const me = await ownProcess();
  const watch = new TakeOverWatch(me);
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  const gone = await watch.judge('births', runOf({ ...me, pid }), { nowMs: 0, unchangedForMs: 100 });
  assert.deepEqual(gone, { take: true, why: 'owner-gone' });
  // A process with the same pid that started at another time is not the owner.
  const reused = await watch.judge('births', runOf({ ...me, startTime: 'before' }), { nowMs: 0, unchangedForMs: 100 });
  assert.deepEqual(reused, { take: true, why: 'owner-gone' });
  const living = { ...me, pid: process.ppid, startTime: (await startOf(process.ppid)) ?? '' };
  const alive = await watch.judge('births', runOf(living), { nowMs: 0, unchangedForMs: 100 });
  assert.deepEqual(alive, { take: false });
});

test('a run of this process that nobody works on any more is its own', async () => {
  const me = await ownProcess();
  const verdict = await new TakeOverWatch(me).judge('births', runOf(me), { nowMs: 0, unchangedForMs: 100 });
  assert.deepEqual(verdict, { take: true, why: 'own' });
});
