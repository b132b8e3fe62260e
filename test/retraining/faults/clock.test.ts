import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TrainerRun } from '../../../src/retraining/trainers/trainer.ts';
import type { Clock } from '../../../src/runtime/clock.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { success, trainer } from '../worker/worker-fixture.ts';
import { asksFor, refused } from './amqp-wire.ts';
import { openFaultWorld } from './fault-world.ts';

const DAY_MS = 86_400_000;

/** A machine whose wall clock somebody sets; what passes is measured as ever. */
class SteppedClock implements Clock {
  offsetMs = 0;
  wallMs(): number {
    return systemClock.wallMs() + this.offsetMs;
  }
  monotonicMs(): number {
    return systemClock.monotonicMs();
  }
  after(delayMs: number, callback: () => void): () => void {
    return systemClock.after(delayMs, callback);
  }
  soon(callback: () => void): void {
    systemClock.soon(callback);
  }
}

describe('a wall clock that is set', { concurrency: 4 }, () => {
  for (const [direction, stepMs] of [
    ['forward', DAY_MS],
    ['back', -DAY_MS],
  ] as const)
    test(`a wall clock that is set ${direction} by a day at every step of a run changes nothing of it, and the next run is not put off`, async (t) => {
      const world = await openFaultWorld(t, { lockDuration: 'PT5S' });
      const clock = new SteppedClock();
      const runs: TrainerRun[] = [];
      const ended = { step: '' };
      await world.work({
        clock,
        policy: { cooldownMs: 500, maxRunsPerDay: 1000 },
        trainer: trainer((run) => {
          runs.push(run);
          if (ended.step === 'training') clock.offsetMs += stepMs;
          return success(world.folder, run, 10 / run.plan.epoch);
        }),
        onLedgerWrite(moment, { type }) {
          if (moment === 'before' && type === ended.step) clock.offsetMs += stepMs;
        },
      });
      const steps = ['started', 'training', 'trained', 'decided', 'applied', 'told', 'settled'];
      for (const [index, step] of steps.entries()) {
        ended.step = step;
        clock.offsetMs = 0;
        await world.send(`stepped/${step}`);
        await world.told('promoted', index + 1);
        await world.auditor.emptied();
      }
      // Of a cool-down whose end was written by a clock that stood wrong, nothing is left.
      clock.offsetMs = 0;
      ended.step = '';
      await world.send('stepped/settled');
      await world.told('promoted', steps.length + 1);
      await world.auditor.emptied();
      await world.auditor.holds({ told: { promoted: steps.length + 1, failed: 0, interrupted: 0 } });
      assert.equal(runs.length, steps.length + 1);
      assert.ok(!world.saw('session-lost'));
    });

  for (const [where, offsetMs] of [
    ['ahead', DAY_MS],
    ['behind', -DAY_MS],
  ] as const)
    test(`a machine whose wall clock is a day ${where} keeps its session for longer than the lock`, async (t) => {
      const world = await openFaultWorld(t, { lockDuration: 'PT10S' });
      const clock = new SteppedClock();
      clock.offsetMs = offsetMs;
      let renewals = 0;
      world.wire.onFrame = (frame) => {
        if (!asksFor(frame, 'renew-session-lock')) return 'pass';
        return ++renewals === 1 ? refused(frame, 'renew-session-lock') : 'pass';
      };
      const runs: TrainerRun[] = [];
      await world.send();
      await world.work({
        connection: world.wire.connectionString,
        clock,
        trainer: trainer(async (run) => {
          runs.push(run);
          await new Promise((resolve) => setTimeout(resolve, 12_000));
          return success(world.folder, run, 1);
        }),
      });
      await world.told('promoted');
      await world.auditor.emptied();
      await world.auditor.holds({ told: { started: 1, promoted: 1 } });
      assert.equal(runs.length, 1);
      // A clock that is behind makes the lock seem longer than it is; it is lost, and taken again.
      if (where === 'ahead') assert.ok(world.saw('renewal-failed') && !world.saw('link-lost'));
      assert.ok(!world.saw('session-lost'));
    });
});
