import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { TrainerRun } from '../../../src/retraining/trainers/trainer.ts';
import { eventually } from '../trainers/run-fixture.ts';
import { good, interrupted, success, trainer } from '../worker/worker-fixture.ts';
import { PERFORMATIVE, asksFor, carries, refused } from './amqp-wire.ts';
import { letGoOfSettlements } from './client-timers.ts';
import { openFaultWorld } from './fault-world.ts';
import { FullDisk } from './full-disk.ts';

// The same faults on a queue without sessions: locks are those of messages, ledgers are files.

letGoOfSettlements();

const PLAIN = { plain: true, lockDuration: 'PT5S' } as const;

describe('queues without sessions', { concurrency: 4 }, () => {
  test('on a queue without sessions, a connection that is cut while a model is trained: the run goes on and its result counts', async (t) => {
    const world = await openFaultWorld(t, PLAIN);
    const runs: TrainerRun[] = [];
    let goesOn = true;
    await world.send();
    await world.work({
      connection: world.wire.connectionString,
      ledgerFolder: join(world.folder, 'ledgers'),
      trainer: trainer(async (run, stopped) => {
        runs.push(run);
        const ended = eventually(() => !goesOn, { what: 'the end of the training' });
        return Promise.race([ended.then(() => success(world.folder, run, 1)), interrupted(stopped)]);
      }),
    });
    await world.told('started');
    world.wire.cut();
    // Longer than the lock of the message.
    await new Promise((resolve) => setTimeout(resolve, 6000));
    world.wire.mend();
    goesOn = false;
    await world.told('promoted');
    await world.auditor.emptied();
    await world.auditor.holds({ told: { promoted: 1, failed: 0, deadlettered: 0 } });
    assert.equal(runs.length, 1);
    assert.ok(world.saw('already-answered'));
  });

  test('on a queue without sessions, a message lock that no renewal keeps: the message comes again, and is recognised', async (t) => {
    const world = await openFaultWorld(t, PLAIN);
    world.wire.onFrame = (frame) => (asksFor(frame, 'renew-lock') ? refused(frame, 'renew-lock') : 'pass');
    const runs: TrainerRun[] = [];
    await world.send();
    await world.work({
      connection: world.wire.connectionString,
      ledgerFolder: join(world.folder, 'ledgers'),
      trainer: trainer(async (run) => {
        runs.push(run);
        await new Promise((resolve) => setTimeout(resolve, 7000));
        return success(world.folder, run, 1);
      }),
    });
    await world.told('promoted');
    await world.auditor.emptied();
    await world.auditor.holds({ told: { started: 1, promoted: 1, deadlettered: 0 } });
    assert.equal(runs.length, 1);
    assert.ok(world.saw('already-answered'));
  });

  test('on a queue without sessions, a completion at which the connection is cut: the message comes again, and is not run again', async (t) => {
    const world = await openFaultWorld(t, PLAIN);
    let cuts = 0;
    world.wire.onFrame = (frame) => {
      const settled = world.facts.some((fact) => fact.fact === 'stage' && fact.after === 'settled');
      const completes = frame.from === 'client' && carries(frame, PERFORMATIVE.disposition) && settled;
      if (!completes || cuts > 0) return 'pass';
      cuts++;
      setTimeout(() => world.wire.mend(), 500);
      return 'cut-before';
    };
    const runs: TrainerRun[] = [];
    await world.send();
    await world.work({
      connection: world.wire.connectionString,
      ledgerFolder: join(world.folder, 'ledgers'),
      trainer: good(world.folder, runs),
    });
    await world.told('promoted');
    await world.auditor.emptied();
    await world.auditor.holds({ told: { started: 1, promoted: 1, deadlettered: 0 } });
    assert.deepEqual([runs.length, cuts], [1, 1]);
    assert.ok(world.saw('already-answered'));
  });

  test('on a queue without sessions, no room for the ledgers: nothing is trained until there is, and nothing is lost', async (t) => {
    const world = await openFaultWorld(t, PLAIN);
    const disk = new FullDisk((path) => path.includes('/ledgers/') && path.includes('births'));
    const runs: TrainerRun[] = [];
    await world.send();
    await world.work({
      ledgerFolder: join(world.folder, 'ledgers'),
      files: disk.files,
      trainer: good(world.folder, runs),
    });
    const { reason } = await world.fact('session-failed');
    assert.match(reason, /ENOSPC/);
    assert.equal(runs.length, 0);
    disk.free();
    await world.told('promoted');
    await world.auditor.emptied();
    await world.auditor.holds({ told: { promoted: 1, failed: 0, deadlettered: 0 } });
  });
});
