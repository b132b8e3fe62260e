import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TrainerRun } from '../../../src/retraining/trainers/trainer.ts';
import { eventually } from '../trainers/run-fixture.ts';
import { interrupted, success, trainer } from '../worker/worker-fixture.ts';
import { PERFORMATIVE, asksFor, carries, refused } from './amqp-wire.ts';
import type { Fate, WireFrame } from './amqp-wire.ts';
import { letGoOfSettlements } from './client-timers.ts';
import { openFaultWorld } from './fault-world.ts';
import type { FaultWorld } from './fault-world.ts';

// What happens between worker and broker while a model is trained: renewals that fail, links that are detached, connections
// that break at a given frame. A wire that knows the frames of AMQP stands between the two.

letGoOfSettlements();

/** A trainer that ends when `done` says so, or when it is told to. */
function until(world: FaultWorld, done: () => boolean, runs: TrainerRun[] = []) {
  return trainer(async (run, stopped) => {
    runs.push(run);
    const ended = eventually(done, { what: 'the end of the training' });
    return Promise.race([ended.then(() => success(world.folder, run, 10 / run.plan.epoch)), interrupted(stopped)]);
  });
}

const counted = (world: FaultWorld, name: string): number => world.facts.filter(({ fact }) => fact === name).length;

const isSettled = ({ facts }: FaultWorld): boolean =>
  facts.some((fact) => fact.fact === 'stage' && fact.after === 'settled');

/** What the worker writes for a request that is trained and promoted, in order. */
const WRITES = ['started', 'trained', 'decided', 'applied', 'told', 'settled'] as const;

describe('between worker and broker', { concurrency: 8 }, () => {
  test('a renewal that fails is tried again soon: no lock is lost, and nothing is accepted anew', async (t) => {
    const world = await openFaultWorld(t, { lockDuration: 'PT5S' });
    // At a third of the lock each, the one after two that fail would come too late.
    // At a third of the lock each, the one after two that fail would come too late.
    let renewals = 0;
    world.wire.onFrame = (frame) => {
      if (!asksFor(frame, 'renew-session-lock')) return 'pass';
      return ++renewals <= 2 ? refused(frame, 'renew-session-lock') : 'pass';
    };
    const runs: TrainerRun[] = [];
    await world.send();
    const { connectionString: connection } = world.wire;
    await world.work({ connection, trainer: until(world, () => renewals >= 4, runs) });
    await world.told('promoted');
    await world.auditor.emptied();
    await world.auditor.holds({ told: { started: 1, promoted: 1 } });
    assert.ok(world.saw('renewal-failed') && !world.saw('link-lost'));
    assert.equal(runs.length, 1);
  });

  test('a lock that is lost because every renewal fails: the session is accepted again, the run goes on and its result counts', async (t) => {
    const world = await openFaultWorld(t, { lockDuration: 'PT5S' });
    world.wire.onFrame = (frame) =>
      asksFor(frame, 'renew-session-lock') ? refused(frame, 'renew-session-lock') : 'pass';
    const runs: TrainerRun[] = [];
    await world.send();
    const { connectionString: connection } = world.wire;
    await world.work({ connection, trainer: until(world, () => world.saw('link-renewed'), runs) });
    await world.told('promoted');
    await world.auditor.emptied();
    await world.auditor.holds({ told: { started: 1, promoted: 1 } });
    assert.ok(counted(world, 'renewal-failed') > 1 && world.saw('link-lost'));
    assert.equal(runs.length, 1);
  });

  test('a link that is detached as idle, again and again: the run outlives each, and its result counts', async (t) => {
    // Renewals come every 30 seconds at most; a link that is idle for one second stands for the service's ten minutes.
    const world = await openFaultWorld(t, { lockDuration: 'PT2M', linkIdleMs: 1000 });
    const runs: TrainerRun[] = [];
    await world.send();
    await world.work({ trainer: until(world, () => counted(world, 'link-renewed') >= 2, runs) });
    await world.told('promoted');
    await world.auditor.emptied();
    await world.auditor.holds({ told: { started: 1, promoted: 1 } });
    assert.equal(runs.length, 1);
    assert.ok(!world.saw('session-lost'));
  });

  test('a connection that is cut for longer than the lock, with nobody else there: the run is given up, and run once more', async (t) => {
    const world = await openFaultWorld(t, { lockDuration: 'PT5S' });
    const runs: TrainerRun[] = [];
    await world.send();
    const { connectionString: connection } = world.wire;
    await world.work({ connection, trainer: until(world, () => runs.length > 1, runs) });
    await world.told('started');
    world.wire.cut();
    await world.fact('run-aborted');
    world.wire.mend();
    await world.told('promoted');
    await world.auditor.emptied();
    await world.auditor.holds({ told: { started: 2, promoted: 1, failed: 0 } });
    for (const fact of ['link-lost', 'session-lost', 'session-failed'] as const) assert.ok(world.saw(fact), fact);
    assert.deepEqual(
      runs.map(({ plan }) => plan.epoch),
      [1, 2],
    );
  });

  test('a completion that the broker does not answer in time is tried again, and the message is not run twice', async (t) => {
    const world = await openFaultWorld(t);
    let lost = 0;
    world.wire.onFrame = (frame) => {
      const settles = frame.from === 'client' && carries(frame, PERFORMATIVE.disposition) && isSettled(world);
      return settles && ++lost <= 2 ? 'drop' : 'pass';
    };
    const runs: TrainerRun[] = [];
    await world.send();
    const { connectionString: connection } = world.wire;
    await world.work({ connection, operationMs: 500, trainer: until(world, () => true, runs) });
    await world.told('promoted');
    await world.auditor.emptied();
    await world.auditor.holds({ told: { started: 1, promoted: 1 } });
    assert.ok(lost > 2, `${lost} completions`);
    assert.ok(world.saw('operation-retried'));
    assert.equal(runs.length, 1);
  });

  test('a completion that the broker answers late is one completion, and the session is kept', async (t) => {
    const world = await openFaultWorld(t);
    let settlements = 0;
    world.wire.onFrame = (frame) => {
      const settles = frame.from === 'client' && carries(frame, PERFORMATIVE.disposition) && isSettled(world);
      // What was asked goes on; the answer waits.
      if (settles && ++settlements === 1) world.wire.freeze();
      return 'pass';
    };
    await world.send();
    await world.work({
      connection: world.wire.connectionString,
      operationMs: 500,
      trainer: until(world, () => true),
      log: (fact) => {
        world.facts.push(fact);
        if (fact.fact === 'operation-retried') world.wire.mend();
      },
    });
    await world.told('promoted');
    await world.auditor.emptied();
    await world.fact('session-released');
    await world.auditor.holds({ told: { started: 1, promoted: 1 } });
    assert.ok(world.saw('operation-retried') && !world.saw('link-lost'));
  });

  for (const when of ['cut-before', 'cut-after'] as const)
    test(`a connection that is cut at each write of the ledger and at the completion, ${when === 'cut-before' ? 'before' : 'after'} the broker has it`, async (t) => {
      const world = await openFaultWorld(t);
      const cut: { model: string; write: number } = { model: '', write: -1 };
      const seen = new Map<string, number>();
      const runs: TrainerRun[] = [];
      world.wire.onFrame = (frame) => fateOf(frame);
      function fateOf(frame: WireFrame): Fate {
        // After the last write comes the completion.
        const isCompletion = frame.from === 'client' && carries(frame, PERFORMATIVE.disposition);
        const write = seen.get(cut.model) ?? 0;
        if (asksFor(frame, 'set-session-state') && frame.bytes.includes(`"${cut.model}"`)) {
          seen.set(cut.model, write + 1);
          if (write === cut.write) return when;
        } else if (isCompletion && cut.write === WRITES.length && write === WRITES.length) {
          cut.write = -1;
          return when;
        }
        return 'pass';
      }
      await world.work({
        connection: world.wire.connectionString,
        trainer: until(world, () => true, runs),
        log: (fact) => {
          world.facts.push(fact);
          if (fact.fact === 'link-lost' || fact.fact === 'unreachable') world.wire.mend();
        },
      });
      for (const [write, name] of [...WRITES, 'completion'].entries()) {
        Object.assign(cut, { model: `cut-at/${name}`, write });
        const before = counted(world, 'link-lost');
        await world.send(cut.model);
        await world.told('promoted', write + 1);
        await world.auditor.emptied();
        assert.ok(counted(world, 'link-lost') > before, `the link was not lost at ${name}`);
      }
      await world.auditor.holds({ told: { promoted: WRITES.length + 1, rejected: 0, failed: 0 } });
      // Only a run that the broker never heard of, or whose start is not known to be, is executed under another epoch.
      assert.equal(runs.length, WRITES.length + 1);
      assert.ok(counted(world, 'link-renewed') >= WRITES.length);
      // One for each cut: what came over an old link is not settled over the new one, which would cost that, too.
      assert.equal(counted(world, 'link-lost'), WRITES.length + 1);
    });
});
