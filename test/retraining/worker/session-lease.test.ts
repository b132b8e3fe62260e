import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceBusError } from '@azure/service-bus';
import { SessionRenewed } from '../../../src/retraining/worker/session-errors.ts';
import type { WorkerFact } from '../../../src/retraining/worker/worker-log.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { FakeClock } from '../../fake-clock.ts';
import { eventually } from '../trainers/run-fixture.ts';
import { LinkDouble, ME, leaseOn } from './session-double.ts';

const STARTED = {
  type: 'started',
  runId: 'r1',
  epoch: 1,
  owner: ME,
  atMs: 0,
  requests: [{ source: '/test', id: 'a', hop: 0 }],
} as const;
/** Far beyond what a test waits. */
const LONG_MS = 300_000;

function goneLink(): LinkDouble {
  const link = new LinkDouble();
  link.isClosed = true;
  link.fault = new Error('the link is closed');
  return link;
}

test(
  'a session that is being accepted again is lost at once when the worker gives up',
  { timeout: 20_000 },
  async () => {
    const giveUp = new AbortController();
    const facts: WorkerFact[] = [];
    let tries = 0;
    const lease = leaseOn(goneLink(), {
      lockDurationMs: LONG_MS,
      giveUp: giveUp.signal,
      log: (fact) => facts.push(fact),
      accept: () => {
        tries++;
        return Promise.reject(new Error('the broker is gone'));
      },
    });
    const writing = assert.rejects(lease.write(STARTED), { code: 'LOCK_LOST', message: /the worker ends/ });
    await eventually(() => tries >= 2);
    giveUp.abort();
    await writing;
    assert.equal(lease.lost.aborted, true);
    assert.deepEqual(
      facts.map(({ fact }) => fact),
      ['link-lost', 'session-lost'],
    );
    await lease.release();
  },
);

test('a lease that was released does not mind that the worker gives up', async () => {
  const giveUp = new AbortController();
  const lease = leaseOn(new LinkDouble(), { giveUp: giveUp.signal });
  await lease.release();
  giveUp.abort();
  assert.equal(lease.lost.aborted, false);
});

test('a renewal that fails because its lease is being released does not accept the session again', async () => {
  const link = new LinkDouble();
  let accepted = 0;
  const lease = leaseOn(link, {
    accept: () => {
      accepted++;
      return Promise.resolve(new LinkDouble().receiver);
    },
  });
  await lease.release();
  await assert.rejects(lease.recover('the link was closed'), { code: 'LOCK_LOST', message: /was released/ });
  assert.equal(accepted, 0);
});

test('a link that is offered to a lease that was released or lost is closed', async () => {
  const released = leaseOn(new LinkDouble());
  await released.release();
  const first = new LinkDouble();
  assert.deepEqual([await released.adopt(first.receiver), first.isClosed], [false, true]);

  const giveUp = new AbortController();
  const lost = leaseOn(new LinkDouble(), { giveUp: giveUp.signal });
  giveUp.abort();
  const second = new LinkDouble();
  assert.deepEqual([await lost.adopt(second.receiver), second.isClosed], [false, true]);
  await lost.release();
});

test('of the links that are offered to a lease the newest is kept, and no other stays open', async () => {
  const links = Array.from({ length: 4 }, () => new LinkDouble());
  const [held, ...offered] = links as [LinkDouble, ...LinkDouble[]];
  const lease = leaseOn(held);
  for (const link of offered) assert.equal(await lease.adopt(link.receiver), true);
  await eventually(() => links.filter(({ isClosed }) => isClosed).length === 3, { what: 'three closed links' });
  assert.equal(offered.at(-1)?.isClosed, false);
  await lease.release();
  assert.ok(links.every(({ isClosed }) => isClosed));
});

test('a link that was offered is closed when the session is lost while another one is tried', async () => {
  const giveUp = new AbortController();
  let tries = 0;
  const offered = new LinkDouble();
  const lease = leaseOn(goneLink(), {
    lockDurationMs: LONG_MS,
    giveUp: giveUp.signal,
    accept: async () => {
      tries++;
      await eventually(() => giveUp.signal.aborted);
      throw new Error('the broker is gone');
    },
  });
  const recovery = assert.rejects(lease.recover('test'), { code: 'LOCK_LOST' });
  await eventually(() => tries === 1);
  assert.equal(await lease.adopt(offered.receiver), true);
  giveUp.abort();
  await recovery;
  assert.equal(offered.isClosed, true);
  await lease.release();
});

test('an operation that may pass is tried again less and less often, and told once', async () => {
  const clock = new FakeClock();
  const facts: WorkerFact[] = [];
  const link = new LinkDouble();
  link.fault = new ServiceBusError('busy', 'ServiceBusy');
  const random = { ...systemRandom, fraction: () => 0.5 };
  const options = { clock, random, lockDurationMs: LONG_MS, log: (fact: WorkerFact) => facts.push(fact) };
  const lease = leaseOn(link, options);
  const reading = lease.readLedger();
  const pausesMs: number[] = [];
  while (pausesMs.length < 7) {
    await new Promise((resolve) => setImmediate(resolve));
    const pauseMs = clock.nextDueMs() ?? assert.fail('nothing is waited for');
    pausesMs.push(pauseMs);
    if (pausesMs.length === 7) link.fault = undefined;
    clock.advance(pauseMs);
  }
  assert.equal((await reading).run, null);
  assert.deepEqual(pausesMs, [250, 500, 1000, 2000, 4000, 5000, 5000]);
  assert.deepEqual(facts, [{ fact: 'operation-retried', model: 'births', reason: 'busy' }]);
});

test('what is under way on a link that is given up is not waited for', async () => {
  const link = new LinkDouble();
  link.getSessionState = () => new Promise(() => undefined);
  const lease = leaseOn(link, { accept: () => Promise.resolve(new LinkDouble().receiver) });
  const reading = assert.rejects(lease.readLedger(), SessionRenewed);
  await lease.recover('test');
  await reading;
  assert.equal((await lease.readLedger()).run, null);
  await lease.release();
});

test('what is under way when a session is lost is not waited for', async () => {
  const giveUp = new AbortController();
  const link = new LinkDouble();
  link.getSessionState = () => new Promise(() => undefined);
  const lease = leaseOn(link, { giveUp: giveUp.signal });
  const reading = assert.rejects(lease.readLedger(), { code: 'LOCK_LOST' });
  giveUp.abort();
  await reading;
  await lease.release();
});

test('a settlement that is not answered in its time is tried again on the same link', async () => {
  const clock = new FakeClock();
  const facts: WorkerFact[] = [];
  const lease = leaseOn(new LinkDouble(), {
    clock,
    lockDurationMs: LONG_MS,
    settlementMs: 700,
    log: (fact) => facts.push(fact),
  });
  const tries: number[] = [];
  const settled = lease.settle(() =>
    tries.push(clock.monotonicMs()) === 1 ? new Promise(() => undefined) : Promise.resolve(),
  );
  assert.equal(clock.nextDueMs(), 700);
  clock.advance(700);
  while (tries.length < 2) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(1000);
  }
  await settled;
  assert.equal(clock.armed, 0);
  assert.deepEqual(facts, [
    { fact: 'operation-retried', model: 'births', reason: 'the broker did not answer within 700 ms' },
  ]);
});
