import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { hostname } from 'node:os';
import { test } from 'node:test';
import { advance, emptyLedger } from '../../../src/retraining/worker/ledger.ts';
import type { Owner, Run } from '../../../src/retraining/worker/ledger-record.ts';
import { startOf } from '../../../src/retraining/trainers/run-process.ts';
import { NOBODY, TakeOverWatch, ownProcess } from '../../../src/retraining/worker/session-takeover.ts';

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

test('a run that its worker has let go is taken over at once', async () => {
  const watch = new TakeOverWatch(await ownProcess());
  const verdict = await watch.judge('births', runOf(NOBODY), { nowMs: 0, unchangedForMs: 100 });
  assert.deepEqual(verdict, { take: true, why: 'let-go' });
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

test('a process of another pid namespace or another boot is never taken for one that is gone', async () => {
  const me = await ownProcess();
  if (process.platform === 'linux') assert.match(me.host, /\/[0-9a-f-]{36}\/[0-9]+$/);
  assert.ok(me.host.length <= 255);
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  const template = { ...me, pid, host: hostname() };
  const elsewhere = template.host === me.host ? { ...template, host: 'elsewhere' } : template;
  const verdict = await new TakeOverWatch(me).judge('births', runOf(elsewhere), { nowMs: 0, unchangedForMs: 100 });
  assert.deepEqual(verdict, { take: false });
});

test('an owner whose start is not known may be alive, and is not a later process with its pid', async () => {
  const start = async (): Promise<undefined> => undefined;
  const [owner, me] = [await ownProcess({ start }), await ownProcess({ start })];
  assert.notEqual(owner.startTime, me.startTime);
  const judge = (run: Run) => new TakeOverWatch(me).judge('births', run, { nowMs: 0, unchangedForMs: 100 });
  assert.deepEqual(await judge(runOf(owner)), { take: false });
  assert.deepEqual(await judge(runOf(me)), { take: true, why: 'own' });
});
