import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { eventually } from '../trainers/run-fixture.ts';
import { latch, registryWith } from '../worker/worker-fixture.ts';
import { Scene } from '../worker/worker-scene.ts';
import { letGoOfSettlements } from './client-timers.ts';
import { openFaultWorld } from './fault-world.ts';

// Two workers, each of which believes that a model is its own: one was cut off without noticing.

letGoOfSettlements();

describe('two owners', { concurrency: 2 }, () => {
  test('a worker whose connection is dead without being closed is replaced, and when it wakes up it settles nothing and its trainer is gone', async (t) => {
    const world = await openFaultWorld(t, { lockDuration: 'PT5S' });
    const scene = new Scene(t, world.server);
    const hold = join(scene.folder, 'hold');
    writeFileSync(hold, '');
    await world.send();
    scene.first({ connectionString: world.wire.connectionString });
    await eventually(() => scene.executions.length === 1, { what: 'the trainer' });
    world.wire.freeze();
    await scene.second();
    await eventually(() => scene.executions.length === 2, { what: 'the second execution', withinMs: 40_000 });
    world.wire.mend();
    rmSync(hold);
    await scene.answeredOnce();
    const [first] = scene.executions;
    assert.ok(scene.facts.some((fact) => fact.fact === 'run-taken-over' && fact.why === 'lease-unchanged'));
    assert.deepEqual(
      scene.executions.map(({ epoch }) => epoch),
      ['1', '2'],
    );
    assert.ok(first && first.pids.length === 2);
  });

  test('a worker that lost its session on the way to a promotion is fenced by the epoch: the later champion stays', async (t) => {
    const world = await openFaultWorld(t, { lockDuration: 'PT5S' });
    const [reached, goOn] = [latch(), latch()];
    const results: string[] = [];
    const registry = registryWith(world.registry, {
      async promote(model, promotion) {
        reached.open();
        await goOn.opened;
        return world.registry.promote(model, promotion).then(
          (champion) => (results.push(`champion ${champion.epoch}`), champion),
          (error: { code: string }) => (results.push(error.code), Promise.reject(error)),
        );
      },
    });
    await world.send();
    await world.work({ connection: world.wire.connectionString, registry });
    await reached.opened;
    world.wire.cut();
    await world.fact('link-lost');
    await world.work({});
    await world.told('promoted');
    await world.auditor.emptied();
    await world.send();
    await world.told('promoted', 2);
    goOn.open();
    await eventually(() => results.length === 1, { what: 'the late promotion' });
    world.wire.mend();
    await world.fact('session-lost');
    await world.auditor.emptied();
    await world.auditor.holds({ told: { promoted: 2, failed: 0 } });
    assert.deepEqual(results, ['REGISTRY_CONFLICT']);
    assert.equal((await world.registry.read('births')).epoch, 2);
    assert.ok(world.saw('session-failed'));
  });
});
