import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IdleWatch } from '../../src/cli/idle-watch.ts';
import type { WorkerFact } from '../../src/retraining/worker/worker-log.ts';
import { FakeClock } from '../fake-clock.ts';

const started: WorkerFact = { fact: 'worker-started', queue: 'q', slots: 2 };

function accepted(model: string): WorkerFact {
  return { fact: 'session-accepted', model, lockDurationMs: 60_000 };
}

function released(model: string): WorkerFact {
  return { fact: 'session-released', model };
}

async function happened(watch: IdleWatch): Promise<boolean> {
  return (await reason(watch)) !== undefined;
}

async function reason(watch: IdleWatch): Promise<string | undefined> {
  return Promise.race([watch.happened, Promise.resolve().then(() => Promise.resolve(undefined))]);
}

const unreachable: WorkerFact = { fact: 'unreachable', reason: 'gone', code: 'UNREACHABLE', retryInMs: 30_000 };

test('a worker is idle when it has had no session for the whole span', async () => {
  const clock = new FakeClock();
  const watch = new IdleWatch({ idleMs: 1000, clock });
  watch.see(started);
  clock.advance(999);
  watch.see(accepted('a'));
  watch.see(accepted('b'));
  clock.advance(5000);
  watch.see(released('a'));
  clock.advance(5000);
  assert.equal(await happened(watch), false, 'b is still worked on');
  watch.see(released('b'));
  clock.advance(999);
  assert.equal(await happened(watch), false);
  clock.advance(1);
  assert.equal(await happened(watch), true);
});

test('without a span a worker is never idle', async () => {
  const clock = new FakeClock();
  const watch = new IdleWatch({ idleMs: undefined, clock });
  watch.see(started);
  clock.advance(1e9);
  assert.equal(await happened(watch), false);
});

test('a worker that reached no broker for the whole span is not idle but without a broker', async () => {
  const clock = new FakeClock();
  const watch = new IdleWatch({ idleMs: 1000, clock });
  watch.see(started);
  clock.advance(900);
  watch.see(unreachable);
  clock.advance(900);
  assert.equal(await reason(watch), undefined, 'the span began anew when the broker went');
  watch.see(unreachable);
  clock.advance(100);
  assert.equal(await reason(watch), 'unreachable');
});

test('the span begins anew when the broker is back', async () => {
  const clock = new FakeClock();
  const watch = new IdleWatch({ idleMs: 1000, clock });
  watch.see(started);
  watch.see(unreachable);
  clock.advance(999);
  watch.see({ fact: 'reachable' });
  clock.advance(999);
  assert.equal(await reason(watch), undefined);
  clock.advance(1);
  assert.equal(await reason(watch), 'no-session');
});
