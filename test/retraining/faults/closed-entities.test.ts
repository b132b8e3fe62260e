import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Random } from '../../../src/runtime/random.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { OUTCOMES, QUEUE, failure, success, trainer } from '../worker/worker-fixture.ts';
import { openFaultWorld } from './fault-world.ts';
import type { FaultWorld } from './fault-world.ts';

// Queues that take nothing for a while: full, disabled, their access rule gone.

/** Pauses are short. */
const hasty: Random = { bytes: (length) => systemRandom.bytes(length), fraction: () => 0.01 };
/** More than are made of a send that fails for other reasons. */
const TRIES = 12;
const SETTINGS = { lockDuration: 'PT5S' } as const;

/** The queue is closed, and nothing of what was sent is lost while it is. */
async function untilItIsOpened(world: FaultWorld): Promise<void> {
  const { reason } = await world.fact('operation-retried');
  assert.match(reason, /the clone of .* cannot be sent/);
  await world.auditor.holds({ waiting: true });
  await world.server.admin.queues.update(QUEUE, { status: 'Active' });
  await world.auditor.emptied();
  assert.ok(!world.saw('session-failed'));
}

describe('queues that take nothing', { concurrency: 2 }, () => {
  test('an outcome queue that takes nothing for a while: the worker holds the session, and tells it later', async (t) => {
    const world = await openFaultWorld(t, SETTINGS);
    const { queues } = world.server.admin;
    await queues.update(OUTCOMES, { status: 'SendDisabled' });
    await world.send();
    await world.work({ random: hasty });
    await world.fact('outcome-untold', TRIES);
    await queues.update(OUTCOMES, { status: 'Active' });
    await world.told('promoted');
    await world.auditor.emptied();
    await world.auditor.holds({ told: { started: 1, promoted: 1, deadlettered: 0 } });
    assert.ok(!world.saw('session-failed'));
  });

  test('a work queue that takes no clones for a while: the failed request waits in its session, and is tried again', async (t) => {
    const world = await openFaultWorld(t, SETTINGS);
    const { queues } = world.server.admin;
    await world.send();
    let executions = 0;
    await world.work({
      random: hasty,
      trainer: trainer(async (run) => {
        if (++executions > 1) return success(world.folder, run, 1);
        await queues.update(QUEUE, { status: 'SendDisabled' });
        return failure();
      }),
    });
    await untilItIsOpened(world);
    await world.auditor.holds({ told: { failed: 1, promoted: 1, deadlettered: 0 } });
  });

  test('a work queue that takes no clones during a cool-down: the request that has to wait waits in its session', async (t) => {
    const world = await openFaultWorld(t, SETTINGS);
    const { queues } = world.server.admin;
    await world.send();
    let executions = 0;
    await world.work({
      random: hasty,
      policy: { cooldownMs: 1000 },
      trainer: trainer(async (run) => {
        if (++executions === 1) {
          await world.send();
          await queues.update(QUEUE, { status: 'SendDisabled' });
        }
        return success(world.folder, run, 10 / run.plan.epoch);
      }),
    });
    await untilItIsOpened(world);
    await world.auditor.holds({ told: { promoted: 2, deadlettered: 0 } });
  });
});
