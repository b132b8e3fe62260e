import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TrainerEnd, TrainerRun } from '../../../src/retraining/trainers/trainer.ts';
import type { ModelPolicy } from '../../../src/retraining/worker/worker-context.ts';
import { temporaryFolder } from '../trainers/run-fixture.ts';
import { failure, openServer, success, trainer } from '../worker/worker-fixture.ts';
import { openFaultWorld } from './fault-world.ts';
import type { FaultWorld } from './fault-world.ts';

// SIGTERM makes a worker stop. Here it is stopped at every write of the ledger, before and after, in every way that a
// request can go; then another worker does the rest.

interface Way {
  readonly name: string;
  /** The writes at which the first worker is stopped. */
  readonly writes: readonly string[];
  readonly train: (world: FaultWorld, run: TrainerRun, before: number) => TrainerEnd;
  readonly policy?: Partial<ModelPolicy>;
  /** What is sent before the first worker starts. */
  readonly prepare: (world: FaultWorld) => Promise<void>;
  readonly told: Readonly<Record<string, number>>;
}

const better = (world: FaultWorld, run: TrainerRun): TrainerEnd => success(world.folder, run, 10 / run.plan.epoch);

const WAYS: readonly Way[] = [
  {
    name: 'promoted',
    writes: ['started', 'trained', 'decided', 'applied', 'told', 'settled'],
    train: better,
    prepare: async (world) => void (await world.send()),
    told: { promoted: 1, failed: 0 },
  },
  {
    name: 'tried again',
    writes: ['stopped', 'settled'],
    train: (world, run, before) => (before === 0 ? failure() : better(world, run)),
    prepare: async (world) => void (await world.send()),
    told: { promoted: 1, failed: 1 },
  },
  {
    name: 'dead-lettered',
    writes: ['stopped', 'settled'],
    train: () => failure({ meaning: 'permanent' }),
    prepare: async (world) => void (await world.send()),
    told: { promoted: 0, failed: 1, deadlettered: 1 },
  },
  {
    name: 'cancelled',
    writes: ['answered'],
    train: better,
    async prepare(world) {
      await world.producer.cancel('births', await world.send());
      await world.send();
    },
    told: { promoted: 1, cancelled: 1 },
  },
  {
    name: 'put off',
    writes: ['postponed'],
    train: better,
    policy: { cooldownMs: 4000 },
    async prepare(world) {
      await world.send();
      const worker = await world.work({ policy: { cooldownMs: 4000 } });
      await world.told('promoted');
      await worker.stop();
      await world.send();
      await world.send();
    },
    told: { promoted: 1, failed: 0 },
  },
];

describe('SIGTERM at every step', { concurrency: 6 }, () => {
  const cases = WAYS.flatMap((way) =>
    way.writes.flatMap((write) => (['before', 'after'] as const).map((moment) => ({ way, write, moment }))),
  );
  test('a worker that is stopped at a write of the ledger leaves the rest to the next, whatever becomes of the request', async (t) => {
    const suffixes = cases.map((_, index) => `-${index}`);
    const server = await openServer(temporaryFolder(t), { suffixes });
    t.after(() => server.close());
    const tests = cases.map(({ way, write, moment }, index) =>
      t.test(`${way.name}: ${moment} ${write}`, async (t) => {
        const world = await openFaultWorld(t, {}, { server, suffix: `-${index}` });
        await way.prepare(world);
        let executions = 0;
        const options = {
          trainer: trainer((run) => way.train(world, run, executions++)),
          ...(way.policy && { policy: way.policy }),
        };
        const first = world.worker({
          ...options,
          onLedgerWrite(at, { type }) {
            if (at === moment && type === write) void first.stop();
          },
        });
        await first.start();
        await world.fact('worker-stopped', world.facts.filter(({ fact }) => fact === 'worker-stopped').length + 1);
        await world.work(options);
        await world.auditor.emptied();
        await world.auditor.holds({ told: way.told });
        assert.ok(world.saw('worker-stopping'));
      }),
    );
    await Promise.all(tests);
  });
});
