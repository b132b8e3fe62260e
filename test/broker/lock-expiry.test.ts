import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Expiring, LockExpiry } from '../../src/broker/lock-expiry.ts';
import { FakeClock } from '../fake-clock.ts';

/** Counts how often somebody looks when it ends. */
class TestLock implements Expiring<TestLock> {
  static looks = 0;
  earlier: TestLock | undefined;
  later: TestLock | undefined;
  #expiresAtMs = 0;

  get expiresAtMs(): number {
    TestLock.looks++;
    return this.#expiresAtMs;
  }

  set expiresAtMs(timeMs: number) {
    this.#expiresAtMs = timeMs;
  }
}

test('locks of any durations expire when their time is over, in that order', () => {
  const step = fc.oneof(
    fc.record({ add: fc.constantFrom(5000, 7000, 60_000) }),
    fc.record({ remove: fc.nat() }),
    fc.record({ renew: fc.nat() }),
    fc.record({ passMs: fc.integer({ min: 1, max: 9000 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const clock = new FakeClock();
      const held = new Map<TestLock, number>();
      const expiry = new LockExpiry<TestLock>({
        clock,
        durationMs: 5000,
        onExpired: (lock) => {
          const endMs = held.get(lock);
          assert.equal(endMs, Math.min(...held.values()), 'another one should have expired before');
          assert.equal(endMs, clock.monotonicMs());
          held.delete(lock);
        },
      });
      for (const step of steps) {
        const nth = (n: number): TestLock | undefined => [...held.keys()][n % Math.max(1, held.size)];
        if ('add' in step) {
          const lock = new TestLock();
          expiry.durationMs = step.add;
          expiry.add(lock);
          held.set(lock, clock.monotonicMs() + step.add);
        } else if ('remove' in step) {
          const lock = nth(step.remove);
          if (lock) expiry.remove(lock);
          if (lock) held.delete(lock);
        } else if ('renew' in step) {
          const lock = nth(step.renew);
          if (lock) expiry.renew(lock);
          if (lock) held.set(lock, clock.monotonicMs() + expiry.durationMs);
        } else {
          clock.advance(step.passMs);
        }
      }
      clock.advance(60_000);
      assert.equal(held.size, 0);
    }),
  );
});

test('a lock that is granted after the duration was shortened does not pass all that are held', () => {
  const clock = new FakeClock();
  const expiry = new LockExpiry<TestLock>({ clock, durationMs: 300_000, onExpired: () => undefined });
  for (let i = 0; i < 1000; i++) expiry.add(new TestLock());
  expiry.durationMs = 5000;
  TestLock.looks = 0;
  for (let i = 0; i < 1000; i++) {
    const lock = new TestLock();
    expiry.add(lock);
    if (i % 3 === 0) expiry.remove(lock);
  }
  assert.ok(TestLock.looks < 10_000, `${TestLock.looks} looks`);
});

test('many locks that expire at the same time leave others their turn', () => {
  const clock = new FakeClock();
  let expired = 0;
  const expiry = new LockExpiry<TestLock>({ clock, durationMs: 5000, onExpired: () => expired++ });
  for (let i = 0; i < 2500; i++) expiry.add(new TestLock());
  let expiredBefore = -1;
  clock.after(5000, () => (expiredBefore = expired));
  clock.advance(5000);
  assert.ok(expiredBefore < 2500, `all ${expiredBefore} expire in one turn`);
  assert.equal(expired, 2500);
});
