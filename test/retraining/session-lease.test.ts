import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WorkerFact } from '../../src/retraining/worker-log.ts';
import { eventually } from './run-fixture.ts';
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
